//! `process`: a text that nobody wrote is answered like any other.

use crate::{
    done, refused, shown,
    support::{
        NUMBER,
        stage::{Stage, person},
    },
};
use whatsapp_simulator::User;

fn process<'a>(from: &'a str, text: &'a str) -> [&'a str; 6] {
    ["process", "--number", NUMBER, "--from", from, text]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processed_text_is_answered_once_beside_a_serving_process_and_after_its_start() {
    let mut stage = Stage::set(&[]).await;
    let (kim, lee) = (person(1), User::bsuid("US.13491208655302741918"));
    let phone = kim.phone_digits().expect("a phone");
    let event = done(&stage.installation, &process(&phone, "one"));
    stage.until_received(&kim, &["one"]).await;
    let answered = format!("SELECT count(*) FROM jobs WHERE event_id = {}", event["eventId"]).replace('"', "'");
    assert_eq!(stage.installation.ask(&answered), "1");
    assert!(shown(&stage.installation, &process("US.13491208655302741918", "one")).starts_with("event "));
    stage.until_received(&lee, &["one"]).await;
    stage.installation.until_settled().await;

    stage.installation.terminate().await;
    done(&stage.installation, &process(&format!("+{phone}"), "two"));
    stage.installation.start().await;
    stage.until_received(&kim, &["one", "two"]).await;
    stage.installation.until_settled().await;
    assert_eq!(stage.simulator.sends_count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_to_an_unknown_number_or_without_an_identity() {
    let mut stage = Stage::set(&[]).await;
    for serving in [true, false] {
        if !serving {
            stage.installation.terminate().await;
        }
        let (code, said) = refused(&stage.installation, &["process", "--number", "777", "--from", "15550001111", "hi"]);
        assert!(code == 1 && said.contains("numbers add 777"), "{code}: {said}");
        let (code, said) = refused(&stage.installation, &process("somebody", "hi"));
        assert!(code == 1 && said.contains("user id"), "{code}: {said}");
        let (code, _) = refused(&stage.installation, &["process", "--from", "15550001111", "hi"]);
        assert_eq!(code, 2);
    }
    assert_eq!(stage.installation.ask("SELECT count(*) FROM messages"), "0");
}
