//! Statuses of what was sent: upward by rank from any state; a failure only for the current attempt.

use super::record::{
    CLAIM_LIFE, NOW, NUMBER, OWNER, RecordHarness, claim, claim_for, job_column, letters, sent_with, settle, state,
    write,
};
use secrecy::SecretString;
use shared::{
    Timestamp,
    event::{DeliveryStatus, JobTag, StatusError, StatusUpdate},
    ids,
    job::{JobRef, JobState},
    ports::{
        conversations::StatusOutcome::{self, Applied, NotOurs, NothingToDo},
        ledger::{ClaimOutcome, Outcome, RateFailure, Verdict},
    },
};
use std::time::Duration;

const STATES: [JobState; 6] =
    [JobState::Queued, JobState::Sending, JobState::Retrying, JobState::Unknown, JobState::Sent, JobState::Dead];
const RISING: [DeliveryStatus; 4] =
    [DeliveryStatus::Sent, DeliveryStatus::Delivered, DeliveryStatus::Read, DeliveryStatus::Played];
/// Undeliverable: permanent.
const UNDELIVERABLE: i64 = 131_026;
/// Temporarily unavailable: transient.
const UNAVAILABLE: i64 = 133_004;

/// A status of an attempt of a job.
fn status(job: &JobRef, attempt: i32, status: DeliveryStatus) -> StatusUpdate {
    StatusUpdate {
        event_id: ids::fresh().into(),
        received_at: NOW,
        phone_number_id: NUMBER.into(),
        wamid: format!("wamid.out.{attempt}").into(),
        status,
        at: NOW.0 / 1000,
        job: Some(JobTag { job: job.job_id.clone(), attempt }),
        error: None,
    }
}

fn failed(job: &JobRef, attempt: i32, code: i64) -> StatusUpdate {
    let error = Some(StatusError { code, message: "so it said".into() });
    StatusUpdate { error, ..status(job, attempt, DeliveryStatus::Failed) }
}

async fn apply(record: &dyn RecordHarness, batch: Vec<StatusUpdate>) -> Vec<StatusOutcome> {
    record.ports().conversations.apply_statuses(batch, NOW).await.expect("statuses")
}

async fn apply_one(record: &dyn RecordHarness, status: StatusUpdate) -> StatusOutcome {
    apply(record, vec![status]).await[0]
}

fn sent() -> Outcome {
    Outcome::Sent { wamid: "wamid.of.answer".into() }
}

fn retry(due_at: Timestamp) -> Outcome {
    Outcome::Retry { due_at, spent: true }
}

/// A fresh job, brought to a state by its first attempt.
async fn job_in(record: &dyn RecordHarness, person: &str, state: JobState) -> JobRef {
    let job = write(record, person, &format!("wamid.{person}"), 1).await.remove(0);
    match state {
        JobState::Queued => {}
        JobState::Sending => assert!(matches!(claim(record, &[&job]).await[0], ClaimOutcome::Claimed(_))),
        JobState::Retrying => sent_with(record, &job, 1, retry(NOW)).await,
        JobState::Unknown => sent_with(record, &job, 1, Outcome::Unknown { due_at: NOW }).await,
        JobState::Sent => sent_with(record, &job, 1, sent()).await,
        JobState::Dead => sent_with(record, &job, 1, Outcome::Dead { reason: "permanent_error" }).await,
    }
    job
}

