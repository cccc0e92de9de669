//! How a process ends, and what the next one finds.

use crate::support::{
    Installation, PATIENCE,
    crowd::{self, Delivery, Dice},
    stage::{NO_LIMITS, Stage, album, person},
    until, without_limits,
};
use std::{sync::Arc, time::Duration};
use testkit::questions;
use whatsapp_simulator::{Config, FaultKind, Simulator, Statuses};

const QUESTIONS: usize = 7;

#[tokio::test(flavor = "multi_thread")]
async fn told_to_end_under_load_it_ends_in_order_and_the_next_one_goes_on_exactly() {
    // Answers take a moment, so that many requests are under way when the end comes.
    let config = Config { answer_delay: Duration::from_millis(200), ..without_limits(Statuses::Read) };
    let simulator =
        Arc::new(Simulator::start("127.0.0.1:0".parse().expect("an address"), config).await.expect("a simulator"));
    let mut installation = Installation::new(&simulator.url(), &NO_LIMITS);
    installation.start().await;
    simulator.set_webhook_url(&installation.webhook());
    installation.save_flow("Questions", &[questions::TRIGGER], questions::steps(QUESTIONS)).await;

    let people = crowd::people(60, 10, &mut Dice(11));
    let expected = crowd::expected_count(&people, QUESTIONS);
    let writing = tokio::spawn({
        let (simulator, webhook, people) = (simulator.clone(), installation.webhook(), people.clone());
        let delivery = Delivery { copies: 2, pause: Duration::from_millis(50) };
        async move { crowd::write_all(&simulator, &webhook, &people, delivery, 12).await }
    });
    for share in [4, 2] {
        crowd::wait_for_jobs(&simulator, expected / share, PATIENCE).await;
        installation.terminate().await;
        assert_eq!(installation.ask("SELECT count(*) FROM jobs WHERE state IN ('sending', 'unknown')"), "0");
        installation.start().await;
    }
    writing.await.expect("everybody wrote");
    crowd::wait_for_jobs(&simulator, expected, PATIENCE).await;
    installation.until_settled().await;
    installation.terminate().await;

    let copies = crowd::assert_exact(&simulator.sends(), &people, QUESTIONS, Vec::new());
    assert_eq!(copies.len(), 0, "sent twice: {copies:?}");
    assert_eq!(installation.ask("SELECT count(*) FROM dead_letters"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_end_while_whatsapp_is_silent_it_ends_in_time_and_the_next_one_sends_once() {
    let mut stage = Stage::set(&[("FLOW_RUNNER__SEND__UNKNOWN_WAIT", "2s")]).await;
    let kim = person(1);
    stage.fails(&kim, FaultKind::TimeoutBefore, 1);
    stage.writes(&kim, "one").await;
    stage.writes(&kim, "two").await;
    until("the request is under way", || stage.refused_at(&kim).len() == 1).await;
    stage.installation.terminate().await;
    assert_eq!(stage.installation.ask("SELECT state FROM jobs ORDER BY lane_seq"), "unknown\nqueued");
    stage.installation.start().await;
    stage.until_received(&kim, &["one", "two"]).await;
    stage.installation.until_settled().await;
    assert_eq!(stage.simulator.sends_count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_lane_that_another_process_left_goes_out_in_one_go() {
    const PICTURES: usize = 60;
    let mut stage = Stage::set(&[]).await;
    let kim = person(1);
    stage.installation.save_flow("Album", &["album"], album(PICTURES)).await;
    // The first one waits, and with it all others.
    stage.fails(&kim, FaultKind::TooManyRequests { retry_after: Some(3) }, 1);
    stage.writes(&kim, "album").await;
    stage.installation.until("SELECT count(*) FROM jobs WHERE state = 'retrying'", "1").await;
    stage.installation.terminate().await;
    stage.installation.start().await;
    until("all pictures are sent", || stage.sends(&kim).len() >= PICTURES).await;
    stage.installation.until_settled().await;

    let expected: Vec<String> = (0..PICTURES).map(|at| format!("Picture {at}")).collect();
    assert_eq!(stage.received(&kim), expected);
    let sends = stage.sends(&kim);
    let longest = sends.windows(2).map(|two| two[1].accepted_at - two[0].accepted_at).max();
    // The ledger is read every 5 s: no follower waited for that.
    assert!(longest < Some(3_000), "one waited {longest:?} ms for its turn");
}
