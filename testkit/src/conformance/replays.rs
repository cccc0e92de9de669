//! Replays and discards of many letters: each step whole or not at all, each letter once, whoever goes on with it.

use super::record::{ACCOUNT, NOW, NUMBER, RecordHarness, commit, event, job_column, letters, sent_with, state, write};
use shared::{
    event::Event,
    ids::ReplayId,
    job::JobRef,
    ports::{
        dead_letters::{Allowed, LetterFilter, Prospect},
        ledger::Outcome,
        listing::Page,
        replays::{Act, Chosen, Order, Run, RunState, Step},
    },
};
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(15);
const DEAD: Outcome = Outcome::Dead { reason: "permanent_error" };

async fn add_number(record: &dyn RecordHarness) {
    let accounts = &record.ports().accounts;
    accounts.add_phone_number(&ACCOUNT.into(), &NUMBER.into(), "token".to_owned().into()).await.expect("a number");
}

/// Jobs of as many people, given up one after the other.
async fn dead_jobs(record: &dyn RecordHarness, people: &[&str]) -> Vec<JobRef> {
    let mut jobs = Vec::new();
    for person in people {
        let job = write(record, person, &format!("wamid.{person}"), 1).await.remove(0);
        sent_with(record, &job, 1, DEAD).await;
        jobs.push(job);
    }
    jobs
}

fn order(act: Act, chosen: Chosen) -> Order {
    Order { act, chosen, allowed: Allowed::default(), rate: 50, by: "ada@box".into() }
}

fn all() -> Chosen {
    Chosen::Matching(LetterFilter::default())
}

async fn begin(record: &dyn RecordHarness, order: &Order) -> Run {
    record.ports().replays.begin(order, "one", NOW, LEASE).await.expect("begun")
}

async fn step(record: &dyn RecordHarness, id: &ReplayId, owner: &str, limit: u32) -> Option<Step> {
    record.ports().replays.step(id, owner, limit, NOW, LEASE).await.expect("a step")
}

async fn get(record: &dyn RecordHarness, id: &ReplayId) -> Run {
    record.ports().replays.get(id).await.expect("read").expect("a replay")
}

/// In steps, and how far it is shows after each.
pub async fn letters_are_replayed_step_by_step(record: &dyn RecordHarness) {
    add_number(record).await;
    let jobs = dead_jobs(record, &["ann", "ben", "cem", "dan", "eve"]).await;
    let run = begin(record, &order(Act::Replay, all())).await;
    assert_eq!((run.act, run.state, run.total, run.replayed, run.rate), (Act::Replay, RunState::Running, 5, 0, 50));
    let mut queued = Vec::new();
    for (replayed, running) in [(2, true), (4, true), (5, false)] {
        let step = step(record, &run.id, "one", 2).await.expect("a step");
        queued.extend(step.jobs);
        assert_eq!(step.run.replayed, replayed);
        assert_eq!(step.run.state == RunState::Running, running);
        assert_eq!(get(record, &run.id).await, step.run);
    }
    queued.sort_by(|a, b| a.job_id.as_str().cmp(b.job_id.as_str()));
    let mut expected = jobs.clone();
    expected.sort_by(|a, b| a.job_id.as_str().cmp(b.job_id.as_str()));
    assert_eq!(queued, expected);
    assert_eq!(get(record, &run.id).await.finished_at, Some(NOW));
    assert!(step(record, &run.id, "one", 2).await.is_none(), "it is through");
    assert_eq!(letters(record).await, ["replayed permanent_error"; 5]);
    for job in &jobs {
        assert_eq!((state(record, job).await, job_column(record, job, "spent").await), ("queued".into(), "0".into()));
    }
}

/// What dies meanwhile is another matter.
pub async fn letters_written_later_are_not_replayed(record: &dyn RecordHarness) {
    add_number(record).await;
    dead_jobs(record, &["ann"]).await;
    let run = begin(record, &order(Act::Replay, all())).await;
    let ben = dead_jobs(record, &["ben"]).await.remove(0);
    record
        .execute(&format!("UPDATE dead_letters SET created_at = {} WHERE job_id = '{}'", NOW.0 + 1, ben.job_id))
        .await;
    while step(record, &run.id, "one", 10).await.is_some_and(|step| step.run.state == RunState::Running) {}
    assert_eq!(get(record, &run.id).await.replayed, 1);
    assert_eq!(state(record, &ben).await, "dead");
}

/// What is left is counted by what stood in the way, and stays as it is.
pub async fn what_is_left_is_counted(record: &dyn RecordHarness) {
    let jobs = dead_jobs(record, &["ann", "ben"]).await;
    let ids = record.ports().dead_letters.list(&LetterFilter::default(), &Page { limit: 9, after: None }).await;
    let ids: Vec<_> = ids.expect("letters").items.into_iter().map(|letter| letter.id).collect();
    record.execute(&format!("UPDATE jobs SET state = 'sent' WHERE id = '{}'", jobs[0].job_id)).await;
    let run = begin(record, &order(Act::Replay, Chosen::Ids(ids))).await;
    assert_eq!(run.total, 2);
    while step(record, &run.id, "one", 10).await.is_some_and(|step| step.run.state == RunState::Running) {}
    let run = get(record, &run.id).await;
    let expected = [(Prospect::AlreadySent, 1), (Prospect::NumberUnavailable, 1)].into();
    assert_eq!((run.replayed, run.skipped), (0, expected));
    assert_eq!(letters(record).await, ["open permanent_error"; 2]);
}

