//! Rows 21 to 26 and 48: Redis, which is the fast copy of what SQL holds. Whatever it does, everybody goes on.

use crate::{
    private::{Kind, Private},
    scene::Scene,
    support::{
        API_KEY, NUMBER,
        fleet::{Role, Urls},
        report::{BACK, Row},
        stage::{album, person},
        until,
    },
};
use std::time::Duration;
use whatsapp_simulator::{PairLimit, User};

/// A scene on a Redis of its own, with two workers.
async fn with_redis(hit: impl AsyncFnOnce(&Private, &Scene) -> Duration, row: Row) {
    let redis = Private::start(Kind::Redis);
    let urls = Urls { redis: redis.url.clone(), ..Urls::shared() };
    let mut scene = Scene::new(&urls, &[]).await;
    let (_gateway, _workers, _sender) = scene.begin(2).await;
    scene.write(60, 25, 1, Duration::from_millis(400));
    scene.until_sent(0.2).await;
    let took = hit(&redis, &scene).await;
    assert!(scene.is_writing(), "the fault met nobody who was writing");
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    row.held(took, "");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_21_while_redis_is_frozen_flows_go_on_from_sql() {
    let row = Row { number: 21, fault: "Redis frozen", holds: "E O", bound: BACK };
    with_redis(
        async |redis, scene| {
            redis.signal("STOP");
            let took = scene.until_served().await;
            scene.until_sent(0.6).await;
            redis.signal("CONT");
            took
        },
        row,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_22_a_redis_that_is_killed_and_comes_back_changes_nothing() {
    let row = Row { number: 22, fault: "Redis killed and started again", holds: "E D", bound: BACK };
    with_redis(
        async |redis, scene| {
            redis.kill();
            scene.until_sent(0.4).await;
            redis.start_again();
            scene.until_served().await
        },
        row,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_23_a_redis_that_lost_everything_changes_nothing() {
    let row = Row { number: 23, fault: "Redis lost its data, three times", holds: "E L D", bound: BACK };
    with_redis(
        async |redis, scene| {
            let mut longest = Duration::ZERO;
            for part in [0.2, 0.35, 0.5] {
                scene.until_sent(part).await;
                assert_eq!(redis.redis(&["FLUSHALL"]), "OK");
                longest = longest.max(scene.until_served().await);
            }
            longest
        },
        row,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_24_a_redis_that_was_rolled_back_is_not_believed() {
    let row = Row { number: 24, fault: "Redis rolled back", holds: "E D O", bound: BACK };
    with_redis(
        async |redis, scene| {
            let (now, then) = (redis.data().join("appendonlydir"), redis.data().join("of-before"));
            copy(&now, &then);
            scene.until_sent(0.45).await;
            redis.kill();
            std::fs::remove_dir_all(&now).expect("removed");
            copy(&then, &now);
            redis.start_again();
            assert_ne!(redis.redis(&["DBSIZE"]), "0", "nothing old is there to be believed");
            scene.until_served().await
        },
        row,
    )
    .await;
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    let copied = std::process::Command::new("cp").arg("-r").arg(from).arg(to).status().expect("cp runs");
    assert!(copied.success());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_25_a_redis_that_is_full_changes_nothing() {
    let row = Row { number: 25, fault: "Redis out of memory", holds: "E O", bound: BACK };
    with_redis(
        async |redis, scene| {
            assert_eq!(redis.redis(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
            let took = scene.until_served().await;
            scene.until_sent(0.6).await;
            assert_eq!(redis.redis(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
            took
        },
        row,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_26_a_redis_that_became_a_replica_changes_nothing() {
    let row = Row { number: 26, fault: "Redis a read-only replica", holds: "E O", bound: BACK };
    with_redis(
        async |redis, scene| {
            assert_eq!(redis.redis(&["REPLICAOF", "127.0.0.1", "1"]), "OK");
            let took = scene.until_served().await;
            scene.until_sent(0.6).await;
            assert_eq!(redis.redis(&["REPLICAOF", "NO", "ONE"]), "OK");
            took
        },
        row,
    )
    .await;
}

/// The limits are kept in the number's owner: WhatsApp, which keeps them too, refuses nothing.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_48_without_redis_sending_goes_on_and_no_limit_is_broken() {
    const PEOPLE: usize = 60;
    const PICTURES: usize = 30;
    let redis = Private::start(Kind::Redis);
    let urls = Urls { redis: redis.url.clone(), ..Urls::shared() };
    // What comes in counts too: that much is left free.
    let mut scene = Scene::new(&urls, &[("WHATSAPP_NUMBER_RATE", "75"), ("WHATSAPP_PAIR_RATE", "on")]).await;
    scene.simulator.set_limits(80, PairLimit::Mild);
    let gateway = scene.gateway(&[]).await;
    scene.save_flows(&gateway).await;
    scene.save_flow(&gateway, API_KEY, "Album", "album", album(PICTURES)).await;
    let _worker = scene.fleet.start(Role::Worker, &[]).await;
    let _senders = [scene.fleet.start(Role::Sender, &[]).await, scene.fleet.start(Role::Sender, &[]).await];
    scene.until_served().await;
    let people: Vec<_> = (0..PEOPLE).map(person).collect();
    for who in &people {
        scene.writes_to(NUMBER, who, "album").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sent = async |part: usize| {
        let count = (PEOPLE * PICTURES * part / 100) as u64;
        until("sending goes on", || scene.simulator.sends_count() >= count).await;
    };
    sent(30).await;
    assert_eq!(redis.redis(&["FLUSHALL"]), "OK");
    redis.kill();
    sent(60).await;
    redis.start_again();
    sent(100).await;
    let pictures: Vec<String> = (0..PICTURES).map(|at| format!("Picture {at}")).collect();
    let whole = |who| received(&scene, who).len() == PICTURES;
    until("everybody has the whole album", || people.iter().all(whole)).await;
    people.iter().for_each(|who| assert_eq!(received(&scene, who), pictures, "{who:?}"));
    assert_eq!(scene.simulator.refusals().len(), 0, "{:?}", scene.simulator.refusals());
    let row = Row { number: 48, fault: "Redis gone while sending at the limit", holds: "L, 0 refusals", bound: None };
    row.held(Duration::ZERO, &format!("{} sends at 75 a second, none refused", scene.simulator.sends_count()));
}

fn received(scene: &Scene, who: &User) -> Vec<String> {
    let sends = scene.simulator.sends();
    sends.iter().filter(|sent| sent.is_for(who)).map(|sent| sent.text().unwrap_or_default()).collect()
}

/// All of them are asked for the step where they stand.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run by `./dev faults`"]
async fn a_thousand_conversations_go_on_at_the_right_step_after_redis_lost_everything() {
    let redis = Private::start(Kind::Redis);
    let urls = Urls { redis: redis.url.clone(), ..Urls::shared() };
    let mut scene = Scene::new(&urls, &[]).await;
    let (_gateway, _workers, _sender) = scene.begin(2).await;
    scene.write(1_000, 6, 1, Duration::from_secs(10));
    scene.until_sent(0.5).await;
    let sessions: u32 = redis.redis(&["DBSIZE"]).parse().expect("a number");
    assert!(sessions >= 1_000, "{sessions} sessions are cached");
    assert_eq!(redis.redis(&["FLUSHALL"]), "OK");
    let took = scene.until_served().await;
    assert!(scene.is_writing(), "nobody was writing any more");
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    println!("1,000 conversations: {sessions} keys flushed in their middle, all went on; served after {took:?}");
}
