//! The worker's one transaction: many events, each of which stands alone.

pub mod finding;
pub mod merging;
pub mod recycling;

use super::record::{
    ACCOUNT, NOW, NUMBER, RecordHarness, claim, commit, committed, count, event, find, job_column, letters, phone_of,
    recipient_of, write,
};
use shared::{
    event::{KeptEvent, KeptKind, OPERATOR_WAMID, PersonsCall},
    ids::{self, Identities, RowVersion},
    job::{JobRef, LaneSeq},
    ports::conversations::{CommitOutcome, EventCommit},
};

/// As many as a worker commits at a time.
const BATCH: usize = 256;

fn ids_of(jobs: &[JobRef]) -> Vec<&str> {
    jobs.iter().map(|job| job.job_id.as_str()).collect()
}

/// A batch of strangers, each of whom makes a job.
fn strangers(count: usize) -> Vec<EventCommit> {
    (0..count).map(|n| event(&format!("p{n}"), &format!("wamid.{n}")).jobs(1).build()).collect()
}

/// All but those at `odd` were committed with one job, which stands in the record.
async fn assert_others_committed(record: &dyn RecordHarness, outcomes: &[CommitOutcome], odd: &[usize]) {
    for (place, outcome) in outcomes.iter().enumerate().filter(|(place, _)| !odd.contains(place)) {
        assert!(matches!(outcome, CommitOutcome::Committed(jobs) if jobs.len() == 1), "{place}: {outcome:?}");
    }
    let expected = outcomes.len() - odd.len();
    let messages = "messages WHERE state = 'handled' AND wamid LIKE 'wamid.%'";
    assert_eq!(count(record, messages).await, expected);
    assert_eq!(count(record, "jobs WHERE state = 'queued'").await, expected);
}

/// The version is what tells: one recipient's session was read before somebody else moved it.
pub async fn a_stale_event_in_the_middle_of_a_batch_harms_no_other(record: &dyn RecordHarness) {
    write(record, "p128", "before", 0).await;
    let before = find(record, "p128").await;
    let mut batch = strangers(BATCH);
    batch[128] = event("p128", "wamid.128").jobs(1).after(RowVersion(1)).build();
    let outcomes = commit(record, batch).await;
    assert_eq!(outcomes[128], CommitOutcome::Stale);
    assert_others_committed(record, &outcomes, &[128]).await;
    assert_eq!(find(record, "p128").await, before);
    assert_eq!(count(record, "messages WHERE wamid = 'wamid.128'").await, 0);
    assert_eq!(count(record, "jobs WHERE phone = 'nobody'").await, 0);
}

/// Frozen between reading and committing, while another worker went on.
pub async fn a_zombie_commits_nothing(record: &dyn RecordHarness) {
    write(record, "ann", "1", 1).await;
    let read = find(record, "ann").await.expect("ann");
    let zombie = event("ann", "3").jobs(5).after(read.version).build();
    let born_twice = event("ann", "4").jobs(5).build();
    write(record, "ann", "2", 1).await;
    let after = find(record, "ann").await;
    assert_ne!(after.as_ref().expect("ann").version, read.version);
    assert_eq!(commit(record, vec![zombie]).await, [CommitOutcome::Stale]);
    assert_eq!(commit(record, vec![born_twice]).await, [CommitOutcome::Stale]);
    assert_eq!(find(record, "ann").await, after);
    assert_eq!((count(record, "messages").await, count(record, "jobs").await), (2, 2));
}

/// A job whose id exists already, as no random id ever would.
fn refused(person: &str, wamid: &str, taken: &JobRef) -> EventCommit {
    event(person, wamid).jobs(2).with(|_, advance| advance.jobs[1].id = taken.job_id.clone()).build()
}

