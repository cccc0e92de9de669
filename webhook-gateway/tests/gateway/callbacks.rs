//! Callbacks: whose they are, what becomes of them.

use crate::{
    fixtures::{BSUID, NUMBER, PHONE, envelope, every_type, message, messages, status, text},
    world::{OLD_SECRET, SECRET, VERIFY_TOKEN, World, signature},
};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use shared::{event::InboundMessage, partition, ports::queue::QueueName};
use webhook_gateway::CALLBACK_PATH;

const TAG: &str = "0197a2b4-1111-7222-8333-444455556666.3";

#[tokio::test]
async fn a_text_becomes_one_message_in_its_writers_lane() {
    let world = World::new();
    let mut sent = text("wamid.A", "Hello");
    sent["context"] = json!({"from": "15550783881", "id": "wamid.OUT"});
    let taken = world.kept(messages(std::slice::from_ref(&sent)).to_string()).await;
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].queue, QueueName::Inbound(partition::of(BSUID, 16)));
    assert_eq!(taken[0].kind, "message");
    let read: InboundMessage = serde_json::from_value(taken[0].body.clone()).unwrap();
    assert_eq!(read.phone_number_id.as_str(), NUMBER);
    assert_eq!((read.sender.bsuid.as_deref(), read.sender.phone.as_deref()), (Some(BSUID), Some(PHONE)));
    assert_eq!((read.profile_name.as_deref(), read.context_id.as_deref()), (Some("Sheena"), Some("wamid.OUT")));
    assert_eq!((read.wamid.as_str(), read.sent_at), ("wamid.A", 1_750_269_342));
    assert_eq!(read.reply, flow_engine::Reply::Text("Hello".into()));
    assert_eq!(read.raw.get(), sent.to_string());
}

