//! Dead letters: found by what they hold, and replayed once, unless it would do harm.

use super::record::{
    ACCOUNT, NOW, NUMBER, OWNER, RecordHarness, claim, commit, committed, event, find, job_column, letters, phone,
    recipient_of, sent_with, state, write,
};
use flow_engine::Content;
use serde_json::json;
use shared::{
    Clock as _, Timestamp,
    event::{DeliveryStatus, Event, JobTag, StatusError, StatusUpdate},
    ids::{self, DeadLetterId},
    job::JobRef,
    ports::{
        conversations::{CommitOutcome, StatusOutcome},
        dead_letters::{Allowed, DeadLetter, GroupBy, LetterFilter, LetterKind, LetterState, Prospect, Replay},
        ledger::{ClaimOutcome, Outcome, Settlement, Verdict},
        listing::Page,
    },
};
use std::time::Duration;

const NOTHING: Allowed = Allowed { may_duplicate: false, force: false };
const ALL: Allowed = Allowed { may_duplicate: true, force: true };
const SECOND: Duration = Duration::from_secs(1);
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DEAD: Outcome = Outcome::Dead { reason: "permanent_error" };

async fn add_number(record: &dyn RecordHarness) {
    let accounts = &record.ports().accounts;
    accounts.add_phone_number(&ACCOUNT.into(), &NUMBER.into(), "token".to_owned().into()).await.expect("a number");
}

async fn list(record: &dyn RecordHarness, filter: LetterFilter) -> Vec<DeadLetter> {
    let page = Page { limit: 100, after: None };
    record.ports().dead_letters.list(&filter, &page).await.expect("letters").items
}

async fn all_ids(record: &dyn RecordHarness) -> Vec<DeadLetterId> {
    list(record, LetterFilter::default()).await.into_iter().map(|letter| letter.id).collect()
}

/// By any of what they have in common; what a filter leaves out is not counted.
pub async fn letters_are_grouped_the_largest_group_first(record: &dyn RecordHarness) {
    for (person, code) in [("ann", Some(131_026)), ("ben", Some(131_026)), ("cem", None)] {
        record.pass(Duration::from_secs(1)).await;
        let job = write(record, person, person, 1).await.remove(0);
        claim(record, &[&job]).await;
        let settlement = Settlement { job_id: job.job_id.clone(), attempt: 1, outcome: DEAD, code, error: None };
        let now = record.ports().clock.now();
        record.ports().ledger.settle(vec![settlement], OWNER, now).await.expect("settle");
    }
    commit(record, vec![event("dan", "4").to_unknown_number()]).await;
    let letters = &record.ports().dead_letters;
    let summary = async |by: &[GroupBy], filter: LetterFilter| letters.summary(by, &filter).await.expect("a summary");
    let groups = summary(&[GroupBy::Reason, GroupBy::Code], LetterFilter::default()).await;
    let told: Vec<_> = groups.iter().map(|group| (json!(group.values), group.count)).collect();
    assert_eq!(told[0], (json!(["permanent_error", 131_026]), 2));
    assert_eq!((groups[0].oldest, groups[0].newest), (NOW.plus(SECOND), NOW.plus(SECOND * 2)));
    assert_eq!(groups.iter().map(|group| group.count).sum::<u64>(), 4);
    assert!(told.contains(&(json!(["permanent_error", null]), 1)));
    let jobs = LetterFilter { kind: Some(LetterKind::Job), ..LetterFilter::default() };
    let groups = summary(&[GroupBy::Flow, GroupBy::Step], jobs.clone()).await;
    assert_eq!((json!(groups[0].values), groups[0].count, groups.len()), (json!(["menu", "hello"]), 3, 1));
    assert_eq!(letters.count(&jobs).await.expect("a count"), 3);
    assert_eq!(summary(&[], jobs).await[0].count, 3);
    let none = LetterFilter { reason: Some("too_old".into()), ..LetterFilter::default() };
    assert!(summary(&[], none.clone()).await.is_empty() && letters.count(&none).await.expect("a count") == 0);
}