/// The culprit is found by halving and dead-lettered; the others are committed; what it wrote itself is taken back.
pub async fn a_refused_event_in_the_middle_of_a_batch_is_dead_lettered_alone(record: &dyn RecordHarness) {
    let taken = write(record, "ann", "taken", 1).await.remove(0);
    let mut batch = strangers(BATCH);
    batch[128] = refused("p128", "wamid.128", &taken);
    let again = batch[128].clone();
    let outcomes = commit(record, batch).await;
    assert!(matches!(&outcomes[128], CommitOutcome::Refused(why) if !why.is_empty()), "{:?}", outcomes[128]);
    claim(record, &[&taken]).await;
    assert_others_committed(record, &outcomes, &[128]).await;
    assert_eq!(find(record, "p128").await, None);
    assert_eq!(letters(record).await, ["open rejected_by_database"]);
    let bodies = record.texts("SELECT event_id || body FROM dead_letters").await;
    assert!(bodies[0].starts_with(again.message.event_id.as_str()) && bodies[0].contains("wamid.128"), "{bodies:?}");
    assert_eq!(record.texts("SELECT state FROM messages WHERE wamid = 'wamid.128'").await, ["dead"]);

    assert_eq!(commit(record, vec![again]).await, [CommitOutcome::AlreadyHandled(vec![])]);
    assert_eq!(letters(record).await.len(), 1);
}

/// First, last and neighbours.
pub async fn several_refused_events_are_each_found(record: &dyn RecordHarness) {
    let taken = write(record, "ann", "taken", 1).await.remove(0);
    let mut batch = strangers(64);
    let odd = [0, 31, 32, 63];
    for place in odd {
        batch[place] = refused(&format!("p{place}"), &format!("wamid.{place}"), &taken);
    }
    let outcomes = commit(record, batch).await;
    assert!(odd.iter().all(|place| matches!(outcomes[*place], CommitOutcome::Refused(_))));
    claim(record, &[&taken]).await;
    assert_others_committed(record, &outcomes, &odd).await;
    assert_eq!(letters(record).await.len(), odd.len());
}

/// The second was advanced without the first: it comes again and is sent after it.
pub async fn two_events_of_one_recipient_go_one_after_the_other(record: &dyn RecordHarness) {
    let batch = vec![event("ann", "1").jobs(2).build(), event("ann", "2").jobs(2).build()];
    let outcomes = commit(record, batch).await;
    let CommitOutcome::Committed(first) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(outcomes[1], CommitOutcome::Stale);
    let second = write(record, "ann", "2", 2).await;
    assert!(first[1].lane_seq < second[0].lane_seq, "{first:?} {second:?}");
}

/// Meta repeats before the first is committed.
pub async fn one_message_twice_in_a_batch_is_handled_once(record: &dyn RecordHarness) {
    let (first, second) = (event("ann", "1").jobs(1).build(), event("ann", "1").jobs(1).build());
    let outcomes = commit(record, vec![first, second.clone()]).await;
    let CommitOutcome::Committed(jobs) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(outcomes[1], CommitOutcome::Stale);
    assert_eq!(commit(record, vec![second]).await, [CommitOutcome::AlreadyHandled(jobs.clone())]);
    assert_eq!((count(record, "messages").await, count(record, "jobs").await), (1, 1));
}

/// The sender has the others already.
pub async fn a_redelivered_message_gives_only_its_jobs_that_are_still_queued(record: &dyn RecordHarness) {
    let jobs = write(record, "ann", "1", 3).await;
    let row = find(record, "ann").await.expect("ann");
    claim(record, &[&jobs[0]]).await;
    // Meta's repeat is another event of ours, and the session may have been read before or after.
    for version in [None, Some(row.version)] {
        let repeat = event("ann", "1").jobs(3).with(|_, advance| advance.expected = version).build();
        let outcomes = commit(record, vec![repeat.clone(), repeat]).await;
        let [CommitOutcome::AlreadyHandled(first), CommitOutcome::AlreadyHandled(_)] = outcomes.as_slice() else {
            panic!("{outcomes:?}")
        };
        assert_eq!(ids_of(first), ids_of(&jobs[1..]));
        assert_eq!(first, &jobs[1..]);
    }
    assert_eq!(find(record, "ann").await.expect("ann").version, row.version);
}

/// What Meta repeats is the same in all three.
pub async fn a_message_is_itself_by_number_id_and_time(record: &dyn RecordHarness) {
    let other_number = event("ben", "1").with(|message, _| message.phone_number_id = "2".into()).build();
    let other_time = event("cem", "1").with(|message, _| message.sent_at += 1).build();
    let outcomes = commit(record, vec![event("ann", "1").build(), other_number, other_time]).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, CommitOutcome::Committed(_))), "{outcomes:?}");
}

