//! `messages settle`: sends of which only their recipient knows whether they arrived.

use crate::{
    done, refused,
    support::{
        stage::{Stage, person},
        until,
    },
};
use serde_json::json;
use whatsapp_simulator::{FaultKind, User};

/// What was written to this person is on its way, and nobody knows whether it arrived; with it a message behind it.
async fn lost(stage: &Stage, who: &User) -> String {
    stage.fails(who, FaultKind::ResetBefore, 1);
    stage.writes(who, "one").await;
    stage.writes(who, "two").await;
    until("its outcome is unknown", || stage.jobs(who).first().is_some_and(|job| job["state"] == "unknown")).await;
    stage.jobs(who)[0]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_knows_settles_a_send_at_once() {
    // With the usual wait of a minute: only the operator can be why the lanes go on before.
    let stage = Stage::set(&[]).await;
    let (kim, lee, sam) = (person(1), person(2), person(3));
    let settle = |job: &str, decision: &str| done(&stage.installation, &["messages", "settle", job, decision]);

    let job = lost(&stage, &kim).await;
    assert_eq!(settle(&job, "arrived")["jobs"][0]["state"], "sent");
    stage.until_received(&kim, &["two"]).await;

    let job = lost(&stage, &lee).await;
    settle(&job, "resend");
    stage.until_received(&lee, &["one", "two"]).await;
    assert_eq!([&stage.jobs(&lee)[0]["attempt"], &stage.jobs(&lee)[0]["resends"]], [2, 1]);

    let job = lost(&stage, &sam).await;
    assert_eq!(settle(&job, "give-up")["deadLetters"][0]["reason"], "unknown_outcome");
    stage.until_received(&sam, &["two"]).await;
    // Somebody asked Sam meanwhile.
    assert_eq!(settle(&job, "arrived")["deadLetters"][0]["state"], "settled");

    stage.installation.until_settled().await;
    assert_eq!(stage.received(&kim), ["two"]);
    let acts = done(&stage.installation, &["audit"]);
    let settled = acts["items"].as_array().expect("acts").iter().filter(|act| act["act"] == "jobs.settle");
    assert_eq!(
        settled.map(|act| act["details"]["as"].clone()).collect::<Vec<_>>(),
        ["arrived", "give_up", "resend", "arrived"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_is_not_settled_and_says_why() {
    let stage = Stage::set(&[]).await;
    let kim = person(1);
    stage.writes(&kim, "one").await;
    stage.until_received(&kim, &["one"]).await;
    stage.installation.until("SELECT state FROM jobs", "sent").await;
    let job = stage.jobs(&kim)[0]["id"].as_str().expect("an id").to_owned();
    for (args, exit, hint) in [
        ([job.as_str(), "arrived"], 1, "is sent"),
        (["nobody", "arrived"], 1, "trace"),
        ([job.as_str(), "lost"], 2, "give-up"),
    ] {
        let (code, said) = refused(&stage.installation, &[&["messages", "settle"], &args[..]].concat());
        assert!(code == exit && said.contains(hint), "{args:?}: {code}: {said}");
    }
    assert_eq!(stage.jobs(&kim)[0]["state"], json!("sent"));
}
