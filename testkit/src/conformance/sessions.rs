//! The fast copy of sessions.

use super::record::{ACCOUNT, NOW, NUMBER, RecordHarness, phone_of, recipient_of};
use flow_engine::{Frame, Session, Tap};
use shared::{
    ids::{AccountId, RowVersion},
    ports::sessions::SessionRecord,
};
use std::time::Duration;

const TTL: Duration = Duration::from_secs(2);

fn session(account: &str, person: &str, step: &str) -> SessionRecord {
    SessionRecord {
        user_id: account.into(),
        recipient_id: recipient_of(person),
        session: Session {
            flow_id: "menu".into(),
            flow_version: flow_engine::VersionId(1),
            current_step_id: step.into(),
            phone_number_id: NUMBER.into(),
            created_at: NOW,
            updated_at: NOW,
            expires_at: NOW.plus(TTL),
            asked_at: NOW,
            misses: 1,
            stack: vec![Frame { flow_id: "lobby".into(), flow_version: flow_engine::VersionId(2), step: 3 }],
        },
        taps: vec![Tap { button: "1.2.3".into(), message: None, at: NOW }],
        row_version: RowVersion::draw(),
        identities: phone_of(person),
    }
}

async fn get(record: &dyn RecordHarness, account: &str, person: &str) -> Option<SessionRecord> {
    let account = AccountId::from(account);
    record.ports().sessions.get(&account, &recipient_of(person)).await.expect("get")
}

/// Whole, and not a moment longer.
pub async fn a_session_is_cached_until_its_time_is_over(record: &dyn RecordHarness) {
    let ann = session(ACCOUNT, "ann", "hello");
    assert_eq!(get(record, ACCOUNT, "ann").await, None);
    record.ports().sessions.put(&ann, TTL).await.expect("put");
    assert_eq!(get(record, ACCOUNT, "ann").await, Some(ann));
    record.pass(TTL).await;
    assert_eq!(get(record, ACCOUNT, "ann").await, None);
}

/// The last one counts.
pub async fn a_session_is_replaced_and_deleted(record: &dyn RecordHarness) {
    let sessions = &record.ports().sessions;
    for step in ["one", "two"] {
        sessions.put(&session(ACCOUNT, "ann", step), TTL).await.expect("put");
    }
    let found = get(record, ACCOUNT, "ann").await.expect("ann");
    assert_eq!(found.session.current_step_id, "two".into());
    for _ in 0..2 {
        sessions.delete(&ACCOUNT.into(), &recipient_of("ann")).await.expect("delete");
        assert_eq!(get(record, ACCOUNT, "ann").await, None);
    }
}

/// Nor those of two recipients.
pub async fn sessions_of_two_accounts_do_not_mix(record: &dyn RecordHarness) {
    let sessions = &record.ports().sessions;
    for (account, person) in [(ACCOUNT, "ann"), ("other", "ann"), (ACCOUNT, "ben")] {
        sessions.put(&session(account, person, &format!("{account} {person}")), TTL).await.expect("put");
    }
    sessions.delete(&ACCOUNT.into(), &recipient_of("ben")).await.expect("delete");
    let step = async |account: &str, person: &str| {
        get(record, account, person).await.map(|found| found.session.current_step_id.0.to_string())
    };
    assert_eq!(step(ACCOUNT, "ann").await.as_deref(), Some("acme ann"));
    assert_eq!(step("other", "ann").await.as_deref(), Some("other ann"));
    assert_eq!(step(ACCOUNT, "ben").await, None);
}
