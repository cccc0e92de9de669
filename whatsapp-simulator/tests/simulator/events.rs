//! What happens, as the chat page reads it.

use serde_json::{Value, json};
use whatsapp_simulator::{Config, Fault, FaultKind, Simulator, Statuses};

use super::stage::{NUMBER, Stage, USER, quick, silent, text_to};

/// The events there are, and where those after them begin.
async fn events(stage: &Stage, since: u64) -> (Vec<Value>, u64) {
    read(&stage.get(&format!("/simulator/events?since={since}")).await)
}

fn read(answer: &Value) -> (Vec<Value>, u64) {
    (answer["items"].as_array().expect("events").clone(), answer["next"].as_u64().expect("a number"))
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["kind"].as_str().expect("a kind")).collect()
}

#[tokio::test]
async fn both_sides_of_a_chat_are_told_in_order() {
    let mut stage = Stage::set(silent()).await;
    stage.write(USER, json!({"phoneNumberId": NUMBER, "name": "Kim", "bsuid": "US.1", "text": "hi"})).await;
    stage.webhook.call().await;
    let mut body = text_to("+1 555 000 1111", "hello");
    body["context"] = json!({"message_id": "wamid.A"});
    stage.send(&body).await;
    stage.send(&text_to(USER, "")).await;

    let (items, next) = events(&stage, 0).await;
    assert_eq!((kinds(&items), next), (vec!["wrote", "callback", "sent", "refused"], 4));
    let [wrote, callback, sent, refused] = items.as_slice() else { unreachable!() };
    assert_eq!(wrote["from"], json!({"phone": USER, "bsuid": "US.1", "name": "Kim"}));
    assert_eq!(wrote["message"], json!({"type": "text", "text": {"body": "hi"}}));
    assert_eq!(callback["statusCode"], 200);
    assert_eq!((&sent["to"], &sent["phoneNumberId"]), (&json!(USER), &json!(NUMBER)));
    assert_eq!(
        sent["message"],
        json!({"type": "text", "text": {"body": "hello"}, "context": {"message_id": "wamid.A"}}),
        "without the envelope"
    );
    assert_eq!((&refused["refusal"]["code"], &refused["refusal"]["to"]), (&json!(100), &json!(USER)));
    assert_eq!(kinds(&events(&stage, 2).await.0), ["sent", "refused"]);
}

#[tokio::test]
async fn whoever_waits_is_told_at_once() {
    let stage = Stage::set(Config { statuses: Statuses::Sent, ..quick() }).await;
    stage.meta.inject(Fault { count: Some(1), ..Fault::new(FaultKind::FailStatuses { code: 131_026 }) });
    let (mut seen, mut next): (Vec<Value>, u64) = (Vec::new(), 0);
    let waiting = async {
        while seen.len() < 5 {
            let answer = stage.get(&format!("/simulator/events?since={next}&waitMs=20000")).await;
            let (items, to) = read(&answer);
            assert!(!items.is_empty(), "an answer within the wait has news");
            seen.extend(items);
            next = to;
        }
    };
    let sending = async {
        let lost = stage.text(USER, "one").await;
        (lost, stage.text(USER, "two").await)
    };
    let ((), (lost, good)) = tokio::join!(waiting, sending);
    let statuses: Vec<_> = seen
        .iter()
        .filter(|event| event["kind"] == "status")
        .map(|event| (event["wamid"].clone(), event["status"].clone(), event["code"].clone()))
        .collect();
    assert!(statuses.contains(&(json!(lost), json!("failed"), json!(131_026))), "{statuses:?}");
    assert!(statuses.contains(&(json!(good), json!("sent"), Value::Null)), "{statuses:?}");
    assert_eq!(seen.iter().filter(|event| event["kind"] == "callback").count(), 1, "the same answer is no news");
}

#[tokio::test]
async fn a_reset_is_an_event_and_the_numbers_go_on() {
    let stage = Stage::set(silent()).await;
    stage.text(USER, "one").await;
    stage.control(http::Method::POST, "/simulator/reset", None).await;
    let (items, next) = events(&stage, 0).await;
    assert_eq!((kinds(&items), next), (vec!["reset"], 2));
}

#[tokio::test]
async fn who_asks_for_what_another_run_had_learns_of_this_run_without_waiting() {
    let stage = Stage::set(silent()).await;
    let answer = stage.get("/simulator/events?since=77&waitMs=30000").await;
    assert_eq!((&answer["items"], &answer["next"]), (&json!([]), &json!(0)));
    assert!(answer["run"].as_u64().is_some_and(|started| started > 1_700_000_000_000), "{answer}");
    let (status, _) = stage.control(http::Method::GET, "/simulator/events?since=x", None).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn waiting_does_not_hold_up_the_end() {
    let meta = Simulator::start(([127, 0, 0, 1], 0).into(), silent()).await.expect("a simulator");
    let url = format!("{}/simulator/events?waitMs=30000", meta.url());
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    // Whoever is answered has been connected; this connection then waits.
    assert_eq!(client.get(format!("{}/healthz", meta.url())).send().await.expect("an answer").status(), 200);
    let waiting = tokio::spawn(client.get(url).send());
    tokio::time::timeout(super::webhook::PATIENCE, meta.stop()).await.expect("it ends");
    drop(waiting.await);
}
