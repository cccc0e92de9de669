//! What no queue has a use for becomes a dead letter, and goes back to where it belongs.

use crate::{
    done, items,
    support::{
        NUMBER,
        stage::{Stage, person},
    },
};
use serde_json::{Value, json};
use shared::{
    Clock as _, SystemClock, event, ids,
    job::JOB,
    ports::queue::{Message, Publish, QueueName},
};

fn publish(queue: QueueName, kind: &'static str, body: impl Into<Vec<u8>>) -> Publish {
    let message =
        Message { id: ids::fresh(), kind: kind.into(), schema: 1, traceparent: None, body: body.into().into() };
    Publish { queue, message }
}

/// Publishes while nobody is there, and starts again.
async fn beside(stage: &mut Stage, batch: Vec<Publish>) {
    stage.installation.terminate().await;
    let record = stage.installation.record().await;
    record.publish(batch).await;
    record.close().await;
    stage.installation.start().await;
}

fn list(stage: &Stage) -> Vec<Value> {
    items(&done(&stage.installation, &["dead-letters", "list"])).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_decode_is_kept_whole_and_holds_up_nothing() {
    let mut stage = Stage::set(&[]).await;
    let job = json!({ "jobId": "j", "phoneNumberId": NUMBER, "recipientId": "r", "laneSeq": 1 });
    let batch = vec![
        publish(QueueName::Inbound(0), event::MESSAGE, "{\"cut\": "),
        publish(QueueName::Inbound(1), "weird", "{}"),
        publish(QueueName::Inbound(2), event::MESSAGE, vec![0, 159, 146, 150]),
        publish(QueueName::Statuses, event::STATUS, "[]"),
        publish(QueueName::Outbound(0), JOB, "no json"),
        // Nothing is lost with these: the ledger has the job, and ticks come each second.
        publish(QueueName::DeadLetters, JOB, job.to_string()),
        publish(QueueName::DeadLetters, event::TICK, "{\"at\":1}"),
    ];
    beside(&mut stage, batch).await;
    stage.installation.until("SELECT count(*) FROM dead_letters WHERE reason = 'undecodable'", "5").await;
    let kim = person(1);
    stage.writes(&kim, "one").await;
    stage.until_received(&kim, &["one"]).await;
    stage.installation.until_settled().await;

    let letters = list(&stage);
    assert_eq!(letters.len(), 5, "{letters:#?}");
    let cut = letters.iter().find(|letter| letter["body"]["body"] == "{\"cut\": ").expect("the first");
    assert!(cut["body"]["queue"].as_str().expect("a queue").ends_with("inbound.00"), "{cut}");
    assert_eq!([&cut["kind"], &cut["body"]["type"]], ["event", "message"]);
    assert!(cut["attempts"][0]["error"].as_str().is_some_and(|error| error.contains("EOF")), "{cut}");
    let bytes = letters.iter().find(|letter| letter["body"]["encoding"] == "base64").expect("the bytes");
    assert_eq!(bytes["body"]["body"], "AJ+Slg==");

    let replayed = done(&stage.installation, &["dead-letters", "replay", "--all", "--yes"]);
    assert_eq!((&replayed["replayed"], &replayed["skipped"]["number_unavailable"]), (&json!(0), &json!(5)));
    let discarded = done(&stage.installation, &["dead-letters", "discard", "--reason", "undecodable", "--yes"]);
    assert_eq!(discarded["replayed"], 5);
    assert!(list(&stage).is_empty());
    stage.installation.terminate().await;
    stage.installation.record().await.assert_nothing_waits().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_though_it_can_be_read_goes_on_after_a_replay() {
    let mut stage = Stage::set(&[]).await;
    let kim = person(1);
    let mut fresh = || ids::fresh().into();
    let now = SystemClock::default().now();
    let mut batch = Vec::new();
    for body in [stage.callback(NUMBER, &kim, "one"), "{\"what\":1}".to_owned()] {
        for event in webhook_gateway::meta::cut(body.as_bytes(), now, &mut fresh) {
            let message = event.into_publish(8).expect("JSON").message;
            batch.push(Publish { queue: QueueName::DeadLetters, message });
        }
    }
    assert_eq!(batch.len(), 2);
    beside(&mut stage, batch).await;
    stage.installation.until("SELECT count(*) FROM dead_letters WHERE state = 'open'", "2").await;
    let letter =
        list(&stage).into_iter().find(|letter| letter["recipient"] == json!(kim.phone_digits())).expect("a letter");
    assert_eq!([&letter["phoneNumberId"], &letter["accountId"]], [NUMBER, "default"]);

    let replayed = done(&stage.installation, &["dead-letters", "replay", "--all", "--yes"]);
    assert_eq!(replayed["replayed"], 2, "{replayed}");
    stage.until_received(&kim, &["one"]).await;
    stage.installation.until("SELECT kind FROM kept_events", "unrecognized").await;
    assert!(list(&stage).is_empty());
}
