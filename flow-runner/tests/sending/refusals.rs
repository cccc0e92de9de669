//! What WhatsApp refuses, and when it can't be reached at all.

use crate::support::{
    NUMBER,
    stage::{Stage, WORDS, person, refuses},
    until, without_limits,
};
use serde_json::json;
use whatsapp_simulator::{Config, FaultKind, Simulator, Statuses};

#[tokio::test(flavor = "multi_thread")]
async fn a_permanent_error_is_dead_lettered_and_its_lane_goes_on() {
    let stage = Stage::set(&[]).await;
    let (kim, lee) = (person(1), person(2));
    stage.fails(&kim, refuses(131_026), 1);
    for word in WORDS {
        stage.writes(&kim, word).await;
        stage.writes(&lee, word).await;
    }
    stage.until_received(&kim, &["two", "three"]).await;
    stage.until_received(&lee, &WORDS).await;
    stage.installation.until_settled().await;

    let letters = stage.letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    let (reason, code, state) = (&letters[0]["reason"], &letters[0]["code"], &letters[0]["state"]);
    assert_eq!([reason, code, state], [&json!("permanent_error"), &json!(131_026), &json!("open")]);
    let attempts = letters[0]["attempts"].as_array().expect("a list");
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0]["code"], 131_026);
    assert!(attempts[0]["at"].is_i64() && attempts[0]["error"].is_string(), "{attempts:?}");
    assert_eq!(stage.simulator.refusals().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transient_error_is_retried_while_its_lane_waits_in_order() {
    let stage = Stage::set(&[]).await;
    let (kim, lee) = (person(1), person(2));
    stage.fails(&kim, refuses(133_004), 3);
    for word in WORDS {
        stage.writes(&kim, word).await;
    }
    stage.writes(&lee, "one").await;
    stage.until_received(&lee, &["one"]).await;
    stage.until_received(&kim, &WORDS).await;
    stage.installation.until_settled().await;

    assert_eq!(stage.refused_at(&kim).len(), 3);
    let jobs = stage.jobs(&kim);
    assert_eq!([&jobs[0]["attempt"], &jobs[0]["spent"]], [4, 3], "{jobs:?}");
    assert_eq!([&jobs[1]["attempt"], &jobs[1]["spent"]], [1, 0], "{jobs:?}");
    assert!(stage.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_so_many_attempts_a_transient_error_is_given_up() {
    let stage = Stage::set(&[("SEND_ATTEMPTS", "3")]).await;
    let kim = person(1);
    stage.fails(&kim, refuses(133_004), 3);
    stage.writes(&kim, "one").await;
    stage.writes(&kim, "two").await;
    stage.until_received(&kim, &["two"]).await;
    stage.installation.until_settled().await;

    assert_eq!(stage.refused_at(&kim).len(), 3);
    let letters = stage.letters();
    assert_eq!((letters.len(), &letters[0]["reason"]), (1, &json!("attempts_exhausted")));
    assert_eq!(letters[0]["attempts"].as_array().map(Vec::len), Some(3), "{letters:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_that_is_too_fast_waits_four_to_the_x_and_spends_nothing() {
    let stage = Stage::set(&[("SEND_ATTEMPTS", "1")]).await;
    let (kim, lee) = (person(1), person(2));
    stage.fails(&kim, refuses(131_056), 2);
    stage.writes(&kim, "one").await;
    stage.writes(&kim, "two").await;
    until("the pair is refused", || !stage.refused_at(&kim).is_empty()).await;
    for word in WORDS {
        stage.writes(&lee, word).await;
    }
    stage.until_received(&lee, &WORDS).await;
    stage.until_received(&kim, &["one", "two"]).await;
    stage.installation.until_settled().await;

    let (refused, accepted) = (stage.refused_at(&kim), stage.sends(&kim)[0].accepted_at);
    let waits = [refused[1] - refused[0], accepted - refused[1]];
    assert!((1_000..2_500).contains(&waits[0]) && (4_000..6_000).contains(&waits[1]), "{waits:?}");
    assert!(stage.sends(&lee).iter().all(|sent| sent.accepted_at < accepted), "other pairs go on");
    assert_eq!(stage.jobs(&kim)[0]["spent"], 0);
    assert!(stage.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_obeyed_and_spends_nothing() {
    let stage = Stage::set(&[("SEND_ATTEMPTS", "1")]).await;
    let (kim, lee) = (person(1), person(2));
    let headers = [("Retry-After".to_owned(), "2".to_owned())].into();
    let too_fast = FaultKind::Error { code: 130_429, http_status: None, details: None, headers };
    stage.fails(&kim, too_fast, 2);
    stage.fails(&lee, FaultKind::TooManyRequests { retry_after: Some(2) }, 2);
    for who in [&kim, &lee] {
        stage.writes(who, "one").await;
        stage.writes(who, "two").await;
    }
    for who in [&kim, &lee] {
        stage.until_received(who, &["one", "two"]).await;
        let (refused, accepted) = (stage.refused_at(who), stage.sends(who)[0].accepted_at);
        let waits = [refused[1] - refused[0], accepted - refused[1]];
        assert!(waits.iter().all(|wait| (2_000..4_000).contains(wait)), "{waits:?}");
    }
    stage.installation.until_settled().await;
    assert!([&kim, &lee].iter().all(|who| stage.jobs(who)[0]["spent"] == 0));
    assert!(stage.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_listens_nothing_is_lost_doubled_or_spent() {
    let mut stage = Stage::set(&[("SEND_ATTEMPTS", "1")]).await;
    let people: Vec<_> = (0..20).map(person).collect();
    for who in &people {
        stage.writes(who, "one").await;
    }
    for who in &people {
        stage.until_received(who, &["one"]).await;
    }
    stage.installation.until_settled().await;

    let mut bodies = Vec::new();
    for who in &people {
        bodies.extend(["two", "three"].map(|word| stage.callback(NUMBER, who, word)));
    }
    let address = stage.simulator.addr();
    // Another seed: the first one's message ids must not come again.
    let webhook_url = Some(stage.installation.webhook());
    let config = Config { webhook_url, seed: 7, ..without_limits(Statuses::Read) };
    let elsewhere = Simulator::start("127.0.0.1:0".parse().expect("an address"), config.clone()).await;
    std::mem::replace(&mut stage.simulator, elsewhere.expect("a simulator")).stop().await;
    for body in &bodies {
        assert_eq!(stage.installation.post(body).await, Some(200));
    }
    stage.installation.until("SELECT count(*) FROM jobs WHERE state = 'retrying'", "20").await;

    stage.simulator = Simulator::start(address, config).await.expect("the same port");
    for who in &people {
        stage.until_received(who, &["two", "three"]).await;
    }
    stage.installation.until_settled().await;
    assert_eq!(stage.simulator.sends_count(), 40);
    assert_eq!(stage.installation.ask("SELECT sum(spent), min(attempt) FROM jobs"), "0|1");
    assert!(stage.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_not_sent() {
    let stage = Stage::set(&[("SEND_MAX_AGE", "3s")]).await;
    let kim = person(1);
    stage.fails(&kim, FaultKind::TooManyRequests { retry_after: Some(5) }, 1);
    stage.writes(&kim, "one").await;
    stage.installation.until("SELECT count(*) FROM dead_letters", "1").await;
    stage.writes(&kim, "two").await;
    stage.until_received(&kim, &["two"]).await;
    stage.installation.until_settled().await;
    assert_eq!(stage.letters()[0]["reason"], "too_old");
    assert_eq!(stage.refused_at(&kim).len(), 1);
}