/// The order of a lane.
pub async fn lane_seqs_rise_over_commits_and_within_them(record: &dyn RecordHarness) {
    let mut all = Vec::new();
    for round in 0..5 {
        all.extend(write(record, "ann", &format!("{round}"), 3).await.iter().map(|job| job.lane_seq));
    }
    assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
    let stored = record.texts("SELECT CAST(lane_seq AS TEXT) FROM jobs ORDER BY lane_seq").await;
    assert_eq!(all.iter().map(|LaneSeq(seq)| seq.to_string()).collect::<Vec<_>>(), stored);
}

/// Two workers, neither of which has seen the other's.
pub async fn a_recipient_made_by_two_commits_at_once_is_made_once(record: &dyn RecordHarness) {
    for round in 0..20 {
        let person = format!("twin{round}");
        let one = event(&person, &format!("a{round}")).jobs(1).build();
        let other = event(&person, &format!("b{round}")).jobs(1).build();
        let (one, other) = tokio::join!(commit(record, vec![one]), commit(record, vec![other]));
        let both = [one, other].concat();
        assert!(both.contains(&CommitOutcome::Stale), "{both:?}");
        assert!(both.iter().any(|outcome| matches!(outcome, CommitOutcome::Committed(_))), "{both:?}");
    }
    assert_eq!(count(record, "recipients").await, 20);
}

/// Several workers' batches meet, some of them over the same recipients.
pub async fn many_commits_at_once_lose_nothing(record: &dyn RecordHarness) {
    let one = |worker: usize| async move {
        let mine = (0..32).map(|n| event(&format!("w{worker}p{n}"), &format!("m{worker}.{n}")).jobs(1).build());
        let shared = (0..32).map(|n| event(&format!("p{n}"), &format!("s{worker}.{n}")).jobs(1).build());
        let mut batch: Vec<EventCommit> = mine.chain(shared).collect();
        if worker % 2 == 1 {
            batch.reverse();
        }
        commit(record, batch).await
    };
    let outcomes = tokio::join!(one(0), one(1), one(2), one(3));
    let outcomes = [outcomes.0, outcomes.1, outcomes.2, outcomes.3].concat();
    let committed = outcomes.iter().filter(|outcome| matches!(outcome, CommitOutcome::Committed(_))).count();
    let stale = outcomes.iter().filter(|outcome| matches!(outcome, CommitOutcome::Stale)).count();
    assert_eq!((committed, stale), (4 * 32 + 32, 3 * 32));
    assert_eq!((count(record, "jobs").await, count(record, "recipients").await), (committed, committed));
}

/// To be replayed once somebody owns it; Meta's repeats add nothing.
pub async fn an_unknown_number_makes_one_dead_letter(record: &dyn RecordHarness) {
    let unknown = || event("ann", "1").to_unknown_number();
    let outcomes = commit(record, vec![unknown(), event("ben", "2").build()]).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, CommitOutcome::Committed(jobs) if jobs.is_empty())));
    for _ in 0..3 {
        assert_eq!(commit(record, vec![unknown()]).await, [CommitOutcome::AlreadyHandled(vec![])]);
    }
    assert_eq!(letters(record).await, ["open unknown_phone_number"]);
    assert_eq!(record.texts("SELECT state FROM messages WHERE wamid = '1'").await, ["dead"]);
    assert_eq!(find(record, "ann").await, None);
}

/// The run is recorded, what it did stands.
pub async fn a_run_that_was_cut_off_makes_a_dead_letter_and_counts_all_the_same(record: &dyn RecordHarness) {
    let event = event("ann", "1").jobs(2).with(|_, advance| advance.run_limit = true).build();
    assert_eq!(committed(record, event.clone()).await.len(), 2);
    assert!(matches!(commit(record, vec![event]).await.as_slice(), [CommitOutcome::AlreadyHandled(_)]));
    assert_eq!(letters(record).await, ["open run_limit"]);
    let whose = record.texts("SELECT account_id || ' ' || recipient_id || ' ' || kind FROM dead_letters").await;
    assert_eq!(whose, [format!("{ACCOUNT} {} event", recipient_of("ann"))]);
    assert_eq!(record.texts("SELECT state FROM messages").await, ["handled"]);
}

