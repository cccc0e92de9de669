//! Flows: every save is a version, tenants are apart, and what is saved runs.

use super::record::{ACCOUNT, RecordHarness};
use flow_engine::{FlowId, FlowStatus, VersionId};
use serde_json::{Value, json};
use shared::{
    Clock, Timestamp,
    ids::AccountId,
    ports::flows::{FlowRecord, FlowStore, Saved},
};
use std::time::Duration;

fn account() -> AccountId {
    ACCOUNT.into()
}

fn steps(text: &str) -> Value {
    json!([{ "id": "b", "type": "MessageAction", "z": 1, "a": [null, 1.5, true], "text": text }])
}

/// A flow as the builder sends it.
fn flow(id: &str, text: &str) -> FlowRecord {
    FlowRecord {
        id: id.into(),
        account_id: account(),
        name: format!("Flow “{id}”"),
        trigger: r#"["hello"]"#.into(),
        automation: steps(text),
        recipients: json!(["16505551234"]),
        status: FlowStatus::Active,
        version: 0,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    }
}

async fn create(flows: &dyn FlowStore, flow: FlowRecord) -> FlowRecord {
    match flows.create(flow).await.expect("create") {
        Saved::Done(record) => *record,
        other => panic!("not created: {other:?}"),
    }
}

async fn update(flows: &dyn FlowStore, flow: FlowRecord) -> FlowRecord {
    match flows.update(flow).await.expect("update") {
        Saved::Done(record) => *record,
        other => panic!("not updated: {other:?}"),
    }
}

/// The ids of what the catalog knows, each with its number of steps.
async fn known(flows: &dyn FlowStore) -> Vec<(String, VersionId, FlowStatus)> {
    let catalog = flows.catalog(&account()).await.expect("catalog");
    catalog.flows().map(|flow| (flow.id.0.to_string(), flow.version.id, flow.status)).collect()
}

async fn within_two_seconds(seen: impl AsyncFn() -> bool) {
    let until_seen = async {
        while !seen().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2), until_seen).await.expect("seen within two seconds");
}

/// To the millisecond, and with the keys in the builder's order.
pub async fn a_flow_comes_back_as_it_was_saved(record: &dyn RecordHarness) {
    let (flows, clock) = (&*record.ports().flows, &record.ports().clock);
    for millis in [0_u64, 1, 120, 999] {
        clock.pass(Duration::from_millis(millis));
        let made_at = clock.now();
        let id = format!("flow-{millis}");
        let given = flow(&id, "Grüße 👋\0");
        let created = create(flows, given.clone()).await;
        let expected = FlowRecord { version: 1, created_at: made_at, updated_at: made_at, ..given };
        assert_eq!(created, expected);
        assert_eq!(created.automation.to_string(), expected.automation.to_string(), "the order of keys");
        assert_eq!(flows.get(&account(), &created.id).await.expect("get"), Some(created.clone()));
        clock.pass(Duration::from_millis(millis + 7));
        let changed = FlowRecord { name: "other".into(), automation: json!([]), recipients: json!([]), ..created };
        let updated = update(flows, changed.clone()).await;
        assert_eq!(updated, FlowRecord { version: 2, updated_at: clock.now(), ..changed });
        assert_eq!(updated.created_at, made_at);
    }
    assert_eq!(flows.list(&account()).await.expect("list").len(), 4);
}

/// Immutable, each with its own number.
pub async fn each_save_makes_a_version(record: &dyn RecordHarness) {
    let flows = &*record.ports().flows;
    let mut current = create(flows, flow("menu", "one")).await;
    let mut versions = vec![known(flows).await[0].1];
    for number in 2..5 {
        current = update(flows, current).await;
        assert_eq!(current.version, number);
        versions.push(known(flows).await[0].1);
    }
    versions.dedup();
    assert_eq!(versions.len(), 4, "{versions:?}");
    for id in versions {
        let version = flows.version(&account(), id).await.expect("version").expect("it stays");
        assert_eq!((version.id, &version.flow_id), (id, &FlowId::from("menu")));
    }
}

