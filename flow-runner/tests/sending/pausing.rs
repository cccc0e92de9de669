//! A number that can't send at all is paused, alone, until somebody sees to it.

use crate::support::{
    Installation, NUMBER, TOKEN,
    stage::{NO_LIMITS, Stage, WORDS, person, says},
    whatsapp,
};
use std::time::Duration;
use whatsapp_simulator::Statuses;

const OTHER: &str = "100000000000002";
/// The ledger is read for what waits every 5 s: after this it was read.
const A_READING: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_pauses_its_number_and_nothing_is_lost_until_it_is_renewed() {
    let simulator = whatsapp(Statuses::Read).await;
    let mut installation = Installation::new(&simulator.url(), &NO_LIMITS);
    // Each start sets up the number of its settings: first a healthy one, then one whose token has expired.
    installation.set("WHATSAPP_PHONE_NUMBER_ID", OTHER);
    installation.start().await;
    for word in WORDS {
        installation.save_flow(word, &[word], says(word)).await;
    }
    installation.terminate().await;
    installation.set("WHATSAPP_PHONE_NUMBER_ID", NUMBER);
    installation.set("WHATSAPP_ACCESS_TOKEN", "expired");
    installation.start().await;
    simulator.set_webhook_url(&installation.webhook());
    let mut stage = Stage { simulator, installation };

    stage.writes(&person(0), "one").await;
    stage.installation.until("SELECT count(*) FROM phone_numbers WHERE paused IS NOT NULL", "1").await;
    let people: Vec<_> = (1..10).map(person).collect();
    for word in WORDS {
        for who in &people {
            stage.writes(who, word).await;
        }
    }
    let lee = person(100);
    for word in WORDS {
        stage.writes_to(OTHER, &lee, word).await;
    }
    stage.until_received(&lee, &WORDS).await;
    stage.installation.until("SELECT count(*) FROM jobs WHERE state IN ('queued', 'retrying')", "28").await;
    // Nothing announces that nothing is tried.
    tokio::time::sleep(A_READING).await;
    let refused: Vec<i64> = stage.simulator.refusals().iter().map(|refusal| refusal.code).collect();
    assert_eq!(refused, [190]);
    assert_eq!(stage.installation.ask("SELECT id FROM phone_numbers WHERE paused IS NOT NULL"), NUMBER);
    assert_eq!(stage.installation.ask("SELECT id FROM phone_numbers WHERE paused LIKE '%190%'"), NUMBER);
    assert_eq!(stage.simulator.sends_count(), 3);

    stage.installation.terminate().await;
    stage.installation.set("WHATSAPP_ACCESS_TOKEN", TOKEN);
    stage.installation.start().await;
    stage.until_received(&person(0), &["one"]).await;
    for who in &people {
        stage.until_received(who, &WORDS).await;
    }
    stage.installation.until_settled().await;
    assert_eq!(stage.simulator.sends_count(), 31);
    assert_eq!(stage.installation.ask("SELECT count(*) FROM phone_numbers WHERE paused IS NOT NULL"), "0");
    assert_eq!(stage.installation.ask("SELECT sum(spent) FROM jobs"), "0");
    assert!(stage.letters().is_empty());
}
