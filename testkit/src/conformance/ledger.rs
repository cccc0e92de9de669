//! The sender's ledger: only the head of a lane is claimed, once; an attempt is settled by its owner, once.

pub mod reading;

use super::record::{
    ACCOUNT, CLAIM_LIFE, NOW, NUMBER, OWNER, RecordHarness, claim, claim_for, committed, event, job_column, letters,
    phone, recipient_of, sent_with, settle, state, write,
};
use flow_engine::Content;
use shared::{
    event::{DeliveryStatus, JobTag, StatusUpdate},
    ids,
    job::{ClaimedJob, JobRef},
    ports::ledger::{ClaimOutcome, Outcome, Settlement, Verdict},
};
use std::time::Duration;

fn sent() -> Outcome {
    Outcome::Sent { wamid: "wamid.out".into() }
}

fn claimed(outcome: &ClaimOutcome) -> &ClaimedJob {
    match outcome {
        ClaimOutcome::Claimed(job) => job,
        other => panic!("not claimed: {other:?}"),
    }
}

fn words(outcomes: &[ClaimOutcome]) -> Vec<&'static str> {
    let word = |outcome: &ClaimOutcome| match outcome {
        ClaimOutcome::Claimed(_) => "claimed",
        ClaimOutcome::Behind => "behind",
        ClaimOutcome::Gone => "gone",
    };
    outcomes.iter().map(word).collect()
}

/// Whatever order they are asked for in.
pub async fn only_the_head_of_a_lane_is_claimed(record: &dyn RecordHarness) {
    let jobs = write(record, "ann", "1", 3).await;
    let outcomes = claim(record, &[&jobs[2], &jobs[0], &jobs[1]]).await;
    assert_eq!(words(&outcomes), ["behind", "claimed", "behind"]);
    assert_eq!(words(&claim(record, &[&jobs[1]]).await), ["behind"], "while the first is being sent");
    assert_eq!((state(record, &jobs[0]).await, state(record, &jobs[1]).await), ("sending".into(), "queued".into()));
}

/// A lane is one number and one recipient.
pub async fn lanes_do_not_wait_for_each_other(record: &dyn RecordHarness) {
    let ann = write(record, "ann", "1", 2).await;
    let ben = write(record, "ben", "2", 2).await;
    let row = super::record::find(record, "ann").await.expect("ann");
    let elsewhere = event("ann", "3").after(row.version).jobs(1);
    let elsewhere = committed(record, elsewhere.with(|message, _| message.phone_number_id = "2".into()).build()).await;
    let outcomes = claim(record, &[&ann[0], &ben[1], &ben[0], &elsewhere[0]]).await;
    assert_eq!(words(&outcomes), ["claimed", "behind", "claimed", "claimed"]);
}

/// By whoever comes first.
pub async fn a_job_is_claimed_once(record: &dyn RecordHarness) {
    let job = write(record, "ann", "1", 1).await.remove(0);
    assert_eq!(words(&claim(record, &[&job]).await), ["claimed"]);
    assert_eq!(words(&claim(record, &[&job]).await), ["gone"]);
    assert_eq!(words(&claim_for(record, &[&job], "another", NOW).await), ["gone"]);
    let nobodys = JobRef { job_id: ids::fresh().into(), ..job };
    assert_eq!(words(&claim(record, &[&nobodys]).await), ["gone"]);
}

/// Two processes that both believe to own the number.
pub async fn many_owners_claim_a_job_once(record: &dyn RecordHarness) {
    for round in 0..20 {
        let job = write(record, &format!("p{round}"), &round.to_string(), 1).await.remove(0);
        let jobs = [&job];
        let (one, other) = tokio::join!(claim_for(record, &jobs, "one", NOW), claim_for(record, &jobs, "other", NOW));
        let mut both = [words(&one), words(&other)].concat();
        both.sort_unstable();
        assert_eq!(both, ["claimed", "gone"]);
    }
}