#[tokio::test]
async fn the_raw_message_keeps_every_byte() {
    let world = World::new();
    // What a parser would change: order, white space, escapes, numbers beyond a double, doubled fields.
    let raw = r#"{ "type":"text", "z":1e999, "z":1.10,"from":"16505551234","id":"wamid.A",  "text":{"body":"\u00e4\/\ud83d"} }"#;
    let mut body = messages(&[json!("HERE")]).to_string();
    body = body.replace(r#""HERE""#, raw);
    let answer = world.callback(body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let taken = world.publisher.taken.lock().unwrap();
    let read: InboundMessage = serde_json::from_slice(&taken[0].message.body).unwrap();
    assert_eq!(read.raw.get(), raw);
    assert!(matches!(&read.reply, flow_engine::Reply::Text(text) if text.starts_with("ä/\u{fffd}")));
    assert_eq!(read.sent_at, 0);
}

#[tokio::test]
async fn every_type_is_a_message_and_tells_flows_what_they_need() {
    let world = World::new();
    for (sent, reply) in every_type() {
        let taken = world.kept(messages(std::slice::from_ref(&sent)).to_string()).await;
        assert_eq!(taken.len(), 1, "{sent}");
        assert_eq!((taken[0].kind.as_str(), &taken[0].body["reply"]["reply"]), ("message", &json!(reply)), "{sent}");
        assert_eq!(taken[0].body["messageType"], sent["type"]);
    }
}

#[tokio::test]
async fn errors_beside_messages_are_kept_as_other() {
    let world = World::new();
    let mut body = messages(&[text("wamid.A", "Hi")]);
    body["entry"][0]["changes"][0]["value"]["errors"] = json!([{"code": 131_000}]);
    let kinds: Vec<String> =
        world.kept(body.to_string()).await.into_iter().map(|taken| taken.body["kind"].to_string()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "\"other\"").count(), 1);
    assert_eq!(kinds.len(), 2);
}

#[tokio::test]
async fn a_number_that_nobody_knows_and_a_nul_pass_through() {
    let world = World::new();
    let mut body = messages(&[text("wamid.A", "a\0b")]);
    body["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = json!("999");
    let taken = world.kept(body.to_string()).await;
    assert_eq!(taken[0].body["phoneNumberId"], "999");
    assert_eq!(taken[0].body["reply"]["value"], "a\0b");
}

#[tokio::test]
async fn numbers_where_texts_are_documented_are_read_as_texts() {
    let world = World::new();
    let sent = json!({"from": 16_505_551_234_i64, "id": 77, "timestamp": 1_750_269_342, "type": "text",
        "text": {"body": 2}, "context": {"id": 12}});
    let mut body = messages(&[sent]);
    let value = &mut body["entry"][0]["changes"][0]["value"];
    value["metadata"]["phone_number_id"] = json!(NUMBER.parse::<i64>().unwrap());
    value["contacts"][0]["wa_id"] = json!(16_505_551_234_i64);
    let taken = world.kept(body.to_string()).await;
    let read: InboundMessage = serde_json::from_value(taken[0].body.clone()).unwrap();
    assert_eq!((read.phone_number_id.as_str(), read.wamid.as_str(), read.sent_at), (NUMBER, "77", 1_750_269_342));
    assert_eq!((read.sender.bsuid.as_deref(), read.sender.phone.as_deref()), (Some(BSUID), Some(PHONE)));
    assert_eq!((read.context_id.as_deref(), read.reply), (Some("12"), flow_engine::Reply::Text("2".into())));
}

#[tokio::test]
async fn a_callback_of_a_thousand_updates_keeps_their_order() {
    let world = World::new();
    let items: Vec<Value> = (0..400).map(|n| text(&format!("wamid.{n}"), "Hi")).collect();
    let mut body = messages(&items);
    let value = &mut body["entry"][0]["changes"][0]["value"];
    value["statuses"] = (0..400).map(|_| status("read", TAG)).collect();
    let mut more = messages(&[]);
    more["entry"][0]["changes"][0]["value"]["messages"] =
        (0..100).map(|n| message(&format!("wamid.m{n}"), "image", json!({}))).collect();
    body["entry"].as_array_mut().unwrap().push(more["entry"][0].clone());
    for _ in 0..100 {
        let other = envelope("account_update", &json!({"event": "x"}));
        body["entry"][0]["changes"].as_array_mut().unwrap().push(other["entry"][0]["changes"][0].clone());
    }
    let taken = world.kept(body.to_string()).await;
    let count = |kind: &str| taken.iter().filter(|taken| taken.kind == kind).count();
    assert_eq!((count("message"), count("status"), count("kept")), (500, 400, 100));
    let wamids: Vec<_> = taken.iter().filter_map(|taken| taken.body["raw"]["id"].as_str()).take(400).collect();
    assert_eq!(wamids, (0..400).map(|n| format!("wamid.{n}")).collect::<Vec<_>>());
    assert_eq!(world.publisher.asked.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_call_that_a_person_begins_is_told_with_what_is_kept_of_it() {
    let world = World::new();
    let call = |id: &str, event: &str, direction: &str, from: Value| json!({"id": id, "to": "16315553601", "from": from, "event": event, "timestamp": "1752582933", "direction": direction});
    let value = json!({
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "16315553601", "phone_number_id": "743897493242"},
        "calls": [
            call("wacid.1", "connect", "USER_INITIATED", json!("+1 631 555 3602")),
            call("wacid.2", "terminate", "USER_INITIATED", json!("16315553602")),
            call("wacid.3", "connect", "BUSINESS_INITIATED", json!("16315553601")),
            call("wacid.4", "connect", "USER_INITIATED", json!(null)),
        ],
    });
    let taken = world.kept(envelope("calls", &value).to_string()).await;
    assert_eq!(taken.len(), 1);
    let kept = &taken[0].body;
    assert_eq!((&taken[0].kind as &str, &kept["kind"], &kept["field"]), ("kept", &json!("other"), &json!("calls")));
    let told = json!([{"phoneNumberId": "743897493242", "caller": {"phone": "16315553602"}, "at": 1_752_582_933}]);
    assert_eq!(without_nulls(kept["calls"].clone()), told);
    assert!(kept["body"].as_str().is_some_and(|body| body.contains("wacid.3")), "all of it is kept");
}

/// Identities that are not there.
fn without_nulls(mut calls: Value) -> Value {
    for call in calls.as_array_mut().into_iter().flatten() {
        call["caller"].as_object_mut().unwrap().retain(|_, id| !id.is_null());
    }
    calls
}

#[tokio::test]
async fn only_what_meta_signed_is_taken() {
    let world = World::new();
    let body = messages(&[text("wamid.A", "Hi")]).to_string();
    let right = signature(SECRET, body.as_bytes());
    let wrong = signature("another secret", body.as_bytes());
    let of_other_bytes = signature(SECRET, b"{}");
    let bad: [&[&str]; 6] = [&[], &[&wrong], &[&of_other_bytes], &[&right, &right], &[&right, &wrong], &["sha256=00"]];
    for signatures in bad {
        let answer = world.post(body.clone(), signatures).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::UNAUTHORIZED, "bad_signature".into()),
            "{signatures:?}"
        );
    }
    assert!(world.taken().is_empty());
    let old = signature(OLD_SECRET, body.as_bytes());
    for signature in [right, old] {
        assert_eq!(world.post(body.clone(), &[&signature]).await.status, StatusCode::OK);
    }
    assert_eq!(world.taken().len(), 2);
}

#[tokio::test]
async fn four_mebibytes_are_taken_and_more_is_not() {
    let world = World::new();
    let full = vec![b' '; webhook_gateway::MAX_BODY];
    assert_eq!(world.callback(full).await.status, StatusCode::OK);
    world.taken();
    let answer = world.callback(vec![b' '; 5 * 1024 * 1024]).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large".into()));
    // Without a length it is cut where it goes over, signed or not.
    let chunks = (0..5).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024 * 1024]));
    let stream = axum::body::Body::from_stream(futures_util::stream::iter(chunks));
    let answer = world.ask(Request::post(CALLBACK_PATH).body(stream).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(world.taken().is_empty());
}

