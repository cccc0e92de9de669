//! Which processes are alive.

use super::record::RecordHarness;
use shared::ports::members::Role;
use std::time::Duration;

const LIFE: Duration = Duration::from_secs(2);

async fn beat(record: &dyn RecordHarness, role: Role, member: &str) {
    record.ports().members.beat(role, member, LIFE).await.expect("beat");
}

async fn alive(record: &dyn RecordHarness, role: Role) -> Vec<String> {
    record.ports().members.alive(role).await.expect("alive")
}

/// Sorted, each once.
pub async fn a_member_lives_as_long_as_it_beats(record: &dyn RecordHarness) {
    assert!(alive(record, Role::Worker).await.is_empty());
    for member in ["b", "a", "b"] {
        beat(record, Role::Worker, member).await;
    }
    assert_eq!(alive(record, Role::Worker).await, ["a", "b"]);
    record.pass(LIFE / 2).await;
    beat(record, Role::Worker, "b").await;
    record.pass(LIFE / 2).await;
    assert_eq!(alive(record, Role::Worker).await, ["b"]);
}

/// At once.
pub async fn a_member_that_leaves_is_gone(record: &dyn RecordHarness) {
    beat(record, Role::Sender, "a").await;
    beat(record, Role::Sender, "b").await;
    for _ in 0..2 {
        record.ports().members.leave(Role::Sender, "a").await.expect("leave");
        assert_eq!(alive(record, Role::Sender).await, ["b"]);
    }
}

/// One process may have several.
pub async fn roles_do_not_mix(record: &dyn RecordHarness) {
    beat(record, Role::Worker, "a").await;
    beat(record, Role::Sender, "a").await;
    record.ports().members.leave(Role::Worker, "a").await.expect("leave");
    assert!(alive(record, Role::Worker).await.is_empty() && alive(record, Role::Gateway).await.is_empty());
    assert_eq!(alive(record, Role::Sender).await, ["a"]);
}
