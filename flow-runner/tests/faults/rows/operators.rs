//! Rows 42 and 43: replays that are killed half-way, and what no worker has a use for.

use crate::{
    scene::{PROBE, Scene},
    support::{
        API_KEY, NUMBER, PATIENCE, TOKEN,
        fleet::{Member, PARTITIONS, Role, Urls},
        report::Row,
        until_some,
    },
};
use serde_json::{Value, json};
use shared::{
    event, ids,
    ports::queue::{Message, Publish, QueueName},
};
use std::{collections::BTreeMap, io::Write as _, os::unix::process::ExitStatusExt, process::Stdio, time::Duration};
use whatsapp_simulator::{Fault, FaultKind, User};

const ADMIN_KEY: &str = "test-admin-key-0123456789";
const ADMIN: (&str, &str) = ("FLOW_RUNNER_ADMIN_KEY", ADMIN_KEY);
/// A number that is added when events for it are dead letters already.
const LATER: &str = "200000000000002";

async fn replay(scene: &Scene, gateway: &Member, body: Value) -> Value {
    let url = gateway.url("/api/ops/dead-letters/replay");
    let asking = scene.fleet.http.post(url).bearer_auth(ADMIN_KEY).json(&body).send();
    asking.await.expect("an answer").json().await.expect("JSON")
}

