//! The log of what came in.

use super::record::{ACCOUNT, NOW, NUMBER, RecordHarness, commit, committed, event, recipient_of};
use serde_json::json;
use shared::{
    Timestamp,
    event::{KeptEvent, KeptKind},
    ids::{self, EventId},
    ports::{
        listing::Page,
        messages::{Entry, MessageFilter},
    },
};

/// Events one after the other: two messages of two people, one to a number that nobody owns, and two kept ones.
async fn some(record: &dyn RecordHarness) -> Vec<EventId> {
    let ann = event("ann", "1").build();
    let ben = event("ben", "2").with(|message, advance| {
        message.message_type = "image".into();
        message.received_at = Timestamp(NOW.0 + 1);
        advance.notes = r#"[{"note":"no_flow"}]"#.into();
    });
    let ben = ben.build();
    let unknown = event("cleo", "3").with(|message, _| message.phone_number_id = "9".into()).to_unknown_number();
    let kept = [(KeptKind::Unrecognized, None), (KeptKind::Other, Some("account_update".to_owned()))];
    let kept = kept.map(|(kind, field)| KeptEvent {
        event_id: ids::fresh().into(),
        received_at: NOW,
        kind,
        field,
        body: "{ not JSON".into(),
        calls: Vec::new(),
    });
    let mut all: Vec<EventId> = [&ann, &ben, &unknown].map(|event| event.message.event_id.clone()).to_vec();
    all.extend(kept.iter().map(|event| event.event_id.clone()));
    committed(record, ann).await;
    committed(record, ben).await;
    commit(record, vec![unknown]).await;
    record.ports().conversations.keep(kept.to_vec()).await.expect("kept");
    all
}

async fn list(record: &dyn RecordHarness, filter: MessageFilter) -> Vec<Entry> {
    record.ports().messages.list(&filter, &Page { limit: 100, after: None }).await.expect("the log").items
}

fn ids_of(entries: &[Entry]) -> Vec<EventId> {
    entries.iter().map(|entry| entry.event_id.clone()).collect()
}

/// Messages and kept events as one list, page by page.
pub async fn the_log_shows_what_came_in_newest_first(record: &dyn RecordHarness) {
    let mut expected = some(record).await;
    expected.sort();
    expected.reverse();
    assert_eq!(ids_of(&list(record, MessageFilter::default()).await), expected);
    let (mut seen, mut after) = (Vec::new(), None);
    for count in [2, 2, 1] {
        let page = Page { limit: 2, after };
        let listed = record.ports().messages.list(&MessageFilter::default(), &page).await.expect("the log");
        assert_eq!(listed.items.len(), count);
        seen.extend(ids_of(&listed.items));
        after = listed.next;
    }
    assert_eq!((seen, after), (expected, None));
}

/// All that is given applies.
pub async fn the_log_is_asked_by_kind_recipient_and_time(record: &dyn RecordHarness) {
    let all = some(record).await;
    let kind = |kind: &str| MessageFilter { kind: Some(kind.into()), ..MessageFilter::default() };
    for (filter, expected) in [
        (kind("image"), &all[1..2]),
        (kind("unrecognized"), &all[3..4]),
        (kind("other"), &all[4..5]),
        (kind("video"), &[]),
        (MessageFilter { recipient: Some(recipient_of("ann")), ..MessageFilter::default() }, &all[..1]),
        (MessageFilter { recipient: Some(recipient_of("ann")), ..kind("image") }, &[]),
        (MessageFilter { since: Some(Timestamp(NOW.0 + 1)), ..MessageFilter::default() }, &all[1..2]),
    ] {
        assert_eq!(ids_of(&list(record, filter.clone()).await), expected, "{filter:?}");
    }
}

/// Whole, with what the worker noted; also when nobody owns its number.
pub async fn an_entry_is_found_by_our_id_and_by_metas(record: &dyn RecordHarness) {
    let all = some(record).await;
    let accounts = &record.ports().accounts;
    accounts.add_phone_number(&ACCOUNT.into(), &NUMBER.into(), "token".to_owned().into()).await.expect("a number");
    let log = &record.ports().messages;
    let get = async |id: &str| log.get(id).await.expect("the log");
    for (wamid, event_id) in [("1", &all[0]), ("2", &all[1]), ("3", &all[2])] {
        let found = get(wamid).await.expect("by Meta's id");
        assert_eq!(found.entry.event_id, *event_id);
        assert_eq!(found, get(event_id.as_str()).await.expect("by ours"));
    }
    let ben = get("2").await.expect("ben's");
    assert_eq!((ben.raw.as_str(), ben.notes), (r#"{"id":"2"}"#, Some(json!([{ "note": "no_flow" }]))));
    assert_eq!((ben.entry.state.as_deref(), ben.entry.recipient_id), (Some("handled"), Some(recipient_of("ben"))));
    let kept = get(all[4].as_str()).await.expect("kept");
    assert_eq!((kept.raw.as_str(), kept.entry.field.as_deref()), ("{ not JSON", Some("account_update")));
    assert!(get("nothing").await.is_none());
}