/// Also of a flow that was deleted: that is how it is brought back.
pub async fn the_steps_of_each_version_stay_readable(record: &dyn RecordHarness) {
    let flows = &record.ports().flows;
    let made = create(&**flows, flow("1", "first")).await;
    let number = made.version;
    let changed = update(&**flows, FlowRecord { automation: steps("second"), ..made }).await;
    assert!(flows.delete(&account(), &"1".into()).await.expect("deleted"));
    for (number, text) in [(number, "first"), (changed.version, "second")] {
        let saved = flows.saved(&account(), &"1".into(), number).await.expect("read").expect("a version");
        assert_eq!(saved.automation.to_string(), steps(text).to_string());
    }
    assert_eq!(flows.saved(&account(), &"1".into(), 3).await.expect("read"), None);
    assert_eq!(flows.saved(&"another".into(), &"1".into(), 1).await.expect("read"), None);
}

/// Two people have the builder open.
pub async fn an_old_version_is_refused(record: &dyn RecordHarness) {
    let flows = &*record.ports().flows;
    let first = create(flows, flow("menu", "one")).await;
    let second = update(flows, FlowRecord { name: "second".into(), ..first.clone() }).await;
    assert_eq!(flows.update(first).await.expect("update"), Saved::Changed);
    let never = FlowRecord { version: 9, ..second.clone() };
    assert_eq!(flows.update(never).await.expect("update"), Saved::Changed);
    assert_eq!(flows.get(&account(), &"menu".into()).await.expect("get"), Some(second));
}

/// Whatever version is given.
pub async fn what_is_not_there_is_a_conflict(record: &dyn RecordHarness) {
    let flows = &*record.ports().flows;
    for version in [0, 1] {
        let nothing = FlowRecord { version, ..flow("menu", "one") };
        assert_eq!(flows.update(nothing).await.expect("update"), Saved::Conflict);
    }
    assert!(!flows.delete(&account(), &"menu".into()).await.expect("delete"));
    let created = create(flows, flow("menu", "one")).await;
    assert!(flows.delete(&account(), &"menu".into()).await.expect("delete"));
    for version in [1, 2] {
        let deleted = FlowRecord { version, ..created.clone() };
        assert_eq!(flows.update(deleted).await.expect("update"), Saved::Conflict);
    }
}

/// By the same account or another.
pub async fn a_taken_id_is_a_conflict(record: &dyn RecordHarness) {
    let flows = &*record.ports().flows;
    let created = create(flows, flow("menu", "one")).await;
    assert_eq!(flows.create(flow("menu", "two")).await.expect("create"), Saved::Conflict);
    let other = FlowRecord { account_id: "other".into(), ..flow("menu", "two") };
    assert_eq!(flows.create(other).await.expect("create"), Saved::Conflict);
    assert_eq!(flows.list(&account()).await.expect("list"), [created]);
}

/// So that a version's number never means two things.
pub async fn a_deleted_flow_can_be_made_again_and_goes_on_counting(record: &dyn RecordHarness) {
    let flows = &*record.ports().flows;
    create(flows, flow("menu", "one")).await;
    assert!(flows.delete(&account(), &"menu".into()).await.expect("delete"));
    assert!(!flows.delete(&account(), &"menu".into()).await.expect("delete"), "once");
    assert_eq!(flows.get(&account(), &"menu".into()).await.expect("get"), None);
    record.ports().clock.pass(Duration::from_secs(1));
    let again = create(flows, flow("menu", "two")).await;
    assert_eq!((again.version, again.created_at), (2, record.ports().clock.now()));
    assert!(flows.delete(&account(), &"menu".into()).await.expect("delete"));
    let other = create(flows, FlowRecord { account_id: "other".into(), ..flow("menu", "three") }).await;
    assert_eq!((other.version, other.automation), (3, steps("three")));
}

