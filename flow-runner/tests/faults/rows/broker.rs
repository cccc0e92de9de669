//! Rows 3 to 9, 17, 18 and 20: the broker.

use crate::{
    private::{Kind, Private},
    scene::{PROBE, Scene},
    support::{
        NUMBER, PATIENCE,
        fleet::{Member, Role, Urls},
        report::{BACK, Row, assert_in_time},
        stage::says,
        until,
    },
};
use std::{io::Write as _, process::Stdio, time::Duration};
use testkit::proxy::{Proxy, Way};

/// A callback that can't be kept is refused within this.
const REFUSED: Duration = Duration::from_secs(1);

/// A scene on a broker of its own.
async fn scene(settings: &[(&str, &str)]) -> (Private, Scene) {
    let broker = Private::start(Kind::RabbitMq);
    let urls = Urls { amqp: broker.url.clone(), ..Urls::shared() };
    let scene = Scene::new(&urls, settings).await;
    (broker, scene)
}

/// Callbacks are refused, each at once.
async fn assert_refuses(scene: &Scene) -> Duration {
    let mut longest = Duration::ZERO;
    for _ in 0..5 {
        let (status, took) = scene.one_callback().await;
        assert_eq!(status, Some(503));
        assert_in_time("a refusal", took, REFUSED);
        longest = longest.max(took);
    }
    longest
}

/// The gateway says that it isn't ready, and that the queues are why.
async fn assert_says_why(scene: &Scene, gateway: &Member) -> String {
    let (status, report) = scene.readiness(gateway).await;
    assert_eq!((status, &report["ready"]), (503, &false.into()), "{report}");
    let queues = report["checks"].as_array().into_iter().flatten().find(|check| check["name"] == "queues");
    let queues = queues.expect("a check of the queues");
    assert_eq!(queues["ok"], false, "{report}");
    queues["error"].as_str().expect("a reason").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "has a broker of its own: run by `./dev faults`"]
