//! The control API.

use serde_json::{Value, json};
use whatsapp_simulator::Config;

use super::stage::{NUMBER, Stage, USER, quick, silent, text_to};

impl Stage {
    pub async fn control(&self, method: http::Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.client.request(method, format!("{}{path}", self.meta.url()));
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.expect("a body")).unwrap_or_default())
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.control(http::Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub async fn write(&self, from: &str, body: Value) -> (u16, Value) {
        self.control(http::Method::POST, &format!("/simulator/users/{from}/messages"), Some(body)).await
    }
}

#[tokio::test]
async fn a_user_writes_through_it() {
    let mut stage = Stage::set(silent()).await;
    for (what, kind) in [
        (json!({"text": "hi"}), "text"),
        (json!({"tap": {"id": "7.0.0", "title": "Yes", "context": "wamid.A"}}), "interactive"),
        (json!({"tap": {"id": "a", "title": "Apple", "isList": true}}), "interactive"),
        (json!({"quickReply": {"payload": "p", "text": "Yes"}}), "button"),
        (json!({"media": {"type": "image", "caption": "look"}}), "image"),
        (json!({"location": {"latitude": 1.0, "longitude": 2.0}}), "location"),
        (json!({"contacts": [{"name": {"formatted_name": "Jo"}}]}), "contacts"),
        (json!({"media": {"type": "voice"}}), "audio"),
        (json!({"media": {"type": "audio"}}), "audio"),
        (json!({"order": {"catalog_id": "1", "product_items": []}}), "order"),
        (json!({"reaction": {"messageId": "wamid.A", "emoji": "👍"}}), "reaction"),
        (json!({"edit": {"messageId": "wamid.A", "text": "bye"}}), "edit"),
        (json!({"requestWelcome": true}), "request_welcome"),
        (json!({"raw": {"type": "unsupported", "errors": [{"code": 131_051}]}}), "unsupported"),
    ] {
        let mut body = what.clone();
        body["phoneNumberId"] = json!(NUMBER);
        body["name"] = json!("Jo");
        let (status, answer) = stage.write("%2B15550001111", body).await;
        assert_eq!((status, &answer["status"]), (200, &json!(200)), "{what}: {answer}");
        let value = stage.webhook.call().await.value();
        assert_eq!(value["messages"][0]["type"], kind, "{what}");
        assert_eq!(value["messages"][0]["id"], answer["wamid"]);
        assert_eq!(value["contacts"], json!([{"profile": {"name": "Jo"}, "wa_id": USER}]));
    }
    stage.write("US.42", json!({"phoneNumberId": NUMBER, "text": "hi"})).await;
    assert_eq!(stage.webhook.call().await.value()["messages"][0]["from_user_id"], "US.42");
}

#[tokio::test]
async fn a_user_becomes_somebody_else_through_it() {
    let mut stage = Stage::set(silent()).await;
    for (what, kind) in [
        (json!({"changeNumber": {"phone": "+1 555 000 2222", "bsuid": "US.2"}}), "user_changed_number"),
        (json!({"changeUserId": {"bsuid": "US.2"}}), "user_changed_user_id"),
    ] {
        let mut body = what.clone();
        body["phoneNumberId"] = json!(NUMBER);
        body["bsuid"] = json!("US.1");
        assert_eq!(stage.write(USER, body).await.0, 200);
        let message = stage.webhook.call().await.value()["messages"][0].clone();
        assert_eq!((&message["system"]["type"], &message["from"]), (&json!(kind), &json!(USER)));
        let ids = (&message["system"]["previous_user_id"], &message["system"]["user_id"]);
        assert_eq!(ids, (&json!("US.1"), &json!("US.2")));
    }
}

#[tokio::test]
async fn a_user_taps_by_title() {
    let mut stage = Stage::set(silent()).await;
    let button = json!({"type": "reply", "reply": {"id": "7.0.0", "title": "Yes"}});
    stage
        .send(&json!({"messaging_product": "whatsapp", "to": USER, "type": "interactive", "interactive":
            {"type": "button", "body": {"text": "Well?"}, "action": {"buttons": [button]}}}))
        .await;
    let (status, _) = stage.write(USER, json!({"phoneNumberId": NUMBER, "tap": "Yes"})).await;
    assert_eq!(status, 200);
    assert_eq!(stage.webhook.call().await.value()["messages"][0]["interactive"]["button_reply"]["id"], "7.0.0");
}

