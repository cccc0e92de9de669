//! What queues gave up on becomes letters, once each, that can be replayed as what they hold.

use super::record::{ACCOUNT, NOW, NUMBER, RecordHarness, commit, committed, event, find, letters, phone};
use bytes::Bytes;
use serde_json::json;
use shared::{
    event::{Event, KeptEvent, KeptKind, MESSAGE},
    ids::DeadLetterId,
    ports::{
        conversations::EventCommit,
        dead_letters::{Allowed, Buried, DeadLetter, LetterFilter, LetterState, Prospect, Replay},
        listing::Page,
        queue::Message,
    },
};
use std::time::Duration;

const NOTHING: Allowed = Allowed { may_duplicate: false, force: false };

/// A dead message with this body.
fn buried(letter: &str, kind: &'static str, body: impl Into<Bytes>) -> Buried {
    let message = Message {
        id: format!("of {letter}").into(),
        kind: kind.into(),
        schema: 1,
        traceparent: None,
        body: body.into(),
    };
    let event = Event::read(kind, &message.body);
    Buried {
        letter: letter.to_owned().into(),
        reason: if event.is_ok() { "delivery_limit" } else { "undecodable" },
        error: "so it is".into(),
        queue: "whatsapp.inbound.03".into(),
        died_at: NOW,
        message,
        event: event.ok(),
    }
}

/// The dead message of an event.
fn of_event(letter: &str, event: Event) -> Buried {
    let message = event.into_publish(8).expect("JSON").message;
    let kind = if message.kind == MESSAGE { MESSAGE } else { "kept" };
    let buried = buried(letter, kind, message.body.clone());
    Buried { message, ..buried }
}

fn of_message(letter: &str, commit: &EventCommit) -> Buried {
    of_event(letter, Event::Message(Box::new(commit.message.clone())))
}

async fn bury(record: &dyn RecordHarness, buried: &[Buried]) -> Vec<bool> {
    record.ports().burial.bury(buried, NOW.plus(Duration::from_secs(300))).await.expect("buried")
}

async fn open(record: &dyn RecordHarness) -> Vec<DeadLetter> {
    let page = Page { limit: 10, after: None };
    let filter = LetterFilter { state: Some(LetterState::Open), ..LetterFilter::default() };
    record.ports().dead_letters.list(&filter, &page).await.expect("letters").items
}

async fn replay(record: &dyn RecordHarness, letter: &str) -> Replay {
    let ids: [DeadLetterId; 1] = [letter.to_owned().into()];
    let done = record.ports().dead_letters.replay(&ids, NOTHING, NOW).await.expect("replayed");
    done.into_iter().next().expect("one").1
}

async fn add_number(record: &dyn RecordHarness) {
    let accounts = &record.ports().accounts;
    accounts.add_phone_number(&ACCOUNT.into(), &NUMBER.into(), "token".to_owned().into()).await.expect("a number");
}

/// However often it is delivered: its letter stays what it has become.
pub async fn what_was_buried_is_one_letter(record: &dyn RecordHarness) {
    let both = bury(record, &[buried("1", MESSAGE, "{"), buried("2", "weird", vec![0, 159, 146, 150])]).await;
    let again = bury(record, &[buried("1", MESSAGE, "{")]).await;
    assert_eq!((both, again), (vec![true, true], vec![false]));
    let found = open(record).await;
    assert_eq!(letters(record).await, ["open undecodable", "open undecodable"]);
    let body = |letter: &str| found.iter().find(|found| found.id.as_str() == letter).expect("a letter").body.clone();
    let enclosed =
        |kind: &str, body: &str| json!({ "queue": "whatsapp.inbound.03", "type": kind, "schema": 1, "body": body });
    assert_eq!(body("1"), enclosed(MESSAGE, "{"));
    let mut bytes = enclosed("weird", "AJ+Slg==");
    bytes["encoding"] = json!("base64");
    assert_eq!(body("2"), bytes);
    assert_eq!(found[0].attempts, json!([{ "at": NOW, "error": "so it is" }]));
    assert!(found.iter().all(|letter| letter.event_id.as_ref().is_some_and(|id| id.as_str().starts_with("of "))));

    record.ports().dead_letters.discard(&["1".to_owned().into()], NOW).await.expect("discarded");
    bury(record, &[buried("1", MESSAGE, "{")]).await;
    assert_eq!(open(record).await.len(), 1);
    assert!(matches!(replay(record, "2").await, Replay::Left(Prospect::NumberUnavailable)));
}

/// It is judged, found and handled like any other message.
pub async fn a_buried_message_is_replayed_as_it_was(record: &dyn RecordHarness) {
    add_number(record).await;
    let one = event("ann", "1").build();
    bury(record, &[of_message("1", &one)]).await;
    let letter = open(record).await.remove(0);
    assert_eq!(letter.account_id.as_ref().map(|id| id.as_str()), Some(ACCOUNT));
    assert_eq!(letter.phone_number_id.as_ref().map(|id| id.as_str()), Some(NUMBER));
    assert_eq!(letter.recipient, Some(phone("ann")));
    let again = replay(record, "1").await;
    let Replay::Event(Event::Message(again)) = again else { panic!("{again:?}") };
    assert_eq!(again.event_id, one.message.event_id);
    record.ports().dead_letters.published(&["1".to_owned().into()], NOW).await.expect("closed");
    assert_eq!(committed(record, event("ann", "1").jobs(1).build()).await.len(), 1);
    assert_eq!(letters(record).await, ["replayed delivery_limit"]);
}

/// What its person wrote after it was handled before anybody gave it up.
pub async fn a_buried_message_that_was_overtaken_is_replayed_by_force_only(record: &dyn RecordHarness) {
    add_number(record).await;
    let later = event("ann", "2").with(|message, _| message.received_at = NOW.plus(Duration::from_secs(60)));
    committed(record, later.build()).await;
    bury(record, &[of_message("1", &event("ann", "1").build())]).await;
    assert!(matches!(replay(record, "1").await, Replay::Left(Prospect::SessionMovedOn)));
}

/// Its effect stands; only the acknowledgement got lost, a hundred times.
pub async fn a_message_that_was_handled_all_the_same_is_not_buried(record: &dyn RecordHarness) {
    add_number(record).await;
    committed(record, event("ann", "1").build()).await;
    let written = bury(record, &[of_message("1", &event("ann", "1").build())]).await;
    assert!(letters(record).await.is_empty() && written == [false]);

    // Handled later: nothing is left to be replayed.
    let version = find(record, "ann").await.expect("ann").version;
    let two = event("ann", "2").after(version).build();
    bury(record, &[of_message("2", &two)]).await;
    commit(record, vec![two]).await;
    assert!(matches!(replay(record, "2").await, Replay::Left(Prospect::AlreadySent)));
}

/// What sends nothing may be noted at any time.
pub async fn a_buried_note_is_replayed_without_asking_for_a_number(record: &dyn RecordHarness) {
    let kept = KeptEvent {
        event_id: "e-1".to_owned().into(),
        received_at: NOW,
        kind: KeptKind::Other,
        field: Some("account_update".into()),
        body: "{}".into(),
        calls: Vec::new(),
    };
    bury(record, &[of_event("1", Event::Kept(kept))]).await;
    let again = replay(record, "1").await;
    assert!(matches!(&again, Replay::Event(Event::Kept(kept)) if kept.event_id.as_str() == "e-1"), "{again:?}");
}
