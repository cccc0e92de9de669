//! The flow API: whose flows, in which shape.

use crate::world::World;
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use webhook_gateway::FLOW_PATH;

const NONE: Value = Value::Null;

fn steps() -> Value {
    json!([
        {"id": "1", "type": "MessageAction", "message": "Choose", "buttons": [{"label": "Go on", "next": "2"}],
         "fallback": {"retries": 1}, "position": {"x": 0, "y": 0.5}, "extra": [null]},
        {"id": "2", "type": "ImageMessage", "file": "https://example.com/a.jpg", "message": "Here"}
    ])
}

fn a_flow(name: &str) -> Value {
    json!({"name": name, "trigger": "[\"testing\",\"*\"]", "automationJson": steps(), "status": "ACTIVE"})
}

async fn made(world: &World, account: &str, flow: Value) -> Value {
    let answer = world.flow(account, Method::POST, "", flow).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

#[tokio::test]
async fn a_flow_comes_back_as_it_was_sent() {
    let world = World::new();
    let flow = made(&world, "ann", a_flow("Test")).await;
    let id = flow["id"].as_str().unwrap().to_owned();
    assert!(!id.is_empty());
    let expected = json!({"id": id, "name": "Test", "trigger": "[\"testing\",\"*\"]", "automationJson": steps(),
        "recipientArray": [], "status": "ACTIVE", "accountId": "ann", "version": 1,
        "createdAt": "2025-06-24T19:10:06.272Z", "updatedAt": "2025-06-24T19:10:06.272Z", "warnings": []});
    assert_eq!(flow, expected);
    let one = world.flow("ann", Method::GET, &format!("?id={id}"), NONE).await;
    assert_eq!((one.status, one.json()), (StatusCode::OK, expected.clone()));
    let second = made(&world, "ann", a_flow("Second")).await;
    let all = world.flow("ann", Method::GET, "", NONE).await;
    assert_eq!(all.status, StatusCode::OK);
    assert_eq!(all.header("content-type"), "application/json");
    let names: Vec<Value> = all.json().as_array().unwrap().iter().map(|flow| flow["name"].clone()).collect();
    assert_eq!(names, ["Test", "Second"]);
    assert_ne!(second["id"], flow["id"]);
    // Both have the same triggers now, so each is warned.
    assert_eq!(all.json()[0]["warnings"][0]["code"], "shared_trigger");
    assert_eq!(all.json()[0]["warnings"][0]["path"], "/trigger");
}

#[tokio::test]
async fn trigger_and_steps_are_taken_in_both_forms() {
    let world = World::new();
    let flow = json!({"name": "n", "trigger": ["a", "b c"], "automationJson": steps().to_string(), "status": "active"});
    let flow = made(&world, "ann", flow).await;
    assert_eq!(flow["trigger"], "[\"a\",\"b c\"]");
    assert_eq!(flow["automationJson"], steps());
    assert_eq!(flow["status"], "ACTIVE");
    let flow = made(&world, "ann", json!({"name": "n", "automationJson": []})).await;
    assert_eq!((&flow["trigger"], &flow["status"]), (&json!("[]"), &json!("INACTIVE")));
}

#[tokio::test]
async fn put_changes_only_what_is_given() {
    let world = World::new();
    let flow = made(&world, "ann", a_flow("Test")).await;
    let changes = [
        ("name", json!("New"), json!("New")),
        ("trigger", json!(["x"]), json!("[\"x\"]")),
        ("status", json!("inactive"), json!("INACTIVE")),
        ("recipientArray", json!(["+1 650 555 1234", {"phone": "777"}]), json!(["+1 650 555 1234", {"phone": "777"}])),
        ("automationJson", json!([]), json!([])),
    ];
    let mut expected = flow.clone();
    for (n, (field, given, kept)) in changes.into_iter().enumerate() {
        let answer = world.flow("ann", Method::PUT, "", json!({"id": flow["id"], field: given, "unknown": 1})).await;
        assert_eq!(answer.status, StatusCode::OK, "{field}");
        expected[field] = kept;
        expected["version"] = json!(n + 2);
        let mut saved = answer.json();
        assert_ne!(saved["updatedAt"], expected["updatedAt"]);
        for name in ["updatedAt", "warnings"] {
            saved[name] = expected[name].clone();
        }
        assert_eq!(saved, expected, "{field}");
        expected["updatedAt"] = answer.json()["updatedAt"].clone();
    }
    let nothing = world.flow("ann", Method::PUT, "", json!({"id": flow["id"], "name": null})).await;
    assert_eq!((nothing.status, &nothing.json()["name"]), (StatusCode::OK, &json!("New")));
}

#[tokio::test]
async fn a_save_that_meets_another_starts_again_from_what_that_left() {
    let world = World::new();
    let flow = made(&world, "ann", a_flow("Test")).await;
    world.flows.rivals.store(3, Ordering::SeqCst);
    let answer = world.flow("ann", Method::PUT, "", json!({"id": flow["id"], "trigger": ["x"]})).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        (&answer.json()["name"], &answer.json()["trigger"]),
        (&json!("renamed to version 4"), &json!("[\"x\"]"))
    );
    world.flows.rivals.store(100, Ordering::SeqCst);
    let answer = world.flow("ann", Method::PUT, "", json!({"id": flow["id"], "trigger": ["y"]})).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::CONFLICT, "flow_changed".into()));
}

