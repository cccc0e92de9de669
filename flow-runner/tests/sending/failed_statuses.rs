//! Messages that WhatsApp took and could not deliver after all.

use crate::support::{
    NUMBER,
    crowd::job_of,
    stage::{NO_LIMITS, Stage, person},
    without_limits,
};
use serde_json::Value;
use whatsapp_simulator::{FaultKind, SentMessage, Status, StatusUpdate, Statuses};

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_window_is_a_dead_letter_though_the_send_was_accepted() {
    let stage = Stage::set(&[]).await;
    let kim = person(1);
    stage.fails(&kim, FaultKind::FailStatuses { code: 131_047 }, 1);
    stage.writes(&kim, "one").await;
    stage.writes(&kim, "two").await;
    stage.until_received(&kim, &["one", "two"]).await;
    stage.installation.until("SELECT reason, code, state FROM dead_letters", "window_closed|131047|open").await;
    stage.installation.until("SELECT count(*) FROM jobs WHERE state = 'sent' AND delivery > 2", "1").await;
    stage.installation.until_settled().await;
    assert_eq!(stage.jobs(&kim)[0]["state"], "dead");
    assert_eq!(stage.simulator.sends_count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transient_failure_is_sent_again_once_and_what_older_attempts_say_means_nothing() {
    // As far as `sent` only: whether a message of which that is known fails is still open.
    let stage = Stage::with(without_limits(Statuses::Sent), &NO_LIMITS).await;
    let kim = person(1);
    stage.fails(&kim, FaultKind::FailStatuses { code: 133_004 }, 1);
    stage.writes(&kim, "one").await;
    stage.until_received(&kim, &["one"]).await;
    stage.installation.until("SELECT state, attempt, delivery FROM jobs", "sent|2|1").await;
    stage.until_received(&kim, &["one", "one"]).await;
    let sends = stage.sends(&kim);
    assert_eq!(job_of(&sends[0]), job_of(&sends[1]), "two attempts of one job");

    let before = stage.jobs(&kim);
    post(&stage, &failed(&sends[0], 131_026)).await;
    stage.installation.until_settled().await;
    assert_eq!((stage.jobs(&kim), stage.letters().len()), (before, 0));

    // The same of the present attempt does mean something; twice it means no more than once.
    for _ in 0..2 {
        post(&stage, &failed(&sends[1], 131_026)).await;
    }
    stage.installation.until("SELECT reason, code FROM dead_letters", "permanent_error|131026").await;
    stage.installation.until_settled().await;
    assert_eq!(stage.letters().len(), 1);
    assert_eq!(stage.simulator.sends_count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_that_only_a_status_tells_of_is_kept_from_then_on() {
    let stage = Stage::set(&[("WHATSAPP_NUMBER_RATE", "80")]).await;
    let lee = person(2);
    stage.fails(&lee, FaultKind::FailStatuses { code: 130_429 }, 1);
    stage.writes(&lee, "one").await;
    stage.until_received(&lee, &["one", "one"]).await;
    let listed = stage.installation.command(&["numbers", "list", "--json"]).output().expect("numbers");
    let numbers: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let rate = numbers["items"][0]["rateNow"].as_f64().expect("a rate");
    assert!(rate < 70.0, "half of 80, and what grew back since: {rate}");
    assert!(stage.letters().is_empty());
}

fn failed(sent: &SentMessage, code: i64) -> StatusUpdate {
    StatusUpdate {
        wamid: sent.wamid.to_string(),
        status: Status::Failed,
        timestamp: sent.accepted_at / 1000,
        recipient_id: sent.to.as_deref().map(str::to_owned),
        recipient_user_id: None,
        biz_opaque_callback_data: sent.biz_opaque_callback_data.as_deref().map(str::to_owned),
        error: Some(code),
    }
}

async fn post(stage: &Stage, status: &StatusUpdate) {
    let body = stage.simulator.status_callback_body(NUMBER, std::slice::from_ref(status));
    assert_eq!(stage.installation.post(&body).await, Some(200));
}