async fn row_03_a_callback_whose_queue_is_gone_is_refused_and_taken_once_it_is_there_again() {
    let (broker, mut scene) = scene(&[]).await;
    let gateway = scene.gateway(&[]).await;
    scene.save_flows(&gateway).await;
    // Nobody consumes, who would make the queue again: the gateway alone finds that it is gone.
    let name = format!("{}.inbound.00", scene.fleet.prefix());
    broker.rabbitmqctl(&["delete_queue", &name]);
    let (status, _) = scene.one_callback().await;
    assert_eq!(status, Some(503), "a callback whose message came back");
    let _worker = scene.fleet.start(Role::Worker, &[]).await;
    let _sender = scene.fleet.start(Role::Sender, &[]).await;
    let took = scene.until_served().await;
    scene.write(20, 8, 1, Duration::ZERO);
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    let row = Row { number: 3, fault: "queue deleted: unroutable", holds: "L, 503", bound: BACK };
    row.held(took, "");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_04_a_callback_whose_confirm_is_lost_is_refused_and_done_once() {
    let urls = Urls::shared();
    let (proxy, amqp) = Proxy::before(&urls.amqp).await.expect("a proxy");
    let mut scene = Scene::new(&urls, &[]).await;
    let gateway = scene.gateway(&[("AMQP_URL", &amqp)]).await;
    scene.save_flows(&gateway).await;
    let _worker = scene.fleet.start(Role::Worker, &[]).await;
    let _sender = scene.fleet.start(Role::Sender, &[]).await;
    scene.until_served().await;
    scene.write(20, 12, 1, Duration::from_millis(100));
    scene.until_sent(0.2).await;
    proxy.hold(Way::ToClient, true);
    let (status, took) = scene.one_callback().await;
    assert_eq!(status, Some(503), "a callback that nobody confirms");
    assert_in_time("a refusal for want of a confirm", took, Duration::from_secs(6));
    proxy.cut();
    proxy.hold(Way::ToClient, false);
    let took = scene.until_served().await;
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    Row { number: 4, fault: "confirms lost", holds: "E, 503", bound: BACK }.held(took, "");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "has a broker of its own: run by `./dev faults`"]
async fn row_05_while_the_broker_is_down_callbacks_are_refused_at_once() {
    let (broker, mut scene) = scene(&[]).await;
    let (gateway, _workers, _sender) = scene.begin(1).await;
    scene.write(30, 12, 1, Duration::from_millis(100));
    scene.until_sent(0.2).await;
    broker.rabbitmqctl(&["stop_app"]);
    let longest = assert_refuses(&scene).await;
    let why = assert_says_why(&scene, &gateway).await;
    broker.rabbitmqctl(&["start_app"]);
    let took = scene.until_served().await;
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    let remark = format!("refused within {} ms; /readyz: {why}", longest.as_millis());
    Row { number: 5, fault: "broker down (stop_app)", holds: "E, 503 within 1 s", bound: BACK }.held(took, &remark);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "has a broker of its own: run by `./dev faults`"]
async fn row_06_a_broker_that_is_killed_under_load_loses_nothing_that_was_answered_200() {
    let (broker, mut scene) = scene(&[]).await;
    let (gateway, _workers, _sender) = scene.begin(2).await;
    scene.write(60, 20, 1, Duration::from_millis(100));
    scene.until_sent(0.2).await;
    broker.kill();
    let longest = assert_refuses(&scene).await;
    let why = assert_says_why(&scene, &gateway).await;
    broker.start_again();
    let took = scene.until_served().await;
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    let remark = format!("refused within {} ms; /readyz: {why}", longest.as_millis());
    Row { number: 6, fault: "broker killed under load", holds: "E L", bound: BACK }.held(took, &remark);
}

/// What lies in the queues is handled and sent while the broker takes nothing.
async fn alarm(row: Row, begin: &[&str], end: &[&str]) {
    let (broker, mut scene) = scene(&[]).await;
    let (gateway, mut workers, _sender) = scene.begin(1).await;
    workers.remove(0).kill();
    scene.write(30, 6, 1, Duration::ZERO);
    until("all is written", || !scene.is_writing()).await;
    broker.rabbitmqctl(begin);
    let longest = assert_refuses(&scene).await;
    let why = assert_says_why(&scene, &gateway).await;
    let mut worker = scene.fleet.spawn(Role::Worker, &[]);
    let began = tokio::time::Instant::now();
    scene.until_sent(1.0).await;
    let drained = began.elapsed();
    assert_eq!(scene.one_callback().await.0, Some(503), "the alarm has lasted to the end");
    broker.rabbitmqctl(end);
    let took = scene.until_served().await;
    scene.fleet.until_ready(&mut worker).await;
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    let remark = format!(
        "refused within {} ms; backlog drained in {:.1} s under the alarm; /readyz: {why}",
        longest.as_millis(),
        drained.as_secs_f64()
    );
    row.held(took, &remark);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "has a broker of its own: run by `./dev faults`"]
async fn row_07_under_a_memory_alarm_callbacks_are_refused_and_the_backlog_drains() {
    let row = Row { number: 7, fault: "memory alarm", holds: "E, 503, backlog drains", bound: BACK };
    alarm(row, &["set_vm_memory_high_watermark", "0"], &["set_vm_memory_high_watermark", "0.6"]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "has a broker of its own: run by `./dev faults`"]
async fn row_08_under_a_disk_alarm_callbacks_are_refused_and_the_backlog_drains() {
    let row = Row { number: 8, fault: "disk alarm", holds: "E, 503, backlog drains", bound: BACK };
    alarm(row, &["set_disk_free_limit", "900000GB"], &["set_disk_free_limit", "100MB"]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "has a broker of its own: run by `./dev faults`"]
async fn row_09_a_full_inbound_queue_refuses_and_a_full_outbound_queue_holds_nobody_up() {
    let (broker, mut scene) = scene(&[]).await;
    let (gateway, mut workers, mut sender) = scene.begin(1).await;
    // Another tenant's number whose jobs lie in the same outbound queue.
    let other = other_number();
    add_tenant(&scene, &gateway, &other).await;
    let prefix = scene.fleet.prefix().to_owned();
    let full = |direction: &str| format!("^{prefix}\\.{direction}\\.");
    let most = r#"{"max-length":5}"#;
    broker.rabbitmqctl(&["set_policy", "--apply-to", "queues", "full", &full("inbound"), most]);
    workers.remove(0).kill();
    scene.write(60, 6, 1, Duration::ZERO);
    let refusing = async { while scene.one_callback().await.0 != Some(503) {} };
    tokio::time::timeout(PATIENCE, refusing).await.expect("a full queue refuses");
    broker.rabbitmqctl(&["clear_policy", "full"]);

    broker.rabbitmqctl(&["set_policy", "--apply-to", "queues", "full", &full("outbound"), r#"{"max-length":1}"#]);
    // In order, so that nobody waits for the one who is gone: this is about queues that are full.
    sender.signal("TERM");
    sender.until_ended(PATIENCE).await;
    let _worker = scene.fleet.start(Role::Worker, &[]).await;
    scene.until("SELECT CASE WHEN count(*) > 100 THEN 'many' END FROM jobs WHERE state = 'queued'", "many").await;
    let ann = whatsapp_simulator::User::phone("447700900001");
    scene.writes_to(&other, &ann, PROBE).await;
    let _sender = scene.fleet.start(Role::Sender, &[]).await;
    let began = tokio::time::Instant::now();
    crate::support::until("the other number's answer", || scene.simulator.sends().iter().any(|sent| sent.is_for(&ann)))
        .await;
    let took = began.elapsed();
    broker.rabbitmqctl(&["clear_policy", "full"]);
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    let bound = Some(("another tenant's answer", Duration::from_secs(10)));
    Row { number: 9, fault: "queues full", holds: "E L, inbound: 503", bound }.held(took, "");
}

/// A number whose outbound queue is that of [`NUMBER`].
fn other_number() -> String {
    let partition = |number: &str| shared::partition::of(number, crate::support::fleet::PARTITIONS);
    let numbers = (100_000_000_000_002_u64..).map(|number| number.to_string());
    numbers.into_iter().find(|number| partition(number) == partition(NUMBER)).expect("there is one")
}

/// An account of its own with this number, and a flow that answers.
async fn add_tenant(scene: &Scene, gateway: &Member, number: &str) {
    let made = scene.fleet.command(&["accounts", "create", "other", "--json"], &[]).output().expect("it runs");
    let account: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let id = account["accountId"].as_str().expect("an id");
    let mut adding = scene.fleet.command(&["numbers", "add", number, "--account", id], &[]);
    let mut adding = adding.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it runs");
    let mut stdin = adding.stdin.take().expect("its input");
    stdin.write_all(crate::support::TOKEN.as_bytes()).expect("written");
    drop(stdin);
    assert!(adding.wait().expect("it ends").success());
    scene.save_flow(gateway, account["apiKey"].as_str().expect("a key"), "Probe", PROBE, says(PROBE)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "has a broker of its own: run by `./dev faults`"]
async fn row_17_connections_that_the_broker_closes_come_back_and_nothing_is_done_twice() {
    let (broker, mut scene) = scene(&[]).await;
    let (_gateway, _workers, _sender) = scene.begin(2).await;
    scene.write(40, 15, 1, Duration::from_millis(150));
    let mut longest = Duration::ZERO;
    for part in [0.1, 0.3, 0.5] {
        scene.until_sent(part).await;
        broker.rabbitmqctl(&["close_all_connections", "closed by a test"]);
        longest = longest.max(scene.until_served().await);
    }
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    Row { number: 17, fault: "connections force-closed, three times", holds: "E D O", bound: BACK }.held(longest, "");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run by `./dev faults`"]
async fn row_18_a_consumer_that_the_broker_takes_for_dead_subscribes_again() {
    let broker = Private::start(Kind::RabbitMq);
    // The broker looks once a minute whose deliveries have waited for longer than this.
    broker.rabbitmqctl(&["eval", "application:set_env(rabbit, consumer_timeout, 20000)."]);
    let postgresql = Private::start(Kind::PostgreSql);
    let urls = Urls { amqp: broker.url.clone(), postgresql: postgresql.url.clone(), ..Urls::shared() };
    let mut scene = Scene::new(&urls, &[]).await;
    let (_gateway, mut workers, _sender) = scene.begin(0).await;
    workers.push(scene.fleet.start(Role::Worker, &[("RUST_LOG", "info")]).await);
    scene.until_served().await;
    scene.write(30, 30, 1, Duration::from_millis(200));
    scene.until_sent(0.1).await;
    postgresql.signal("STOP");
    crate::support::until_within("the broker closes a channel", 3 * PATIENCE, || {
        workers[0].log().contains("the channel of a subscription is lost")
    })
    .await;
    postgresql.signal("CONT");
    let took = scene.until_served().await;
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    Row { number: 18, fault: "consumer time-out", holds: "E D O", bound: BACK }.held(took, "");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "has a broker of its own: run by `./dev faults`"]
async fn row_20_a_queue_deleted_under_its_consumer_is_made_again_and_somebody_is_told() {
    let (broker, mut scene) = scene(&[]).await;
    let (_gateway, mut workers, _sender) = scene.begin(0).await;
    workers.push(scene.fleet.start(Role::Worker, &[]).await);
    scene.until_served().await;
    for queue in ["inbound.03", "outbound.00", "statuses"] {
        broker.rabbitmqctl(&["delete_queue", &format!("{}.{queue}", scene.fleet.prefix())]);
    }
    let took = scene.until_served().await;
    scene.write(30, 10, 1, Duration::ZERO);
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    let log = workers[0].log();
    assert!(log.contains("inbound.03") && log.contains("deleted"), "nobody was told: {log}");
    Row { number: 20, fault: "queues deleted under their consumers", holds: "E", bound: BACK }.held(took, "");
}