/// The sender asks for nothing more.
pub async fn a_claim_tells_all_that_is_sent(record: &dyn RecordHarness) {
    let event = event("ann", "1").jobs(1).who(Some("US.1"), Some(&phone("ann"))).build();
    let job = committed(record, event.clone()).await.remove(0);
    let outcomes = claim(record, &[&job]).await;
    let claimed = claimed(&outcomes[0]);
    assert_eq!(claimed.job, job);
    assert_eq!((job.phone_number_id.as_str(), &job.recipient_id), (NUMBER, &recipient_of("ann")));
    assert_eq!((claimed.account_id.as_str(), claimed.attempt, claimed.spent, claimed.resends), (ACCOUNT, 1, 0, 0));
    assert_eq!((claimed.phone.as_deref(), claimed.bsuid.as_deref()), (Some(phone("ann").as_str()), Some("US.1")));
    assert_eq!(claimed.content, Content::Text { body: "message 0".into() });
    assert_eq!((claimed.created_at, &claimed.event_id), (NOW, &event.message.event_id));
    assert_eq!(job_column(record, &job, "owner").await, OWNER);
    assert_eq!(job_column(record, &job, "due_at").await, NOW.plus(CLAIM_LIFE).0.to_string());
}

/// Its recipient wrote at that time, and got so many messages since an hour; and a template may go out instead.
pub async fn a_claim_tells_what_decides_whether_it_is_sent(record: &dyn RecordHarness) {
    let template = Content::Template { name: "hello".into(), language: "en_US".into(), components: vec![] };
    let event = event("ann", "1").jobs(5).with(|message, advance| {
        message.sent_at = NOW.0 / 1000 - 60;
        advance.jobs[3].outside_window = Some(template.clone());
    });
    let jobs = committed(record, event.build()).await;
    let ben = write(record, "ben", "2", 1).await.remove(0);
    let hour = Duration::from_secs(3600);
    let told = async |job: &JobRef, at| {
        let outcomes = claim_for(record, &[job], OWNER, at).await;
        let claimed = claimed(&outcomes[0]);
        (claimed.sent_lately, claimed.last_message_at, claimed.outside_window.clone())
    };
    let wrote = Some(NOW.minus(Duration::from_secs(60)));
    assert_eq!(told(&jobs[0], NOW).await, (0, wrote, None));
    assert!(settle(record, &jobs[0], 1, sent()).await);
    assert_eq!(told(&jobs[1], NOW).await, (1, wrote, None));
    assert!(settle(record, &jobs[1], 1, Outcome::Dead { reason: "permanent_error" }).await);
    let late = NOW.plus(hour).minus(Duration::from_millis(1));
    assert_eq!(told(&jobs[2], late).await, (1, wrote, None), "what was given up is none");
    assert!(settle(record, &jobs[2], 1, Outcome::Unknown { due_at: NOW }).await);
    assert_eq!(told(&ben, late).await.0, 0, "each recipient's own");
    assert!(record.ports().ledger.settle_unknown(&jobs[2].job_id, Verdict::GiveUp, NOW).await.expect("settle"));
    assert_eq!(told(&jobs[3], NOW.plus(hour)).await, (0, wrote, Some(template)), "an hour later");
    assert!(settle(record, &jobs[3], 1, sent()).await);
    assert_eq!(told(&jobs[4], late.plus(hour)).await.0, 1);
}

/// Pacing waits for it.
pub async fn a_message_is_delivered_once_a_status_says_so(record: &dyn RecordHarness) {
    let jobs = write(record, "ann", "1", 2).await;
    let is_delivered = async |job: &JobRef| record.ports().ledger.is_delivered(&job.job_id).await.expect("asked");
    for job in &jobs {
        sent_with(record, job, 1, sent()).await;
        assert!(!is_delivered(job).await);
    }
    for (job, status) in [(&jobs[0], DeliveryStatus::Delivered), (&jobs[1], DeliveryStatus::Failed)] {
        apply(record, job, DeliveryStatus::Sent).await;
        assert!(!is_delivered(job).await);
        apply(record, job, status).await;
        assert!(is_delivered(job).await, "{status:?}");
    }
}

