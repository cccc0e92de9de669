//! Notes on deliveries that may kill whoever handles them.

use super::record::{NOW, RecordHarness, event};
use bytes::Bytes;
use shared::{
    event::{Event, KeptEvent, KeptKind},
    ports::{
        dead_letters::{Allowed, LetterFilter, Prospect, Replay},
        listing::Page,
        queue::{Message, QueueName},
        suspects::{Cause, Noted},
    },
};

const QUEUE: QueueName = QueueName::Inbound(3);
const LETTERS: &str = "SELECT reason || '|' || state || '|' || kind || '|' || body FROM dead_letters";
const LETTER: &str =
    r#"kills_consumer|open|event|{"queue":"inbound.03","type":"message","schema":1,"body":"{\"never\":\"parsed\""}"#;

fn message(id: &str) -> Message {
    let body = Bytes::from_static(b"{\"never\":\"parsed\"");
    Message { id: id.into(), kind: "message".into(), schema: 1, traceparent: None, body }
}

async fn note(record: &dyn RecordHarness, queue: QueueName, id: &str, process: &str) -> Noted {
    record.ports().suspects.note(queue, &message(id), process, NOW).await.expect("noted")
}

/// Each process counts once, and what it noted itself doesn't count against it.
pub async fn notes_are_counted_by_process(record: &dyn RecordHarness) {
    for (process, others) in [("a", 0), ("a", 0), ("b", 1), ("a", 1), ("b", 1), ("c", 2), ("c", 2), ("d", 3)] {
        assert_eq!(note(record, QUEUE, "1", process).await, Noted::Open(others), "{process}");
    }
    assert_eq!(note(record, QUEUE, "2", "d").await, Noted::Open(0), "another message");
    assert_eq!(note(record, QueueName::Statuses, "1", "d").await, Noted::Open(0), "another queue");
}

/// Whoever looks for notes leaves none; that it was given up is no note.
pub async fn notes_are_found_without_leaving_one(record: &dyn RecordHarness) {
    let suspects = &record.ports().suspects;
    let is_noted = async |queue, id| suspects.is_noted(queue, &message(id)).await.expect("looked");
    assert!(!is_noted(QUEUE, "1").await);
    assert_eq!(note(record, QUEUE, "1", "a").await, Noted::Open(0), "nobody noted it");
    assert!(is_noted(QUEUE, "1").await);
    assert!(!is_noted(QUEUE, "2").await, "another message");
    assert!(!is_noted(QueueName::Statuses, "1").await, "another queue");
    suspects.strike_out(QUEUE, &message("1")).await.expect("struck out");
    assert!(!is_noted(QUEUE, "1").await);
    suspects.give_up(QUEUE, &message("2"), Cause::Panics, NOW).await.expect("given up");
    assert!(!is_noted(QUEUE, "2").await);
}

/// Nobody died of it.
pub async fn what_is_struck_out_is_as_if_it_had_never_been_noted(record: &dyn RecordHarness) {
    let suspects = &record.ports().suspects;
    for process in ["a", "b"] {
        note(record, QUEUE, "1", process).await;
    }
    for _ in 0..2 {
        suspects.strike_out(QUEUE, &message("1")).await.expect("struck out");
    }
    assert_eq!(note(record, QUEUE, "1", "c").await, Noted::Open(0));
}

/// One letter, however often it is given up, with all that came, unparsed.
pub async fn what_is_given_up_is_one_letter(record: &dyn RecordHarness) {
    let suspects = &record.ports().suspects;
    note(record, QUEUE, "1", "a").await;
    for _ in 0..2 {
        suspects.give_up(QUEUE, &message("1"), Cause::Kills, NOW).await.expect("given up");
        suspects.strike_out(QUEUE, &message("1")).await.expect("struck out");
        assert_eq!(note(record, QUEUE, "1", "b").await, Noted::GivenUp);
    }
    assert_eq!(record.texts(LETTERS).await, [LETTER]);
}

