//! Figures that are no rows: limits used to the full, tenants that don't feel each other, many dead letters at hand.

use crate::{
    scene::{PROBE, Scene},
    support::{
        API_KEY, NUMBER, PATIENCE, TOKEN,
        crowd::wait_for_jobs,
        fleet::{Member, Role, Urls},
        report::is_measured,
        stage::album,
        until_some, until_within,
    },
};
use shared::{Clock as _, SystemClock};
use std::{collections::HashMap, io::Write as _, process::Stdio, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::Instant};
use whatsapp_simulator::{Fault, FaultKind, PairLimit, Refusal, SentMessage, Simulator, User, UserMessage};

/// Whoever sends from the number.
async fn owner(scene: &Scene, senders: &[Member]) -> usize {
    until_some("somebody sends from the number", async || {
        for (at, sender) in senders.iter().enumerate() {
            if scene.fleet.metric(sender, "flow_runner_active_numbers ").await > 0.0 {
                return Some(at);
            }
        }
        None
    })
    .await
}

/// How many senders share the outbound queues out among themselves, each of which is somebody's.
fn owners_of_outbound(scene: &Scene) -> usize {
    let output = scene.fleet.command(&["queues", "--json"], &[]).output().expect("it runs");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let queues = found["items"].as_array().expect("queues").iter();
    let outbound = queues.filter(|queue| queue["queue"].as_str().is_some_and(|name| name.starts_with("outbound.")));
    let owners: Vec<Option<&str>> = outbound.map(|queue| queue["owner"].as_str()).collect();
    if owners.contains(&None) { 0 } else { owners.into_iter().collect::<std::collections::BTreeSet<_>>().len() }
}

/// Five thousand people who get one message each and twenty who get ninety, from one number at 80 a second; whoever sends from
/// it is killed in the middle.
async fn limits_are_used_and_kept(reading: PairLimit) -> String {
    const PEOPLE: usize = 5_000;
    const PAIRS: usize = 20;
    const EACH: usize = 90;
    const RATE: u32 = 80;
    let settings = [("WHATSAPP_NUMBER_RATE", "80"), ("WHATSAPP_PAIR_RATE", "on")];
    let mut scene = Scene::new(&Urls::shared(), &settings).await;
    scene.simulator.set_limits(RATE, reading);
    let gateway = scene.gateway(&[]).await;
    scene.save_flows(&gateway).await;
    scene.save_flow(&gateway, API_KEY, "Album", "album", album(EACH)).await;
    let _worker = scene.fleet.start(Role::Worker, &[]).await;
    // All is asked for before anybody sends: what comes in counts toward the number's rate too.
    for at in 0..PAIRS {
        scene.writes_to(NUMBER, &User::phone(&format!("447900{at:06}")), "album").await;
    }
    write_at_once(&scene, NUMBER, "447901", PEOPLE).await;
    let jobs = PEOPLE + PAIRS * EACH;
    scene.until("SELECT count(*) FROM jobs", &jobs.to_string()).await;

    // Nobody sends before all three have found each other: whoever has the number then keeps it.
    scene.number("pause");
    let mut senders = Vec::new();
    for _ in 0..3 {
        senders.push(scene.fleet.start(Role::Sender, &[]).await);
    }
    until_within("each has its share", PATIENCE, || owners_of_outbound(&scene) == senders.len()).await;
    scene.number("resume");
    let simulator = scene.simulator.clone();
    until_within("a third is sent", 4 * PATIENCE, || simulator.sends_count() >= PEOPLE as u64 / 3).await;
    let killed = senders.remove(owner(&scene, &senders).await);
    let killed_at = milliseconds();
    killed.kill();
    wait_for_jobs(&simulator, jobs, Duration::from_secs(900)).await;
    scene.until("SELECT count(*) FROM jobs WHERE state <> 'sent'", "0").await;

    let (sends, refusals) = (simulator.sends(), simulator.refusals());
    assert_eq!(sends.len(), jobs, "something was sent twice");
    assert_eq!(scene.fleet.database.ask("SELECT count(*) FROM dead_letters"), "0");
    let of_number = refusals.iter().filter(|refused| refused.code == 130_429).count();
    assert_eq!(of_number, 0, "the number's rate was met");
    let most = most_by_pair(&refusals);
    assert!(most <= usize::from(reading == PairLimit::Strict), "a pair was refused {most} times");
    // From the first message to the kill, and from the first one after it until only pairs were left.
    let mut singles: Vec<u64> = sends.iter().filter(|sent| is_single(sent)).map(|sent| sent.accepted_at).collect();
    singles.sort_unstable();
    let (first, last) = (singles[0], singles[singles.len() - 1]);
    let resumed = sends.iter().map(|sent| sent.accepted_at).find(|at| *at > killed_at + 1_000).expect("sent on");
    let used = |from: u64, to: u64| {
        let count = sends.iter().filter(|sent| (from..to).contains(&sent.accepted_at)).count();
        count as f64 / (f64::from(RATE) * (to - from) as f64 / 1_000.0) * 100.0
    };
    let (before, after) = (used(first, killed_at), used(resumed, last));
    assert!(!is_measured() || before.min(after) >= 97.0, "{before:.1} % and {after:.1} % of the rate were used");
    format!(
        "{jobs} jobs, pairs read {reading:?}, owner killed after {:.0} s: no 130429, {} × 131056 (at most {most} a pair), \
         {before:.1} % of the rate used before and {after:.1} % after it, {:.1} s in between",
        (killed_at - first) as f64 / 1_000.0,
        refusals.iter().filter(|refused| refused.code == 131_056).count(),
        (resumed - killed_at) as f64 / 1_000.0,
    )
}

