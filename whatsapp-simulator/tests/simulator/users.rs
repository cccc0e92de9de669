//! Users who write, tap and send things.

use serde_json::{Value, json};
use whatsapp_simulator::Status;
use whatsapp_simulator::{Config, Happening, Media, PhoneNumber, StatusUpdate, User, UserMessage, sign};

use super::stage::{NUMBER, Stage, USER, happening, silent};

#[tokio::test]
async fn everything_a_user_can_do_reaches_the_webhook() {
    let mut stage = Stage::set(Config { app_secret: "s3cret".into(), ..silent() }).await;
    let kim = User { phone: Some("+1 555 000 1111".into()), bsuid: Some("US.42".into()), name: "Kim".into() };
    let image = Media { caption: Some("look".into()), ..Media::new("7", "image/jpeg") };
    let file = Media { filename: Some("a.pdf".into()), ..Media::new("8", "application/pdf") };
    let cases: Vec<(UserMessage, &str, Value)> = vec![
        (UserMessage::Text("hi @ä/👍".into()), "text", json!({"body": "hi @ä/👍"})),
        (
            UserMessage::QuickReply { payload: "p".into(), text: "Yes".into(), context: None },
            "button",
            json!({"payload": "p", "text": "Yes"}),
        ),
        (
            UserMessage::Location { latitude: 1.5, longitude: -2.5, name: Some("HQ".into()), address: None },
            "location",
            json!({"latitude": 1.5, "longitude": -2.5, "name": "HQ"}),
        ),
        (
            UserMessage::Contacts(json!([{"name": {"formatted_name": "Jo"}}])),
            "contacts",
            json!([{"name": {"formatted_name": "Jo"}}]),
        ),
        (
            UserMessage::Reaction { message_id: "wamid.A".into(), emoji: None },
            "reaction",
            json!({"message_id": "wamid.A"}),
        ),
        (UserMessage::RequestWelcome, "request_welcome", Value::Null),
        (UserMessage::Order(order()), "order", order()),
        (
            UserMessage::Edit { message_id: "wamid.A".into(), text: "bye".into() },
            "edit",
            json!({"original_message_id": "wamid.A", "message": {"type": "text", "text": {"body": "bye"}}}),
        ),
        (UserMessage::Raw(json!({"type": "hologram"})), "hologram", Value::Null),
        (UserMessage::Image(image), "image", media("7", "image/jpeg", json!({"caption": "look"}))),
        (UserMessage::Document(file), "document", media("8", "application/pdf", json!({"filename": "a.pdf"}))),
        (UserMessage::Voice(Media::new("9", "audio/ogg")), "audio", media("9", "audio/ogg", json!({"voice": true}))),
        (UserMessage::Audio(Media::new("9", "audio/aac")), "audio", media("9", "audio/aac", json!({"voice": false}))),
        (UserMessage::Video(Media::new("9", "video/mp4")), "video", media("9", "video/mp4", json!({}))),
        (
            UserMessage::Sticker(Media::new("9", "image/webp")),
            "sticker",
            media("9", "image/webp", json!({"animated": false})),
        ),
    ];
    for (what, kind, content) in cases {
        let inbound = stage.meta.user_writes(NUMBER, &kim, what).await.unwrap();
        assert_eq!(inbound.status, 200);
        let call = stage.webhook.call().await;
        assert_eq!(call.signature, sign("s3cret", &call.body));
        let value = call.value();
        assert_eq!(value["metadata"]["phone_number_id"], NUMBER);
        assert_eq!(value["contacts"], json!([{"profile": {"name": "Kim"}, "wa_id": USER, "user_id": "US.42"}]));
        let message = &value["messages"][0];
        assert_eq!((&message["id"], &message["from"]), (&json!(inbound.wamid), &json!(USER)));
        assert_eq!((&message["type"], &message[kind]), (&json!(kind), &content));
        assert!(message["timestamp"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000);
    }
}

fn order() -> Value {
    let bread = json!({"product_retailer_id": "rye", "quantity": 2, "item_price": 3, "currency": "EUR"});
    json!({"catalog_id": "1", "text": "please", "product_items": [bread]})
}

#[tokio::test]
async fn a_user_who_becomes_somebody_else_is_told_of_by_whatsapp_itself() {
    let mut stage = Stage::set(silent()).await;
    let known = User { phone: Some(USER.into()), bsuid: Some("US.1".into()), name: "Kim".into() };
    let hidden = User { name: "Sam".into(), ..User::bsuid("US.1") };
    let cases = [
        (
            &known,
            UserMessage::ChangeNumber { phone: "+1 555 000 2222".into(), bsuid: Some("US.2".into()) },
            json!({"body": "User Kim changed from 15550001111 to 15550002222", "type": "user_changed_number",
                "wa_id": "15550002222", "user_id": "US.2", "previous_user_id": "US.1"}),
        ),
        (
            &known,
            UserMessage::ChangeUserId { bsuid: "US.2".into() },
            json!({"body": "User Kim changed from 15550001111 to US.2", "type": "user_changed_user_id",
                "wa_id": USER, "user_id": "US.2", "previous_user_id": "US.1"}),
        ),
        (
            &hidden,
            UserMessage::ChangeUserId { bsuid: "US.2".into() },
            json!({"body": "User Sam changed from US.1 to US.2", "type": "user_changed_user_id",
                "user_id": "US.2", "previous_user_id": "US.1"}),
        ),
    ];
    for (who, what, system) in cases {
        stage.meta.user_writes(NUMBER, who, what).await.unwrap();
        let value = stage.webhook.call().await.value();
        assert_eq!(value.get("contacts"), None, "nobody wrote");
        let message = &value["messages"][0];
        assert_eq!((&message["type"], &message["system"]), (&json!("system"), &system));
        assert_eq!(message.get("from").and_then(Value::as_str), who.phone.as_deref(), "who they were");
        assert_eq!(message.get("from_user_id"), None);
    }
}

fn media(id: &str, mime_type: &str, extra: Value) -> Value {
    let mut media = json!({"id": id, "mime_type": mime_type, "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="});
    for (key, value) in extra.as_object().expect("an object") {
        media[key] = value.clone();
    }
    media
}

fn question(to: &str) -> Value {
    let button = |id: &str, title: &str| json!({"type": "reply", "reply": {"id": id, "title": title}});
    json!({"messaging_product": "whatsapp", "to": to, "type": "interactive", "interactive": {"type": "button",
        "body": {"text": "Well?"}, "action": {"buttons": [button("7.0.0", "Yes"), button("7.0.1", "No")]}}})
}

#[tokio::test]
async fn a_tap_finds_its_button_by_title() {
    let mut stage = Stage::set(silent()).await;
    let kim = User::phone(USER);
    let nothing = stage.meta.tap(NUMBER, &kim, "Yes").await.unwrap_err();
    assert!(nothing.to_string().contains("no interactive message"), "{nothing}");
    let (_, answer) = stage.send(&question(USER)).await;
    stage.send(&question("15550002222")).await;
    stage.text(USER, "a text in between").await;

    stage.meta.tap(NUMBER, &kim, "No").await.unwrap();
    let value = stage.webhook.call().await.value();
    assert_eq!(
        value["messages"][0]["interactive"],
        json!({"type": "button_reply", "button_reply": {"id": "7.0.1", "title": "No"}})
    );
    assert_eq!(
        value["messages"][0]["context"],
        json!({"from": "15550200300", "id": answer["messages"][0]["id"]}),
        "the context is the message to this user"
    );
    let wrong = stage.meta.tap(NUMBER, &kim, "Maybe").await.unwrap_err();
    assert!(wrong.to_string().contains(r#"["Yes", "No"]"#), "{wrong}");
}

#[tokio::test]
async fn a_tap_finds_its_row_by_title() {
    let mut stage = Stage::set(silent()).await;
    let rows = json!([{"id": "a", "title": "Apple"}, {"id": "p", "title": "Pear", "description": "ripe"}]);
    let list = json!({"messaging_product": "whatsapp", "recipient": "US.42", "type": "interactive", "interactive":
        {"type": "list", "body": {"text": "Which?"}, "action": {"button": "Options", "sections": [{"rows": rows}]}}});
    assert_eq!(stage.send(&list).await.0, 200);
    stage.meta.tap(NUMBER, &User::bsuid("US.42"), "Pear").await.unwrap();
    let value = stage.webhook.call().await.value();
    assert_eq!(
        value["messages"][0]["interactive"],
        json!({"type": "list_reply", "list_reply": {"id": "p", "title": "Pear", "description": "ripe"}})
    );
    assert_eq!(value["messages"][0]["from_user_id"], "US.42");
    assert!(value["messages"][0].get("from").is_none());
}

#[tokio::test]
async fn the_caller_learns_what_the_webhook_answered() {
    let mut stage = Stage::set(silent()).await;
    let mut watch = stage.meta.subscribe();
    stage.webhook.answer_with(&[503]);
    let text = || UserMessage::Text("hi".into());
    assert_eq!(stage.meta.user_writes(NUMBER, &User::phone(USER), text()).await.unwrap().status, 503);
    stage.webhook.call().await;
    assert_eq!(stage.meta.user_writes(NUMBER, &User::phone(USER), text()).await.unwrap().status, 200);
    let Happening::UserWrote { from, what, .. } =
        happening(&mut watch, |it| matches!(it, Happening::UserWrote { .. })).await
    else {
        unreachable!()
    };
    assert_eq!((from, what), (User::phone(USER), text()));
    assert!(stage.meta.user_writes(NUMBER, &User::default(), text()).await.is_err(), "nobody can't write");
}

#[tokio::test]
async fn messages_are_repeated_when_asked_for() {
    let mut stage = Stage::set(Config { repeat_user_messages: true, ..silent() }).await;
    stage.webhook.answer_with(&[503, 503]);
    let inbound = stage.meta.user_writes(NUMBER, &User::phone(USER), UserMessage::Text("hi".into())).await.unwrap();
    assert_eq!(inbound.status, 503);
    let first = stage.webhook.call().await;
    assert_eq!(stage.webhook.call().await, first);
    assert_eq!(stage.webhook.call().await, first);
}

#[tokio::test]
async fn unknown_numbers_cannot_be_written_to() {
    let stage = Stage::set(Config { phone_numbers: vec![PhoneNumber::made_up("1")], ..silent() }).await;
    let text = || UserMessage::Text("hi".into());
    assert!(stage.meta.user_writes("2", &User::phone(USER), text()).await.is_err());
    assert!(stage.meta.user_writes("1", &User::phone(USER), text()).await.is_ok());
}

#[tokio::test]
async fn bodies_can_be_had_without_posting_them() {
    let stage = Stage::set(Config { app_secret: "s3cret".into(), ..silent() }).await;
    let kim = User::phone(USER);
    let wamid = stage.meta.next_wamid(&kim);
    let body = stage.meta.callback_body(NUMBER, &kim, &UserMessage::Text("hi".into()), &wamid);
    assert_eq!(stage.meta.sign(&body), sign("s3cret", &body));
    let json: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(json["entry"][0]["changes"][0]["value"]["messages"][0]["id"], wamid);
    let status = StatusUpdate {
        wamid: "wamid.A".into(),
        status: Status::Delivered,
        timestamp: 5,
        recipient_id: Some(USER.into()),
        recipient_user_id: None,
        biz_opaque_callback_data: None,
        error: None,
    };
    let json: Value = serde_json::from_str(&stage.meta.status_callback_body(NUMBER, &[status])).unwrap();
    assert_eq!(
        json["entry"][0]["changes"][0]["value"]["statuses"],
        json!([{"id": "wamid.A", "status": "delivered", "timestamp": "5", "recipient_id": USER}])
    );
}