/// Not even whether it is there.
pub async fn other_accounts_see_nothing(record: &dyn RecordHarness) {
    let flows = &*record.ports().flows;
    let mine = create(flows, flow("menu", "one")).await;
    let version = known(flows).await[0].1;
    let other = AccountId::from("other");
    assert_eq!(flows.list(&other).await.expect("list"), []);
    assert_eq!(flows.get(&other, &mine.id).await.expect("get"), None);
    assert_eq!(flows.catalog(&other).await.expect("catalog").flows().count(), 0);
    assert!(flows.version(&other, version).await.expect("version").is_none());
    for number in [1, 7] {
        let theirs = FlowRecord { account_id: other.clone(), version: number, ..mine.clone() };
        assert_eq!(flows.update(theirs).await.expect("update"), Saved::Conflict);
    }
    assert!(!flows.delete(&other, &mine.id).await.expect("delete"));
    assert_eq!(flows.get(&account(), &mine.id).await.expect("get"), Some(mine));
}

/// Those of one moment by their ids.
pub async fn flows_are_listed_oldest_first(record: &dyn RecordHarness) {
    let (flows, clock) = (&*record.ports().flows, &record.ports().clock);
    for (id, passes) in [("d", 0), ("c", 1), ("b", 999), ("a", 1), ("f", 500), ("e", 0)] {
        clock.pass(Duration::from_millis(passes));
        create(flows, flow(id, "text")).await;
    }
    let oldest = flows.get(&account(), &"d".into()).await.expect("get").expect("d");
    update(flows, oldest).await;
    let listed: Vec<String> =
        flows.list(&account()).await.expect("list").iter().map(|flow| flow.id.0.to_string()).collect();
    assert_eq!(listed, ["d", "c", "b", "a", "e", "f"]);
}

/// Made, saved, switched off, deleted.
pub async fn the_catalog_follows_this_process_at_once_and_others_within_two_seconds(record: &dyn RecordHarness) {
    let here = &*record.ports().flows;
    let (_, elsewhere) = record.elsewhere().await;
    let elsewhere = &*elsewhere;
    let follows = async || {
        let now = known(here).await;
        within_two_seconds(async || known(elsewhere).await == now).await;
        now
    };
    assert!(follows().await.is_empty());
    let created = create(here, flow("menu", "one")).await;
    let first = follows().await;
    assert_eq!((first.len(), first[0].2), (1, FlowStatus::Active));
    let off = update(here, FlowRecord { status: FlowStatus::Inactive, ..created }).await;
    let second = follows().await;
    assert_eq!(second[0].2, FlowStatus::Inactive);
    assert_ne!(first[0].1, second[0].1);
    // And the other way.
    update(elsewhere, off).await;
    let third = known(elsewhere).await;
    within_two_seconds(async || known(here).await == third).await;
    assert!(here.delete(&account(), &"menu".into()).await.expect("delete"));
    assert!(follows().await.is_empty());
}

/// Running sessions may hold them, and buttons of old messages.
pub async fn versions_stay_after_their_flow(record: &dyn RecordHarness) {
    let flows = &*record.ports().flows;
    create(flows, flow("menu", "one")).await;
    let id = known(flows).await[0].1;
    assert!(flows.version(&account(), VersionId(id.0 + 1)).await.expect("version").is_none());
    flows.delete(&account(), &"menu".into()).await.expect("delete");
    let version = flows.version(&account(), id).await.expect("version").expect("it stays");
    assert_eq!(version.steps.len(), 1);
    create(flows, flow("menu", "two")).await;
    assert!(flows.version(&account(), VersionId(id.0 + 1)).await.expect("version").is_some(), "made meanwhile");
}

/// One is told that it has changed.
pub async fn two_who_save_at_once_do_not_overwrite_each_other(record: &dyn RecordHarness) {
    let flows = &*record.ports().flows;
    let mut current = create(flows, flow("menu", "one")).await;
    for round in 0..10 {
        let by = |name: &str| FlowRecord { name: format!("{name} {round}"), ..current.clone() };
        let (one, other) = tokio::join!(flows.update(by("one")), flows.update(by("other")));
        let done = match (one.expect("update"), other.expect("update")) {
            (Saved::Done(done), Saved::Changed) | (Saved::Changed, Saved::Done(done)) => *done,
            both => panic!("{both:?}"),
        };
        assert_eq!(flows.get(&account(), &"menu".into()).await.expect("get"), Some(done.clone()));
        current = done;
    }
}
