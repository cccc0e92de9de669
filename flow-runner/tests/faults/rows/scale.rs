//! Row 19: workers that come and go.

use crate::{
    scene::Scene,
    support::{
        PATIENCE,
        fleet::{Member, Role, Urls},
        report::{Row, assert_in_time, is_measured},
    },
};
use std::time::Duration;

/// Whoever comes or goes, the load is even again within this.
const REBALANCED: Duration = Duration::from_secs(15);
const EVEN_AGAIN: Option<(&str, Duration)> = Some(("balanced again", REBALANCED));

async fn balanced(scene: &Scene, workers: &[Member], longest: &mut Duration) {
    let all: Vec<&Member> = workers.iter().collect();
    let took = scene.fleet.until_balanced(&all, PATIENCE).await;
    assert_in_time("a rebalance", took, REBALANCED);
    *longest = took.max(*longest);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_19_workers_that_come_and_go_share_the_load_and_keep_the_order() {
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let (_gateway, mut workers, _sender) = scene.begin(1).await;
    scene.write(60, 60, 1, Duration::from_millis(1_500));
    let mut longest = Duration::ZERO;
    for _ in 0..2 {
        workers.push(scene.fleet.start(Role::Worker, &[]).await);
        balanced(&scene, &workers, &mut longest).await;
    }
    let mut leaving = workers.remove(0);
    leaving.signal("TERM");
    leaving.until_ended(Duration::from_secs(30)).await;
    balanced(&scene, &workers, &mut longest).await;
    workers.remove(0).kill();
    balanced(&scene, &workers, &mut longest).await;
    assert!(scene.is_writing(), "nobody was writing any more");
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    Row { number: 19, fault: "1 → 3 → 1 workers", holds: "O", bound: EVEN_AGAIN }.held(longest, "");
}

/// 500 events a second for two minutes; one worker is killed, one is frozen for a minute and thawed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run by `./dev faults`"]
async fn three_workers_under_500_events_a_second_lose_double_and_reorder_nothing() {
    const PEOPLE: usize = 1_000;
    const EACH: usize = 80;
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let (_gateway, mut workers, _sender) = scene.begin(1).await;
    let began = tokio::time::Instant::now();
    scene.write(PEOPLE, EACH, 1, Duration::from_millis(3_200));
    let mut longest = Duration::ZERO;
    for _ in 0..2 {
        workers.push(scene.fleet.start(Role::Worker, &[]).await);
        balanced(&scene, &workers, &mut longest).await;
    }
    workers[1].signal("STOP");
    let frozen = tokio::time::Instant::now();
    // Of those that are not frozen each has its share of what is left, once its beats have run out.
    let awake: Vec<&Member> = vec![&workers[0], &workers[2]];
    longest = longest.max(scene.fleet.until_balanced(&awake, REBALANCED).await);
    tokio::time::sleep_until(frozen + Duration::from_secs(60)).await;
    workers[1].signal("CONT");
    balanced(&scene, &workers, &mut longest).await;
    workers.remove(0).kill();
    balanced(&scene, &workers, &mut longest).await;
    let mut leaving = workers.remove(0);
    leaving.signal("TERM");
    leaving.until_ended(Duration::from_secs(30)).await;
    balanced(&scene, &workers, &mut longest).await;
    scene.until_written().await;
    let wrote = began.elapsed();
    let rate = (PEOPLE * EACH) as f64 / wrote.as_secs_f64();
    assert!(!is_measured() || rate >= 500.0 && wrote.as_secs() >= 120, "{rate:.0} a second for {wrote:?}");
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    println!(
        "1 → 3 → 1 workers, one frozen for 60 s, one killed: {} events at {rate:.0} a second for {:.0} s, {} sends, none lost, \
         doubled or out of order; balanced within {:.1} s of each change; all sent {:.1} s after the last event",
        PEOPLE * EACH,
        wrote.as_secs_f64(),
        scene.simulator.sends_count(),
        longest.as_secs_f64(),
        (began.elapsed() - wrote).as_secs_f64(),
    );
}
