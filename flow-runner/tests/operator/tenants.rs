//! Tenants don't see each other, and whoever has no key of the right kind sees nobody: every route with every wrong key.

use crate::{
    done,
    support::{
        API_KEY, NUMBER,
        stage::{Stage, person, says},
    },
};
use reqwest::Method;
use serde_json::{Value, json};

const ADMIN_KEY: &str = "test-admin-key-0123456789";
/// Stands in everything of a tenant that another one must never see.
const SECRET: &str = "canary-of-the-first-tenant";

/// A request: method, path, body.
type Asked = (Method, String, Value);

async fn ask(stage: &Stage, (method, path, body): &Asked, authorization: &[String]) -> (u16, String) {
    let mut request = stage.installation.http.request(method.clone(), stage.installation.url(path));
    for value in authorization {
        request = request.header("authorization", value);
    }
    if !body.is_null() {
        request = request.json(body);
    }
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

fn bearer(key: &str) -> Vec<String> {
    vec![format!("Bearer {key}")]
}

/// Headers that are nobody's key, made from one that is.
fn wrong(key: &str) -> Vec<Vec<String>> {
    let cut = &key[..key.len() - 1];
    let mut wrong: Vec<Vec<String>> =
        ["", " ", "null", "undefined", "*", "%", "' OR '1'='1", "wrong-key-0123456789", cut]
            .iter()
            .map(|key| bearer(key))
            .collect();
    wrong.extend([
        vec![],
        bearer(&format!("{key}x")),
        bearer(&format!("{key} {key}")),
        bearer(&key.to_uppercase()),
        bearer(&"k".repeat(513)),
        vec![key.to_owned()],
        vec![format!("Basic {key}")],
        vec![format!("Bearer{key}")],
        vec![format!("Bearer {key}"), format!("Bearer {key}")],
    ]);
    wrong
}

fn flow_routes(id: &str) -> Vec<Asked> {
    let flow = "/api/whatsapp/flow";
    let steps = says("taken over");
    vec![
        (Method::GET, flow.to_owned(), Value::Null),
        (Method::GET, format!("{flow}?id={id}"), Value::Null),
        (Method::GET, format!("{flow}?id={id}&version=1"), Value::Null),
        (Method::POST, flow.to_owned(), json!({ "name": "Mine", "trigger": ["mine"], "automationJson": steps })),
        (Method::PUT, flow.to_owned(), json!({ "id": id, "name": "Mine" })),
        (Method::PUT, flow.to_owned(), json!({ "id": id, "automationJson": steps, "status": "ACTIVE" })),
        (Method::DELETE, flow.to_owned(), json!({ "id": id })),
        (Method::DELETE, format!("{flow}?id={id}"), Value::Null),
    ]
}

fn ops_routes(recipient: &str) -> Vec<Asked> {
    let get = |path: &str| (Method::GET, format!("/api/ops/{path}"), Value::Null);
    let post = |path: &str, body: Value| (Method::POST, format!("/api/ops/{path}"), body);
    let session = format!("/api/ops/sessions/default/{recipient}");
    vec![
        get("dead-letters"),
        get("dead-letters/any"),
        get("dead-letters/summary"),
        get("replays/any"),
        get("queues"),
        get("phone-numbers"),
        get("trace/any"),
        get("audit"),
        (Method::GET, session.clone(), Value::Null),
        (Method::PUT, session.clone(), json!({ "flowId": "a", "currentStepId": "b" })),
        (Method::DELETE, session, Value::Null),
        post("dead-letters/replay", json!({ "all": true })),
        post("dead-letters/discard", json!({ "all": true })),
        post(&format!("phone-numbers/{NUMBER}/pause"), json!({})),
        post(&format!("phone-numbers/{NUMBER}/resume"), json!({})),
        post("jobs/any/settle", json!({ "as": "arrived" })),
        post("events", json!({ "phoneNumberId": NUMBER, "from": "4915000000001", "text": "one" })),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_or_changes_what_is_anothers() {
    let stage = Stage::set(&[("FLOW_RUNNER_ADMIN_KEY", ADMIN_KEY)]).await;
    let first = stage.installation.save_flow(SECRET, &["canary"], says(SECRET)).await;
    let id = first["id"].as_str().expect("an id");
    stage.writes(&person(1), "canary").await;
    stage.until_received(&person(1), &[SECRET]).await;
    let other = done(&stage.installation, &["accounts", "create", "Other"]);
    let other = other["apiKey"].as_str().expect("a key").to_owned();
    let ended = done(&stage.installation, &["accounts", "create", "Ended"]);
    let rotate = ["accounts", "rotate-key", ended["accountId"].as_str().expect("an id"), "--grace", "0s"];
    done(&stage.installation, &rotate);
    stage.installation.until_known().await;
    let ended = ended["apiKey"].as_str().expect("a key");
    let (flows, ops) = (flow_routes(id), ops_routes("4915000000001"));
    let before = ask(&stage, &flows[1], &bearer(API_KEY)).await;
    assert!(before.0 == 200 && before.1.contains(SECRET));

    let mut cases = 0;
    // Keys that are nobody's, and such as open something else.
    for (routes, right, others) in [(&flows, API_KEY, [ADMIN_KEY, ended]), (&ops, ADMIN_KEY, [API_KEY, other.as_str()])]
    {
        let keys = wrong(right).into_iter().chain(others.map(bearer));
        for headers in keys {
            for route in routes {
                let (status, said) = ask(&stage, route, &headers).await;
                assert_eq!(status, 401, "{route:?} with {headers:?}: {said}");
                assert!(!said.contains(SECRET), "{route:?} with {headers:?}");
                cases += 1;
            }
        }
    }
    // Another tenant's key: what is not its own isn't there.
    for (at, route) in flows.iter().enumerate() {
        let (status, said) = ask(&stage, route, &bearer(&other)).await;
        let expected: &[u16] = match at {
            0 => &[200],
            3 => &[201],
            _ => &[404],
        };
        assert!(expected.contains(&status) && !said.contains(SECRET), "{route:?}: {status}: {said}");
        cases += 1;
    }
    // A flow of its own under the first one's id is none of the first one's either.
    let made = ask(&stage, &flows[3], &bearer(&other)).await;
    assert!(made.0 == 201 && !ask(&stage, &flows[0], &bearer(API_KEY)).await.1.contains("taken over"));
    assert_eq!(ask(&stage, &flows[1], &bearer(API_KEY)).await, before, "nothing was changed");
    // What the other tenant saved starts nobody's conversation but its own.
    stage.writes(&person(2), "mine").await;
    stage.writes(&person(2), "canary").await;
    stage.until_received(&person(2), &[SECRET]).await;
    assert!(cases >= 300, "{cases} cases");
}
