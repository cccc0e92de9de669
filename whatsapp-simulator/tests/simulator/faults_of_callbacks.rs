//! Each fault that concerns callbacks.

use whatsapp_simulator::{Config, Fault, FaultKind, Statuses, User, UserMessage};

use super::stage::{NUMBER, Stage, USER, quick};

#[tokio::test]
async fn duplicates_are_word_for_word() {
    let mut stage = Stage::set(Config { statuses: Statuses::Sent, ..quick() }).await;
    stage.meta.inject(Fault::new(FaultKind::DuplicateCallbacks { times: 2 }));
    stage.text(USER, "hello").await;
    let first = stage.webhook.call().await;
    assert_eq!(first.statuses().len(), 1);
    assert_eq!(stage.webhook.call().await, first);
    assert_eq!(stage.webhook.call().await, first);

    let inbound = stage.meta.user_writes(NUMBER, &User::phone(USER), UserMessage::Text("hi".into())).await.unwrap();
    let first = stage.webhook.call().await;
    assert_eq!(first.value()["messages"][0]["id"], inbound.wamid);
    assert_eq!(stage.webhook.call().await, first);
    assert_eq!(stage.webhook.call().await, first);
    assert_eq!(stage.webhook.call_now(), None);
}

#[tokio::test]
async fn reordered_statuses_come_in_reverse() {
    let mut stage = Stage::set(quick()).await;
    stage.meta.inject(Fault::new(FaultKind::ReorderStatuses));
    stage.text(USER, "hello").await;
    let seen: Vec<_> = stage.webhook.statuses(3).await.into_iter().map(|(_, status)| status).collect();
    assert_eq!(seen, ["read", "delivered", "sent"]);
}

#[tokio::test]
async fn a_batch_goes_out_when_it_is_full() {
    let mut stage = Stage::set(quick()).await;
    let fault = stage.meta.inject(Fault::new(FaultKind::BatchStatuses { size: 8 }));
    for _ in 0..3 {
        stage.text(USER, "hello").await;
    }
    assert_eq!(stage.webhook.call().await.statuses().len(), 8);
    assert!(stage.meta.remove_fault(fault));
    let rest = stage.webhook.statuses(1).await;
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0], (stage.meta.sends()[2].wamid.to_string(), "read".into()));
}

#[tokio::test]
async fn dropped_statuses_never_come() {
    let mut stage = Stage::set(quick()).await;
    stage.meta.inject(Fault::once(FaultKind::DropStatuses));
    let dropped = stage.text(USER, "one").await;
    // Sixteen more: the last one is in the same lane, where the dropped ones would have come before.
    for _ in 0..16 {
        stage.text(USER, "two").await;
    }
    let seen = stage.webhook.statuses(16 * 3).await;
    assert!(seen.iter().all(|(wamid, _)| *wamid != dropped), "{seen:?}");
}

#[tokio::test]
async fn held_statuses_come_when_they_are_let_go() {
    let mut stage = Stage::set(quick()).await;
    let fault = stage.meta.inject(Fault::once(FaultKind::HoldStatuses));
    let held = stage.text(USER, "one").await;
    for _ in 0..16 {
        stage.text(USER, "two").await;
    }
    let seen = stage.webhook.statuses(16 * 3).await;
    assert!(seen.iter().all(|(wamid, _)| *wamid != held), "{seen:?}");
    assert!(stage.meta.remove_fault(fault));
    let seen = stage.webhook.statuses(3).await;
    assert_eq!(seen, ["sent", "delivered", "read"].map(|status| (held.clone(), status.to_owned())));
}

#[tokio::test]
async fn clearing_all_faults_lets_go_too() {
    let mut stage = Stage::set(quick()).await;
    stage.meta.inject(Fault::new(FaultKind::HoldStatuses));
    for _ in 0..5 {
        stage.text(USER, "hello").await;
    }
    assert_eq!(stage.webhook.call_now(), None);
    stage.meta.clear_faults();
    assert_eq!(stage.webhook.statuses(15).await.len(), 15);
}

#[tokio::test]
async fn a_message_can_fail_after_it_was_accepted() {
    let mut stage = Stage::set(quick()).await;
    stage.meta.inject(Fault::once(FaultKind::FailStatuses { code: 131_047 }));
    let wamid = stage.text(USER, "hello").await;
    let statuses = stage.webhook.call().await.statuses();
    assert_eq!(statuses.len(), 1);
    assert_eq!((&statuses[0]["id"], &statuses[0]["status"]), (&wamid.into(), &"failed".into()));
    assert_eq!(statuses[0]["errors"][0]["code"], 131_047);
    assert!(statuses[0].get("pricing").is_none());
}