/// The transition table, each cell of it.
pub async fn every_state_meets_every_status(record: &dyn RecordHarness) {
    for from in STATES {
        for word in RISING {
            let case = format!("{from:?} {word:?}");
            let job = job_in(record, &case, from).await;
            assert_eq!(apply_one(record, status(&job, 1, word)).await, Applied, "{case}");
            assert_eq!(state(record, &job).await, "sent", "{case}");
            assert_eq!(job_column(record, &job, "delivery").await, (word as i32).to_string(), "{case}");
            let wamid = if from == JobState::Sent { "wamid.of.answer" } else { "wamid.out.1" };
            assert_eq!(job_column(record, &job, "wamid").await, wamid, "{case}");
        }
        let job = job_in(record, &format!("{from:?} failed"), from).await;
        let before = job_column(record, &job, "updated_at || attempts").await;
        let moves = matches!(from, JobState::Sending | JobState::Unknown | JobState::Sent);
        let (outcome, to) = if moves { (Applied, "dead") } else { (NothingToDo, from.as_str()) };
        assert_eq!(apply_one(record, failed(&job, 1, UNDELIVERABLE)).await, outcome, "{from:?}");
        assert_eq!(state(record, &job).await, to, "{from:?}");
        if !moves {
            assert_eq!(job_column(record, &job, "updated_at || attempts").await, before, "{from:?}");
        }
    }
    // Four statuses settled the letters of four dead jobs; the fifth dead job keeps its own, and three more failed.
    let mut expected = vec!["open permanent_error"; 4];
    expected.extend(["settled permanent_error"; 4]);
    let mut letters = letters(record).await;
    letters.sort();
    assert_eq!(letters, expected);
}

/// By rank, whatever comes first.
pub async fn a_status_rises_and_never_falls(record: &dyn RecordHarness) {
    let job = job_in(record, "ann", JobState::Sent).await;
    for word in [DeliveryStatus::Delivered, DeliveryStatus::Read] {
        assert_eq!(apply_one(record, status(&job, 1, word)).await, Applied);
    }
    for word in [DeliveryStatus::Sent, DeliveryStatus::Delivered, DeliveryStatus::Read] {
        assert_eq!(apply_one(record, status(&job, 1, word)).await, NothingToDo, "{word:?}");
    }
    assert_eq!(job_column(record, &job, "delivery").await, (DeliveryStatus::Read as i32).to_string());
    assert_eq!(apply_one(record, failed(&job, 1, UNDELIVERABLE)).await, NothingToDo, "it was read");
    assert_eq!(state(record, &job).await, "sent");
}

/// Late, but before anybody replayed it.
pub async fn a_status_settles_an_unknown_outcome_and_its_dead_letter(record: &dyn RecordHarness) {
    let job = job_in(record, "ann", JobState::Unknown).await;
    let ledger = &record.ports().ledger;
    assert!(ledger.settle_unknown(&job.job_id, Verdict::GiveUp, NOW).await.expect("settle"));
    assert_eq!(letters(record).await, ["open unknown_outcome"]);
    assert_eq!(apply_one(record, status(&job, 1, DeliveryStatus::Delivered)).await, Applied);
    assert_eq!(letters(record).await, ["settled unknown_outcome"]);
    assert_eq!(state(record, &job).await, "sent");
}

/// One `sent`, whoever brings it.
pub async fn a_status_before_the_answer_leaves_the_answer_without_effect(record: &dyn RecordHarness) {
    let job = job_in(record, "ann", JobState::Sending).await;
    assert_eq!(apply_one(record, status(&job, 1, DeliveryStatus::Delivered)).await, Applied);
    for outcome in [sent(), retry(NOW), Outcome::Unknown { due_at: NOW }, Outcome::Dead { reason: "too_old" }] {
        assert!(!settle(record, &job, 1, outcome).await);
    }
    assert_eq!(state(record, &job).await, "sent");
    assert!(letters(record).await.is_empty());

    let job = job_in(record, "ben", JobState::Sending).await;
    assert_eq!(apply_one(record, failed(&job, 1, UNAVAILABLE)).await, Applied);
    assert!(!settle(record, &job, 1, sent()).await, "it failed, whatever the answer says");
    assert_eq!(state(record, &job).await, "retrying");
}

/// The first copy arrived after all.
pub async fn a_status_cancels_a_pending_resend(record: &dyn RecordHarness) {
    let job = job_in(record, "ann", JobState::Unknown).await;
    let ledger = &record.ports().ledger;
    assert!(ledger.settle_unknown(&job.job_id, Verdict::Resend, NOW).await.expect("settle"));
    assert_eq!(apply_one(record, status(&job, 1, DeliveryStatus::Sent)).await, Applied);
    assert!(matches!(claim(record, &[&job]).await[0], ClaimOutcome::Gone));
}

