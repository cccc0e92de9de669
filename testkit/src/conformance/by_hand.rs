//! Unknown outcomes, settled by somebody who knows.

use super::record::{NOW, RecordHarness, claim, letters, sent_with, state, write};
use shared::{
    ids::JobId,
    job::{JobRef, JobState},
    ports::ledger::{ClaimOutcome, Decided, Decision, Outcome, Verdict},
};

const ALL: [Decision; 3] = [Decision::Arrived, Decision::Resend, Decision::GiveUp];

async fn unknown(record: &dyn RecordHarness) -> JobRef {
    let job = write(record, "ann", "1", 1).await.remove(0);
    sent_with(record, &job, 1, Outcome::Unknown { due_at: NOW }).await;
    job
}

async fn decide(record: &dyn RecordHarness, job: &JobRef, decision: Decision) -> Decided {
    record.ports().ledger.decide(&job.job_id, decision, NOW).await.expect("decided")
}

/// Nothing waits for its status any longer.
pub async fn what_is_known_to_have_arrived_is_sent(record: &dyn RecordHarness) {
    let job = unknown(record).await;
    assert_eq!(decide(record, &job, Decision::Arrived).await, Decided::Done);
    assert_eq!(state(record, &job).await, "sent");
    for decision in ALL {
        assert_eq!(decide(record, &job, decision).await, Decided::Stands(JobState::Sent));
    }
    assert!(letters(record).await.is_empty());
}

/// Its letter needs nobody's care any more.
pub async fn what_was_given_up_and_has_arrived_is_settled(record: &dyn RecordHarness) {
    let job = unknown(record).await;
    assert!(record.ports().ledger.settle_unknown(&job.job_id, Verdict::GiveUp, NOW).await.expect("settle"));
    for decision in [Decision::Resend, Decision::GiveUp] {
        assert_eq!(
            decide(record, &job, decision).await,
            Decided::Stands(JobState::Dead),
            "that is what replays are for"
        );
    }
    assert_eq!(decide(record, &job, Decision::Arrived).await, Decided::Done);
    assert_eq!(
        (state(record, &job).await.as_str(), letters(record).await),
        ("sent", vec!["settled unknown_outcome".into()])
    );
}

/// Even a second time, which no policy would do.
pub async fn what_somebody_has_resent_is_sent_once_more(record: &dyn RecordHarness) {
    let job = unknown(record).await;
    for attempt in 2..4 {
        assert_eq!(decide(record, &job, Decision::Resend).await, Decided::Done);
        let claimed = claim(record, &[&job]).await;
        let [ClaimOutcome::Claimed(claimed)] = claimed.as_slice() else { panic!("{claimed:?}") };
        assert_eq!((claimed.attempt, claimed.resends), (attempt, attempt - 1));
        assert!(super::record::settle(record, &job, attempt, Outcome::Unknown { due_at: NOW }).await);
    }
}

/// As the policy would in the end.
pub async fn what_somebody_gives_up_leaves_a_letter(record: &dyn RecordHarness) {
    let job = unknown(record).await;
    assert_eq!(decide(record, &job, Decision::GiveUp).await, Decided::Done);
    assert_eq!(
        (state(record, &job).await.as_str(), letters(record).await),
        ("dead", vec!["open unknown_outcome".into()])
    );
}

/// A send that failed for good did not arrive, whoever says so; and what isn't there is told as such.
pub async fn what_is_not_unknown_is_left_alone(record: &dyn RecordHarness) {
    let jobs = write(record, "ann", "1", 2).await;
    sent_with(record, &jobs[0], 1, Outcome::Dead { reason: "permanent_error" }).await;
    for decision in ALL {
        assert_eq!(decide(record, &jobs[0], decision).await, Decided::Stands(JobState::Dead));
        assert_eq!(decide(record, &jobs[1], decision).await, Decided::Stands(JobState::Queued));
    }
    let nobody = record.ports().ledger.decide(&JobId::from("nobody"), Decision::Arrived, NOW).await;
    assert_eq!(nobody.expect("decided"), Decided::NoSuchJob);
    assert_eq!(letters(record).await, ["open permanent_error"]);
}