/// A job of a person that wrote for the first time, given up.
async fn dead_job(record: &dyn RecordHarness, person: &str) -> JobRef {
    let job = write(record, person, &format!("wamid.{person}"), 1).await.remove(0);
    sent_with(record, &job, 1, DEAD).await;
    job
}

async fn prospects(record: &dyn RecordHarness, allowed: Allowed, now: Timestamp) -> Vec<Prospect> {
    let ids = all_ids(record).await;
    let prospects = record.ports().dead_letters.prospects(&ids, allowed, now).await.expect("prospects");
    assert_eq!(prospects.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), ids, "oldest first");
    prospects.into_iter().map(|(_, prospect)| prospect).collect()
}

async fn replay(record: &dyn RecordHarness, allowed: Allowed, now: Timestamp) -> Vec<Replay> {
    let ids = all_ids(record).await;
    let replayed = record.ports().dead_letters.replay(&ids, allowed, now).await.expect("a replay");
    assert_eq!(replayed.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), ids, "oldest first");
    replayed.into_iter().map(|(_, replay)| replay).collect()
}

/// What is said beforehand is what is done.
async fn left(record: &dyn RecordHarness, allowed: Allowed, now: Timestamp, expected: Prospect) {
    assert_eq!(prospects(record, allowed, now).await, [expected]);
    let replayed = replay(record, allowed, now).await;
    assert!(matches!(replayed.as_slice(), [Replay::Left(prospect)] if *prospect == expected), "{replayed:?}");
}