/// WhatsApp texts may contain it, PostgreSQL's must not.
pub async fn texts_with_nul_are_kept_without_it(record: &dyn RecordHarness) {
    let event = event("ann", "1").jobs(1).with(|message, advance| {
        message.profile_name = Some("An\0n".into());
        message.message_type = "te\0xt".into();
        message.raw = serde_json::value::RawValue::from_string(r#"{"body":"a\u0000b"}"#.into()).expect("JSON");
        message.reply = flow_engine::Reply::Text("a\0b".into());
        advance.notes = "[\"\0\"]".into();
        advance.conversation = super::record::conversation("a\0b");
        advance.jobs[0].content = flow_engine::Content::Text { body: "a\0b".into() };
        advance.jobs[0].step_id = "st\0ep".into();
        advance.run_limit = true;
    });
    let jobs = committed(record, event.build()).await;
    assert_eq!(record.texts("SELECT profile_name FROM recipients").await, ["An\u{fffd}n"]);
    assert_eq!(job_column(record, &jobs[0], "step_id").await, "st\u{fffd}ep");
    assert_eq!(find(record, "ann").await.expect("ann").conversation, super::record::conversation("a\0b"));
    assert_eq!(letters(record).await.len(), 1);
}

/// Such an id is not Meta's, but it must not hold a lane for ever either.
pub async fn a_redelivered_message_with_nul_in_its_id_is_known_again(record: &dyn RecordHarness) {
    let odd = |person| event(person, "wam\0id").with(|message, _| message.phone_number_id = "1\u{0}2".into());
    let jobs = committed(record, odd("ann").jobs(1).build()).await;
    let again = commit(record, vec![odd("ann").build(), odd("ben").to_unknown_number()]).await;
    let [CommitOutcome::AlreadyHandled(found), CommitOutcome::AlreadyHandled(_)] = again.as_slice() else {
        panic!("{again:?}")
    };
    assert_eq!(ids_of(found), ids_of(&jobs));
}

/// 256 events with 12 jobs each: more values than one statement takes.
pub async fn a_batch_beyond_the_databases_limit_of_values_is_committed(record: &dyn RecordHarness) {
    let batch = (0..BATCH).map(|n| event(&format!("p{n}"), &format!("{n}")).jobs(12).build()).collect();
    let outcomes = commit(record, batch).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, CommitOutcome::Committed(jobs) if jobs.len() == 12)));
    assert_eq!(count(record, "jobs").await, BATCH * 12);
}

/// As many as a run of a hundred steps makes.
pub async fn an_event_may_make_a_hundred_jobs(record: &dyn RecordHarness) {
    let jobs = write(record, "ann", "1", 100).await;
    let next = write(record, "ann", "2", 1).await;
    let seqs: Vec<LaneSeq> = jobs.iter().chain(&next).map(|job| job.lane_seq).collect();
    assert!(seqs.len() == 101 && seqs.is_sorted_by(|a, b| a < b));
    let stored = record.texts("SELECT id FROM jobs ORDER BY lane_seq").await;
    assert_eq!(stored, ids_of(&[jobs, next].concat()));
}

/// A replay says so in the message's row; then the event counts as new, once.
pub async fn a_message_that_waits_for_its_replay_is_handled_by_the_next_event(record: &dyn RecordHarness) {
    commit(record, vec![event("ann", "1").to_unknown_number()]).await;
    record.execute("UPDATE messages SET state = 'pending'").await;
    let replay = event("ann", "1").jobs(1).build();
    let outcomes = commit(record, vec![replay.clone(), event("ann", "1").jobs(1).build()]).await;
    let [CommitOutcome::Committed(jobs), CommitOutcome::Stale] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!(commit(record, vec![replay]).await, [CommitOutcome::AlreadyHandled(jobs.clone())]);
    let whole = "SELECT state || ' ' || account_id || ' ' || recipient_id FROM messages";
    assert_eq!(record.texts(whole).await, [format!("handled {ACCOUNT} {}", recipient_of("ann"))]);
}

/// Nobody asks for it, but nobody need check.
pub async fn an_empty_batch_commits_nothing(record: &dyn RecordHarness) {
    assert_eq!(commit(record, vec![]).await, []);
    let ports = record.ports();
    assert_eq!(ports.conversations.apply_statuses(vec![], NOW).await.expect("statuses"), []);
    assert!(ports.ledger.claim(vec![], "me", NOW, NOW).await.expect("claim").is_empty());
    assert_eq!(ports.ledger.settle(vec![], "me", NOW).await.expect("settle"), Vec::<bool>::new());
    ports.conversations.keep(vec![]).await.expect("keep");
}