#[tokio::test]
async fn the_address_is_verified_with_the_right_token_and_mode() {
    let world = World::new();
    let ask = |mode: &str, token: &str| {
        format!("{CALLBACK_PATH}?hub.mode={mode}&hub.challenge=1158201444&hub.verify_token={token}")
    };
    let answer = world.get(&ask("subscribe", VERIFY_TOKEN)).await;
    assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::OK, b"1158201444".as_slice()));
    assert!(answer.header("content-type").starts_with("text/plain"));
    for uri in [
        ask("subscribe", "123"),
        ask("subscribe", ""),
        ask("unsubscribe", VERIFY_TOKEN),
        format!("{CALLBACK_PATH}?hub.mode=subscribe&hub.verify_token={VERIFY_TOKEN}"),
        format!("{CALLBACK_PATH}?hub.challenge=1"),
        CALLBACK_PATH.to_owned(),
    ] {
        let answer = world.get(&uri).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "wrong_verify_token".into()), "{uri}");
    }
}

#[tokio::test]
async fn other_methods_and_addresses_are_told_so() {
    let world = World::new();
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let request = Request::builder().method(method).uri(CALLBACK_PATH).body(axum::body::Body::empty()).unwrap();
        let answer = world.ask(request).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed".into()));
        assert!(answer.header("allow").contains("POST"), "{:?}", answer.headers);
    }
    let answer = world.get("/api/whatsapp/nothing").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, "not_found".into()));
}

#[tokio::test]
async fn ops_addresses_answer_without_a_key_and_callbacks_are_counted() {
    let world = World::new();
    shared::telemetry::metrics();
    world.kept(messages(&[text("wamid.A", "Hi")]).to_string()).await;
    world.post("{}", &[]).await;
    assert_eq!(world.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(world.get("/readyz").await.status, StatusCode::OK);
    let metrics = String::from_utf8(world.get("/metrics").await.body).unwrap();
    for line in [
        "flow_runner_callbacks_total{result=\"kept\"}",
        "flow_runner_callbacks_total{result=\"unsigned\"}",
        "flow_runner_events_total{kind=\"message\"}",
        "flow_runner_publish_seconds_bucket",
        "flow_runner_callback_seconds_bucket",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
}