/// By whoever comes once its time is over; who had it before does no more.
pub async fn one_that_nobody_goes_on_with_is_taken_over(record: &dyn RecordHarness) {
    add_number(record).await;
    dead_jobs(record, &["ann", "ben"]).await;
    let replays = &record.ports().replays;
    let run = begin(record, &order(Act::Replay, all())).await;
    assert_eq!(step(record, &run.id, "one", 1).await.expect("a step").run.replayed, 1);
    assert!(step(record, &run.id, "another", 1).await.is_none(), "it is somebody's");
    assert_eq!(replays.take("another", NOW, LEASE).await.expect("taken"), None);
    let later = NOW.plus(LEASE);
    let taken = replays.take("another", later, LEASE).await.expect("taken").expect("the replay");
    assert_eq!((&taken.id, taken.replayed), (&run.id, 1));
    assert_eq!(replays.take("third", later, LEASE).await.expect("taken"), None);
    assert!(step(record, &run.id, "one", 1).await.is_none(), "it thawed");
    assert_eq!(step(record, &run.id, "another", 9).await.expect("a step").run.replayed, 2);
    assert_eq!(letters(record).await, ["replayed permanent_error"; 2]);
}

/// Until they are published, each step gives them again: nobody knows how far whoever had it before came.
pub async fn events_are_given_until_they_are_published(record: &dyn RecordHarness) {
    let unknown = event("ann", "1").to_unknown_number();
    commit(record, vec![unknown.clone()]).await;
    add_number(record).await;
    let run = begin(record, &order(Act::Replay, all())).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let step = step(record, &run.id, "one", 10).await.expect("a step");
        assert_eq!((step.run.state, step.run.replayed), (RunState::Running, 1));
        let [(id, Event::Message(event))] = step.events.as_slice() else { panic!("{step:?}") };
        assert_eq!((&event.event_id, event.received_at), (&unknown.message.event_id, NOW));
        ids = vec![id.clone()];
    }
    assert_eq!(letters(record).await, ["open unknown_phone_number"]);
    record.ports().dead_letters.published(&ids, NOW).await.expect("closed");
    let last = step(record, &run.id, "one", 10).await.expect("a step");
    assert_eq!((last.run.state, last.run.replayed, last.events.len()), (RunState::Done, 1, 0));
    assert_eq!(letters(record).await, ["replayed unknown_phone_number"]);
}

/// Nothing else happens to what they stand for.
pub async fn letters_are_discarded(record: &dyn RecordHarness) {
    let jobs = dead_jobs(record, &["ann", "ben", "cem"]).await;
    record.execute(&format!("UPDATE dead_letters SET state = 'settled' WHERE job_id = '{}'", jobs[0].job_id)).await;
    let run = begin(record, &order(Act::Discard, all())).await;
    assert_eq!((run.act, run.total), (Act::Discard, 2));
    while step(record, &run.id, "one", 1).await.is_some_and(|step| step.run.state == RunState::Running) {}
    assert_eq!(get(record, &run.id).await.replayed, 2);
    let mut states = letters(record).await;
    states.sort();
    assert_eq!(states, ["discarded permanent_error", "discarded permanent_error", "settled permanent_error"]);
    assert_eq!(state(record, &jobs[1]).await, "dead");
}

/// It says why, and nobody goes on with it.
pub async fn one_that_is_given_up_says_why(record: &dyn RecordHarness) {
    dead_jobs(record, &["ann"]).await;
    let run = begin(record, &order(Act::Replay, all())).await;
    let replays = &record.ports().replays;
    replays.fail(&run.id, "refused", NOW).await.expect("given up");
    let failed = get(record, &run.id).await;
    assert_eq!(
        (failed.state, failed.error.as_deref(), failed.finished_at),
        (RunState::Failed, Some("refused"), Some(NOW))
    );
    assert!(step(record, &run.id, "one", 1).await.is_none());
    assert_eq!(replays.take("another", NOW.plus(LEASE), LEASE).await.expect("taken"), None);
}

/// In the transaction that begins it.
pub async fn who_asked_is_recorded(record: &dyn RecordHarness) {
    let audit = &record.ports().audit;
    audit.note("ben", "numbers.pause", "1", &serde_json::json!({}), NOW).await.expect("noted");
    let run = begin(record, &order(Act::Replay, all())).await;
    let page = |after| Page { limit: 1, after };
    let first = audit.list(&page(None)).await.expect("acts");
    let entry = &first.items[0];
    let told = (entry.who.as_str(), entry.act.as_str(), entry.subject.as_str(), entry.at);
    assert_eq!(told, ("ada@box", "dead_letters.replay", run.id.as_str(), NOW));
    let second = audit.list(&page(first.next)).await.expect("acts");
    assert_eq!((second.items[0].who.as_str(), second.next), ("ben", None));
}
