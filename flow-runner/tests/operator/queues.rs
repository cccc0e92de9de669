//! `queues`: what waits, who serves it, how fast; and what each number still has to send.

use crate::{
    done, items, shown,
    support::{
        NUMBER,
        stage::{Stage, person},
        until,
    },
};
use serde_json::{Value, json};

fn queues(stage: &Stage) -> Value {
    done(&stage.installation, &["queues"])
}

/// The queues of this kind, by what their names begin with.
fn of_kind<'a>(found: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    items(found).iter().filter(move |item| item["queue"].as_str().is_some_and(|name| name.starts_with(kind)))
}

fn each_is(found: &Value, so: impl Fn(&Value) -> bool) -> bool {
    ["inbound.", "outbound.", "statuses"].iter().flat_map(|kind| of_kind(found, kind)).all(so)
}

fn depth(found: &Value, kind: &str) -> u64 {
    of_kind(found, kind).map(|item| item["depth"].as_u64().expect("a depth")).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_shown_with_whoever_serves_them_and_numbers_with_what_waits() {
    let mut stage = Stage::set(&[]).await;
    let process = format!(":{} (", stage.installation.pid());
    let served = |item: &Value| item["owner"].as_str().is_some_and(|owner| owner.contains(&process));
    until("every queue is served", || each_is(&queues(&stage), served)).await;
    let busy =
        |found: &Value, kind: &str| of_kind(found, kind).any(|item| item["rate"].as_f64().is_some_and(|at| at > 0.0));
    for who in (0..20).map(person) {
        stage.writes(&who, "one").await;
    }
    let all_busy = || {
        let found = queues(&stage);
        ["inbound.", "outbound.", "statuses"].iter().all(|kind| busy(&found, kind))
    };
    until("what was handled is counted", all_busy).await;
    stage.installation.until_settled().await;
    let found = queues(&stage);
    assert!(each_is(&found, |item| item["ageSeconds"].as_u64().is_some_and(|age| age < 60)), "{found:#}");
    let nobodys = json!({ "queue": "dead-letters", "depth": 0, "owner": null, "rate": null, "ageSeconds": null });
    assert_eq!((items(&found).last(), &found["numbers"]), (Some(&nobodys), &json!([])));

    done(&stage.installation, &["numbers", "pause", NUMBER]);
    stage.installation.until_known().await;
    for who in (20..23).map(person) {
        stage.writes(&who, "two").await;
    }
    stage.installation.until("SELECT count(*) FROM jobs WHERE state IN ('queued', 'retrying')", "3").await;
    let found = queues(&stage);
    let waits = &found["numbers"][0];
    let who = [&waits["phoneNumberId"], &waits["accountId"], &waits["paused"]];
    assert_eq!((who, &waits["backlog"]), ([&json!(NUMBER), &json!("default"), &json!("paused by hand")], &json!(3)));
    assert!(waits["oldestAgeSeconds"].as_u64().is_some_and(|age| age < 60), "{waits}");
    let text = shown(&stage.installation, &["queues"]);
    assert!(text.contains("paused by hand") && text.contains(&process), "{text}");
    done(&stage.installation, &["numbers", "resume", NUMBER]);
    for who in (20..23).map(person) {
        stage.until_received(&who, &["two"]).await;
    }
    stage.installation.until_settled().await;
    assert_eq!(queues(&stage)["numbers"], json!([]));
    stage.installation.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_serving_process_nobody_knows_more_than_what_lies_there() {
    let mut stage = Stage::set(&[]).await;
    stage.installation.terminate().await;
    done(&stage.installation, &["process", "--number", NUMBER, "--from", "15550001111", "one"]);
    until("what was published is counted", || depth(&queues(&stage), "inbound.") == 1).await;
    let found = queues(&stage);
    for item in items(&found) {
        assert_eq!([&item["owner"], &item["rate"], &item["ageSeconds"]], [&Value::Null; 3], "{item}");
    }
    assert_eq!((depth(&found, "outbound."), &found["numbers"]), (0, &json!([])));
    let text = shown(&stage.installation, &["queues"]);
    let unknown = text.lines().filter(|line| line.split_whitespace().filter(|word| *word == "?").count() == 3);
    assert_eq!(unknown.count(), items(&found).len(), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_an_installation_that_nobody_served_fixes_nothing() {
    let installation = crate::support::Installation::new("http://127.0.0.1:1", &[]);
    let (code, said) = crate::refused(&installation, &["queues"]);
    assert!(code == 1 && said.contains("nobody has served"), "{code}: {said}");
}

#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_can_not_be_asked_is_named() {
    let mut stage = Stage::set(&[]).await;
    stage.installation.terminate().await;
    stage.installation.set("AMQP_URL", "amqp://guest:guest@127.0.0.1:1/%2f");
    let (code, said) = crate::refused(&stage.installation, &["queues"]);
    assert!(code == 1 && said.contains("AMQP_URL"), "{code}: {said}");
}
