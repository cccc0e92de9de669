//! Which processes are alive.

use super::record::{NOW, RecordHarness};
use shared::{
    ports::members::{MemberReport, Role},
    tally::{BreakerState, ServedNumber, ServedQueue},
};
use std::time::Duration;

const LIFE: Duration = Duration::from_secs(2);

async fn beat(record: &dyn RecordHarness, role: Role, member: &str) {
    record.ports().members.beat(role, member, LIFE).await.expect("beat");
}

async fn alive(record: &dyn RecordHarness, role: Role) -> Vec<String> {
    record.ports().members.alive(role).await.expect("alive")
}

/// A report that is told from another by its rate.
fn served(rate: f64) -> MemberReport {
    let queue = |name: &str, age_millis| ServedQueue {
        queue: name.to_owned(),
        owned: true,
        served_since: Some(NOW),
        rate,
        in_hand: 2,
        age_millis,
    };
    let queues = vec![queue("inbound.03", Some(1_500)), queue("statuses", None)];
    let number = ServedNumber {
        phone_number_id: "1".into(),
        breaker: BreakerState::HalfOpen,
        rate: Some(rate),
        held_millis: 5,
        lanes: 2,
        under_way: 1,
    };
    let inbound = [("1".into(), rate)].into();
    MemberReport { host: "a \"host\"".to_owned(), pid: 4711, queues, inbound, numbers: vec![number] }
}

async fn report(record: &dyn RecordHarness, role: Role, member: &str, report: &MemberReport) {
    record.ports().members.report(role, member, report, LIFE).await.expect("report");
}

async fn reports(record: &dyn RecordHarness, role: Role) -> Vec<(String, MemberReport)> {
    record.ports().members.reports(role).await.expect("reports")
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

/// Sorted by member, the last of each; beats have nothing to do with it.
pub async fn what_a_member_tells_is_kept_as_long_as_it_says(record: &dyn RecordHarness) {
    assert!(reports(record, Role::Worker).await.is_empty());
    for (member, rate) in [("b", 0.0), ("a", 0.3), ("b", 2.5)] {
        report(record, Role::Worker, member, &served(rate)).await;
    }
    let both = [("a".to_owned(), served(0.3)), ("b".to_owned(), served(2.5))];
    assert_eq!(reports(record, Role::Worker).await, both);
    assert!(reports(record, Role::Sender).await.is_empty());
    assert!(alive(record, Role::Worker).await.is_empty());
    record.pass(LIFE / 2).await;
    report(record, Role::Worker, "b", &served(4.0)).await;
    record.pass(LIFE / 2).await;
    assert_eq!(reports(record, Role::Worker).await, [("b".to_owned(), served(4.0))]);
}

/// In that role, and nobody else's.
pub async fn who_leaves_takes_along_what_it_told(record: &dyn RecordHarness) {
    for role in [Role::Worker, Role::Sender] {
        report(record, role, "a", &served(1.0)).await;
        report(record, role, "b", &served(2.0)).await;
    }
    record.ports().members.leave(Role::Worker, "a").await.expect("leave");
    assert_eq!(reports(record, Role::Worker).await, [("b".to_owned(), served(2.0))]);
    assert_eq!(reports(record, Role::Sender).await.len(), 2);
}