async fn apply(record: &dyn RecordHarness, job: &JobRef, status: DeliveryStatus) {
    let status = status_of(job, status);
    record.ports().conversations.apply_statuses(vec![status], NOW).await.expect("status");
}

fn status_of(job: &JobRef, status: DeliveryStatus) -> StatusUpdate {
    StatusUpdate {
        event_id: ids::fresh().into(),
        received_at: NOW,
        phone_number_id: NUMBER.into(),
        wamid: "wamid.out".into(),
        status,
        at: NOW.0 / 1000,
        job: Some(JobTag { job: job.job_id.clone(), attempt: 1 }),
        error: None,
    }
}

/// What follows in its lane waits, what was spent is counted, and what was not is not.
pub async fn a_retrying_job_holds_its_lane_and_is_claimed_again(record: &dyn RecordHarness) {
    let jobs = write(record, "ann", "1", 2).await;
    let due_at = NOW.plus(Duration::from_secs(1));
    for (attempt, spent) in [(1, true), (2, false), (3, true)] {
        sent_with(record, &jobs[0], attempt, Outcome::Retry { due_at, spent }).await;
        assert_eq!(job_column(record, &jobs[0], "due_at").await, due_at.0.to_string());
        assert_eq!(words(&claim(record, &[&jobs[1]]).await), ["behind"]);
    }
    let outcomes = claim_for(record, &[&jobs[0]], "another", due_at).await;
    assert_eq!((claimed(&outcomes[0]).attempt, claimed(&outcomes[0]).spent), (4, 2));
}

/// A frozen sender that thaws settles nothing any more.
pub async fn only_owner_and_attempt_settle(record: &dyn RecordHarness) {
    let job = write(record, "ann", "1", 1).await.remove(0);
    let ledger = &record.ports().ledger;
    let settlement =
        |attempt, outcome| Settlement { job_id: job.job_id.clone(), attempt, outcome, code: None, error: None };
    assert!(!settle(record, &job, 0, sent()).await, "not claimed yet");
    claim(record, &[&job]).await;
    for outcome in [sent(), Outcome::Retry { due_at: NOW, spent: true }, Outcome::Dead { reason: "too_old" }] {
        let other_owner = ledger.settle(vec![settlement(1, outcome.clone())], "another", NOW).await.expect("settle");
        let other_attempts = vec![settlement(0, outcome.clone()), settlement(2, outcome)];
        let other_attempts = ledger.settle(other_attempts, OWNER, NOW).await.expect("settle");
        assert_eq!([other_owner, other_attempts].concat(), [false, false, false]);
    }
    assert_eq!(state(record, &job).await, "sending");
    assert!(settle(record, &job, 1, sent()).await);
    assert!(!settle(record, &job, 1, sent()).await, "once");
    assert_eq!(job_column(record, &job, "wamid").await, "wamid.out");
    assert!(letters(record).await.is_empty());
}

/// The next one's turn.
pub async fn what_is_sent_opens_the_lane(record: &dyn RecordHarness) {
    let jobs = write(record, "ann", "1", 3).await;
    sent_with(record, &jobs[0], 1, sent()).await;
    assert_eq!(words(&claim(record, &[&jobs[2], &jobs[1]]).await), ["behind", "claimed"]);
    assert!(settle(record, &jobs[1], 1, Outcome::Dead { reason: "permanent_error" }).await);
    assert_eq!(words(&claim(record, &[&jobs[2]]).await), ["claimed"]);
}

