//! When WhatsApp doesn't answer: nothing is buried, and nothing is sent twice for want of knowing.

use crate::support::{
    NUMBER,
    stage::{Stage, person},
    until,
};
use whatsapp_simulator::{Fault, FaultKind, Scope};

/// Without a status the outcome is waited for so long.
const SHORT: (&str, &str) = ("FLOW_RUNNER__SEND__UNKNOWN_WAIT", "2s");
const PEOPLE: usize = 100;

fn down() -> Fault {
    Fault { scope: Scope::All, ..Fault::new(FaultKind::ServerError { http_status: 500, accepted: false }) }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_sat_out_and_then_everything_is_sent_in_order() {
    let stage = Stage::set(&[SHORT, ("FLOW_RUNNER__SEND__CONCURRENCY", "8")]).await;
    let people: Vec<_> = (0..PEOPLE).map(person).collect();
    let outage = stage.simulator.inject(down());
    for who in &people {
        for word in ["one", "two"] {
            stage.writes(who, word).await;
        }
    }
    let tried = || stage.simulator.refusals().iter().filter(|refused| refused.to.is_some()).count();
    until("the breaker opens", || tried() >= 20).await;
    // After 1, 2 and 4 s; by the third time each unknown outcome would have been resent into the outage, and given up.
    let asked = |stage: &Stage| stage.simulator.refusals().iter().filter(|refused| refused.to.is_none()).count();
    until("the API is asked", || asked(&stage) >= 3).await;
    let before = tried();
    assert!(before < 40, "{before} messages were risked");
    assert!(stage.simulator.remove_fault(outage));
    for who in &people {
        stage.until_received(who, &["one", "two"]).await;
    }
    stage.installation.until_settled().await;
    assert!(stage.letters().is_empty());
    assert_eq!(stage.simulator.sends_count(), 2 * PEOPLE as u64);
    let resent = stage.installation.ask("SELECT count(*), max(resends) FROM jobs WHERE resends > 0");
    assert_eq!(resent, format!("{before}|1"), "each that was risked, once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lonely_conversation_does_not_spend_its_resend_on_an_outage() {
    let stage = Stage::set(&[SHORT]).await;
    let kim = person(1);
    let outage = stage.simulator.inject(down());
    stage.writes(&kim, "one").await;
    let asked = || stage.simulator.refusals().iter().filter(|refused| refused.to.is_none()).count();
    until("the API is asked three times", || asked() >= 3).await;
    assert_eq!(stage.refused_at(&kim).len(), 1);
    assert!(stage.simulator.remove_fault(outage));
    stage.until_received(&kim, &["one"]).await;
    stage.installation.until_settled().await;
    assert_eq!(stage.installation.ask("SELECT resends FROM jobs"), "1");
    assert!(stage.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_whose_calls_fail_holds_up_no_other() {
    let stage = Stage::set(&[SHORT]).await;
    let broken = Fault { phone_number_id: Some(NUMBER.into()), ..down() };
    let broken = stage.simulator.inject(broken);
    // Good calls of another number keep the host's breaker closed.
    let other = "200000000000002";
    stage.installation.add_number(other).await;
    for at in 0..PEOPLE {
        stage.writes_to(other, &person(1000 + at), "one").await;
        stage.writes(&person(at), "one").await;
    }
    until("the other number answers", || stage.simulator.sends_count() == PEOPLE as u64).await;
    assert!(stage.simulator.remove_fault(broken));
    until("everybody is answered", || stage.simulator.sends_count() == 2 * PEOPLE as u64).await;
    stage.installation.until_settled().await;
    assert!(stage.letters().is_empty());
}