fn is_single(sent: &SentMessage) -> bool {
    sent.text().as_deref() == Some(PROBE)
}

fn most_by_pair(refusals: &[Refusal]) -> usize {
    let mut pairs: HashMap<&str, usize> = HashMap::new();
    for refused in refusals.iter().filter(|refused| refused.code == 131_056) {
        *pairs.entry(refused.to.as_deref().unwrap_or_default()).or_default() += 1;
    }
    pairs.values().copied().max().unwrap_or(0)
}

fn milliseconds() -> u64 {
    u64::try_from(SystemClock::default().now().0).expect("after 1970")
}

/// So many people write to a number, many at a time.
async fn write_at_once(scene: &Scene, number: &str, prefix: &str, people: usize) {
    const AT_A_TIME: usize = 32;
    let mut writing = JoinSet::new();
    for part in 0..AT_A_TIME {
        let (simulator, http, webhook) = (scene.simulator.clone(), scene.fleet.http.clone(), scene.webhook.clone());
        let (number, prefix) = (number.to_owned(), prefix.to_owned());
        writing.spawn(async move {
            for at in (part..people).step_by(AT_A_TIME) {
                let body = callback(&simulator, &number, &User::phone(&format!("{prefix}{at:06}")));
                crate::support::crowd::until_taken(&http, &webhook, &body).await;
            }
        });
    }
    while writing.join_next().await.transpose().expect("nobody panics").is_some() {}
}

