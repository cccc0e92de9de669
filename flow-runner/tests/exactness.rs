//! Everybody gets exactly what the flow says, once and in order: under load, under repeats, under `kill -9`.

mod support;

use std::{sync::Arc, time::Duration};
use support::{Installation, PATIENCE, crowd, questions, relay::Relay, sqlite, whatsapp};
use whatsapp_simulator::Statuses;

const NO_LIMITS: [(&str, &str); 2] = [("WHATSAPP_NUMBER_RATE", "0"), ("WHATSAPP_PAIR_RATE", "off")];
const QUESTIONS: usize = 7;

/// 200 conversations at once, 20 exchanges each, every callback delivered twice and shuffled across conversations.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_conversations_with_every_callback_twice() {
    let simulator = Arc::new(whatsapp(Statuses::Read).await);
    let mut installation = Installation::new(&simulator.url(), &NO_LIMITS);
    installation.start().await;
    simulator.set_webhook_url(&installation.webhook());
    installation.save_flow("Questions", &[questions::TRIGGER], questions::steps(QUESTIONS)).await;

    let people = crowd::people(200, 20, &mut crowd::Dice(1));
    let delivery = crowd::Delivery { copies: 2, pause: Duration::ZERO };
    crowd::write_all(&simulator, &installation.webhook(), &people, delivery, 2).await;
    crowd::wait_for_jobs(&simulator, crowd::expected_count(&people, QUESTIONS), PATIENCE).await;
    wait_until_settled(&installation, PATIENCE).await;
    installation.terminate().await;

    let copies = crowd::assert_exact(&simulator.sends(), &people, QUESTIONS, Vec::new());
    assert_eq!(copies.len(), 0, "sent twice: {copies:?}");
    assert_eq!(simulator.refusals().len(), 0, "refused: {:?}", simulator.refusals());
    let record = installation.record().await;
    record.assert_nothing_waits().await;
    record.close().await;
    assert_eq!(sqlite(&installation.data_dir(), "SELECT count(*) FROM messages WHERE state = 'handled'"), "4000");
    assert_eq!(sqlite(&installation.data_dir(), "SELECT count(*) FROM dead_letters"), "0");
}

/// The process is killed at random moments under load and started again each time. `KILLS` says how often (5).
#[tokio::test(flavor = "multi_thread")]
async fn kill_dash_nine_at_random_moments_loses_and_repeats_nothing() {
    let kills: usize = std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let simulator = Arc::new(whatsapp(Statuses::Read).await);
    // What is unknown after a kill is settled after seconds instead of minutes; nothing else is changed.
    let mut settings = NO_LIMITS.to_vec();
    settings
        .extend([("FLOW_RUNNER__SEND__UNKNOWN_WAIT", "8s"), ("FLOW_RUNNER__SEND__UNKNOWN_WAIT_AFTER_REFUSAL", "2s")]);
    let mut installation = Installation::new(&simulator.url(), &settings);
    installation.start().await;
    let relay = Relay::start(&installation.webhook()).await;
    simulator.set_webhook_url(&relay.url());
    installation.save_flow("Questions", &[questions::TRIGGER], questions::steps(QUESTIONS)).await;

    // Enough to write that somebody always does while the process is being killed.
    let people = crowd::people(40, 10 + 5 * kills, &mut crowd::Dice(3));
    let delivery = crowd::Delivery { copies: 2, pause: Duration::from_millis(120) };
    let writing = tokio::spawn({
        let (simulator, webhook, people) = (simulator.clone(), installation.webhook(), people.clone());
        async move { crowd::write_all(&simulator, &webhook, &people, delivery, 4).await }
    });
    let mut dice = crowd::Dice(5);
    let mut open_claims = 0;
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(50 + dice.roll(400) as u64)).await;
        installation.kill();
        let sending = sqlite(&installation.data_dir(), "SELECT count(*) FROM jobs WHERE state = 'sending'");
        open_claims += sending.parse::<usize>().expect("a number");
        assert_eq!(sqlite(&installation.data_dir(), "PRAGMA integrity_check"), "ok");
        installation.start().await;
    }
    writing.await.expect("everybody wrote");
    // Lanes stood still behind open claims while people wrote on: there is much to catch up with.
    let patience = PATIENCE + Duration::from_secs(3) * u32::try_from(kills).expect("small");
    wait_until_settled(&installation, patience).await;
    installation.terminate().await;

    // A claim that was open at a kill, was sent again, and was open at another kill is given up rather than sent a third
    // time: it is a dead letter, and nothing else may be.
    let given_up = given_up(&installation);
    let count = given_up.len();
    let copies = crowd::assert_exact(&simulator.sends(), &people, QUESTIONS, given_up);
    println!(
        "{kills} kills, {open_claims} claims open at them, {} of {} jobs sent twice, {count} given up after two unknown outcomes",
        copies.len(),
        crowd::expected_count(&people, QUESTIONS),
    );
    assert!(copies.len() <= open_claims, "{} jobs sent twice, {open_claims} claims were open", copies.len());
    for (job, sends) in &copies {
        assert_eq!(sends.len(), 2, "job {job} was sent more than twice");
        let taken = relay.status_taken(&sends[0].wamid);
        let again = u128::from(sends[1].accepted_at);
        assert!(taken.is_none_or(|taken| taken > again), "job {job} was sent again after its status had come");
    }
    let record = installation.record().await;
    record.assert_nothing_waits().await;
    record.close().await;
    assert_eq!(sqlite(&installation.data_dir(), "PRAGMA integrity_check"), "ok");
}

/// To whom and what, of the jobs that were given up; all of them after two unknown outcomes.
fn given_up(installation: &Installation) -> Vec<(String, String)> {
    let other = "SELECT count(*) FROM dead_letters WHERE reason <> 'unknown_outcome'";
    assert_eq!(sqlite(&installation.data_dir(), other), "0");
    let other = "SELECT count(*) FROM jobs WHERE state = 'dead' AND (resends <> 1 OR attempt <> 2)";
    assert_eq!(sqlite(&installation.data_dir(), other), "0");
    let dead = "SELECT phone, coalesce(json_extract(content, '$.body'), json_extract(content, '$.caption')) FROM jobs
        WHERE state = 'dead' ORDER BY lane_seq";
    let rows = sqlite(&installation.data_dir(), dead);
    rows.lines()
        .map(|line| line.split_once('|').map(|(who, what)| (who.to_owned(), what.to_owned())).expect("two columns"))
        .collect()
}

/// Waits until no job is open and nothing lies in a queue, seen from outside.
async fn wait_until_settled(installation: &Installation, patience: Duration) {
    let deadline = tokio::time::Instant::now() + patience;
    let open = "SELECT (SELECT count(*) FROM jobs WHERE state IN ('queued', 'sending', 'retrying', 'unknown'))
        + (SELECT count(*) FROM queue_messages)";
    while sqlite(&installation.data_dir(), open) != "0" {
        assert!(tokio::time::Instant::now() < deadline, "something waits after {patience:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