/// A repeat, or one that comes late, finds nothing to do.
pub async fn a_failure_counts_for_the_current_attempt_only(record: &dyn RecordHarness) {
    let job = job_in(record, "ann", JobState::Retrying).await;
    assert!(matches!(claim(record, &[&job]).await[0], ClaimOutcome::Claimed(_)));
    for attempt in [0, 1, 3] {
        assert_eq!(apply_one(record, failed(&job, attempt, UNDELIVERABLE)).await, NothingToDo, "{attempt}");
    }
    assert_eq!(state(record, &job).await, "sending");
    assert_eq!(apply_one(record, failed(&job, 2, UNDELIVERABLE)).await, Applied);
    assert_eq!(apply_one(record, failed(&job, 2, UNDELIVERABLE)).await, NothingToDo);
    assert_eq!(letters(record).await, ["open permanent_error"]);
}

/// Permanent, window, transient, rate: as for answers.
pub async fn a_failure_follows_the_error_table(record: &dyn RecordHarness) {
    let cases = [
        (UNDELIVERABLE, "dead", Some("permanent_error"), 0),
        (131_047, "dead", Some("window_closed"), 0),
        (424_242, "dead", Some("permanent_error"), 0),
        (UNAVAILABLE, "retrying", None, 1),
        (131_000, "retrying", None, 1),
        (130_429, "retrying", None, 0),
        (131_056, "retrying", None, 0),
    ];
    for (code, to, reason, spent) in cases {
        let job = job_in(record, &code.to_string(), JobState::Sent).await;
        assert_eq!(apply_one(record, failed(&job, 1, code)).await, Applied, "{code}");
        assert_eq!(state(record, &job).await, to, "{code}");
        assert_eq!(job_column(record, &job, "error_code").await, code.to_string());
        let of_it =
            format!("SELECT reason || ' ' || body || attempts FROM dead_letters WHERE job_id = '{}'", job.job_id);
        match (reason, record.texts(&of_it).await.as_slice()) {
            (Some(reason), [letter]) => {
                assert!(letter.starts_with(reason) && letter.contains("message 0"), "{letter}");
                assert!(letter.ends_with("\"error\":\"failed status: so it said\"}]"), "{letter}");
            }
            (None, []) => {
                let due_at: i64 = job_column(record, &job, "due_at").await.parse().expect("a time");
                assert!(due_at >= NOW.0, "{code}: {due_at}");
                assert_eq!(job_column(record, &job, "spent").await, spent.to_string(), "{code}");
                assert_eq!(job_column(record, &job, "wamid").await, "", "{code}: that message is no more");
            }
            other => panic!("{code}: {other:?}"),
        }
    }
}

/// `SEND_ATTEMPTS` is 8.
pub async fn a_transient_failure_ends_after_the_last_attempt(record: &dyn RecordHarness) {
    let job = write(record, "ann", "1", 1).await.remove(0);
    for attempt in 1..=8 {
        let now = NOW.plus(Duration::from_secs(3600) * u32::try_from(attempt).expect("few"));
        assert!(matches!(claim_for(record, &[&job], OWNER, now).await[0], ClaimOutcome::Claimed(_)), "{attempt}");
        assert!(settle(record, &job, attempt, sent()).await);
        assert_eq!(apply_one(record, failed(&job, attempt, UNAVAILABLE)).await, Applied);
    }
    assert_eq!(state(record, &job).await, "dead");
    assert_eq!(letters(record).await, ["open attempts_exhausted"]);
    let attempts = record.texts("SELECT attempts FROM dead_letters").await.remove(0);
    let attempts: Vec<serde_json::Value> = serde_json::from_str(&attempts).expect("a JSON array");
    assert_eq!(attempts.len(), 8);
    let keys: Vec<&String> = attempts[0].as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["at", "code", "error"]);
}