/// However many there are.
pub async fn letters_are_listed_oldest_first_a_page_at_a_time(record: &dyn RecordHarness) {
    for person in ["ann", "ben", "cleo", "dora", "emil"] {
        dead_job(record, person).await;
        record.pass(Duration::from_secs(1)).await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    for expected in [2, 2, 1] {
        let page = Page { limit: 2, after };
        let listed = record.ports().dead_letters.list(&LetterFilter::default(), &page).await.expect("letters");
        assert_eq!(listed.items.len(), expected);
        seen.extend(listed.items.into_iter().map(|letter| letter.recipient_id.expect("whose it is")));
        after = listed.next;
    }
    assert!(after.is_none());
    assert_eq!(seen, ["ann", "ben", "cleo", "dora", "emil"].map(recipient_of));
}

/// Each filter alone and all together; what is shown is what was written.
pub async fn letters_are_chosen_by_what_they_hold(record: &dyn RecordHarness) {
    let job = write(record, "ann", "1", 1).await.remove(0);
    claim(record, &[&job]).await;
    let (outcome, code, error) = (DEAD, Some(131_026), Some("undeliverable".to_owned()));
    let settlement = Settlement { job_id: job.job_id.clone(), attempt: 1, outcome, code, error };
    let ledger = &record.ports().ledger;
    assert_eq!(ledger.settle(vec![settlement], OWNER, NOW).await.expect("settle"), [true]);
    commit(record, vec![event("ben", "2").with(|message, _| message.phone_number_id = "9".into()).to_unknown_number()])
        .await;

    let found = list(record, LetterFilter::default()).await;
    let letter = found.iter().find(|letter| letter.kind == LetterKind::Job).expect("the job's");
    assert_eq!((letter.state, letter.reason.as_str(), letter.code), (LetterState::Open, "permanent_error", code));
    assert_eq!((letter.job_id.as_ref(), &letter.recipient_id), (Some(&job.job_id), &Some(recipient_of("ann"))));
    assert_eq!(letter.attempts, json!([{ "at": NOW, "code": 131_026, "error": "undeliverable" }]));
    let one = record.ports().dead_letters.get(&letter.id).await.expect("get").expect("the letter");
    assert_eq!((one.id, one.body), (letter.id.clone(), letter.body.clone()));

    let whole = LetterFilter {
        kind: Some(LetterKind::Job),
        recipient: Some(phone("ann")),
        text: Some("UNDELIVER".into()),
        state: Some(LetterState::Open),
        reason: Some("permanent_error".into()),
        code,
        account: Some(ACCOUNT.into()),
        number: Some(NUMBER.into()),
        flow: Some("menu".into()),
        step: Some("hello".into()),
        since: Some(NOW),
        until: None,
    };
    let nothing = LetterFilter::default;
    for filter in [
        LetterFilter { reason: whole.reason.clone(), ..nothing() },
        LetterFilter { code, ..nothing() },
        LetterFilter { account: whole.account.clone(), ..nothing() },
        LetterFilter { number: whole.number.clone(), ..nothing() },
        LetterFilter { flow: whole.flow.clone(), ..nothing() },
        LetterFilter { step: whole.step.clone(), ..nothing() },
        LetterFilter { kind: whole.kind, ..nothing() },
        LetterFilter { recipient: whole.recipient.clone(), ..nothing() },
        LetterFilter { recipient: Some(recipient_of("ann").to_string()), kind: whole.kind, ..nothing() },
        LetterFilter { text: whole.text.clone(), ..nothing() },
        LetterFilter { text: Some(job.job_id.to_string()), ..nothing() },
        whole,
    ] {
        let ids: Vec<_> = list(record, filter.clone()).await.into_iter().map(|letter| letter.id).collect();
        assert_eq!(ids, std::slice::from_ref(&letter.id), "{filter:?}");
    }
    for filter in [
        LetterFilter { state: Some(LetterState::Replayed), ..nothing() },
        LetterFilter { since: Some(Timestamp(NOW.0 + 1)), ..nothing() },
        LetterFilter { until: Some(Timestamp(NOW.0 - 1)), ..nothing() },
    ] {
        assert!(list(record, filter.clone()).await.is_empty(), "{filter:?}");
    }
}

/// It goes on counting attempts; everything else about it begins anew.
pub async fn a_replayed_job_is_queued_in_its_place_with_fresh_tries(record: &dyn RecordHarness) {
    add_number(record).await;
    let jobs = write(record, "ann", "1", 2).await;
    for attempt in 1..=3 {
        sent_with(record, &jobs[0], attempt, Outcome::Retry { due_at: NOW, spent: true }).await;
    }
    sent_with(record, &jobs[0], 4, DEAD).await;
    let later = NOW.plus(Duration::from_secs(60));
    let replayed = replay(record, NOTHING, later).await;
    assert!(matches!(replayed.as_slice(), [Replay::Job(job)] if *job == jobs[0]), "{replayed:?}");
    assert_eq!(letters(record).await, ["replayed permanent_error"]);
    assert_eq!(state(record, &jobs[0]).await, "queued");

    let outcomes = claim(record, &[&jobs[1], &jobs[0]]).await;
    let [ClaimOutcome::Behind, ClaimOutcome::Claimed(job)] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!((job.attempt, job.spent, job.resends, job.created_at), (5, 0, 0, later));
    let outcome = Outcome::Sent { wamid: "wamid.out".into() };
    assert!(super::record::settle(record, &jobs[0], 5, outcome).await);
    left(record, ALL, NOW, Prospect::AlreadySent).await;
}

/// At the same time, or one after the other.
pub async fn a_job_is_replayed_once_whoever_asks(record: &dyn RecordHarness) {
    add_number(record).await;
    for person in 0..20 {
        dead_job(record, &format!("p{person}")).await;
    }
    let (one, other) = tokio::join!(replay(record, NOTHING, NOW), replay(record, NOTHING, NOW));
    let is_job = |replay: &&Replay| matches!(replay, Replay::Job(_));
    assert_eq!(one.iter().chain(&other).filter(is_job).count(), 20);
    assert_eq!(replay(record, ALL, NOW).await.iter().filter(is_job).count(), 0);
}

/// Twice, or out of place.
pub async fn what_would_do_harm_is_left_unless_asked_for(record: &dyn RecordHarness) {
    add_number(record).await;
    let job = write(record, "ann", "1", 1).await.remove(0);
    sent_with(record, &job, 1, Outcome::Unknown { due_at: NOW }).await;
    let ledger = &record.ports().ledger;
    assert!(ledger.settle_unknown(&job.job_id, Verdict::GiveUp, NOW).await.expect("given up"));
    left(record, NOTHING, NOW, Prospect::MayDuplicate).await;
    left(record, Allowed { force: true, ..NOTHING }, NOW, Prospect::MayDuplicate).await;
    let duplicate = Allowed { may_duplicate: true, ..NOTHING };
    assert_eq!(prospects(record, duplicate, NOW).await, [Prospect::WouldSend]);

    write(record, "ann", "2", 0).await;
    left(record, duplicate, NOW, Prospect::SessionMovedOn).await;
    assert_eq!(letters(record).await, ["open unknown_outcome"]);
    assert!(matches!(replay(record, ALL, NOW).await.as_slice(), [Replay::Job(_)]));
    assert_eq!(state(record, &job).await, "queued");
}

/// Meta or the ledger would say no.
pub async fn what_can_not_go_out_is_left_whatever_is_asked_for(record: &dyn RecordHarness) {
    let job = dead_job(record, "ann").await;
    left(record, ALL, NOW, Prospect::NumberUnavailable).await;
    add_number(record).await;
    let accounts = &record.ports().accounts;
    accounts.pause_phone_number(&NUMBER.into(), Some("error 190")).await.expect("paused");
    left(record, ALL, NOW, Prospect::NumberUnavailable).await;
    accounts.pause_phone_number(&NUMBER.into(), None).await.expect("goes on");
    left(record, ALL, NOW.plus(A_DAY), Prospect::WindowClosed).await;
    let just_within = NOW.plus(A_DAY - Duration::from_secs(1));
    assert_eq!(prospects(record, NOTHING, just_within).await, [Prospect::WouldSend]);
    // It arrived, and the letter isn't closed yet.
    record.execute(&format!("UPDATE jobs SET state = 'sent' WHERE id = '{}'", job.job_id)).await;
    left(record, ALL, NOW, Prospect::AlreadySent).await;
    assert_eq!(letters(record).await, ["open permanent_error"]);
}

/// Meta takes those at any time.
pub async fn a_template_is_replayed_outside_the_window(record: &dyn RecordHarness) {
    add_number(record).await;
    let template = Content::Template { name: "hello".into(), language: "en_US".into(), components: Vec::new() };
    let is_one = event("ann", "wamid.ann").jobs(1).with(|_, advance| advance.jobs[0].content = template.clone());
    let has_one =
        event("ben", "wamid.ben").jobs(1).with(|_, advance| advance.jobs[0].outside_window = Some(template.clone()));
    for told in [is_one, has_one] {
        let job = committed(record, told.build()).await.remove(0);
        sent_with(record, &job, 1, DEAD).await;
    }
    assert_eq!(prospects(record, NOTHING, NOW.plus(2 * A_DAY)).await, [Prospect::WouldSend; 2]);
}

/// A late failure speaks of what is over; a late delivery means that nothing need be sent.
pub async fn a_status_of_an_old_attempt_does_not_end_a_replayed_one(record: &dyn RecordHarness) {
    add_number(record).await;
    let job = dead_job(record, "ann").await;
    replay(record, NOTHING, NOW).await;
    let status = |status| StatusUpdate {
        event_id: ids::fresh().into(),
        received_at: NOW,
        phone_number_id: NUMBER.into(),
        wamid: "wamid.first".into(),
        status,
        at: NOW.0 / 1000,
        job: Some(JobTag { job: job.job_id.clone(), attempt: 1 }),
        error: Some(StatusError { code: 131_026, message: "undeliverable".into() }),
    };
    let conversations = &record.ports().conversations;
    claim(record, &[&job]).await;
    let failed = conversations.apply_statuses(vec![status(DeliveryStatus::Failed)], NOW).await.expect("applied");
    assert_eq!((failed, state(record, &job).await), (vec![StatusOutcome::NothingToDo], "sending".into()));
    let delivered = conversations.apply_statuses(vec![status(DeliveryStatus::Delivered)], NOW).await.expect("applied");
    assert_eq!((delivered, state(record, &job).await), (vec![StatusOutcome::Applied], "sent".into()));
    assert_eq!(job_column(record, &job, "wamid").await, "wamid.first");
    assert_eq!(letters(record).await, ["replayed permanent_error"]);
}

/// Its letter stays open until the event is published: nothing is lost in between.
pub async fn an_event_to_a_number_that_is_known_by_now_is_replayed(record: &dyn RecordHarness) {
    let unknown = event("ann", "1").to_unknown_number();
    commit(record, vec![unknown.clone()]).await;
    left(record, ALL, NOW, Prospect::NumberUnavailable).await;
    add_number(record).await;
    let later = NOW.plus(Duration::from_secs(60));
    for _ in 0..2 {
        assert_eq!(prospects(record, NOTHING, later).await, [Prospect::WouldSend]);
        let replayed = replay(record, NOTHING, later).await;
        let [Replay::Event(Event::Message(again))] = replayed.as_slice() else { panic!("{replayed:?}") };
        assert_eq!((&again.event_id, again.received_at), (&unknown.message.event_id, later));
        assert_eq!(again.raw.get(), unknown.message.raw.get());
        assert_eq!(record.texts("SELECT state FROM messages").await, ["pending"]);
        assert_eq!(letters(record).await, ["open unknown_phone_number"]);
    }
    let ids = all_ids(record).await;
    record.ports().dead_letters.published(&ids, later).await.expect("closed");
    assert_eq!(letters(record).await, ["replayed unknown_phone_number"]);
    assert_eq!(committed(record, event("ann", "1").jobs(1).build()).await.len(), 1);
    left(record, ALL, later, Prospect::AlreadySent).await;
}

/// It was replayed by somebody who ended before the letter was closed; or the person wrote again.
pub async fn an_event_that_was_handled_or_left_behind_is_not_replayed(record: &dyn RecordHarness) {
    add_number(record).await;
    commit(record, vec![event("ann", "1").to_unknown_number()]).await;
    let next = event("ann", "2").with(|message, _| message.received_at = NOW.plus(Duration::from_secs(1)));
    committed(record, next.build()).await;
    left(record, Allowed { may_duplicate: true, ..NOTHING }, NOW, Prospect::SessionMovedOn).await;
    assert!(matches!(replay(record, ALL, NOW).await.as_slice(), [Replay::Event(_)]));
    let row = find(record, "ann").await.expect("ann");
    let again = commit(record, vec![event("ann", "1").after(row.version).build()]).await;
    assert!(matches!(again.as_slice(), [CommitOutcome::Committed(_)]), "{again:?}");
    // Handled under the id of the event that handled it.
    let handled = "SELECT event_id FROM messages WHERE wamid = '1'";
    let event_id = record.texts(handled).await.remove(0);
    record.execute(&format!("UPDATE dead_letters SET event_id = '{event_id}'")).await;
    left(record, ALL, NOW, Prospect::AlreadySent).await;
}

/// Nor is anything done with none.
pub async fn letters_that_are_not_there_are_left_out(record: &dyn RecordHarness) {
    let letters = &record.ports().dead_letters;
    for ids in [vec![], vec![DeadLetterId::from(ids::fresh())]] {
        assert!(letters.prospects(&ids, ALL, NOW).await.expect("prospects").is_empty());
        assert!(letters.replay(&ids, ALL, NOW).await.expect("a replay").is_empty());
        letters.published(&ids, NOW).await.expect("closed");
        for id in &ids {
            assert!(letters.get(id).await.expect("get").is_none());
        }
    }
}
