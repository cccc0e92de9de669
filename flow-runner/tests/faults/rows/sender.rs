//! Rows 28, 29 and 46: a sender that is killed at the worst moments, or frozen.

use crate::{
    scene::Scene,
    support::{
        PATIENCE,
        fleet::{Member, Role, Urls},
        report::Row,
        until_within,
    },
};
use std::{os::unix::process::ExitStatusExt, time::Duration};
use whatsapp_simulator::{Fault, FaultKind};

/// How long a send of unknown outcome waits for its status here.
pub const SHORT: (&str, &str) = ("FLOW_RUNNER__SEND__UNKNOWN_WAIT", "3s");
/// A killed sender's numbers are sent from again within this.
const SENT_AGAIN: Option<(&str, Duration)> = Some(("sending again", Duration::from_secs(25)));

/// What came of senders that were killed one after the other.
struct Killed {
    longest: Duration,
    /// Jobs that were sent twice; that were resent; that were given up after two unknown outcomes.
    twice: usize,
    resent: usize,
    given_up: usize,
}

/// So many senders are killed at this point while people write; of so many of their messages no status comes.
async fn killed_at(failpoint: &str, kills: usize, without_status: f64) -> Killed {
    // Few claims are open at each kill: the lanes of those stand still for a minute.
    let few = ("FLOW_RUNNER__SEND__CONCURRENCY", "8");
    let mut scene = Scene::new(&Urls::shared(), &[SHORT, few]).await;
    let gateway = scene.gateway(&[]).await;
    scene.save_flows(&gateway).await;
    let _worker = scene.fleet.start(Role::Worker, &[]).await;
    if without_status > 0.0 {
        let dropped = Fault { probability: Some(without_status), ..Fault::new(FaultKind::DropStatuses) };
        scene.simulator.inject(dropped);
    }
    let failpoint = [("FLOW_RUNNER_FAILPOINTS", failpoint)];
    let mut doomed = scene.fleet.start(Role::Sender, &failpoint).await;
    scene.write(300, 6, 1, Duration::from_millis(400));
    let mut longest = Duration::ZERO;
    for kill in 1..=kills {
        let (status, _) = doomed.until_ended(3 * PATIENCE).await;
        assert_eq!(status.signal(), Some(9), "{status}");
        let died = tokio::time::Instant::now();
        let (before, failpoint) = (scene.simulator.sends_count(), if kill < kills { &failpoint[..] } else { &[] });
        doomed = scene.fleet.start(Role::Sender, failpoint).await;
        let again = || scene.simulator.sends_count() > before;
        until_within("another sender sends", PATIENCE, again).await;
        longest = longest.max(died.elapsed());
    }
    let (twice, given_up) = scene.assert_exact_but_unknown().await;
    let resent = scene.fleet.database.ask("SELECT count(*) FROM jobs WHERE resends > 0").parse().expect("a number");
    assert!(twice <= resent, "{twice} jobs were sent twice, {resent} are counted as resent");
    let most = scene.fleet.database.ask("SELECT COALESCE(max(resends), 0) FROM jobs");
    assert!(most.parse::<u32>().expect("a number") <= 1, "a job was resent {most} times");
    Killed { longest, twice, resent, given_up }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_28_a_sender_killed_before_its_post_loses_nothing_and_doubles_nothing() {
    let Killed { longest, twice, resent, given_up } = killed_at("sender.before_post@20", 3, 0.0).await;
    assert_eq!((twice, given_up), (0, 0));
    let row = Row { number: 28, fault: "sender killed before its POST, three times", holds: "L D", bound: SENT_AGAIN };
    row.held(longest, &format!("{resent} jobs resent, whose statuses never came because they were not sent"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_29_a_sender_killed_after_its_post_sends_at_most_one_copy_more() {
    let Killed { longest, twice, resent, given_up } = killed_at("sender.after_post@20", 3, 0.5).await;
    let row = Row {
        number: 29,
        fault: "sender killed between POST and ledger, three times, half of all statuses never come",
        holds: "L, ≤ 2 copies",
        bound: SENT_AGAIN,
    };
    row.held(longest, &format!("{twice} sent twice of {resent} counted as resent, {given_up} given up"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run by `./dev faults`"]
async fn a_sender_killed_a_hundred_times_between_post_and_ledger_loses_nothing() {
    let Killed { twice, resent, given_up, .. } = killed_at("sender.after_post@5", 100, 0.5).await;
    println!(
        "sender killed 100 times between POST and ledger, half of all statuses never come: nothing lost, {twice} jobs sent \
         twice, none three times, {resent} counted as resent, {given_up} given up after two unknown outcomes"
    );
}

/// Whether a process is stopped.
fn is_frozen(member: &Member) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", member.pid())).expect("it is there");
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['T', 't']))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run by `./dev faults`"]
async fn row_46_a_sender_frozen_between_claim_and_post_posts_nothing_when_it_thaws() {
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let gateway = scene.gateway(&[]).await;
    scene.save_flows(&gateway).await;
    let _worker = scene.fleet.start(Role::Worker, &[]).await;
    let frozen = scene.fleet.start(Role::Sender, &[("FLOW_RUNNER_FAILPOINTS", "sender.before_post!@60")]).await;
    scene.until_served().await;
    scene.write(40, 40, 1, Duration::from_millis(5_000));
    until_within("the sender is frozen", PATIENCE, || is_frozen(&frozen)).await;
    let began = tokio::time::Instant::now();
    let _other = scene.fleet.start(Role::Sender, &[]).await;
    let took = scene.until_served().await;
    tokio::time::sleep_until(began + Duration::from_secs(120)).await;
    frozen.signal("CONT");
    scene.until_served().await;
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    let bound = Some(("sending again", Duration::from_secs(25)));
    let row = Row {
        number: 46,
        fault: "sender frozen for 120 s between its last look at the claim and its POST",
        holds: "D O",
        bound,
    };
    row.held(took, "");
}
