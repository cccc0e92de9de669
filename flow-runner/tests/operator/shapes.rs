//! The shapes that scripts hold on to, of each answer of the ops API, as the contract has them. A `?` after a name: it may be
//! missing; a `?` after a type: it may be null. What else an answer holds is nobody's business here.

use crate::support::{
    NUMBER,
    stage::{Stage, person, refuses},
    until_some,
};
use reqwest::Method;
use serde_json::{Value, json};

const ADMIN_KEY: &str = "test-admin-key-0123456789";

/// Where an answer has another shape.
fn differs(answer: &Value, shape: &Value, place: &str) -> Option<String> {
    let fault = |what: &str| Some(format!("{place}: {what}, but there is {answer}"));
    match shape {
        Value::String(kind) => {
            let (kind, nullable) = kind.strip_suffix('?').map_or((kind.as_str(), false), |kind| (kind, true));
            let fits = match kind {
                "text" => answer.is_string(),
                "number" => answer.is_number(),
                "time" => answer.as_str().is_some_and(|text| text.len() >= 20 && text.ends_with('Z')),
                "object" => answer.is_object(),
                "anything" => true,
                word => answer == word,
            };
            if fits || (nullable && answer.is_null()) { None } else { fault(&format!("{kind} is due")) }
        }
        Value::Array(each) => match answer.as_array() {
            Some(items) => {
                items.iter().enumerate().find_map(|(at, item)| differs(item, &each[0], &format!("{place}/{at}")))
            }
            None => fault("a list is due"),
        },
        Value::Object(fields) => fields.iter().find_map(|(name, shape)| {
            let (name, optional) = name.strip_suffix('?').map_or((name.as_str(), false), |name| (name, true));
            match answer.get(name) {
                Some(value) => differs(value, shape, &format!("{place}/{name}")),
                None if optional => None,
                None => fault(&format!("{name} is due")),
            }
        }),
        other => (answer != other).then(|| format!("{place}: {other} is due, but there is {answer}")),
    }
}

struct Script<'a>(&'a Stage);

impl Script<'_> {
    /// Asks, and holds on to status and shape.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>, status: u16, shape: Value) -> Value {
        let url = self.0.installation.url(&format!("/api/ops/{path}"));
        let mut request = self.0.installation.http.request(method.clone(), url).bearer_auth(ADMIN_KEY);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        let (got, answer) = (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"));
        assert_eq!(got, status, "{method} {path}: {answer}");
        if let Some(fault) = differs(&answer, &shape, "") {
            panic!("{method} {path}: {fault}");
        }
        answer
    }

    async fn get(&self, path: &str, shape: Value) -> Value {
        self.ask(Method::GET, path, None, 200, shape).await
    }

    async fn post(&self, path: &str, body: Value, status: u16, shape: Value) -> Value {
        self.ask(Method::POST, path, Some(body), status, shape).await
    }
}

fn letter() -> Value {
    json!({
        "id": "text", "kind": "text", "state": "text", "reason": "text", "code?": "number", "accountId": "text?",
        "phoneNumberId": "text?", "recipientId": "text?", "recipient": "text?", "flowId?": "text", "stepId?": "text",
        "jobId?": "text", "eventId?": "text", "attempts": [{ "at": "time", "code?": "number", "error": "text" }],
        "body": "anything", "traceId": "text?", "createdAt": "time",
    })
}

fn skipped() -> Value {
    json!({
        "already_sent": "number", "may_duplicate": "number", "session_moved_on": "number", "window_closed": "number",
        "number_unavailable": "number",
    })
}

fn outcomes() -> Value {
    let mut outcomes = skipped();
    outcomes["would_send"] = json!("number");
    outcomes
}

