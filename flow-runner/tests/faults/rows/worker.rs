//! Rows 10 to 16: a worker that is killed at the worst moments, frozen, or cut off.

use crate::{
    scene::Scene,
    support::{
        NUMBER, PATIENCE,
        fleet::{PARTITIONS, Role, Urls},
        report::Row,
        until,
    },
};
use std::{os::unix::process::ExitStatusExt, time::Duration};
use testkit::proxy::Proxy;
use whatsapp_simulator::User;

/// A killed worker's partitions are served again within this.
const SERVED_AGAIN: Option<(&str, Duration)> = Some(("partitions served again", Duration::from_secs(5)));
/// And those of one that is frozen, or whose cable was pulled.
const NOTICED: Option<(&str, Duration)> = Some(("partitions served again", Duration::from_secs(25)));

/// A worker is killed at this point, beside another.
async fn killed_at(failpoint: &str, row: Row) {
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let (_gateway, _none, _sender) = scene.begin(0).await;
    let mut doomed = scene.fleet.start(Role::Worker, &[("FLOW_RUNNER_FAILPOINTS", failpoint)]).await;
    let other = scene.fleet.start(Role::Worker, &[]).await;
    scene.fleet.until_balanced(&[&doomed, &other], PATIENCE).await;
    scene.write(40, 12, 1, Duration::from_millis(100));
    let (status, _) = doomed.until_ended(PATIENCE).await;
    assert_eq!(status.signal(), Some(9), "{status}");
    let took = scene.until_served().await;
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    row.held(took, "");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_10_a_worker_killed_before_its_commit_has_done_nothing() {
    let row = Row { number: 10, fault: "worker killed before the commit", holds: "E", bound: SERVED_AGAIN };
    killed_at("worker.before_commit@40", row).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_11_a_worker_killed_after_its_commit_has_done_everything() {
    let row = Row {
        number: 11,
        fault: "worker killed after the commit, before publishing",
        holds: "E L",
        bound: SERVED_AGAIN,
    };
    killed_at("worker.after_commit@40", row).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_12_a_worker_killed_between_two_jobs_loses_none_and_sends_none_twice() {
    let row =
        Row { number: 12, fault: "worker killed between two jobs of an event", holds: "L D O", bound: SERVED_AGAIN };
    killed_at("worker.between_jobs@10", row).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_13_a_worker_killed_before_it_acknowledges_does_nothing_twice() {
    let row = Row { number: 13, fault: "worker killed before the acknowledgement", holds: "D", bound: SERVED_AGAIN };
    killed_at("runner.before_ack@40", row).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_14_a_message_that_kills_its_consumer_is_given_up_and_nothing_innocent() {
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let (_gateway, _none, _sender) = scene.begin(0).await;
    // Its queues fill up first, so that the killer is prefetched among many others.
    scene.write(40, 8, 1, Duration::ZERO);
    until("all is written", || !scene.is_writing()).await;
    let kim = User::phone("447700900014");
    // And its own queue most of all: more than a process prefetches.
    let partition = shared::partition::of("447700900014", PARTITIONS);
    scene.probe(partition, 200).await;
    scene.writes_to(NUMBER, &kim, "kill me now").await;
    scene.probe(partition, 100).await;
    for text in ["begin", "next"] {
        scene.writes_to(NUMBER, &kim, text).await;
    }
    let mut crashes = 0;
    loop {
        let mut worker = scene.fleet.spawn(Role::Worker, &[("FLOW_RUNNER_FAILPOINTS", "worker.decode=kill me now")]);
        let letters = "SELECT count(*) FROM dead_letters WHERE reason = 'kills_consumer'";
        while worker.ended().is_none() && scene.fleet.database.ask(letters) == "0" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if worker.ended().is_none() {
            break;
        }
        crashes += 1;
        assert!(crashes < 10, "{crashes} crashes, and it is not given up");
    }
    let _worker = scene.fleet.start(Role::Worker, &[]).await;
    scene.until_served().await;
    // The killer's own lane went on too: two answers of which nobody else knows.
    until("the lane goes on", || scene.simulator.sends().iter().filter(|sent| sent.is_for(&kim)).count() == 2).await;
    assert_eq!(scene.assert_exact_but(&[&kim]).await, 0, "jobs were sent twice");
    assert_eq!(scene.fleet.database.ask("SELECT reason, state FROM dead_letters"), "kills_consumer|open");
    assert!((6..=7).contains(&crashes), "{crashes} crashes");
    let row = Row { number: 14, fault: "a message that kills its consumer", holds: "E, given up alone", bound: None };
    row.held(Duration::ZERO, &format!("given up after {crashes} crashes"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run by `./dev faults`"]
async fn row_15_a_worker_frozen_for_a_minute_does_nothing_twice_when_it_thaws() {
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let (_gateway, workers, _sender) = scene.begin(2).await;
    scene.fleet.until_balanced(&[&workers[0], &workers[1]], PATIENCE).await;
    scene.write(40, 60, 1, Duration::from_millis(2_500));
    scene.until_sent(0.1).await;
    workers[0].signal("STOP");
    let frozen = tokio::time::Instant::now();
    let took = scene.until_served().await;
    tokio::time::sleep_until(frozen + Duration::from_secs(60)).await;
    workers[0].signal("CONT");
    scene.until_served().await;
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    Row { number: 15, fault: "worker frozen for 60 s", holds: "E D O", bound: NOTICED }.held(took, "");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run by `./dev faults`"]
async fn row_16_a_worker_whose_cable_is_pulled_is_replaced() {
    let urls = Urls::shared();
    let (proxy, amqp) = Proxy::before(&urls.amqp).await.expect("a proxy");
    let mut scene = Scene::new(&urls, &[]).await;
    let (_gateway, mut workers, _sender) = scene.begin(1).await;
    workers.push(scene.fleet.start(Role::Worker, &[("AMQP_URL", &amqp)]).await);
    scene.fleet.until_balanced(&[&workers[0], &workers[1]], PATIENCE).await;
    scene.write(40, 40, 1, Duration::from_millis(1_500));
    scene.until_sent(0.1).await;
    proxy.unplug(true);
    let took = scene.until_served().await;
    proxy.cut();
    proxy.unplug(false);
    scene.until_served().await;
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    Row { number: 16, fault: "half-open connection", holds: "E D O", bound: NOTICED }.held(took, "");
}