#[tokio::test]
async fn delete_takes_the_id_from_body_or_query_and_once_only() {
    let world = World::new();
    for by_query in [false, true] {
        let id = made(&world, "ann", a_flow("Test")).await["id"].clone();
        let (query, body) = match by_query {
            true => (format!("?id={}", id.as_str().unwrap()), NONE),
            false => (String::new(), json!({"id": id})),
        };
        let answer = world.flow("ann", Method::DELETE, &query, body.clone()).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({"id": id})));
        let answer = world.flow("ann", Method::DELETE, &query, body).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, "flow_not_found".into()));
    }
    let answer = world.flow("ann", Method::DELETE, "", NONE).await;
    assert_eq!((answer.status, &answer.json()["errors"][0]["path"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("/id")));
}

#[tokio::test]
async fn an_account_sees_its_own_flows_only() {
    let world = World::new();
    let flow = made(&world, "ann", a_flow("Ann's")).await;
    let id = flow["id"].as_str().unwrap();
    assert_eq!(world.flow("bob", Method::GET, "", NONE).await.json(), json!([]));
    let tries = [
        (Method::GET, format!("?id={id}"), NONE),
        (Method::PUT, String::new(), json!({"id": id, "name": "Bob's"})),
        (Method::DELETE, String::new(), json!({"id": id})),
        (Method::DELETE, format!("?id={id}"), NONE),
    ];
    for (method, query, body) in tries {
        let answer = world.flow("bob", method.clone(), &query, body).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::NOT_FOUND, "flow_not_found".into()),
            "{method} {query}"
        );
        assert!(!String::from_utf8_lossy(&answer.body).contains("Ann"));
    }
    assert_eq!(world.flow("ann", Method::GET, &format!("?id={id}"), NONE).await.json()["name"], "Ann's");
    // A flow of Ann's with the same trigger is none of Bob's business either.
    assert_eq!(made(&world, "bob", a_flow("Bob's")).await["warnings"], json!([]));
}

