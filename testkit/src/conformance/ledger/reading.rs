//! What the ledger tells: whose turn it is, what waits, what was claimed.

use super::{claimed, sent, words};
use crate::conformance::record::{
    CLAIM_LIFE, NOW, NUMBER, OWNER, RecordHarness, claim, claim_for, committed, event, recipient_of, sent_with, settle,
    write,
};
use shared::{
    Timestamp,
    job::{JobRef, JobState},
    ports::ledger::{Backlog, OpenJob, Outcome, Settlement},
};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

async fn head(record: &dyn RecordHarness, person: &str) -> Option<OpenJob> {
    record.ports().ledger.head(&NUMBER.into(), &recipient_of(person)).await.expect("head")
}

async fn waiting(record: &dyn RecordHarness, due: Timestamp, before: Timestamp, limit: u32) -> Vec<JobRef> {
    let open = record.ports().ledger.waiting(&NUMBER.into(), due, before, limit).await.expect("waiting");
    open.into_iter().map(|open| open.job).collect()
}

/// In whatever state it is open.
pub async fn the_head_is_the_earliest_open_job(record: &dyn RecordHarness) {
    assert_eq!(head(record, "ann").await, None);
    let jobs = write(record, "ann", "1", 2).await;
    let open = head(record, "ann").await.expect("a head");
    assert_eq!((&open.job, open.state, open.claimed_at, open.resends), (&jobs[0], JobState::Queued, None, 0));
    claim_for(record, &[&jobs[0]], "me", NOW).await;
    let open = head(record, "ann").await.expect("a head");
    assert_eq!((&open.job, open.state, open.owner.as_deref()), (&jobs[0], JobState::Sending, Some("me")));
    assert_eq!((open.claimed_at, open.due_at), (Some(NOW), Some(NOW.plus(CLAIM_LIFE))));
    record.ports().ledger.inherit(&jobs[0].job_id, NOW, NOW.plus(CLAIM_LIFE)).await.expect("inherit");
    assert_eq!(head(record, "ann").await.expect("a head").state, JobState::Unknown);
    assert_eq!(head(record, "ben").await, None);
    let ledger = &record.ports().ledger;
    ledger.settle_unknown(&jobs[0].job_id, shared::ports::ledger::Verdict::GiveUp, NOW).await.expect("settle");
    assert_eq!(head(record, "ann").await.expect("a head").job, jobs[1]);
}

/// By due time, then by place in the lane; at most as many as asked for; of this number only.
pub async fn what_waits_is_one_job_a_lane_in_order(record: &dyn RecordHarness) {
    let mut heads = Vec::new();
    for person in ["ann", "ben", "cem"] {
        heads.push(write(record, person, person, 3).await.remove(0));
    }
    let elsewhere = event("dan", "4").jobs(1).with(|message, _| message.phone_number_id = "2".into());
    committed(record, elsewhere.build()).await;
    sent_with(record, &heads[0], 1, Outcome::Retry { due_at: NOW.plus(SECOND), spent: true }).await;
    let due = NOW.plus(SECOND);
    let all = waiting(record, due, NOW, 10).await;
    assert_eq!(all, [heads[1].clone(), heads[2].clone(), heads[0].clone()]);
    assert_eq!(waiting(record, due, NOW, 2).await, all[..2]);
    assert_eq!(waiting(record, due, NOW, 0).await, []);
}

/// What the worker has only just committed comes through the queue.
pub async fn what_waits_is_due_and_old_enough(record: &dyn RecordHarness) {
    let job = write(record, "ann", "1", 1).await.remove(0);
    let early = NOW.minus(SECOND);
    assert_eq!(waiting(record, NOW, early, 10).await, [], "made a moment ago");
    assert_eq!(waiting(record, early, NOW, 10).await, [], "not due");
    assert_eq!(waiting(record, NOW, NOW, 10).await, std::slice::from_ref(&job));
    sent_with(record, &job, 1, Outcome::Retry { due_at: NOW.plus(SECOND), spent: true }).await;
    assert_eq!(waiting(record, NOW, NOW, 10).await, []);
    assert_eq!(waiting(record, NOW.plus(SECOND), NOW, 10).await, std::slice::from_ref(&job));
    claim(record, &[&job]).await;
    assert!(settle(record, &job, 2, sent()).await);
    assert_eq!(waiting(record, NOW.plus(SECOND), NOW, 10).await, []);
}

/// Then it may be that of a process that died; until then it holds its lane.
pub async fn a_claim_waits_until_its_time_is_over(record: &dyn RecordHarness) {
    let jobs = write(record, "ann", "1", 2).await;
    claim(record, &[&jobs[0]]).await;
    let over = NOW.plus(CLAIM_LIFE);
    assert_eq!(waiting(record, over.minus(Duration::from_millis(1)), over, 10).await, []);
    assert_eq!(waiting(record, over, over, 10).await, jobs[..1]);
}

