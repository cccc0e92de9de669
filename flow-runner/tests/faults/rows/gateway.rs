//! Rows 1, 2, 44 and 45: the gateway, callbacks that come many times, and clients that take their time.

use crate::{
    scene::Scene,
    support::{
        PATIENCE,
        fleet::{Role, Urls},
        free_address,
        report::{Row, is_measured},
    },
};
use std::{os::unix::process::ExitStatusExt, time::Duration};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

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

/// Connections that send a byte of their headers a second, and come again when they are closed, until dropped.
struct Slow(tokio::task::JoinSet<()>);

impl Slow {
    /// Waits until as many are open.
    async fn open(address: std::net::SocketAddr, count: usize) -> Self {
        let (mut all, (opened, mut seen)) = (tokio::task::JoinSet::new(), tokio::sync::mpsc::channel(count));
        for _ in 0..count {
            let opened = opened.clone();
            all.spawn(async move {
                let mut first = Some(opened);
                loop {
                    let Ok(mut connection) = TcpStream::connect(address).await else {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    };
                    if let Some(opened) = first.take() {
                        opened.send(()).await.expect("somebody counts");
                    }
                    for byte in b"POST /api/whatsapp/messages/webhook HTTP/1.1\r\nhost: a\r\nx-slow: ".iter().cycle() {
                        if connection.write_all(&[*byte]).await.is_err() {
                            break;
                        }
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            });
        }
        for _ in 0..count {
            seen.recv().await.expect("every one opens");
        }
        Self(all)
    }
}

/// How long callbacks wait for their answer while so many come each second; the 99th percentile in milliseconds.
async fn callbacks(scene: &Scene, lasts: Duration) -> f64 {
    const EVERY: Duration = Duration::from_millis(10);
    let count = (lasts.as_secs_f64() / EVERY.as_secs_f64()) as usize;
    let mut tick = tokio::time::interval(EVERY);
    let mut waits = Vec::with_capacity(count);
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..count {
        tick.tick().await;
        let post = scene.prepared_callback();
        asked.spawn(post);
    }
    while let Some(answer) = asked.join_next().await {
        let (status, took) = answer.expect("nobody panics");
        assert_eq!(status, Some(200));
        waits.push(took.as_secs_f64() * 1_000.0);
    }
    waits.sort_unstable_by(f64::total_cmp);
    waits[count * 99 / 100]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run by `./dev faults`"]
async fn row_45_a_thousand_slow_clients_are_felt_by_nobody() {
    const SLOW: usize = 1_000;
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let gateway = scene.gateway(&[]).await;
    scene.save_flows(&gateway).await;
    let round = Duration::from_secs(20);
    callbacks(&scene, round).await;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        alone.push(callbacks(&scene, round).await);
        let slow = Slow::open(gateway.address, SLOW).await;
        beside.push(callbacks(&scene, round).await);
        assert_eq!(slow.0.len(), SLOW);
    }
    let median = |of: &mut Vec<f64>| {
        of.sort_unstable_by(f64::total_cmp);
        of[of.len() / 2]
    };
    let told = format!("{alone:.1?} ms alone, {beside:.1?} ms beside");
    let (alone, beside) = (median(&mut alone), median(&mut beside));
    assert!(!is_measured() || beside <= alone * 1.2 + 0.5, "p99 {alone:.1} ms became {beside:.1} ms");
    let row = Row { number: 45, fault: "1,000 clients that send a byte a second", holds: "p99 of others", bound: None };
    row.held(Duration::ZERO, &format!("p99 of callbacks, three rounds: {told}"));
}
