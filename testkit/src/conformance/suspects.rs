//! Notes on deliveries that may kill whoever handles them.

use super::record::{NOW, RecordHarness};
use bytes::Bytes;
use shared::ports::{
    queue::{Message, QueueName},
    suspects::Noted,
};

const QUEUE: QueueName = QueueName::Inbound(3);
const LETTERS: &str = "SELECT reason || '|' || state || '|' || kind || '|' || body FROM dead_letters";

fn message(id: &str) -> Message {
    let body = Bytes::from_static(b"{\"never\":\"parsed\"");
    Message { id: id.into(), kind: "message".into(), schema: 1, traceparent: None, body }
}

async fn note(record: &dyn RecordHarness, queue: QueueName, id: &str, process: &str) -> Noted {
    record.ports().suspects.note(queue, &message(id), process, NOW).await.expect("noted")
}

/// Each process counts once, and what it noted itself doesn't count against it.
pub async fn notes_are_counted_by_process(record: &dyn RecordHarness) {
    for (process, before) in [("a", 0), ("a", 0), ("b", 1), ("c", 2), ("c", 2), ("d", 3)] {
        assert_eq!(note(record, QUEUE, "1", process).await, Noted::Open(before), "{process}");
    }
    assert_eq!(note(record, QUEUE, "2", "d").await, Noted::Open(0), "another message");
    assert_eq!(note(record, QueueName::Statuses, "1", "d").await, Noted::Open(0), "another queue");
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
        suspects.give_up(QUEUE, &message("1"), NOW).await.expect("given up");
        suspects.strike_out(QUEUE, &message("1")).await.expect("struck out");
        assert_eq!(note(record, QUEUE, "1", "b").await, Noted::GivenUp);
    }
    let letters = record.texts(LETTERS).await;
    assert_eq!(letters, [r#"kills_consumer|open|event|"{\"never\":\"parsed\"""#]);
}

/// What panics in a process that never noted it.
pub async fn what_was_never_noted_can_be_given_up(record: &dyn RecordHarness) {
    record.ports().suspects.give_up(QUEUE, &message("1"), NOW).await.expect("given up");
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
