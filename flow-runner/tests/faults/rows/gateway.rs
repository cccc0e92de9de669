//! Rows 1, 2 and 44: the gateway, and callbacks that come many times.

use crate::{
    scene::Scene,
    support::{
        PATIENCE,
        fleet::{Role, Urls},
        free_address,
        report::Row,
    },
};
use std::{os::unix::process::ExitStatusExt, time::Duration};

async fn killed_at(failpoint: &str, row: Row) {
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let address = free_address();
    let gateway = scene.fleet.start_at(Role::Gateway, address, &[]).await;
    scene.written_to(&gateway.url("/api/whatsapp/messages/webhook"));
    scene.save_flows(&gateway).await;
    let _worker = scene.fleet.start(Role::Worker, &[]).await;
    let _sender = scene.fleet.start(Role::Sender, &[]).await;
    scene.until_served().await;
    gateway.kill();

    let failpoint = format!("{failpoint}@40");
    let mut gateway = scene.fleet.start_at(Role::Gateway, address, &[("FLOW_RUNNER_FAILPOINTS", &failpoint)]).await;
    scene.write(20, 12, 1, Duration::from_millis(50));
    let (status, _) = gateway.until_ended(PATIENCE).await;
    assert_eq!(status.signal(), Some(9), "{status}");
    let gateway = scene.fleet.start_at(Role::Gateway, address, &[]).await;
    let took = scene.until_served().await;
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    drop(gateway);
    row.held(took, "");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_01_a_gateway_killed_before_it_publishes_has_taken_nothing() {
    let row = Row { number: 1, fault: "gateway killed before it publishes", holds: "E", bound: None };
    killed_at("gateway.before_publish", row).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_02_a_gateway_killed_before_it_answers_is_asked_again_and_nothing_is_done_twice() {
    let row = Row { number: 2, fault: "gateway killed after it published, before 200", holds: "E", bound: None };
    killed_at("gateway.after_publish", row).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_44_callbacks_that_come_ten_times_and_out_of_order_are_one() {
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let (_gateway, _workers, _sender) = scene.begin(2).await;
    scene.write(30, 8, 10, Duration::from_millis(100));
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    let handled = scene.fleet.database.ask("SELECT count(*) FROM messages WHERE state = 'handled'");
    // Everybody's, and one to each partition before.
    assert_eq!(handled, (30 * 8 + 16).to_string());
    let row = Row { number: 44, fault: "every callback ten times, out of order", holds: "E", bound: None };
    row.held(Duration::ZERO, &format!("{handled} messages of ten copies each"));
}
