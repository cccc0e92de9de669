//! Rows 27 and 37: PostgreSQL, which is the record.

use crate::{
    private::{Kind, Private},
    scene::Scene,
    support::{
        fleet::{Role, Urls},
        report::{BACK, Row},
    },
};
use std::{process::Command, time::Duration};
use testkit::proxy::Proxy;

/// How long the database is away in row 37, in seconds, unless `FAULTS_OUTAGE` says otherwise. A queue is given back in it.
const OUTAGE: u64 = 40;

#[tokio::test(flavor = "multi_thread")]
async fn row_27_a_commit_whose_answer_is_lost_is_done_once() {
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let (proxy, through) = Proxy::before(&scene.fleet.database.url).await.expect("a proxy");
    let (_gateway, _none, _sender) = scene.begin(0).await;
    let worker = scene.fleet.start(Role::Worker, &[("DATABASE_URL", &through)]).await;
    scene.until_served().await;
    scene.write(60, 25, 1, Duration::from_millis(300));
    scene.until_sent(0.1).await;
    proxy.lose_answers_to("COMMIT", 8);
    crate::support::until("eight answers are lost", || proxy.answers_to_lose() == 0).await;
    let took = scene.until_served().await;
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    let duplicates = scene.fleet.metric(&worker, "flow_runner_events_total{result=\"duplicate\"}").await;
    assert!(duplicates > 0.0, "no commit was done whose answer was lost");
    Row { number: 27, fault: "answers to commits lost, eight times", holds: "E", bound: BACK }
        .held(took, &format!("{duplicates} events found that they had been committed"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run by `./dev faults`"]
async fn row_37_while_the_database_is_away_everything_waits_and_nothing_is_given_up() {
    let seconds = std::env::var("FAULTS_OUTAGE").ok().map_or(OUTAGE, |text| text.parse().expect("seconds"));
    let postgresql = Private::start(Kind::PostgreSql);
    let urls = Urls { postgresql: postgresql.url.clone(), ..Urls::shared() };
    let give_back_after = format!("{}s", (seconds / 3).min(300));
    let settings = [("FLOW_RUNNER__WORKER__GIVE_BACK_AFTER", give_back_after.as_str())];
    let mut scene = Scene::new(&urls, &settings).await;
    let (gateway, mut workers, _sender) = scene.begin(0).await;
    workers.push(scene.fleet.start(Role::Worker, &[]).await);
    scene.until_served().await;
    // Long enough that people write through all of it.
    scene.write(60, 60, 1, Duration::from_secs(2));
    scene.until_sent(0.1).await;
    let deadlocks = locks(&scene).await;
    assert!(scene.is_writing(), "nobody was writing any more");
    postgresql.stop();
    let away = tokio::time::Instant::now();
    let (status, _) = scene.one_callback().await;
    assert_eq!(status, Some(200), "callbacks need no database");
    assert_eq!(scene.readiness(&gateway).await.0, 200);
    assert_eq!(scene.readiness(&workers[0]).await.0, 503);
    tokio::time::sleep_until(away + Duration::from_secs(seconds)).await;
    postgresql.start_again();
    let took = scene.until_served().await;
    assert!(workers[0].log().contains("given back until it answers"), "no queue was given back");
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    let row = Row { number: 37, fault: "PostgreSQL down; its tables locked", holds: "E, 0 dead-lettered", bound: BACK };
    row.held(took, &format!("away for {seconds} s; a lock held for 12 s; {deadlocks} deadlocks"));
}

/// Somebody holds what the worker needs for longer than it waits for a lock, and then locks rows in the other order until they
/// have met in a deadlock; how many there were.
async fn locks(scene: &Scene) -> u32 {
    let psql =
        |sql: &str| Command::new("psql").args([&scene.fleet.database.url, "-XAtqc", sql]).spawn().expect("psql runs");
    let mut holding = psql("BEGIN; LOCK TABLE recipients IN EXCLUSIVE MODE; SELECT pg_sleep(12); COMMIT");
    let locked = "SELECT CASE WHEN count(*) > 0 THEN 'yes' END FROM pg_locks WHERE granted AND mode = 'ExclusiveLock'
        AND relation = 'recipients'::regclass";
    scene.until(locked, "yes").await;
    scene.until_served().await;
    assert!(holding.wait().expect("it ends").success());
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let backwards = "DO $$ DECLARE one record; BEGIN FOR one IN SELECT id FROM recipients ORDER BY id DESC LOOP
        PERFORM 1 FROM recipients WHERE id = one.id FOR UPDATE; PERFORM pg_sleep(0.01); END LOOP; END $$";
    for _ in 0..60 {
        // It is the one that is given up, as likely as not.
        drop(psql(backwards).wait());
        if scene.fleet.database.ask(deadlocks) != "0" {
            break;
        }
    }
    let met = scene.fleet.database.ask(deadlocks).parse().expect("a number");
    assert!(met > 0, "no two transactions met");
    met
}