fn number() -> Value {
    json!({
        "phoneNumberId": "text", "accountId": "text", "paused": "text?", "breaker": "text?", "rate": "number?",
        "rateNow": "number?", "backlog": "number",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_shape_that_scripts_hold_on_to() {
    let stage = Stage::set(&[("FLOW_RUNNER_ADMIN_KEY", ADMIN_KEY)]).await;
    let script = Script(&stage);
    let kim = person(1);
    for at in 1..4 {
        stage.fails(&person(at), refuses(131_026), 1);
        stage.writes(&person(at), "one").await;
    }
    stage.installation.until("SELECT count(*) FROM dead_letters", "3").await;

    let list = script.get("dead-letters?limit=2", json!({ "items": [letter()], "nextCursor": "text" })).await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    let its = format!("dead-letters?recipient={}", kim.phone_digits().expect("a phone"));
    let list = script.get(&its, json!({ "items": [letter()], "nextCursor": "text?" })).await;
    let id = list["items"][0]["id"].as_str().expect("an id");
    script.get(&format!("dead-letters/{id}"), letter()).await;
    let job = list["items"][0]["jobId"].as_str().expect("a job").to_owned();
    let group = json!({
        "reason": "text?", "code": "number?", "flow": "text?", "step": "text?", "count": "number", "oldest": "time",
        "newest": "time",
    });
    script.get("dead-letters/summary?by=reason,code,flow,step", json!({ "items": [group] })).await;

    for path in ["dead-letters/replay", "dead-letters/discard"] {
        script
            .post(path, json!({}), 422, json!({ "code": "invalid", "errors": [{ "path": "text", "code": "text" }] }))
            .await;
    }
    let dry = json!({ "total": "number", "outcomes": outcomes() });
    script.post("dead-letters/replay", json!({ "all": true, "dryRun": true }), 200, dry).await;
    let begun = json!({ "id": "text", "state": "text", "total": "number" });
    let replay = script.post("dead-letters/replay", json!({ "ids": [id] }), 202, begun.clone()).await;
    let path = format!("replays/{}", replay["id"].as_str().expect("an id"));
    let run = json!({
        "id": "text", "state": "text", "total": "number", "replayed": "number", "skipped": skipped(), "startedAt": "time",
        "finishedAt?": "time",
    });
    until_some("it is done", async || Some(script.get(&path, run.clone()).await).filter(|run| run["state"] == "done"))
        .await;
    script.post("dead-letters/discard", json!({ "filter": { "code": 131_026 } }), 202, begun).await;

    let queue =
        json!({ "queue": "text", "depth": "number", "owner": "text?", "rate": "number?", "ageSeconds": "number?" });
    script.get("queues", json!({ "items": [queue] })).await;
    script.get("phone-numbers", json!({ "items": [number()] })).await;
    for act in ["pause", "resume"] {
        script.post(&format!("phone-numbers/{NUMBER}/{act}"), json!({}), 200, number()).await;
    }
    let event = json!({ "phoneNumberId": NUMBER, "from": kim.phone, "text": "one" });
    let event = script.post("events", event, 202, json!({ "eventId": "text" })).await;
    stage.until_received(&kim, &["one", "one"]).await;
    let step = json!({ "at": "time", "what": "text" });
    let traced = json!({ "event": "object", "jobs": ["object"], "deadLetters": ["object"], "timeline": [step] });
    script.get(&format!("trace/{}", event["eventId"].as_str().expect("an id")), traced).await;
    let problem = json!({ "type": "text", "title": "text", "status": "number", "code": "conflict", "detail": "text" });
    stage.installation.until_settled().await;
    script.post(&format!("jobs/{job}/settle"), json!({ "as": "arrived" }), 409, problem).await;

    let steps = json!([
        { "id": "a", "type": "MessageAction", "message": "Which?", "buttons": [{ "label": "This", "next": "b" }] },
        { "id": "b", "type": "MessageAction", "message": "And?", "buttons": [{ "label": "That", "next": "end" }] },
    ]);
    stage.installation.save_flow("Ask", &["ask"], steps).await;
    stage.writes(&kim, "ask").await;
    stage.until_received(&kim, &["one", "one", "Which?"]).await;
    let path = format!("sessions/default/{}", kim.phone_digits().expect("a phone"));
    let session = json!({
        "accountId": "text", "recipientId": "text", "flowId": "text", "currentStepId": "text", "rowVersion": "anything",
    });
    let mut place = script.get(&path, session.clone()).await;
    place["currentStepId"] = json!("b");
    script.ask(Method::PUT, &path, Some(place.clone()), 200, session).await;
    script.ask(Method::PUT, &path, Some(place), 409, json!({ "code": "conflict" })).await;
    script.ask(Method::DELETE, &path, None, 200, json!("object")).await;
    let act = json!({ "at": "time", "who": "text", "act": "text", "subject": "text", "details": "object" });
    script.get("audit", json!({ "items": [act], "nextCursor": "text?" })).await;
}