/// The customer service window hangs on it, and Meta promises no order.
pub async fn the_last_messages_time_never_goes_back(record: &dyn RecordHarness) {
    write(record, "ann", "1", 0).await;
    let row = find(record, "ann").await.expect("ann");
    let earlier = event("ann", "0").after(row.version).with(|message, _| message.sent_at -= 60).build();
    committed(record, earlier).await;
    assert_eq!(record.texts("SELECT CAST(last_message_at AS TEXT) FROM recipients").await, [NOW.0.to_string()]);
}

/// Neither Meta's own words nor an operator's open a window; opening the chat does.
pub async fn only_what_a_person_did_is_their_last_message(record: &dyn RecordHarness) {
    let last = "SELECT COALESCE(CAST(last_message_at AS TEXT), 'never') FROM recipients";
    let (operators, mut version) = (format!("{OPERATOR_WAMID}1"), None);
    for (wamid, kind, at, expected) in [
        ("1", "system", 0, "never".to_owned()),
        (operators.as_str(), "text", 1, "never".to_owned()),
        ("2", "request_welcome", 2, (NOW.0 + 2000).to_string()),
        ("3", "system", 3, (NOW.0 + 2000).to_string()),
        ("4", "text", 4, (NOW.0 + 4000).to_string()),
    ] {
        let event = event("ann", wamid).with(|message, advance| {
            message.message_type = kind.to_owned();
            message.sent_at += at;
            advance.expected = version;
        });
        committed(record, event.build()).await;
        assert_eq!(record.texts(last).await, [expected], "after {kind} {wamid}");
        version = find(record, "ann").await.map(|row| row.version);
    }
}

/// As a message does, and never back; a call to another number's account, or of somebody unknown, is nobody's here.
pub async fn a_call_is_its_persons_last_message(record: &dyn RecordHarness) {
    let accounts = &record.ports().accounts;
    accounts.add_phone_number(&ACCOUNT.into(), &NUMBER.into(), "token".to_owned().into()).await.expect("a number");
    committed(record, event("ann", "1").who(Some("DE.1"), phone_of("ann").phone.as_deref()).build()).await;
    let call = |number: &str, person: &str, at: i64| PersonsCall {
        phone_number_id: number.into(),
        caller: phone_of(person),
        at: NOW.0 / 1000 + at,
    };
    let mut last = NOW.0;
    for (call, opens) in [
        (call(NUMBER, "ann", 60), true),
        (call(NUMBER, "ann", 30), false),
        (call("another", "ann", 90), false),
        (call(NUMBER, "bob", 90), false),
        // The phone is somebody else's by now.
        (
            PersonsCall {
                caller: Identities { bsuid: Some("DE.2".into()), ..phone_of("ann") },
                ..call(NUMBER, "ann", 90)
            },
            false,
        ),
    ] {
        if opens {
            last = call.at * 1000;
        }
        let kept = KeptEvent {
            event_id: ids::fresh().into(),
            received_at: NOW,
            kind: KeptKind::Other,
            field: Some("calls".into()),
            body: "{}".into(),
            calls: vec![call],
        };
        record.ports().conversations.keep(vec![kept]).await.expect("keep");
        let found = record.texts("SELECT CAST(last_message_at AS TEXT) FROM recipients").await;
        assert_eq!(found, [last.to_string()]);
    }
}

/// By event id, however often they are delivered.
pub async fn events_that_are_kept_are_kept_once(record: &dyn RecordHarness) {
    let kept = |kind, body: &str| KeptEvent {
        event_id: ids::fresh().into(),
        received_at: NOW,
        kind,
        field: Some("account_\0update".into()),
        body: body.to_owned(),
        calls: Vec::new(),
    };
    let events = vec![kept(KeptKind::Unrecognized, "{\0"), kept(KeptKind::Other, "{}")];
    for _ in 0..2 {
        record.ports().conversations.keep(events.clone()).await.expect("keep");
    }
    let rows = record.texts("SELECT kind || ' ' || body FROM kept_events ORDER BY kind").await;
    assert_eq!(rows, ["other {}", "unrecognized {\u{fffd}"]);
    assert_eq!(count(record, &format!("messages WHERE phone_number_id = '{NUMBER}'")).await, 0);
}