#[tokio::test]
async fn nonsense_is_refused_with_a_reason() {
    let stage = Stage::set(silent()).await;
    for (body, expected) in [
        (json!({"text": "hi"}), "phoneNumberId"),
        (json!({"phoneNumberId": NUMBER}), "nothing to do"),
        (json!({"phoneNumberId": NUMBER, "text": "hi", "tap": "Yes"}), "one thing at a time"),
        (json!({"phoneNumberId": NUMBER, "txt": "hi"}), "txt"),
        (json!({"phoneNumberId": NUMBER, "media": {"type": "smell"}}), "smell"),
    ] {
        let (status, answer) = stage.write(USER, body).await;
        assert_eq!(status, 422, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(expected), "{answer}");
    }
    let (status, answer) =
        stage.control(http::Method::POST, "/simulator/faults", Some(json!({"kind": "gremlin"}))).await;
    assert_eq!(status, 422, "{answer}");
    let (status, _) = stage.control(http::Method::DELETE, "/simulator/faults/99", None).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn sends_and_refusals_can_be_read() {
    let stage = Stage::set(silent()).await;
    let mut body = text_to(USER, "one");
    body["biz_opaque_callback_data"] = json!("job-1");
    stage.send(&body).await;
    stage.text("15550002222", "two").await;
    stage.text(USER, "three").await;
    stage.send(&text_to(USER, "")).await;

    let all = stage.get("/simulator/sends").await;
    assert_eq!((all["items"].as_array().unwrap().len(), &all["next"], &all["total"]), (3, &json!(3), &json!(3)));
    let first = &all["items"][0];
    assert_eq!(first["body"]["text"]["body"], "one");
    assert_eq!((&first["bizOpaqueCallbackData"], &first["answered"]), (&json!("job-1"), &json!(true)));
    assert_eq!((&first["phoneNumberId"], &first["to"], &first["type"]), (&json!(NUMBER), &json!(USER), &json!("text")));

    let texts = |answer: &Value| -> Vec<String> {
        answer["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["body"]["text"]["body"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(texts(&stage.get("/simulator/sends?to=%2B15550001111").await), ["one", "three"]);
    assert_eq!(texts(&stage.get("/simulator/sends?since=1").await), ["two", "three"]);
    let page = stage.get("/simulator/sends?limit=2").await;
    assert_eq!((texts(&page), &page["next"]), (vec!["one".into(), "two".into()], &json!(2)));
    let refusals = stage.get("/simulator/refusals").await;
    assert_eq!(refusals["items"][0]["code"], 100);
    assert_eq!(refusals["items"][0]["httpStatus"], 400);

    assert_eq!(stage.control(http::Method::POST, "/simulator/reset", None).await.0, 204);
    assert_eq!(stage.get("/simulator/sends").await["total"], 0);
    assert_eq!(stage.get("/simulator/refusals").await["items"], json!([]));
}

#[tokio::test]
async fn faults_come_and_go() {
    let stage = Stage::set(silent()).await;
    let fault = json!({"kind": "error", "code": 131_056, "recipient": USER});
    let (status, answer) = stage.control(http::Method::POST, "/simulator/faults", Some(fault)).await;
    assert_eq!(status, 201);
    assert_eq!(stage.send(&text_to(USER, "hello")).await.0, 400);
    let list = stage.get("/simulator/faults").await;
    assert_eq!((&list["items"][0]["id"], &list["items"][0]["struck"]), (&answer["id"], &json!(1)));
    assert_eq!(list["items"][0]["fault"]["code"], 131_056);
    let path = format!("/simulator/faults/{}", answer["id"]);
    assert_eq!(stage.control(http::Method::DELETE, &path, None).await.0, 204);
    stage.text(USER, "hello").await;
    for _ in 0..2 {
        stage.control(http::Method::POST, "/simulator/faults", Some(json!({"kind": "garbled"}))).await;
    }
    assert_eq!(stage.control(http::Method::DELETE, "/simulator/faults", None).await.0, 204);
    stage.text(USER, "hello").await;
}

#[tokio::test]
async fn settings_can_be_changed_and_secrets_are_not_shown() {
    let config = Config { app_secret: "s3cret".into(), access_token: Some("token".into()), ..quick() };
    let stage = Stage::set(config).await;
    let before = stage.get("/simulator/config").await;
    assert_eq!((&before["pairLimit"], &before["statuses"]), (&json!("off"), &json!("read")));
    assert!(!before.to_string().contains("s3cret") && !before.to_string().contains("\"token\""), "{before}");
    let change = json!({"pairLimit": "strict", "numberRate": 1, "statuses": "none", "webhookUrl": ""});
    let (status, after) = stage.control(http::Method::PUT, "/simulator/config", Some(change)).await;
    assert_eq!(status, 200, "{after}");
    assert_eq!((&after["pairLimit"], &after["numberRate"]), (&json!("strict"), &json!(1)));
    assert_eq!((&after["statuses"], &after["webhookUrl"]), (&json!("none"), &Value::Null));
    assert_eq!(after["statusDelayMs"], before["statusDelayMs"]);
    let (status, _) = stage.control(http::Method::PUT, "/simulator/config", Some(json!({"pairLimit": "soft"}))).await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn it_says_that_it_is_alive() {
    let stage = Stage::set(silent()).await;
    assert_eq!(stage.client.get(format!("{}/healthz", stage.meta.url())).send().await.unwrap().status(), 200);
}
