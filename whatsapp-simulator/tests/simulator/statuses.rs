//! Status callbacks: signed, in order, in batches, repeated.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use whatsapp_simulator::{CallbackKind, Clock, Config, Happening, ManualClock, Statuses, sign};

use super::stage::{NUMBER, Stage, USER, happening, quick, text_to};

#[tokio::test]
async fn a_message_is_sent_delivered_and_read() {
    let clock = Clock::Manual(ManualClock::at(Duration::from_secs(1_790_000_000)));
    let config = Config { app_secret: "s3cret".into(), status_delay: Duration::from_millis(20), clock, ..quick() };
    let mut stage = Stage::set(config).await;
    let mut body = text_to(USER, "hello");
    body["biz_opaque_callback_data"] = json!("job/1 ä");
    let (_, answer) = stage.send(&body).await;
    let wamid = &answer["messages"][0]["id"];
    for status in ["sent", "delivered", "read"] {
        let call = stage.webhook.call().await;
        assert_eq!(call.signature, sign("s3cret", &call.body));
        assert_eq!(call.content_type, "application/json");
        assert_eq!(call.json()["object"], "whatsapp_business_account");
        let value = call.value();
        assert_eq!(value["metadata"], json!({"display_phone_number": "15550200300", "phone_number_id": NUMBER}));
        let mut expected = json!({"id": wamid, "status": status, "timestamp": "1790000000", "recipient_id": USER,
            "biz_opaque_callback_data": "job/1 ä"});
        if status == "sent" {
            expected["pricing"] =
                json!({"billable": true, "pricing_model": "PMP", "category": "service", "type": "regular"});
        }
        assert_eq!(value["statuses"], json!([expected]));
    }
}

#[tokio::test]
async fn a_message_gets_as_far_as_configured() {
    for (statuses, expected) in
        [(Statuses::Sent, vec!["sent"]), (Statuses::Delivered, vec!["sent", "delivered"]), (Statuses::None, vec![])]
    {
        let mut stage = Stage::set(Config { statuses, ..quick() }).await;
        let first = stage.text(USER, "one").await;
        stage.meta.set_statuses(Statuses::Read);
        // Sixteen more: one of them shares the first one's lane and so comes after all of its statuses.
        for _ in 0..16 {
            stage.text(USER, "two").await;
        }
        let seen = stage.webhook.statuses(16 * 3 + expected.len()).await;
        let of_first: Vec<&str> =
            seen.iter().filter(|(wamid, _)| *wamid == first).map(|(_, status)| status.as_str()).collect();
        assert_eq!(of_first, expected);
        assert_eq!(seen.len(), 16 * 3 + expected.len(), "{statuses:?}");
    }
}

#[tokio::test]
async fn a_business_scoped_id_is_named_as_such() {
    let mut stage = Stage::set(Config { statuses: Statuses::Sent, ..quick() }).await;
    stage.send(&json!({"messaging_product": "whatsapp", "recipient": "US.42", "text": {"body": "hi"}})).await;
    let status = stage.webhook.call().await.statuses().remove(0);
    assert_eq!(status["recipient_user_id"], "US.42");
    assert!(status.get("recipient_id").is_none());
    assert!(status.get("biz_opaque_callback_data").is_none());
}

#[tokio::test]
async fn many_messages_keep_their_order_and_share_callbacks() {
    const MESSAGES: usize = 300;
    let config = Config { status_delay: Duration::from_millis(10), statuses_per_callback: 7, ..quick() };
    let mut stage = Stage::set(config).await;
    let sends: Vec<_> = (0..MESSAGES).map(|_| stage.text_in_background(USER)).collect();
    for send in sends {
        assert_eq!(send.await.unwrap().unwrap().status(), 200);
    }
    let mut seen: HashMap<String, Vec<String>> = HashMap::new();
    let mut total = 0;
    while total < MESSAGES * 3 {
        let statuses = stage.webhook.call().await.statuses();
        assert!((1..=7).contains(&statuses.len()), "{} in one callback", statuses.len());
        total += statuses.len();
        for status in statuses {
            let field = |key: &str| status[key].as_str().unwrap().to_owned();
            seen.entry(field("id")).or_default().push(field("status"));
        }
    }
    assert_eq!(seen.len(), MESSAGES);
    assert!(seen.values().all(|statuses| statuses == &["sent", "delivered", "read"]), "{seen:?}");
    let mut logged: Vec<_> = stage.meta.sends().iter().map(|sent| sent.index).collect();
    logged.dedup();
    assert_eq!(logged, (0..MESSAGES as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_not_answered_with_200_comes_again_word_for_word() {
    let mut stage = Stage::set(Config { statuses: Statuses::Sent, ..quick() }).await;
    let mut watch = stage.meta.subscribe();
    stage.webhook.answer_with(&[503, 500, 204, 401]);
    stage.text(USER, "hello").await;
    let first = stage.webhook.call().await;
    for _ in 0..4 {
        assert_eq!(stage.webhook.call().await, first);
    }
    for expected in [(503, 1), (500, 2), (204, 3), (401, 4), (200, 5)] {
        let callback = happening(&mut watch, |it| matches!(it, Happening::Callback { .. })).await;
        let Happening::Callback { status_code, kind, attempt } = callback else { unreachable!() };
        assert_eq!((status_code, attempt), (Some(expected.0), expected.1));
        assert_eq!(kind, CallbackKind::Statuses(1));
    }
}

#[tokio::test]
async fn a_webhook_that_is_down_gets_everything_when_it_is_back() {
    let mut stage = Stage::set(quick()).await;
    let url = stage.webhook.url();
    // A port on which nobody listens.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = free.local_addr().unwrap();
    drop(free);
    let mut watch = stage.meta.subscribe();
    stage.meta.set_webhook_url(&format!("http://{dead}/webhook"));
    let wamid = stage.text(USER, "hello").await;
    happening(&mut watch, |it| matches!(it, Happening::Callback { status_code: None, attempt: 2, .. })).await;
    stage.meta.set_webhook_url(&url);
    let mut seen = stage.webhook.statuses(3).await;
    seen.sort();
    assert_eq!(seen, ["delivered", "read", "sent"].map(|status| (wamid.clone(), status.to_owned())));
}

#[tokio::test]
async fn watchers_see_it_all() {
    let stage = Stage::set(Config { statuses: Statuses::Sent, ..quick() }).await;
    let mut watch = stage.meta.subscribe();
    let wamid = stage.text(USER, "hello").await;
    let Happening::Sent(sent) = happening(&mut watch, |_| true).await else { panic!("a send comes first") };
    assert_eq!((&*sent.wamid, sent.text().as_deref()), (wamid.as_str(), Some("hello")));
    let Happening::Status { wamid: of, to, .. } = happening(&mut watch, |_| true).await else {
        panic!("then a status")
    };
    assert_eq!((&*of, &*to), (wamid.as_str(), USER));
    stage.send(&text_to(USER, "")).await;
    happening(&mut watch, |it| matches!(it, Happening::Refused(refusal) if refusal.code == 100)).await;
}
