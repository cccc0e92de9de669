//! Rows 30 to 36 and 47: an API that answers late, wrongly, or not at all, and statuses that come late.

use super::sender::SHORT;
use crate::{
    scene::Scene,
    support::{
        PATIENCE,
        fleet::{Member, Urls},
        report::Row,
        until_within,
    },
};
use std::{collections::BTreeMap, time::Duration};
use whatsapp_simulator::{Fault, FaultKind, Scope, SentMessage};

const PEOPLE: usize = 40;
/// Messages each of them writes.
const EACH: usize = 10;

/// A row's scene with its processes, which go with it.
struct Running {
    scene: Scene,
    sender: Member,
    others: (Member, Vec<Member>),
}

impl Running {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let mut scene = Scene::new(&Urls::shared(), settings).await;
        let (gateway, workers, sender) = scene.begin(1).await;
        Self { scene, sender, others: (gateway, workers) }
    }

    /// One fault for each person, at the nth of their messages.
    fn each(&self, nth: u64, kind: impl Fn(usize) -> FaultKind) {
        for index in 0..PEOPLE {
            self.scene.simulator.inject(Fault {
                recipient: Some(phone(index)),
                nth: Some(nth),
                ..Fault::new(kind(index))
            });
        }
    }

    fn write(&mut self) {
        self.scene.write(PEOPLE, EACH, 1, Duration::from_millis(200));
    }

    fn ask(&self, sql: &str) -> String {
        self.scene.fleet.database.ask(sql)
    }

    /// Messages that were taken and whose sender was given no whole answer.
    fn unanswered(&self) -> usize {
        self.scene.simulator.sends().iter().filter(|sent| !sent.answered).count()
    }

    async fn assert_no_panic(&self) {
        assert_eq!(self.scene.fleet.metric(&self.sender, "flow_runner_panics_total ").await, 0.0);
    }
}