fn callback(simulator: &Arc<Simulator>, number: &str, who: &User) -> String {
    let wamid = simulator.next_wamid(who);
    simulator.callback_body(number, who, &UserMessage::Text(PROBE.to_owned()), &wamid)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run by `./dev faults`"]
async fn a_number_sends_what_it_may_and_no_more_though_its_owner_is_killed() {
    for reading in [PairLimit::Mild, PairLimit::Strict] {
        println!("{}", limits_are_used_and_kept(reading).await);
    }
}

/// How long people who write one after the other wait for their answers; the 99th percentile in milliseconds.
async fn waits(scene: &Scene, number: &str, prefix: &str) -> f64 {
    const PEOPLE: usize = 2_000;
    const EVERY: Duration = Duration::from_millis(15);
    let mut wrote: HashMap<String, u64> = HashMap::new();
    let mut tick = tokio::time::interval(EVERY);
    let before = scene.simulator.sends_count();
    let mut posts = JoinSet::new();
    for at in 0..PEOPLE {
        tick.tick().await;
        let phone = format!("{prefix}{at:06}");
        let body = callback(&scene.simulator, number, &User::phone(&phone));
        let (http, webhook) = (scene.fleet.http.clone(), scene.webhook.clone());
        wrote.insert(phone, milliseconds());
        posts.spawn(async move { crate::support::crowd::until_taken(&http, &webhook, &body).await });
    }
    let all = || scene.simulator.sends_count() >= before + PEOPLE as u64;
    until_within("everybody is answered", PATIENCE, all).await;
    let mut waits: Vec<u64> = scene
        .simulator
        .sends_since(before)
        .iter()
        .filter_map(|sent| Some(sent.accepted_at.saturating_sub(*wrote.get(sent.to.as_deref()?)?)))
        .collect();
    assert_eq!(waits.len(), PEOPLE);
    waits.sort_unstable();
    waits[PEOPLE * 99 / 100] as f64
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run by `./dev faults`"]
async fn a_tenant_with_an_expired_token_and_fifty_thousand_jobs_slows_down_no_other() {
    const OTHER: &str = "200000000000002";
    const JOBS: usize = 50_000;
    const ROUNDS: usize = 5;
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let (gateway, _workers, _sender) = scene.begin(1).await;
    let mut adding = scene.fleet.command(&["accounts", "create", "Other", "--json"], &[]);
    let made = adding.output().expect("it runs");
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let (account, key) = (made["accountId"].as_str().expect("an id"), made["apiKey"].as_str().expect("a key"));
    let mut adding = scene.fleet.command(&["numbers", "add", OTHER, "--account", account], &[]);
    let mut adding = adding.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it runs");
    adding.stdin.take().expect("its input").write_all(TOKEN.as_bytes()).expect("written");
    assert!(adding.wait().expect("it ends").success());
    scene.save_flow(&gateway, key, "Probe", PROBE, crate::support::stage::says(PROBE)).await;
    let expired = FaultKind::Error { code: 190, http_status: None, details: None, headers: Default::default() };
    scene.simulator.inject(Fault { phone_number_id: Some(OTHER.into()), ..Fault::new(expired) });

    waits(&scene, NUMBER, "448000").await;
    let mut without = Vec::new();
    for round in 0..ROUNDS {
        without.push(waits(&scene, NUMBER, &format!("4481{round:02}")).await);
    }
    write_at_once(&scene, OTHER, "448200", JOBS).await;
    let waiting =
        format!("SELECT count(*) FROM jobs WHERE phone_number_id = '{OTHER}' AND state IN ('queued', 'retrying')");
    scene.until(&waiting, &JOBS.to_string()).await;
    let paused = format!("SELECT paused LIKE 'error 190%' FROM phone_numbers WHERE id = '{OTHER}'");
    scene.until(&paused, "t").await;
    let mut with = Vec::new();
    for round in 0..ROUNDS {
        with.push(waits(&scene, NUMBER, &format!("4483{round:02}")).await);
    }
    assert_eq!(scene.fleet.database.ask(&waiting), JOBS.to_string(), "they still wait");
    let median = |of: &[f64]| {
        let mut sorted = of.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    let (alone, beside) = (median(&without), median(&with));
    println!(
        "reply p99, median of {ROUNDS} rounds: {alone:.0} ms alone ({without:?}), {beside:.0} ms beside {JOBS} jobs of a number \
         whose token has expired ({with:?}): {:+.0} %",
        (beside / alone - 1.0) * 100.0,
    );
    assert!(!is_measured() || beside <= alone * 1.2, "{alone} ms became {beside} ms");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn a_hundred_thousand_letters_are_at_hand() {
    const SECOND: Duration = Duration::from_secs(1);
    let mut scene = Scene::new(&Urls::shared(), &[("FLOW_RUNNER_ADMIN_KEY", "test-admin-key-0123456789")]).await;
    let gateway = scene.gateway(&[]).await;
    let database = &scene.fleet.database;
    database.ask(
        r#"INSERT INTO dead_letters (id, kind, state, reason, code, account_id, phone_number_id, recipient_id, recipient, flow_id,
            step_id, job_id, event_id, attempts, body, created_at)
            SELECT 'letter-' || lpad(n::text, 8, '0'), 'job', CASE WHEN n % 4 = 0 THEN 'replayed' ELSE 'open' END,
                (ARRAY['permanent_error', 'attempts_exhausted', 'window_closed'])[n % 3 + 1], 131026 + n % 7, 'default', '1',
                'recipient-' || n % 5000, '4915' || lpad((n % 5000)::text, 9, '0'), 'flow-' || n % 11, 'step-' || n % 17,
                'job-' || n, 'event-' || n, '[{"at": 1, "error": "Meta said no for a reason of some length"}]',
                '{"type": "text", "body": "A message of some length, as people are sent them ' || n || '"}', 1700000000000 + n
            FROM generate_series(1, 133333) AS n"#,
    );
    database.ask("ANALYZE dead_letters");
    assert_eq!(database.ask("SELECT count(*) >= 100000 FROM dead_letters WHERE state = 'open'"), "t");
    let mut told = Vec::new();
    for path in [
        "dead-letters?limit=100",
        "dead-letters?limit=100&reason=window_closed&code=131029",
        "dead-letters?limit=100&recipient=4915000004999",
        "dead-letters?limit=100&flow=flow-3&step=step-16",
        "dead-letters?limit=100&q=length%2C+as+people+are+sent+them+99999",
        "dead-letters?limit=100&state=replayed&since=2023-11-14",
        "dead-letters/summary?by=reason,code,flow,step",
    ] {
        let url = gateway.url(&format!("/api/ops/{path}"));
        let began = Instant::now();
        let answer =
            scene.fleet.http.get(url).bearer_auth("test-admin-key-0123456789").send().await.expect("an answer");
        let answer: serde_json::Value = answer.json().await.expect("JSON");
        let took = began.elapsed();
        assert!(answer["items"].as_array().is_some_and(|items| !items.is_empty()), "{path}: {answer}");
        assert!(!is_measured() || took < SECOND, "{path} took {took:?}");
        told.push(format!("{path} {} ms", took.as_millis()));
    }
    println!("100,000 open letters of 133,333: {}", told.join("; "));
}