/// Open ones only.
pub async fn numbers_with_open_jobs_are_listed(record: &dyn RecordHarness) {
    let numbers = async || {
        let mut numbers = record.ports().ledger.numbers_with_open_jobs().await.expect("numbers");
        numbers.sort();
        numbers.iter().map(|number| number.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert!(numbers().await.is_empty());
    let job = write(record, "ann", "1", 1).await.remove(0);
    let elsewhere = event("ben", "2").jobs(2).with(|message, _| message.phone_number_id = "2".into());
    committed(record, elsewhere.build()).await;
    assert_eq!(numbers().await, [NUMBER, "2"]);
    sent_with(record, &job, 1, sent()).await;
    assert_eq!(numbers().await, ["2"]);
}

/// In whatever state they are open, however many numbers there are; the one with most to send first.
pub async fn the_backlog_of_a_number_is_its_open_jobs(record: &dyn RecordHarness) {
    let backlog = async || record.ports().ledger.backlog().await.expect("backlog");
    let of = |number: &str, open, oldest| Backlog { phone_number_id: number.into(), open, oldest };
    assert_eq!(backlog().await, []);
    let ann = write(record, "ann", "1", 1).await.remove(0);
    record.pass(SECOND).await;
    let later = NOW.plus(SECOND);
    let ben = write(record, "ben", "2", 2).await;
    let elsewhere = event("cem", "3").jobs(2).with(|message, _| message.phone_number_id = "2".into());
    committed(record, elsewhere.build()).await;
    assert_eq!(backlog().await, [of(NUMBER, 3, NOW), of("2", 2, later)]);
    claim(record, &[&ben[0]]).await;
    assert_eq!(backlog().await[0].open, 3, "what is being sent is not sent yet");
    sent_with(record, &ann, 1, sent()).await;
    assert!(settle(record, &ben[0], 1, Outcome::Dead { reason: "too_old" }).await);
    assert_eq!(backlog().await, [of("2", 2, later), of(NUMBER, 1, later)]);
}

/// The limiter is rebuilt from it.
pub async fn what_was_claimed_is_told_oldest_first(record: &dyn RecordHarness) {
    let mut expected = Vec::new();
    for (seconds, person) in [(3, "ann"), (1, "ben"), (2, "cem"), (0, "dan")] {
        let job = write(record, person, person, 1).await.remove(0);
        let at = NOW.plus(SECOND * seconds);
        assert_eq!(words(&claim_for(record, &[&job], "me", at).await), ["claimed"]);
        expected.push((recipient_of(person), at));
    }
    write(record, "eve", "never claimed", 1).await;
    expected.sort_by_key(|(_, at)| *at);
    let ledger = &record.ports().ledger;
    assert_eq!(ledger.claimed_since(&NUMBER.into(), NOW).await.expect("claimed"), expected[1..]);
    assert_eq!(ledger.claimed_since(&NUMBER.into(), NOW.minus(SECOND)).await.expect("claimed"), expected);
    assert_eq!(ledger.claimed_since(&"2".into(), NOW.minus(SECOND)).await.expect("claimed"), []);
}

/// Each pair once; who was sent the refused message after all too.
pub async fn pairs_that_meta_refused_are_told_by_their_last_claim(record: &dyn RecordHarness) {
    let ledger = &record.ports().ledger;
    let refusals = [("ann", 131_056, 2_i32), ("ben", 130_429, 1), ("cem", 131_056, 1)];
    for (person, code, times) in refusals {
        let job = write(record, person, person, 1).await.remove(0);
        for attempt in 1..=times {
            claim_for(record, &[&job], OWNER, NOW.plus(SECOND * attempt.unsigned_abs())).await;
            let outcome = Outcome::Retry { due_at: NOW, spent: false };
            let settlement = Settlement { job_id: job.job_id.clone(), attempt, outcome, code: Some(code), error: None };
            assert_eq!(ledger.settle(vec![settlement], OWNER, NOW).await.expect("settle"), [true]);
        }
        claim_for(record, &[&job], OWNER, NOW.plus(SECOND * 5)).await;
        assert!(settle(record, &job, times + 1, sent()).await);
    }
    let told = async |number: &str, since| {
        let mut told = ledger.pairs_refused_since(&number.into(), since).await.expect("told");
        told.sort();
        told
    };
    let at = NOW.plus(SECOND * 5);
    let mut expected = [(recipient_of("ann"), at), (recipient_of("cem"), at)];
    expected.sort();
    assert_eq!(told(NUMBER, NOW).await, expected);
    assert_eq!(told(NUMBER, at).await, []);
    assert_eq!(told("2", NOW).await, []);
}

/// Five thousand messages to one person, as a mistake in a flow makes them.
pub async fn a_long_lane_makes_no_claim_slow(record: &dyn RecordHarness) {
    let mut lane = Vec::new();
    for round in 0..10 {
        lane.extend(write(record, "ann", &round.to_string(), 500).await);
    }
    #[expect(clippy::disallowed_methods, reason = "how long it really takes is what is asked")]
    let began = Instant::now();
    for job in &lane[..50] {
        assert_eq!(words(&claim(record, &[job, &lane[4_999]]).await), ["claimed", "behind"]);
        assert!(settle(record, job, 1, sent()).await);
        assert_eq!(waiting(record, NOW, NOW, 100).await.len(), 1);
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "50 sends took {took:?}");
    let outcomes = claim(record, &[&lane[50]]).await;
    assert_eq!(claimed(&outcomes[0]).job, lane[50]);
}