/// The ledger has the job: its number's owner finds it there, and no letter says otherwise.
pub async fn what_rings_for_a_job_leaves_no_letter(record: &dyn RecordHarness) {
    let (suspects, queue) = (&record.ports().suspects, QueueName::Outbound(3));
    suspects.give_up(queue, &message("1"), Cause::Kills, NOW).await.expect("given up");
    assert_eq!(note(record, queue, "1", "a").await, Noted::GivenUp);
    assert!(record.texts(LETTERS).await.is_empty());
}

/// What a replay of the only letter gives by force, and does not give otherwise.
async fn replayed_by_force_only(record: &dyn RecordHarness) -> Replay {
    let dead_letters = &record.ports().dead_letters;
    let page = Page { limit: 10, after: None };
    let letters = dead_letters.list(&LetterFilter::default(), &page).await.expect("letters").items;
    let ids = [letters[0].id.clone()];
    let replay = |force| dead_letters.replay(&ids, Allowed { may_duplicate: false, force }, NOW);
    let left = replay(false).await.expect("judged");
    assert!(matches!(left[0].1, Replay::Left(Prospect::SessionMovedOn)), "{left:?}");
    replay(true).await.expect("replayed").remove(0).1
}

/// Nobody knows what came after it, so by force only; then it is handled anew, and may be found out anew.
pub async fn what_was_given_up_is_replayed_by_force_only(record: &dyn RecordHarness) {
    let event = event("ann", "1").build().message;
    let body = Bytes::from(serde_json::to_vec(&event).expect("JSON"));
    let message = Message { id: event.event_id.as_str().into(), body, ..message("") };
    let ports = record.ports();
    ports.suspects.give_up(QUEUE, &message, Cause::Kills, NOW).await.expect("given up");
    let replayed = replayed_by_force_only(record).await;
    assert!(
        matches!(&replayed, Replay::Event(Event::Message(again)) if again.event_id == event.event_id),
        "{replayed:?}"
    );
    let noted = ports.suspects.note(QUEUE, &message, "a", NOW).await.expect("noted");
    assert_eq!(noted, Noted::Open(0));
}

/// Whatever it is: it would kill again.
pub async fn a_note_that_was_given_up_is_replayed_by_force_only(record: &dyn RecordHarness) {
    let kept = KeptEvent {
        event_id: "e-1".to_owned().into(),
        received_at: NOW,
        kind: KeptKind::Other,
        field: None,
        body: "{}".into(),
        calls: Vec::new(),
    };
    let message = Event::Kept(kept).into_publish(8).expect("JSON").message;
    let ports = record.ports();
    ports.suspects.give_up(QUEUE, &message, Cause::Kills, NOW).await.expect("given up");
    let replayed = replayed_by_force_only(record).await;
    assert!(matches!(&replayed, Replay::Event(Event::Kept(_))), "{replayed:?}");
}

/// What panics in a process that never noted it.
pub async fn what_was_never_noted_can_be_given_up(record: &dyn RecordHarness) {
    record.ports().suspects.give_up(QUEUE, &message("1"), Cause::Panics, NOW).await.expect("given up");
    assert_eq!(note(record, QUEUE, "1", "a").await, Noted::GivenUp);
    assert_eq!(record.texts(LETTERS).await.len(), 1);
}

/// A foreign publisher may give no id: then what is in it tells it from others.
pub async fn messages_without_an_id_are_told_apart_by_what_is_in_them(record: &dyn RecordHarness) {
    let suspects = &record.ports().suspects;
    let other = Message { body: Bytes::from_static(b"{}"), ..message("") };
    assert_eq!(note(record, QUEUE, "", "a").await, Noted::Open(0));
    assert_eq!(suspects.note(QUEUE, &other, "b", NOW).await.expect("noted"), Noted::Open(0));
    assert_eq!(note(record, QUEUE, "", "b").await, Noted::Open(1));
}

/// A record that is there says so.
pub async fn a_record_that_is_there_says_so(record: &dyn RecordHarness) {
    assert!(record.ports().suspects.is_available().await);
}
