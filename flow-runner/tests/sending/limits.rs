//! Meta's limits are kept before Meta refuses.

use crate::support::{
    NUMBER, post,
    stage::{Stage, album, person},
    until, without_limits,
};
use tokio::task::JoinSet;
use whatsapp_simulator::{Config, PairLimit, Statuses};

#[tokio::test(flavor = "multi_thread")]
async fn four_hundred_people_at_eighty_a_second_without_a_refusal() {
    const PEOPLE: usize = 400;
    const RATE: u32 = 80;
    let config = Config { number_rate: RATE, ..without_limits(Statuses::None) };
    let stage = Stage::with(config, &[("WHATSAPP_NUMBER_RATE", "80"), ("WHATSAPP_PAIR_RATE", "off")]).await;
    let mut posts = JoinSet::new();
    for at in 0..PEOPLE {
        let body = stage.callback(NUMBER, &person(at), "one");
        let (http, webhook) = (stage.installation.http.clone(), stage.installation.webhook());
        posts.spawn(async move { post(&http, &webhook, &body).await });
    }
    while let Some(answer) = posts.join_next().await {
        assert_eq!(answer.expect("posted"), Some(200));
    }
    until("everybody is answered", || stage.simulator.sends_count() >= PEOPLE as u64).await;
    stage.installation.until_settled().await;

    let sends = stage.simulator.sends();
    assert_eq!((sends.len(), stage.simulator.refusals().len()), (PEOPLE, 0));
    let (first, last) = (sends[0].accepted_at, sends[PEOPLE - 1].accepted_at);
    let per_second = (PEOPLE - 1) as f64 * 1000.0 / (last - first) as f64;
    let used = per_second / f64::from(RATE) * 100.0;
    println!("{per_second:.1} messages a second, {used:.1} % of the rate");
    // That it is never too fast is what the refusals say: a late first answer makes the rest look faster than it was.
    assert!(used > 70.0, "{used:.1} % of the rate was used");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_gets_45_at_once_and_then_one_every_six_seconds_without_a_refusal() {
    const MESSAGES: usize = 50;
    let config = Config { pair_limit: PairLimit::Mild, ..without_limits(Statuses::None) };
    let stage = Stage::with(config, &[("WHATSAPP_NUMBER_RATE", "0"), ("WHATSAPP_PAIR_RATE", "on")]).await;
    stage.installation.save_flow("Album", &["album"], album(MESSAGES)).await;
    let (kim, lee) = (person(1), person(2));
    stage.writes(&kim, "album").await;
    until("the burst is sent", || stage.sends(&kim).len() >= 45).await;
    stage.writes(&lee, "one").await;
    stage.until_received(&lee, &["one"]).await;
    until("all pictures are sent", || stage.sends(&kim).len() >= MESSAGES).await;
    stage.installation.until_settled().await;

    let expected: Vec<String> = (0..MESSAGES).map(|at| format!("Picture {at}")).collect();
    assert_eq!(stage.received(&kim), expected);
    assert_eq!(stage.simulator.refusals().len(), 0, "{:?}", stage.simulator.refusals());
    let at: Vec<u64> =
        stage.sends(&kim).iter().map(|sent| sent.accepted_at - stage.sends(&kim)[0].accepted_at).collect();
    println!("45 within {} ms, then at {:?} ms", at[44], &at[45..]);
    assert!(at[44] < 5_000, "the burst took {} ms", at[44]);
    for (nth, at) in (1..).zip(&at[45..]) {
        assert!((nth * 6_000 - 100..nth * 6_000 + 2_000).contains(at), "message {} at {at} ms", 45 + nth);
    }
    assert!(stage.sends(&lee)[0].accepted_at < stage.sends(&kim)[46].accepted_at, "other pairs go on");
}