/// How a replay ended, whichever gateway is there to tell.
async fn ended(scene: &Scene, gateway: &Member, id: &str) -> Value {
    let url = gateway.url(&format!("/api/ops/replays/{id}"));
    until_some("the replay is done", async || {
        let run: Value = scene.fleet.http.get(&url).bearer_auth(ADMIN_KEY).send().await.ok()?.json().await.ok()?;
        (run["state"] == "done").then_some(run)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_42_a_replay_killed_half_way_and_run_again_does_nothing_twice() {
    const EACH: usize = 300;
    let mut scene = Scene::new(&Urls::shared(), &[ADMIN]).await;
    let (gateway, _workers, _sender) = scene.begin(1).await;
    let before = scene.simulator.sends_count();
    let refused = FaultKind::Error { code: 131_026, http_status: None, details: None, headers: BTreeMap::new() };
    let refused = scene.simulator.inject(Fault::new(refused));
    // Half of the letters are jobs, half are events.
    for at in 0..EACH {
        scene.writes_to(NUMBER, &User::phone(&format!("447800{at:06}")), PROBE).await;
        scene.writes_to(LATER, &User::phone(&format!("447801{at:06}")), PROBE).await;
    }
    scene.until("SELECT count(*) FROM dead_letters", &(2 * EACH).to_string()).await;
    assert!(scene.simulator.remove_fault(refused));
    let mut adding = scene.fleet.command(&["numbers", "add", LATER, "--account", "default"], &[]);
    let mut adding = adding.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it runs");
    adding.stdin.take().expect("its input").write_all(TOKEN.as_bytes()).expect("written");
    assert!(adding.wait().expect("it ends").success());
    drop(gateway);

    // The first three gateways die in it: between a step and what is to be published, and before that is noted.
    let mut id = String::new();
    for failpoint in ["replay.after_step@2", "replay.after_publish@1", "replay.after_step@3"] {
        let mut gateway = scene.fleet.start(Role::Gateway, &[("FLOW_RUNNER_FAILPOINTS", failpoint)]).await;
        if id.is_empty() {
            let begun = replay(&scene, &gateway, json!({ "all": true, "rate": 100 })).await;
            id = begun["id"].as_str().expect("an id").to_owned();
        }
        let (status, _) = gateway.until_ended(PATIENCE).await;
        assert_eq!(status.signal(), Some(9), "{status}");
    }
    let gateway = scene.gateway(&[]).await;
    let run = ended(&scene, &gateway, &id).await;
    assert_eq!([&run["total"], &run["replayed"]], [&json!(2 * EACH), &json!(2 * EACH)], "{run}");
    for _ in 0..2 {
        let again = replay(&scene, &gateway, json!({ "all": true })).await;
        let again = ended(&scene, &gateway, again["id"].as_str().expect("an id")).await;
        assert_eq!(again["replayed"], 0, "{again}");
    }
    scene
        .until("SELECT count(*) FROM jobs WHERE state = 'sent'", &(2 * EACH + usize::from(PARTITIONS)).to_string())
        .await;
    assert_eq!(scene.simulator.sends_count() - before, 2 * EACH as u64, "something was sent twice, or not at all");
    scene.assert_exact_but(&[]).await;
    let row = Row {
        number: 42,
        fault: "a replay whose gateways are killed three times, run twice more",
        holds: "D",
        bound: None,
    };
    row.held(Duration::ZERO, &format!("{EACH} jobs and {EACH} events, each once"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_43_poison_and_cycles_are_given_up_and_the_queues_flow() {
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let (gateway, _workers, _sender) = scene.begin(1).await;
    let (status, long) = save(&scene, &gateway, "long", 150, "nowhere").await;
    assert_eq!(status, 201, "{long}");
    // A circle that never waits is not even saved.
    let (status, ring) = save(&scene, &gateway, "ring", 1, long["id"].as_str().expect("an id")).await;
    assert_eq!(status, 201, "{ring}");
    let id = json!({ "id": long["id"], "automationJson": [{ "id": "1", "type": "ConnectFlowAction", "flowId": ring["id"] }] });
    let change = scene.fleet.http.put(gateway.url("/api/whatsapp/flow")).bearer_auth(API_KEY).json(&id).send();
    assert_eq!(change.await.expect("an answer").status(), 422);
    scene.write(40, 12, 1, Duration::from_millis(200));
    let kim = User::phone("447700900043");
    let record = scene.fleet.record().await;
    let poison: Vec<Publish> =
        (0..PARTITIONS).map(QueueName::Inbound).chain([QueueName::Statuses]).map(poison).collect();
    let count = poison.len();
    let published = tokio::time::Instant::now();
    record.publish(poison).await;
    scene.until("SELECT count(*) FROM dead_letters WHERE reason = 'undecodable'", &count.to_string()).await;
    let took = published.elapsed();
    scene.writes_to(NUMBER, &kim, "long").await;
    scene.until("SELECT count(*) FROM dead_letters WHERE reason = 'run_limit'", "1").await;
    record.close().await;
    assert_eq!(scene.assert_exact_but(&[&kim]).await, 0, "jobs were sent twice");
    assert_eq!(scene.fleet.database.ask("SELECT count(*) FROM dead_letters"), (count + 1).to_string());
    let bound = Some(("letters of all poison", Duration::from_secs(1)));
    Row {
        number: 43,
        fault: "a body that can't be decoded in every queue; a run without an end",
        holds: "E, given up alone",
        bound,
    }
    .held(took, "");
}

fn poison(queue: QueueName) -> Publish {
    let body = b"{\"not what it says\":".as_slice().into();
    let message = Message { id: ids::fresh(), kind: event::MESSAGE.into(), schema: 1, traceparent: None, body };
    Publish { queue, message }
}

/// Saves a flow of so many pictures, none of which waits, that goes on with another one; status and answer.
async fn save(scene: &Scene, gateway: &Member, name: &str, pictures: u32, next: &str) -> (u16, Value) {
    let show = |at: u32| json!({ "id": at.to_string(), "type": "ImageMessage", "file": "https://example.com/a.png", "next": (at + 1).to_string() });
    let mut steps: Vec<Value> = (1..=pictures).map(show).collect();
    steps.push(json!({ "id": (pictures + 1).to_string(), "type": "ConnectFlowAction", "flowId": next }));
    let body = json!({ "name": name, "trigger": [name], "automationJson": steps, "status": "ACTIVE" });
    let url = gateway.url("/api/whatsapp/flow");
    let answer = scene.fleet.http.post(url).bearer_auth(API_KEY).json(&body).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}
