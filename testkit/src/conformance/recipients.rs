//! Recipients by hand: found by any of their ids, and moved unless they moved themselves.

use super::record::{ACCOUNT, NOW, NUMBER, RecordHarness, commit, committed, event, find, phone, recipient_of};
use flow_engine::{Conversation, Session, Tap, VersionId};
use shared::{
    Timestamp,
    ids::RecipientId,
    ports::{conversations::CommitOutcome, listing::Page, recipients::Recipient},
};
use std::time::Duration;

fn session(step: &str, expires_at: Timestamp) -> Session {
    Session {
        flow_id: "menu".into(),
        flow_version: VersionId(1),
        current_step_id: step.into(),
        phone_number_id: NUMBER.into(),
        created_at: NOW,
        updated_at: NOW,
        expires_at,
        asked_at: NOW,
        misses: 0,
        stack: Vec::new(),
    }
}

/// Somebody who stands at a step until then.
async fn stands(record: &dyn RecordHarness, person: &str, until: Timestamp) {
    let at = event(person, &format!("wamid.{person}"));
    committed(record, at.with(|_, advance| advance.conversation.session = Some(session("hello", until))).build()).await;
}

async fn account(record: &dyn RecordHarness) {
    record.execute(&format!("INSERT INTO accounts (id, name, created_at) VALUES ('{ACCOUNT}', 'Acme', 0)")).await;
}

async fn named(record: &dyn RecordHarness, who: &str) -> Vec<Recipient> {
    record.ports().recipients.named(None, who).await.expect("recipients")
}

/// Page by page, each once, and only those of the account that is asked for.
pub async fn those_in_a_session_are_listed_while_it_lives(record: &dyn RecordHarness) {
    let soon = NOW.plus(Duration::from_secs(60));
    for person in 0..7 {
        stands(record, &format!("p{person}"), if person == 3 { NOW } else { soon }).await;
    }
    committed(record, event("nowhere", "1").build()).await;
    let recipients = &record.ports().recipients;
    let (mut seen, mut after) = (Vec::<RecipientId>::new(), None);
    loop {
        let listed = recipients.in_session(None, NOW, &Page { limit: 2, after }).await.expect("sessions");
        assert!(listed.items.len() == 2, "no page but the last has fewer, and six are three pages");
        seen.extend(listed.items.into_iter().map(|recipient| recipient.id));
        after = listed.next;
        if after.is_none() {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, [0, 1, 2, 4, 5, 6].map(|person| recipient_of(&format!("p{person}"))));
    let page = Page { limit: 100, after: None };
    let of = async |account: &str, now| {
        recipients.in_session(Some(&account.into()), now, &page).await.expect("sessions").items.len()
    };
    assert_eq!([of(ACCOUNT, NOW).await, of("another", NOW).await, of(ACCOUNT, soon).await], [6, 0, 0]);
}

/// Its own, the phone's digits, and the business-scoped one.
pub async fn a_recipient_is_named_by_each_of_its_ids(record: &dyn RecordHarness) {
    account(record).await;
    committed(record, event("ann", "1").who(Some("US.1"), Some(&phone("ann"))).build()).await;
    for who in [recipient_of("ann").as_str(), "US.1", &phone("ann")] {
        let found = named(record, who).await;
        let [ann] = found.as_slice() else { panic!("{who}: {found:?}") };
        assert_eq!((&ann.id, ann.account_id.as_str()), (&recipient_of("ann"), ACCOUNT));
        assert_eq!((ann.profile_name.as_deref(), ann.last_message_at), (Some("ann"), Some(NOW)));
        let elsewhere = record.ports().recipients.named(Some(&"another".into()), who).await.expect("recipients");
        assert!(elsewhere.is_empty());
    }
    assert!(named(record, &phone("ben")).await.is_empty());
}

/// A worker that read the row before loads it again; who looked before it moved is told so.
pub async fn who_is_placed_stands_there_and_what_was_read_before_is_stale(record: &dyn RecordHarness) {
    account(record).await;
    let soon = NOW.plus(Duration::from_secs(60));
    stands(record, "ann", soon).await;
    let before = named(record, &phone("ann")).await.remove(0);
    let taps = vec![Tap { button: "1.2.3".into(), message: None, at: NOW }];
    let there = Conversation { session: Some(session("elsewhere", soon)), taps };
    let recipients = &record.ports().recipients;
    let placed = recipients.place(&before.id, before.version, &there, NOW).await.expect("placed");
    let version = placed.expect("nobody moved meanwhile");
    assert!(version != before.version);
    let row = find(record, "ann").await.expect("ann");
    assert_eq!((&row.conversation, row.version), (&there, version));

    let nowhere = Conversation::default();
    assert!(recipients.place(&before.id, before.version, &nowhere, NOW).await.expect("asked").is_none());
    assert!(recipients.place(&"nobody".into(), version, &nowhere, NOW).await.expect("asked").is_none());
    let stale = commit(record, vec![event("ann", "2").after(before.version).build()]).await;
    assert_eq!(stale, [CommitOutcome::Stale]);
    committed(record, event("ann", "2").after(version).build()).await;
}