/// Whoever looks sees what was tried, when, and what was to be sent.
pub async fn what_is_given_up_leaves_a_letter_with_its_attempts(record: &dyn RecordHarness) {
    let job = write(record, "ann", "1", 1).await.remove(0);
    let ledger = &record.ports().ledger;
    let steps = [
        (Outcome::Retry { due_at: NOW, spent: true }, None, Some("no \"route\"\nto host")),
        (Outcome::Retry { due_at: NOW, spent: true }, Some(133_004), Some("unavailable")),
        (Outcome::Dead { reason: "permanent_error" }, Some(131_026), Some("undeliverable \0")),
    ];
    for (attempt, (outcome, code, error)) in (1..).zip(steps) {
        claim(record, &[&job]).await;
        let error = error.map(str::to_owned);
        let settlement = Settlement { job_id: job.job_id.clone(), attempt, outcome, code, error };
        assert_eq!(ledger.settle(vec![settlement], OWNER, NOW).await.expect("settle"), [true]);
    }
    assert_eq!(letters(record).await, ["open permanent_error"]);
    let columns = "kind || ' ' || CAST(code AS TEXT) || ' ' || account_id || ' ' || phone_number_id || ' ' ||
        recipient_id || ' ' || recipient || ' ' || flow_id || ' ' || step_id || ' ' || job_id";
    let told = record.texts(&format!("SELECT {columns} FROM dead_letters")).await;
    let (who, phone) = (recipient_of("ann"), phone("ann"));
    assert_eq!(told, [format!("job 131026 {ACCOUNT} {NUMBER} {who} {phone} menu hello {}", job.job_id)]);
    let attempts = record.texts("SELECT attempts FROM dead_letters").await.remove(0);
    let attempts: serde_json::Value = serde_json::from_str(&attempts).expect("a JSON array");
    let expected = serde_json::json!([
        { "at": NOW, "error": "no \"route\"\nto host" },
        { "at": NOW, "code": 133_004, "error": "unavailable" },
        { "at": NOW, "code": 131_026, "error": "undeliverable \0" },
    ]);
    assert_eq!(attempts, expected);
    let body = record.texts("SELECT body FROM dead_letters").await.remove(0);
    let body: Content = serde_json::from_str(&body).expect("the content");
    assert_eq!(body, Content::Text { body: "message 0".into() });
}

/// As the sender's group commit does.
pub async fn a_batch_settles_each_attempt_by_itself(record: &dyn RecordHarness) {
    let mut jobs = Vec::new();
    for person in ["ann", "ben", "cem", "dan", "eve"] {
        jobs.push(write(record, person, person, 1).await.remove(0));
    }
    claim(record, &jobs[..4].iter().collect::<Vec<_>>()).await;
    let outcomes = [
        sent(),
        Outcome::Retry { due_at: NOW, spent: false },
        Outcome::Unknown { due_at: NOW },
        Outcome::Dead { reason: "window_closed" },
        sent(),
    ];
    let mut batch: Vec<Settlement> = jobs
        .iter()
        .zip(outcomes)
        .map(|(job, outcome)| Settlement { job_id: job.job_id.clone(), attempt: 1, outcome, code: None, error: None })
        .collect();
    // A thawed sender's settlement of an earlier attempt beside the one that counts.
    batch.push(Settlement { attempt: 0, ..batch[0].clone() });
    let settled = record.ports().ledger.settle(batch, OWNER, NOW).await.expect("settle");
    assert_eq!(settled, [true, true, true, true, false, false]);
    let mut states = Vec::new();
    for job in &jobs {
        states.push(state(record, job).await);
    }
    assert_eq!(states, ["sent", "retrying", "unknown", "dead", "queued"]);
    assert_eq!(letters(record).await, ["open window_closed"]);
}

/// Once, whoever asks again.
pub async fn an_unknown_outcome_is_resent_once(record: &dyn RecordHarness) {
    let jobs = write(record, "ann", "1", 2).await;
    let (job, ledger) = (&jobs[0], &record.ports().ledger);
    sent_with(record, job, 1, Outcome::Unknown { due_at: NOW }).await;
    assert_eq!(words(&claim(record, &[job, &jobs[1]]).await), ["gone", "behind"], "it waits for its status");
    assert!(ledger.settle_unknown(&job.job_id, Verdict::Resend, NOW).await.expect("settle"));
    assert!(!ledger.settle_unknown(&job.job_id, Verdict::Resend, NOW).await.expect("settle"), "not unknown any more");
    let outcomes = claim(record, &[job]).await;
    assert_eq!((claimed(&outcomes[0]).attempt, claimed(&outcomes[0]).resends), (2, 1));
    assert!(settle(record, job, 2, Outcome::Unknown { due_at: NOW }).await);
    assert!(!ledger.settle_unknown(&job.job_id, Verdict::Resend, NOW).await.expect("settle"), "once is enough");
    assert_eq!(state(record, job).await, "unknown");
    assert!(ledger.settle_unknown(&job.job_id, Verdict::GiveUp, NOW).await.expect("settle"));
    assert_eq!(words(&claim(record, &[&jobs[1]]).await), ["claimed"]);
}