#[tokio::test]
async fn without_a_key_there_is_nothing() {
    let world = World::new();
    made(&world, "ann", a_flow("Test")).await;
    let keys = [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Bearer wrong"),
        Some("Basic key-of-ann-0000"),
        Some("key-of-ann-0000"),
        Some("Bearer key-of-ann-000"),
    ];
    for key in keys {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            let mut request = Request::builder().method(method).uri(FLOW_PATH);
            if let Some(key) = key {
                request = request.header(header::AUTHORIZATION, key);
            }
            let answer = world.ask(request.body(Body::from("not json")).unwrap()).await;
            assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "unauthorized".into()), "{key:?}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    let twice = Request::get(FLOW_PATH)
        .header(header::AUTHORIZATION, "Bearer key-of-ann-0000")
        .header(header::AUTHORIZATION, "Bearer key-of-bob-0000");
    assert_eq!(world.ask(twice.body(Body::empty()).unwrap()).await.status, StatusCode::UNAUTHORIZED);
    let lower = Request::get(FLOW_PATH).header(header::AUTHORIZATION, "bearer key-of-ann-0000");
    assert_eq!(world.ask(lower.body(Body::empty()).unwrap()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn bodies_that_are_no_flow_are_told_why() {
    let world = World::new();
    let send = async |body: Vec<u8>| {
        let request = Request::post(FLOW_PATH).header(header::AUTHORIZATION, "Bearer key-of-ann-0000");
        let answer = world.ask(request.body(Body::from(body)).unwrap()).await;
        (answer.status.as_u16(), answer.code())
    };
    let deep = format!("{{\"name\":\"n\",\"automationJson\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for (body, status, code) in [
        (&b"not json"[..], 400, "not_json"),
        (b"", 400, "not_json"),
        (b"{\"name\":\"\xff\"}", 400, "not_json"),
        (deep.as_bytes(), 400, "not_json"),
        (b"[]", 422, "invalid"),
        (b"{}", 422, "invalid"),
        (&vec![b' '; 5 * 1024 * 1024], 413, "too_large"),
    ] {
        assert_eq!(send(body.to_vec()).await, (status, code.to_owned()), "{:?}", &body[..body.len().min(20)]);
    }
    let answer = world.flow("ann", Method::PATCH, "", NONE).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed".into()));
}

#[tokio::test]
async fn a_database_that_is_away_is_a_503() {
    let world = World::new();
    let request = Request::get(FLOW_PATH).header(header::AUTHORIZATION, "Bearer key-of-nobody-knows");
    let answer = world.ask(request.body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable".into()));
    assert!(!String::from_utf8_lossy(&answer.body).contains("away"), "the store's own words stay inside");
}

/// The same with more headers.
async fn with(
    world: &World,
    method: Method,
    query: &str,
    headers: &[(&str, &str)],
    body: Value,
) -> crate::world::Answer {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let mut request = Request::builder().method(method).uri(format!("{FLOW_PATH}{query}"));
    request = request.header(header::AUTHORIZATION, "Bearer key-of-ann-0000");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.ask(request.body(body).unwrap()).await
}

#[tokio::test]
async fn a_save_on_a_version_that_is_gone_is_refused() {
    let world = World::new();
    let answer = world.flow("ann", Method::POST, "", a_flow("Test")).await;
    let (flow, first) = (answer.json(), answer.header("etag").to_owned());
    assert_eq!(first, "\"1\"");
    let query = format!("?id={}", flow["id"].as_str().unwrap());
    let rename = |name: &str| json!({"id": flow["id"], "name": name});
    let saved = with(&world, Method::PUT, "", &[("if-match", &first)], rename("Mine")).await;
    assert_eq!((saved.status, saved.header("etag")), (StatusCode::OK, "\"2\""));
    let stale = with(&world, Method::PUT, "", &[("if-match", &first)], rename("Yours")).await;
    assert_eq!((stale.status, stale.code()), (StatusCode::PRECONDITION_FAILED, "flow_changed".into()));
    for named in ["*", "\"1\", \"2\"", "W/\"2\""] {
        let again = with(&world, Method::PUT, "", &[("if-match", named)], rename("Mine")).await;
        assert_eq!(
            (again.status, again.header("etag")),
            (StatusCode::OK, "\"2\""),
            "{named}: what changes nothing is no version"
        );
    }
    let known = with(&world, Method::GET, &query, &[("if-none-match", "\"2\"")], NONE).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let newer = with(&world, Method::GET, &query, &[("if-none-match", &first)], NONE).await;
    assert_eq!((newer.status, &newer.json()["name"]), (StatusCode::OK, &json!("Mine")));
}

#[tokio::test]
async fn the_steps_of_a_version_are_read_by_its_number() {
    let world = World::new();
    let flow = made(&world, "ann", a_flow("Test")).await;
    let query = |version: &str| format!("?id={}&version={version}", flow["id"].as_str().unwrap());
    let version = world.flow("ann", Method::GET, &query("1"), NONE).await;
    let expected = json!({"id": flow["id"], "accountId": "ann", "version": 1, "automationJson": steps(), "savedAt": flow["updatedAt"]});
    assert_eq!((version.status, version.json()), (StatusCode::OK, expected));
    for (account, number) in [("ann", "2"), ("ann", "first"), ("ann", "-1"), ("bob", "1")] {
        let none = world.flow(account, Method::GET, &query(number), NONE).await;
        assert_eq!(
            (none.status, none.code()),
            (StatusCode::NOT_FOUND, "version_not_found".into()),
            "{account} {number}"
        );
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_let_in_by_a_setting_only() {
    const BUILDER: &str = "https://builder.example.com";
    let ask = [
        ("origin", BUILDER),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    let closed = World::new();
    let answer = with(&closed, Method::OPTIONS, "", &ask, NONE).await;
    assert!(answer.headers.get("access-control-allow-origin").is_none());
    for (setting, origin, allowed) in
        [(BUILDER, BUILDER, BUILDER), ("*", "https://anybody.example", "*"), (BUILDER, "https://evil.example", "")]
    {
        let open = World::with(&[("FLOW_RUNNER__GATEWAY__CORS_ORIGINS", setting)]);
        let mut ask = ask;
        ask[0].1 = origin;
        let answer = with(&open, Method::OPTIONS, "", &ask, NONE).await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{setting} {origin}");
        let real = with(&open, Method::GET, "", &[("origin", origin)], NONE).await;
        assert_eq!((real.status, real.header("access-control-allow-origin")), (StatusCode::OK, allowed));
    }
}

#[tokio::test]
async fn every_answer_bears_an_id_and_says_that_it_is_data() {
    let world = World::new();
    let mut ids = std::collections::BTreeSet::new();
    for (path, own, taken) in [
        (FLOW_PATH, "", false),
        (FLOW_PATH, "req-1/a+b=:._", true),
        ("/nothing", "two words", false),
        ("/healthz", &"x".repeat(129), false),
        (webhook_gateway::CALLBACK_PATH, "9f8e", true),
    ] {
        let request = Request::get(path).header("x-request-id", own).body(Body::empty()).unwrap();
        let answer = world.ask(request).await;
        let id = answer.header("x-request-id").to_owned();
        assert_eq!(id == own, taken, "{path} {own}: {id}");
        assert!(!id.is_empty() && ids.insert(id), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors"), "{path}");
    }
}