/// The job waits, and nothing more goes out from there.
pub async fn a_failure_for_its_token_pauses_the_number(record: &dyn RecordHarness) {
    let accounts = &record.ports().accounts;
    let token = SecretString::from("token");
    accounts.add_phone_number(&"acme".into(), &NUMBER.into(), token).await.expect("add");
    let job = job_in(record, "ann", JobState::Sent).await;
    assert_eq!(apply_one(record, failed(&job, 1, 190)).await, Applied);
    assert_eq!(state(record, &job).await, "retrying");
    assert_eq!(job_column(record, &job, "spent").await, "0");
    let paused = record.texts("SELECT COALESCE(paused, '') FROM phone_numbers").await;
    assert!(paused[0].contains("190"), "{paused:?}");
    let until_seen = async {
        while accounts.phone_number(&NUMBER.into()).await.expect("number").expect("number").paused.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2), until_seen).await.expect("seen within two seconds");
}

/// Meta promises no order: `failed` and then `sent` of the same attempt.
pub async fn a_late_sent_of_a_failed_attempt_does_not_cancel_the_next(record: &dyn RecordHarness) {
    let job = job_in(record, "ann", JobState::Sent).await;
    assert_eq!(apply_one(record, failed(&job, 1, UNAVAILABLE)).await, Applied);
    assert_eq!(apply_one(record, status(&job, 1, DeliveryStatus::Sent)).await, NothingToDo);
    assert_eq!(state(record, &job).await, "retrying");
    assert!(matches!(claim(record, &[&job]).await[0], ClaimOutcome::Claimed(_)));
    assert_eq!(apply_one(record, status(&job, 1, DeliveryStatus::Sent)).await, NothingToDo, "while the next runs");
    assert!(settle(record, &job, 2, retry(NOW)).await);
    assert_eq!(apply_one(record, status(&job, 1, DeliveryStatus::Sent)).await, NothingToDo, "while the next waits");
    assert_eq!(state(record, &job).await, "retrying");
    assert_eq!(apply_one(record, status(&job, 1, DeliveryStatus::Delivered)).await, Applied, "it is on the phone");

    let job = job_in(record, "ben", JobState::Sent).await;
    assert_eq!(apply_one(record, failed(&job, 1, UNDELIVERABLE)).await, Applied);
    assert_eq!(apply_one(record, status(&job, 1, DeliveryStatus::Sent)).await, NothingToDo);
    assert_eq!(state(record, &job).await, "dead");
    let batch = vec![failed(&job, 1, UNDELIVERABLE), status(&job, 1, DeliveryStatus::Sent)];
    assert_eq!(apply(record, batch).await, [NothingToDo, NothingToDo]);
}

/// The failure of an attempt says nothing of the next.
pub async fn a_sent_of_an_attempt_after_a_failed_one_settles_it(record: &dyn RecordHarness) {
    let job = job_in(record, "ann", JobState::Sent).await;
    assert_eq!(apply_one(record, failed(&job, 1, UNAVAILABLE)).await, Applied);
    sent_with(record, &job, 2, Outcome::Unknown { due_at: NOW.plus(CLAIM_LIFE) }).await;
    assert_eq!(apply_one(record, status(&job, 2, DeliveryStatus::Sent)).await, Applied);
    assert_eq!(state(record, &job).await, "sent");
    assert_eq!(job_column(record, &job, "wamid").await, "wamid.out.2");
}

/// Both wait in the queue.
pub async fn a_delivered_after_a_failure_in_the_same_batch_leaves_no_letter(record: &dyn RecordHarness) {
    let job = job_in(record, "ann", JobState::Sent).await;
    let batch = vec![failed(&job, 1, UNDELIVERABLE), status(&job, 1, DeliveryStatus::Delivered)];
    assert_eq!(apply(record, batch).await, [Applied, Applied]);
    assert_eq!(state(record, &job).await, "sent");
    assert!(letters(record).await.iter().all(|letter| letter.starts_with("settled")));

    let job = job_in(record, "ben", JobState::Unknown).await;
    let batch = vec![status(&job, 1, DeliveryStatus::Sent), failed(&job, 1, UNDELIVERABLE)];
    assert_eq!(apply(record, batch).await, [Applied, Applied]);
    assert_eq!((state(record, &job).await.as_str(), letters(record).await.len()), ("dead", 1));
}