/// The phone of a person of the crowd.
fn phone(index: usize) -> String {
    format!("4915{index:09}")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_30_a_send_that_timed_out_and_was_taken_is_settled_by_its_status() {
    let mut running = Running::new(&[]).await;
    running.each(3, |_| FaultKind::TimeoutAfter { statuses: true });
    running.write();
    assert_eq!(running.scene.assert_exact().await, 0, "jobs were sent twice");
    assert_eq!(running.unanswered(), PEOPLE);
    assert_eq!(running.ask("SELECT max(attempt), max(resends) FROM jobs"), "1|0");
    let row = Row {
        number: 30,
        fault: "no answer to a POST, message taken",
        holds: "L D O, settled by its status",
        bound: None,
    };
    row.held(Duration::ZERO, &format!("{PEOPLE} time-outs, none sent again"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_31_a_send_that_timed_out_and_was_not_taken_is_sent_once_more() {
    let mut running = Running::new(&[SHORT]).await;
    running.each(3, |_| FaultKind::TimeoutBefore);
    running.write();
    assert_eq!(running.scene.assert_exact().await, 0, "jobs were sent twice");
    let resent = format!("{PEOPLE}|1");
    assert_eq!(running.ask("SELECT count(*), max(resends) FROM jobs WHERE resends > 0"), resent);
    let counted = running.scene.fleet.metric(&running.sender, "flow_runner_unknown_resent_total ").await;
    assert_eq!(counted, PEOPLE as f64);
    Row { number: 31, fault: "no answer to a POST, message not taken", holds: "L O", bound: None }
        .held(Duration::ZERO, &format!("{PEOPLE} time-outs, each resent once and counted"));
}

/// What was taken between these two moments.
fn taken_between(sends: &[SentMessage], from: u64, to: u64) -> usize {
    sends.iter().filter(|sent| sent.accepted_at > from && sent.accepted_at < to).count()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_32_refusals_for_a_rate_are_obeyed_and_cost_nothing() {
    // Requests that were under way when a refusal came.
    const UNDER_WAY: u64 = 1_000;
    const ASKED: u64 = 5;
    let mut running = Running::new(&[("WHATSAPP_NUMBER_RATE", "200")]).await;
    let simulator = running.scene.simulator.clone();
    let refuse = |code| FaultKind::Error { code, http_status: None, details: None, headers: BTreeMap::new() };
    running.each(4, |_| refuse(131_056));
    simulator.inject(Fault { nth: Some(80), ..Fault::new(FaultKind::TooManyRequests { retry_after: Some(ASKED) }) });
    simulator.inject(Fault { nth: Some(200), ..Fault::new(refuse(130_429)) });
    running.write();
    assert_eq!(running.scene.assert_exact().await, 0, "jobs were sent twice");
    assert_eq!(running.ask("SELECT max(spent) FROM jobs"), "0", "refusals before processing cost an attempt");
    let (refusals, sends) = (simulator.refusals(), simulator.sends());
    let held = refusals.iter().find(|refused| refused.http_status == 429 && refused.code == 0).expect("a 429");
    let after = |sent: &SentMessage| sent.accepted_at.checked_sub(held.at);
    let told: Vec<u64> = sends.iter().filter_map(after).filter(|ms| *ms > UNDER_WAY && *ms < ASKED * 1_000).collect();
    assert!(told.is_empty(), "taken although Retry-After asked for {ASKED} s: {told:?} ms after");
    for refused in refusals.iter().filter(|refused| refused.code == 131_056) {
        let to = refused.to.as_deref().expect("a recipient").trim_start_matches('+');
        let its: Vec<_> = sends.iter().filter(|sent| sent.to.as_deref() == Some(to)).cloned().collect();
        assert_eq!(taken_between(&its, refused.at, refused.at + 1_000), 0, "4^0 seconds for that pair");
    }
    let of_pairs = refusals.iter().filter(|refused| refused.code == 131_056).count();
    assert_eq!(of_pairs, PEOPLE);
    Row { number: 32, fault: "429 with Retry-After, 131056, 130429", holds: "L D O, no attempt spent", bound: None }
        .held(Duration::ZERO, &format!("{of_pairs} refusals for a pair, one for the number, one Retry-After"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run by `./dev faults`"]
async fn row_33_an_outage_is_sat_out() {
    let mut running = Running::new(&[SHORT]).await;
    let took =
        outage(&mut running, FaultKind::ServerError { http_status: 500, accepted: false }, Duration::from_secs(90))
            .await;
    let resent = running.ask("SELECT count(*) FROM jobs WHERE resends > 0");
    assert_ne!(resent, "0", "nothing was risked before the breaker opened");
    let bound = Some(("sending again", Duration::from_secs(70)));
    let row = Row { number: 33, fault: "HTTP 500 for 90 s", holds: "L D O, 0 dead-lettered", bound };
    row.held(took, &format!("{resent} jobs resent, each once"));
}

/// The API fails so for so long while people write; how long after its end the first message is taken. Nothing is given up,
/// and what was resent was resent once and is counted.
async fn outage(running: &mut Running, kind: FaultKind, lasts: Duration) -> Duration {
    running.write();
    running.scene.until_sent(0.1).await;
    let down = running.scene.simulator.inject(Fault { scope: Scope::All, ..Fault::new(kind) });
    tokio::time::sleep(lasts).await;
    let before = running.scene.simulator.sends_count();
    assert!(running.scene.simulator.remove_fault(down));
    let ended = tokio::time::Instant::now();
    until_within("a message is taken", 2 * PATIENCE, || running.scene.simulator.sends_count() > before).await;
    let took = ended.elapsed();
    assert_eq!(running.scene.assert_exact().await, 0, "jobs were sent twice");
    let resent = running.ask("SELECT COALESCE(sum(resends), 0), COALESCE(max(resends), 0) FROM jobs");
    let (sum, most) = resent.split_once('|').expect("two columns");
    assert!(most.parse::<u32>().expect("a number") <= 1, "a job was resent {most} times");
    let counted = running.scene.fleet.metric(&running.sender, "flow_runner_unknown_resent_total ").await;
    assert_eq!(sum.parse::<f64>().expect("a number"), counted, "what was resent is counted");
    took
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_34_answers_that_make_no_sense_are_settled_by_statuses() {
    let mut running = Running::new(&[]).await;
    running.each(3, |index| match index % 5 {
        0 => FaultKind::Garbled,
        1 => FaultKind::Truncated,
        2 => FaultKind::ResetAfter { statuses: true },
        3 => FaultKind::Drip { ms: 1_000 },
        _ => FaultKind::ServerError { http_status: 502, accepted: true },
    });
    running.write();
    assert_eq!(running.scene.assert_exact().await, 0, "jobs were sent twice");
    // All but those that come a byte a second, which are whole in the end.
    assert!(running.unanswered() >= PEOPLE * 4 / 5, "{}", running.unanswered());
    assert_eq!(running.ask("SELECT max(attempt), max(resends) FROM jobs"), "1|0");
    running.assert_no_panic().await;
    let fault = "answers garbled, truncated, half-closed, a byte a second, 502";
    Row { number: 34, fault, holds: "L D O, no panic", bound: None }
        .held(Duration::ZERO, &format!("{PEOPLE} answers, none sent again"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_35_a_permanent_error_is_a_dead_letter_and_its_lane_goes_on() {
    let mut running = Running::new(&[]).await;
    let refused = FaultKind::Error { code: 131_026, http_status: None, details: None, headers: BTreeMap::new() };
    running.each(2, |_| refused.clone());
    running.write();
    running.scene.until_settled().await;
    let dead =
        "SELECT count(*) FROM dead_letters WHERE reason = 'permanent_error' AND code = 131026 AND state = 'open'";
    assert_eq!(running.ask(dead), PEOPLE.to_string());
    assert_eq!(running.ask("SELECT count(*) FROM dead_letters"), PEOPLE.to_string());
    let rows = running.ask(
        "SELECT phone, COALESCE(content::json->>'body', content::json->>'caption') FROM jobs WHERE state = 'dead'",
    );
    let given_up = rows.lines().map(|row| row.split_once('|').expect("two columns"));
    let given_up = given_up.map(|(who, what)| (who.to_owned(), what.to_owned())).collect();
    assert_eq!(running.scene.assert_exact_without(&[], given_up).await, 0, "jobs were sent twice");
    let row = Row { number: 35, fault: "400, permanent", holds: "dead letter, the lane goes on in order", bound: None };
    row.held(Duration::ZERO, &format!("{PEOPLE} dead letters, everything behind them sent"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "one of many: run by `./dev faults`"]
async fn row_36_a_status_before_its_answer_is_the_same_send() {
    let mut running = Running::new(&[]).await;
    running.each(2, |_| FaultKind::Delay { ms: 1_500 });
    running.each(4, |_| FaultKind::Delay { ms: 1_500 });
    running.write();
    assert_eq!(running.scene.assert_exact().await, 0, "jobs were sent twice");
    assert_eq!(running.ask("SELECT max(attempt), count(*) FILTER (WHERE state <> 'sent') FROM jobs"), "1|0");
    let row =
        Row { number: 36, fault: "status before the answer to the POST", holds: "L D O, one `sent`", bound: None };
    row.held(Duration::ZERO, &format!("{} answers 1.5 s after the statuses", 2 * PEOPLE));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run by `./dev faults`"]
async fn row_47_nothing_is_resent_while_statuses_are_late() {
    const LATE: Duration = Duration::from_secs(300);
    let mut running = Running::new(&[SHORT]).await;
    running.each(1, |_| FaultKind::TimeoutAfter { statuses: true });
    // All is asked for before anything is sent.
    running.scene.number("pause");
    running.scene.write(PEOPLE, EACH, 1, Duration::from_millis(200));
    running.scene.until_written().await;
    let handled = format!("SELECT count(*) >= {} FROM messages WHERE state = 'handled'", PEOPLE * EACH);
    running.scene.until(&handled, "t").await;
    // Statuses come in, and nobody takes them from their queue.
    let workers = std::mem::take(&mut running.others.1);
    workers.iter().for_each(|worker| worker.signal("STOP"));
    running.scene.number("resume");
    let unknown = "SELECT count(*), max(resends) FROM jobs WHERE state = 'unknown'";
    let all = format!("{PEOPLE}|0");
    running.scene.until(unknown, &all).await;
    let began = tokio::time::Instant::now();
    while began.elapsed() < LATE {
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(running.ask(unknown), all, "resent before its status could come");
    }
    workers.iter().for_each(|worker| worker.signal("CONT"));
    assert_eq!(running.scene.assert_exact().await, 0, "jobs were sent twice");
    let waited = running.ask("SELECT count(*) FROM jobs WHERE resends > 0");
    assert_eq!(waited, "0", "each time-out was settled by its status");
    drop(workers);
    let row = Row {
        number: 47,
        fault: "statuses five minutes late while sends time out",
        holds: "L D O, none resent",
        bound: None,
    };
    row.held(Duration::ZERO, &format!("{PEOPLE} unknown outcomes waited for five minutes"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run by `./dev faults`"]
async fn a_thousand_time_outs_of_messages_that_were_taken_double_none() {
    const TIME_OUTS: u64 = 1_000;
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let (_gateway, _workers, _sender) = scene.begin(1).await;
    // A tenth of all calls: with half of them a breaker would open, and let few through.
    let fault = Fault {
        probability: Some(0.1),
        count: Some(TIME_OUTS),
        ..Fault::new(FaultKind::TimeoutAfter { statuses: true })
    };
    scene.simulator.inject(fault);
    scene.write(1_000, 10, 1, Duration::from_millis(8_000));
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    let struck = scene.simulator.sends().iter().filter(|sent| !sent.answered).count() as u64;
    assert_eq!(struck, TIME_OUTS);
    assert_eq!(scene.fleet.database.ask("SELECT max(attempt), max(resends) FROM jobs"), "1|0");
    println!(
        "{TIME_OUTS} time-outs after acceptance among {} sends, statuses on: 0 duplicates",
        scene.simulator.sends_count()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes most of an hour: run by `./dev faults`"]
async fn ten_minutes_of_500s_and_ten_of_time_outs_bury_nothing() {
    for (what, kind) in [
        ("500s", FaultKind::ServerError { http_status: 500, accepted: false }),
        ("time-outs", FaultKind::TimeoutBefore),
    ] {
        let mut scene = Scene::new(&Urls::shared(), &[SHORT]).await;
        let (gateway, workers, sender) = scene.begin(1).await;
        // People who have written all they write before the outage ends: what waits for its end is a thousand conversations.
        scene.write(1_000, 3, 1, Duration::from_millis(1_000));
        scene.until_sent(0.1).await;
        let down = scene.simulator.inject(Fault { scope: Scope::All, ..Fault::new(kind) });
        tokio::time::sleep(Duration::from_secs(600)).await;
        let tried = scene.simulator.refusals().iter().filter(|refused| refused.to.is_some()).count();
        assert!(scene.simulator.remove_fault(down));
        let ended = tokio::time::Instant::now();
        assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
        let took = ended.elapsed();
        let resent = scene.fleet.database.ask("SELECT COALESCE(sum(resends), 0), COALESCE(max(resends), 0) FROM jobs");
        let (sum, most) = resent.split_once('|').expect("two columns");
        assert!(most.parse::<u32>().expect("a number") <= 1, "a job was resent {most} times");
        let counted = scene.fleet.metric(&sender, "flow_runner_unknown_resent_total ").await;
        assert_eq!(sum.parse::<f64>().expect("a number"), counted, "what was resent is counted");
        println!(
            "ten minutes of {what}, 1,000 conversations: 0 dead-lettered, order kept, all sent {:.1} s after their end; {tried} \
             messages tried meanwhile, {sum} resent, each once, all counted",
            took.as_secs_f64(),
        );
        drop((gateway, workers));
    }
}