/// With what is known of it.
pub async fn an_unknown_outcome_that_is_given_up_leaves_a_letter(record: &dyn RecordHarness) {
    let job = write(record, "ann", "1", 1).await.remove(0);
    let ledger = &record.ports().ledger;
    sent_with(record, &job, 1, Outcome::Unknown { due_at: NOW }).await;
    assert!(ledger.settle_unknown(&job.job_id, Verdict::GiveUp, NOW).await.expect("settle"));
    assert!(!ledger.settle_unknown(&job.job_id, Verdict::GiveUp, NOW).await.expect("settle"));
    assert_eq!(
        (state(record, &job).await.as_str(), letters(record).await),
        ("dead", vec!["open unknown_outcome".into()])
    );
    let attempts = record.texts("SELECT attempts FROM dead_letters").await.remove(0);
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&attempts).expect("a JSON array").len(), 2);
}

/// Nothing is resent that is known to have arrived.
pub async fn a_status_goes_before_the_verdict_on_an_unknown_outcome(record: &dyn RecordHarness) {
    let job = write(record, "ann", "1", 1).await.remove(0);
    sent_with(record, &job, 1, Outcome::Unknown { due_at: NOW }).await;
    apply(record, &job, DeliveryStatus::Sent).await;
    for verdict in [Verdict::Resend, Verdict::GiveUp] {
        assert!(!record.ports().ledger.settle_unknown(&job.job_id, verdict, NOW).await.expect("settle"));
    }
    assert_eq!(state(record, &job).await, "sent");
}

/// Not before, and nothing but a claim.
pub async fn a_claim_whose_time_is_over_is_inherited(record: &dyn RecordHarness) {
    let jobs = write(record, "ann", "1", 2).await;
    let (job, ledger) = (&jobs[0], &record.ports().ledger);
    let over = NOW.plus(CLAIM_LIFE);
    assert!(!ledger.inherit(&job.job_id, over, over).await.expect("inherit"), "nobody claimed it");
    claim_for(record, &[job], "a dead one", NOW).await;
    let early = over.minus(Duration::from_millis(1));
    assert!(!ledger.inherit(&job.job_id, over, early).await.expect("inherit"), "it may live");
    assert!(ledger.inherit(&job.job_id, over, over).await.expect("inherit"));
    assert_eq!(state(record, job).await, "unknown");
    assert!(!ledger.inherit(&job.job_id, over, over).await.expect("inherit"), "once");
    let late = Settlement { job_id: job.job_id.clone(), attempt: 1, outcome: sent(), code: None, error: None };
    assert_eq!(ledger.settle(vec![late], "a dead one", over).await.expect("settle"), [false], "it thawed");
    assert_eq!(words(&claim(record, &[&jobs[1]]).await), ["behind"]);
}

/// Written by a newer program, or by hand.
pub async fn a_job_that_can_not_be_read_blocks_nobody(record: &dyn RecordHarness) {
    let jobs = write(record, "ann", "1", 2).await;
    let ben = write(record, "ben", "2", 1).await.remove(0);
    let sql = format!("UPDATE jobs SET content = '{{\"type\":\"hologram\"}}' WHERE id = '{}'", jobs[0].job_id);
    record.execute(&sql).await;
    assert_eq!(words(&claim(record, &[&jobs[0], &ben]).await), ["gone", "claimed"]);
    assert_eq!(letters(record).await, ["open undecodable"]);
    assert_eq!(record.texts("SELECT body FROM dead_letters").await, [r#"{"type":"hologram"}"#]);
    assert_eq!(words(&claim(record, &[&jobs[1]]).await), ["claimed"]);
}
