//! The ops API: what the command line does, for scripts; each answer in the shapes that scripts hold on to.

use crate::{
    done,
    support::{
        API_KEY, NUMBER,
        stage::{Stage, WORDS, person, refuses},
        until_some,
    },
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const ADMIN_KEY: &str = "test-admin-key-0123456789";
const ADMIN: (&str, &str) = ("FLOW_RUNNER_ADMIN_KEY", ADMIN_KEY);

/// Asks with this key; status and JSON.
async fn asked(stage: &Stage, key: &str, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let url = stage.installation.url(&format!("/api/ops/{path}"));
    let mut request = stage.installation.http.request(method, url).bearer_auth(key).header("x-operator", "ada");
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

async fn get(stage: &Stage, path: &str) -> Value {
    let (status, answer) = asked(stage, ADMIN_KEY, Method::GET, path, None).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

async fn post(stage: &Stage, path: &str, body: Value) -> (u16, Value) {
    asked(stage, ADMIN_KEY, Method::POST, path, Some(body)).await
}

/// Begins a replay and waits until it is done.
async fn replayed(stage: &Stage, body: Value) -> Value {
    let (status, begun) = post(stage, "dead-letters/replay", body).await;
    assert_eq!((status, &begun["state"]), (202, &json!("running")), "{begun}");
    let path = format!("replays/{}", begun["id"].as_str().expect("an id"));
    until_some("the replay is done", async || Some(get(stage, &path).await).filter(|run| run["state"] == "done")).await
}

/// So many people, to each of whom one message was refused for good.
async fn refused_for(stage: &Stage, count: usize) {
    for at in 0..count {
        stage.fails(&person(at), refuses(131_026), 1);
        stage.writes(&person(at), "one").await;
    }
    stage.installation.until("SELECT count(*) FROM dead_letters", &count.to_string()).await;
    stage.installation.until_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_admin_key_opens_it_and_without_one_it_is_off() {
    let stage = Stage::set(&[ADMIN]).await;
    for key in ["", "wrong", API_KEY, &ADMIN_KEY[1..]] {
        let (status, problem) = asked(&stage, key, Method::GET, "dead-letters", None).await;
        assert_eq!((status, &problem["code"]), (401, &json!("unauthorized")), "{key}");
    }
    assert_eq!(get(&stage, "dead-letters").await, json!({ "items": [], "nextCursor": null }));
    let (status, problem) = asked(&stage, ADMIN_KEY, Method::GET, "nothing", None).await;
    assert_eq!((status, &problem["code"]), (404, &json!("not_found")));
    let off = Stage::set(&[]).await;
    let (status, problem) = asked(&off, ADMIN_KEY, Method::GET, "dead-letters", None).await;
    assert_eq!((status, &problem["code"]), (404, &json!("ops_api_off")));
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_found_grouped_replayed_once_and_discarded() {
    let stage = Stage::set(&[ADMIN]).await;
    refused_for(&stage, 5).await;
    let first = get(&stage, "dead-letters?limit=2&reason=permanent_error&code=131026&since=1h").await;
    assert_eq!(first["items"].as_array().map(Vec::len), Some(2));
    let cursor = first["nextCursor"].as_str().expect("more");
    let rest = get(&stage, &format!("dead-letters?limit=9&cursor={cursor}")).await;
    assert_eq!((rest["items"].as_array().map(Vec::len), &rest["nextCursor"]), (Some(3), &Value::Null));
    let letter = &first["items"][0];
    let id = letter["id"].as_str().expect("an id");
    assert_eq!(get(&stage, &format!("dead-letters/{id}")).await, *letter);
    for field in [
        "id",
        "kind",
        "state",
        "reason",
        "code",
        "accountId",
        "phoneNumberId",
        "recipientId",
        "recipient",
        "flowId",
        "stepId",
        "jobId",
        "eventId",
        "attempts",
        "body",
        "traceId",
        "createdAt",
    ] {
        assert!(letter.get(field).is_some(), "{field}: {letter}");
    }
    let who = letter["recipient"].as_str().expect("a phone");
    assert_eq!(get(&stage, &format!("dead-letters?recipient=%2B{who}&kind=job")).await["items"], json!([letter]));
    assert_eq!(get(&stage, &format!("dead-letters?q={who}")).await["items"], json!([letter]));
    let groups = get(&stage, "dead-letters/summary?by=reason,code").await;
    let group = &groups["items"][0];
    assert_eq!(
        [&group["reason"], &group["code"], &group["count"]],
        [&json!("permanent_error"), &json!(131_026), &json!(5)]
    );
    assert!(group["oldest"].as_str() <= group["newest"].as_str());

    let (status, dry) =
        post(&stage, "dead-letters/replay", json!({ "filter": { "code": "131026" }, "dryRun": true })).await;
    assert_eq!((status, &dry["total"], &dry["outcomes"]["would_send"]), (200, &json!(5), &json!(5)));
    assert_eq!(stage.simulator.sends_count(), 0, "looking sends nothing");
    let one = replayed(&stage, json!({ "ids": [id] })).await;
    assert_eq!((&one["total"], &one["replayed"]), (&json!(1), &json!(1)));
    let all = replayed(&stage, json!({ "filter": { "reason": "permanent_error" }, "rate": 1000 })).await;
    assert_eq!((&all["total"], &all["replayed"]), (&json!(4), &json!(4)));
    assert!(all["startedAt"].is_string() && all["finishedAt"].is_string());
    let again = replayed(&stage, json!({ "all": true })).await;
    assert_eq!(again["total"], 0);
    let again = replayed(&stage, json!({ "ids": [id] })).await;
    assert_eq!((&again["replayed"], &again["skipped"]["already_sent"]), (&json!(0), &json!(1)));
    stage.installation.until_settled().await;
    assert_eq!(stage.simulator.sends_count(), 5, "nothing twice");

    stage.fails(&person(0), refuses(131_026), 1);
    stage.writes(&person(0), "two").await;
    stage.installation.until("SELECT count(*) FROM dead_letters WHERE state = 'open'", "1").await;
    let (status, dry) = post(&stage, "dead-letters/discard", json!({ "all": true, "dryRun": true })).await;
    assert_eq!((status, &dry["outcomes"]["would_discard"]), (200, &json!(1)));
    assert_eq!(post(&stage, "dead-letters/discard", json!({ "all": true })).await.0, 202);
    stage.installation.until("SELECT count(*) FROM dead_letters WHERE state = 'discarded'", "1").await;
    let acts = get(&stage, "audit").await;
    let told: Vec<_> = acts["items"].as_array().expect("acts").iter().map(|act| [&act["who"], &act["act"]]).collect();
    assert_eq!(told[0], ["ada (ops API)", "dead_letters.discard"]);
    assert_eq!(told.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_replay_holds_up_no_other() {
    let stage = Stage::set(&[ADMIN]).await;
    refused_for(&stage, 5).await;
    let listed = get(&stage, "dead-letters").await;
    let ids: Vec<&Value> = listed["items"].as_array().expect("letters").iter().map(|letter| &letter["id"]).collect();
    let (status, slow) = post(&stage, "dead-letters/replay", json!({ "ids": &ids[..4], "rate": 1 })).await;
    assert_eq!(status, 202);
    let quick = replayed(&stage, json!({ "ids": [ids[4]] })).await;
    assert_eq!(quick["replayed"], 1);
    let path = format!("replays/{}", slow["id"].as_str().expect("an id"));
    let first = get(&stage, &path).await;
    let done = until_some("the slow one is done", async || {
        Some(get(&stage, &path).await).filter(|run| run["state"] == "done")
    });
    assert_eq!(done.await["replayed"], 4);
    assert_eq!(first["state"], "running", "{first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_with_its_place() {
    let stage = Stage::set(&[ADMIN]).await;
    for (body, place) in [
        (json!({}), ""),
        (json!({ "ids": [] }), "/ids"),
        (json!({ "ids": [1] }), "/ids/0"),
        (json!({ "filter": {} }), "/filter"),
        (json!({ "filter": { "reason": 1 } }), "/filter/reason"),
        (json!({ "filter": { "state": "open" } }), "/filter"),
        (json!({ "filter": { "state": "discarded" } }), "/filter/state"),
        (json!({ "filter": { "q": "" } }), "/filter/q"),
        (json!({ "filter": { "colour": "red" } }), "/filter/colour"),
        (json!({ "all": true, "ids": ["1"] }), ""),
        (json!({ "all": true, "rate": 0 }), "/rate"),
        (json!({ "all": true, "dryRun": "yes" }), "/dryRun"),
        (json!({ "all": true, "may_duplicate": true }), "/may_duplicate"),
    ] {
        let (status, problem) = post(&stage, "dead-letters/replay", body.clone()).await;
        assert_eq!((status, &problem["code"]), (422, &json!("invalid")), "{body}");
        assert_eq!(problem["errors"][0]["path"], place, "{body}");
    }
    for path in
        ["dead-letters?limit=0", "dead-letters?state=lost", "dead-letters?colour=red", "dead-letters/summary?by=day"]
    {
        assert_eq!(asked(&stage, ADMIN_KEY, Method::GET, path, None).await.0, 422, "{path}");
    }
    for path in ["dead-letters/none", "replays/none", "trace/none", "sessions/default/4915000000000"] {
        assert_eq!(asked(&stage, ADMIN_KEY, Method::GET, path, None).await.0, 404, "{path}");
    }
    assert_eq!(post(&stage, "phone-numbers/none/pause", json!({})).await.0, 404);
    let unknown = json!({ "ids": ["none"] });
    assert_eq!(post(&stage, "dead-letters/replay", unknown).await.0, StatusCode::NOT_FOUND.as_u16());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_paused_and_goes_on_and_a_session_is_moved() {
    let stage = Stage::set(&[ADMIN]).await;
    let steps = json!([
        { "id": "a", "type": "MessageAction", "message": "Which?", "buttons": [{ "label": "This", "next": "b" }] },
        { "id": "b", "type": "MessageAction", "message": "And?", "buttons": [{ "label": "That", "next": "end" }] },
    ]);
    let flow = stage.installation.save_flow("Ask", &["ask"], steps).await;
    let kim = person(1);
    let (status, paused) = post(&stage, &format!("phone-numbers/{NUMBER}/pause"), json!({})).await;
    assert_eq!((status, &paused["paused"]), (200, &json!("paused by hand")));
    let event = json!({ "phoneNumberId": NUMBER, "from": kim.phone, "text": "ask" });
    let (status, taken) = post(&stage, "events", event).await;
    assert_eq!(status, 202, "{taken}");
    stage.installation.until("SELECT count(*) FROM jobs WHERE state IN ('queued', 'retrying')", "1").await;
    let numbers = get(&stage, "phone-numbers").await;
    assert_eq!(
        [&numbers["items"][0]["backlog"], &numbers["items"][0]["paused"]],
        [&json!(1), &json!("paused by hand")]
    );
    assert!(get(&stage, "queues").await["numbers"][0]["backlog"] == 1);
    assert_eq!(post(&stage, &format!("phone-numbers/{NUMBER}/resume"), json!({})).await.1["paused"], Value::Null);
    stage.until_received(&kim, &["Which?"]).await;

    let traced = get(&stage, &format!("trace/{}", taken["eventId"].as_str().expect("an id"))).await;
    assert_eq!((&traced["jobs"][0]["stepId"], traced["jobs"].as_array().map(Vec::len)), (&json!("a"), Some(1)));
    assert_eq!(done(&stage.installation, &["trace", &stage.sends(&kim)[0].wamid])["event"], traced["event"]);
    let settle = format!("jobs/{}/settle", traced["jobs"][0]["jobId"].as_str().expect("an id"));
    assert_eq!(post(&stage, &settle, json!({ "as": "lost" })).await.1["errors"][0]["path"], "/as");
    assert_eq!(post(&stage, &settle, json!({ "as": "arrived" })).await.0, 409, "it is sent");
    assert_eq!(post(&stage, "jobs/none/settle", json!({ "as": "arrived" })).await.0, 404);

    let path = format!("sessions/default/{}", kim.phone_digits().expect("a phone"));
    let session = get(&stage, &path).await;
    assert_eq!((&session["flowId"], &session["currentStepId"]), (&flow["id"], &json!("a")));
    let mut place = session.clone();
    place["currentStepId"] = "b".into();
    let put = async |place: &Value| asked(&stage, ADMIN_KEY, Method::PUT, &path, Some(place.clone())).await;
    assert_eq!(put(&place).await.1["currentStepId"], "b");
    assert_eq!(put(&place).await.0, 409, "it has moved since it was shown");
    assert_eq!(asked(&stage, ADMIN_KEY, Method::DELETE, &path, None).await.0, 200);
    assert_eq!(asked(&stage, ADMIN_KEY, Method::GET, &path, None).await.0, 404);
    stage.writes(&kim, WORDS[0]).await;
    stage.until_received(&kim, &["Which?", WORDS[0]]).await;
}
