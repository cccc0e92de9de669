//! Sends whose outcome is unknown: a status settles them, and only without one they are sent again, once.

use crate::support::{
    stage::{Stage, person},
    until,
};
use serde_json::json;
use whatsapp_simulator::{Fault, FaultKind};

/// Without a status the outcome is waited for so long.
const SHORT: (&str, &str) = ("FLOW_RUNNER__SEND__UNKNOWN_WAIT", "2s");

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_without_an_answer_is_settled_by_its_status() {
    // With the usual wait of a minute: only the status can be why the lanes go on before.
    let stage = Stage::set(&[]).await;
    let kinds = [
        FaultKind::TimeoutAfter { statuses: true },
        FaultKind::Drip { ms: 1_000 },
        FaultKind::ResetAfter { statuses: true },
        FaultKind::Garbled,
        FaultKind::Truncated,
        FaultKind::ServerError { http_status: 502, accepted: true },
    ];
    for (at, kind) in kinds.iter().enumerate() {
        stage.fails(&person(at), kind.clone(), 1);
        stage.writes(&person(at), "one").await;
        stage.writes(&person(at), "two").await;
    }
    for (at, kind) in kinds.iter().enumerate() {
        stage.until_received(&person(at), &["one", "two"]).await;
        let sends = stage.sends(&person(at));
        let late = sends[1].accepted_at - sends[0].accepted_at;
        // A POST that is never answered ends after 20 s.
        let most = if at < 2 { 25_000 } else { 5_000 };
        assert!(late < most, "{kind:?}: the next one went {late} ms later");
    }
    stage.installation.until_settled().await;
    assert_eq!(stage.simulator.sends_count(), 2 * kinds.len() as u64);
    let attempts = "SELECT DISTINCT state, attempt, resends FROM jobs";
    assert_eq!(stage.installation.ask(attempts), "sent|1|0");
    assert!(stage.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_accepted_is_sent_again_once_and_in_order() {
    let stage = Stage::set(&[SHORT]).await;
    let (kim, lee, sam) = (person(1), person(2), person(3));
    stage.fails(&kim, FaultKind::ResetBefore, 1);
    stage.fails(&lee, FaultKind::ServerError { http_status: 500, accepted: false }, 1);
    stage.fails(&sam, FaultKind::TimeoutBefore, 1);
    for who in [&kim, &lee, &sam] {
        stage.writes(who, "one").await;
        stage.writes(who, "two").await;
    }
    for who in [&kim, &lee, &sam] {
        stage.until_received(who, &["one", "two"]).await;
        assert_eq!(stage.refused_at(who).len(), 1);
        let waited = stage.sends(who)[0].accepted_at - stage.refused_at(who)[0];
        // The wait counts from the claim, a moment before the request.
        assert!((1_500..25_000).contains(&waited), "{who:?} waited {waited} ms");
    }
    stage.installation.until_settled().await;
    for who in [&kim, &lee, &sam] {
        let jobs = stage.jobs(who);
        assert_eq!([&jobs[0]["attempt"], &jobs[0]["resends"]], [2, 1], "{jobs:?}");
        assert_eq!([&jobs[1]["attempt"], &jobs[1]["resends"]], [1, 0], "{jobs:?}");
    }
    assert!(stage.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_twice_is_given_up() {
    let stage = Stage::set(&[SHORT]).await;
    let kim = person(1);
    stage.fails(&kim, FaultKind::ResetBefore, 2);
    stage.writes(&kim, "one").await;
    stage.writes(&kim, "two").await;
    stage.until_received(&kim, &["two"]).await;
    stage.installation.until_settled().await;
    assert_eq!(stage.refused_at(&kim).len(), 2);
    let letters = stage.letters();
    assert_eq!((letters.len(), &letters[0]["reason"]), (1, &json!("unknown_outcome")));
    assert_eq!(letters[0]["state"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_the_policy_hold_nothing_is_sent_again_and_a_late_status_closes_the_letter() {
    let stage = Stage::set(&[SHORT, ("UNKNOWN_OUTCOME_POLICY", "hold")]).await;
    let kim = person(1);
    stage.fails(&kim, FaultKind::ResetAfter { statuses: true }, 1);
    let held = Fault { recipient: kim.phone.clone(), count: Some(1), ..Fault::new(FaultKind::HoldStatuses) };
    let held = stage.simulator.inject(held);
    stage.writes(&kim, "one").await;
    stage.writes(&kim, "two").await;
    stage.until_received(&kim, &["one", "two"]).await;
    stage.installation.until_settled().await;
    let letter = stage.letters().remove(0);
    assert_eq!([&letter["reason"], &letter["state"]], ["unknown_outcome", "open"]);
    assert_eq!(stage.jobs(&kim)[0]["state"], "dead");

    assert!(stage.simulator.remove_fault(held));
    stage.installation.until("SELECT state FROM dead_letters", "settled").await;
    let job = &stage.jobs(&kim)[0];
    assert_eq!([&job["state"], &job["wamid"]], [&json!("sent"), &json!(*stage.sends(&kim)[0].wamid)]);
    assert_eq!(stage.simulator.sends_count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_comes_before_the_answer_is_the_same_send() {
    let stage = Stage::set(&[]).await;
    let kim = person(1);
    stage.fails(&kim, FaultKind::Delay { ms: 2_000 }, 1);
    stage.writes(&kim, "one").await;
    stage.writes(&kim, "two").await;
    until("the status is applied", || stage.jobs(&kim).first().is_some_and(|job| job["state"] == "sent")).await;
    assert!(!stage.sends(&kim)[0].answered, "the answer is still on its way");
    stage.until_received(&kim, &["one", "two"]).await;
    stage.installation.until_settled().await;
    assert!(stage.sends(&kim)[0].answered);
    stage
        .installation
        .until("SELECT count(*) FROM jobs WHERE state = 'sent' AND attempt = 1 AND delivery > 2", "2")
        .await;
    assert_eq!(stage.jobs(&kim)[0]["wamid"], *stage.sends(&kim)[0].wamid);
    assert!(stage.letters().is_empty());
}