/// In one batch or in two.
pub async fn a_repeated_status_finds_nothing_to_do(record: &dyn RecordHarness) {
    let job = job_in(record, "ann", JobState::Sending).await;
    let delivered = status(&job, 1, DeliveryStatus::Delivered);
    assert_eq!(apply(record, vec![delivered.clone(), delivered.clone()]).await, [Applied, NothingToDo]);
    assert_eq!(apply_one(record, delivered).await, NothingToDo);
}

/// Somebody else's data, or another number's.
pub async fn a_status_of_another_number_or_of_no_job_is_not_ours(record: &dyn RecordHarness) {
    let job = job_in(record, "ann", JobState::Sending).await;
    let read = status(&job, 1, DeliveryStatus::Read);
    let other_number = StatusUpdate { phone_number_id: "1".into(), ..read.clone() };
    let no_tag = StatusUpdate { job: None, ..read.clone() };
    let no_job = StatusUpdate { job: Some(JobTag { job: ids::fresh().into(), attempt: 1 }), ..read };
    let other_failed = StatusUpdate { phone_number_id: "1".into(), ..failed(&job, 1, UNDELIVERABLE) };
    assert_eq!(apply(record, vec![other_number, no_tag, no_job, other_failed]).await, [NotOurs; 4]);
    assert_eq!(state(record, &job).await, "sending");
}

/// A crowd reads its messages.
pub async fn statuses_of_many_jobs_are_applied_in_one_batch(record: &dyn RecordHarness) {
    let jobs = write(record, "ann", "1", 512).await;
    let batch: Vec<StatusUpdate> = jobs
        .iter()
        .enumerate()
        .map(|(n, job)| if n % 2 == 0 { status(job, 1, DeliveryStatus::Read) } else { failed(job, 0, 190) })
        .collect();
    let outcomes = apply(record, batch).await;
    assert!(outcomes.iter().enumerate().all(|(n, outcome)| *outcome == if n % 2 == 0 { Applied } else { NothingToDo }));
    let sql = "SELECT state || ' ' || CAST(count(*) AS TEXT) FROM jobs GROUP BY state ORDER BY state";
    assert_eq!(record.texts(sql).await, ["queued 256", "sent 256"]);
}

/// The number's sender hears of it once; and each pair waits four times longer than before.
pub async fn what_fails_for_its_rate_is_told_and_a_pair_waits_longer_each_time(record: &dyn RecordHarness) {
    const PAIR: i64 = 131_056;
    let ledger = &record.ports().ledger;
    let (ann, ben) = (write(record, "ann", "1", 1).await.remove(0), write(record, "ben", "2", 1).await.remove(0));
    for (job, code) in [(&ann, PAIR), (&ben, UNAVAILABLE)] {
        sent_with(record, job, 1, sent()).await;
        assert_eq!(apply_one(record, failed(job, 1, code)).await, Applied);
    }
    let told = ledger.rate_failures(&NUMBER.into(), NOW.minus(Duration::from_millis(1))).await.expect("told");
    let expected = RateFailure { recipient_id: ann.recipient_id.clone(), code: PAIR, at: NOW };
    assert_eq!(told, [expected]);
    assert_eq!(ledger.rate_failures(&NUMBER.into(), NOW).await.expect("told"), [], "told before");
    assert_eq!(ledger.rate_failures(&"2".into(), NOW.minus(CLAIM_LIFE)).await.expect("told"), []);
    let mut waits = Vec::new();
    for attempt in 2..5 {
        waits.push(job_column(record, &ann, "due_at").await.parse::<i64>().expect("a time") - NOW.0);
        let claimed = claim_for(record, &[&ann], OWNER, NOW).await;
        assert!(matches!(claimed.as_slice(), [ClaimOutcome::Claimed(_)]), "{claimed:?}");
        assert!(settle(record, &ann, attempt, sent()).await);
        assert_eq!(apply_one(record, failed(&ann, attempt, PAIR)).await, Applied);
    }
    assert_eq!(waits, [1_000, 4_000, 16_000]);
}
