//! Everybody gets exactly what the flow says, once and in order: under load, under repeats, under `kill -9`; embedded and on
//! servers.

mod support;

use std::{sync::Arc, time::Duration};
use support::{Installation, PATIENCE, crowd, relay::Relay, report::Row, whatsapp};
use testkit::questions;
use whatsapp_simulator::Statuses;

const NO_LIMITS: [(&str, &str); 3] =
    [("WHATSAPP_NUMBER_RATE", "0"), ("WHATSAPP_PAIR_RATE", "off"), ("SEND_CAP_PER_HOUR", "0")];
const QUESTIONS: usize = 7;
/// How long an outcome that is unknown waits for its status here.
const WAIT: Duration = Duration::from_secs(8);

/// Where an installation stands.
type Ground = fn(&str, &[(&str, &str)]) -> Installation;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_conversations_with_every_callback_twice() {
    two_hundred_conversations(Installation::embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_conversations_with_every_callback_twice_on_servers() {
    two_hundred_conversations(Installation::on_servers).await;
}

/// 200 conversations at once, 20 exchanges each, every callback delivered twice and shuffled across conversations.
async fn two_hundred_conversations(ground: Ground) {
    let simulator = Arc::new(whatsapp(Statuses::Read).await);
    let mut installation = ground(&simulator.url(), &NO_LIMITS);
    installation.start().await;
    simulator.set_webhook_url(&installation.webhook());
    installation.save_flow("Questions", &[questions::TRIGGER], questions::steps(QUESTIONS)).await;

    let people = crowd::people(200, 20, &mut crowd::Dice(1));
    let delivery = crowd::Delivery { copies: 2, pause: Duration::ZERO };
    crowd::write_all(&simulator, &installation.webhook(), &people, delivery, 2).await;
    crowd::wait_for_jobs(&simulator, crowd::expected_count(&people, QUESTIONS), PATIENCE).await;
    installation.until_settled().await;
    installation.terminate().await;

    let copies = crowd::assert_exact(&simulator.sends(), &people, QUESTIONS, Vec::new());
    assert_eq!(copies.len(), 0, "sent twice: {copies:?}");
    assert_eq!(simulator.refusals().len(), 0, "refused: {:?}", simulator.refusals());
    let record = installation.record().await;
    record.assert_nothing_waits().await;
    record.close().await;
    assert_eq!(installation.ask("SELECT count(*) FROM messages WHERE state = 'handled'"), "4000");
    assert_eq!(installation.ask("SELECT count(*) FROM dead_letters"), "0");
}

/// The process is killed at random moments under load and started again each time. `KILLS` says how often (5).
#[tokio::test(flavor = "multi_thread")]
async fn row_39_kill_dash_nine_at_random_moments_loses_and_repeats_nothing() {
    let kills: usize = std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let remark = killed(Installation::embedded, kills).await;
    let row =
        Row { number: 39, fault: "SIGKILL again and again (SQLite)", holds: "E, integrity_check ok", bound: None };
    row.held(Duration::ZERO, &remark);
}

/// Here a claim of a process that ended is left alone for 60 s, since nobody knows that it ended: `KILLS_ON_SERVERS` (1).
#[tokio::test(flavor = "multi_thread")]
async fn kill_dash_nine_on_servers_loses_and_repeats_nothing() {
    let kills: usize = std::env::var("KILLS_ON_SERVERS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("{}", killed(Installation::on_servers, kills).await);
}

/// What was seen.
async fn killed(ground: Ground, kills: usize) -> String {
    let simulator = Arc::new(whatsapp(Statuses::Read).await);
    // What is unknown after a kill is settled after seconds instead of minutes; nothing else is changed.
    let wait = format!("{}s", WAIT.as_secs());
    let mut settings = NO_LIMITS.to_vec();
    settings.extend([
        ("FLOW_RUNNER__SEND__UNKNOWN_WAIT", wait.as_str()),
        ("FLOW_RUNNER__SEND__UNKNOWN_WAIT_AFTER_REFUSAL", "2s"),
    ]);
    let mut installation = ground(&simulator.url(), &settings);
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
    for kill in 1..=kills {
        // Now and then long enough for what was in hand at two kills to be tried again.
        let life = 50 + dice.roll(400) + if kill % 50 == 0 { 6000 } else { 0 };
        tokio::time::sleep(Duration::from_millis(life as u64)).await;
        installation.kill();
        let sending = installation.ask("SELECT count(*) FROM jobs WHERE state = 'sending'");
        open_claims += sending.parse::<usize>().expect("a number");
        installation.assert_sound();
        installation.start().await;
    }
    writing.await.expect("everybody wrote");
    // Lanes stood still behind open claims while people wrote on: there is much to catch up with.
    let patience = 3 * PATIENCE + Duration::from_secs(3) * u32::try_from(kills).expect("small");
    installation.until_settled_within(patience).await;
    installation.terminate().await;

    // A claim that was open at a kill, was sent again, and was open at another kill is given up rather than sent a third
    // time: it is a dead letter, and nothing else may be.
    let given_up = crowd::given_up(|sql| installation.ask(sql));
    let count = given_up.len();
    let copies = crowd::assert_exact(&simulator.sends(), &people, QUESTIONS, given_up);
    let seen = format!(
        "{kills} kills, {open_claims} claims open at them, {} of {} jobs sent twice, {count} given up after two unknown outcomes",
        copies.len(),
        crowd::expected_count(&people, QUESTIONS),
    );
    assert!(copies.len() <= open_claims, "{} jobs sent twice, {open_claims} claims were open", copies.len());
    for (job, sends) in &copies {
        assert_eq!(sends.len(), 2, "job {job} was sent more than twice");
        let (first, again) = (u128::from(sends[0].accepted_at), u128::from(sends[1].accepted_at));
        let taken = relay.status_taken(&sends[0].wamid);
        // Callbacks that met a killed process come again ever later, and then no status may be waited for any more.
        let in_time = taken.is_some_and(|taken| taken <= again && taken - first <= WAIT.as_millis());
        assert!(!in_time, "job {job} was sent again although its status had come in time");
    }
    let record = installation.record().await;
    record.assert_nothing_waits().await;
    record.close().await;
    installation.assert_sound();
    seen
}
