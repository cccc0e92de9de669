//! What a fault is met by: people who write all the while, processes, and the question whether everybody got exactly what
//! the flow says.

use crate::support::{
    API_KEY, NUMBER, PATIENCE,
    crowd::{self, Delivery, Dice, Person},
    fleet::{Fleet, Member, PARTITIONS, Role, Urls},
    post,
    stage::says,
    whatsapp,
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use testkit::questions;
use tokio::{task::JoinHandle, time::Instant};
use whatsapp_simulator::{Simulator, Statuses, User, UserMessage};

pub const QUESTIONS: usize = 7;
/// Answered with itself; the flow ends there.
pub const PROBE: &str = "probe";

/// WhatsApp, an installation of several processes, and people.
pub struct Scene {
    pub simulator: Arc<Simulator>,
    pub fleet: Fleet,
    /// Takes the callbacks. A row that kills gateways has a proxy here, so that the address stays.
    pub webhook: String,
    people: Vec<Person>,
    writing: Option<JoinHandle<()>>,
    probes: AtomicUsize,
}

impl Scene {
    /// Prepares one on these servers; nothing runs yet.
    pub async fn new(urls: &Urls, settings: &[(&str, &str)]) -> Self {
        let simulator = Arc::new(whatsapp(Statuses::Read).await);
        let fleet = Fleet::new(&simulator.url(), urls, settings);
        Self {
            simulator,
            fleet,
            webhook: String::new(),
            people: Vec::new(),
            writing: None,
            probes: AtomicUsize::new(0),
        }
    }

    /// Starts a gateway, and has everybody write to it.
    pub async fn gateway(&mut self, settings: &[(&str, &str)]) -> Member {
        let gateway = self.fleet.start(Role::Gateway, settings).await;
        self.written_to(&gateway.url("/api/whatsapp/messages/webhook"));
        gateway
    }

    /// Has everybody write to this address.
    pub fn written_to(&mut self, webhook: &str) {
        self.webhook = webhook.to_owned();
        self.simulator.set_webhook_url(webhook);
    }

    /// Saves the flows, by the address of a gateway.
    pub async fn save_flows(&self, gateway: &Member) {
        let questions = questions::steps(QUESTIONS);
        self.save_flow(gateway, API_KEY, "Questions", questions::TRIGGER, questions).await;
        self.save_flow(gateway, API_KEY, "Probe", PROBE, says(PROBE)).await;
    }

    /// Saves one flow of the account that this key belongs to.
    pub async fn save_flow(&self, gateway: &Member, key: &str, name: &str, trigger: &str, steps: Value) {
        let body = json!({ "name": name, "trigger": [trigger], "automationJson": steps, "status": "ACTIVE" });
        let saving = self.fleet.http.post(gateway.url("/api/whatsapp/flow")).bearer_auth(key).json(&body).send();
        assert_eq!(saving.await.expect("an answer").status(), 201, "{name}");
    }

    /// The usual beginning: a gateway, so many workers, a sender, the flows.
    pub async fn begin(&mut self, workers: usize) -> (Member, Vec<Member>, Member) {
        let gateway = self.gateway(&[]).await;
        self.save_flows(&gateway).await;
        let mut all = Vec::new();
        for _ in 0..workers {
            all.push(self.fleet.start(Role::Worker, &[]).await);
        }
        let sender = self.fleet.start(Role::Sender, &[]).await;
        if workers > 0 {
            self.until_served().await;
        }
        (gateway, all, sender)
    }

    /// So many people begin to write: `exchanges` messages each, every callback `copies` times, with pauses of at most
    /// `pause` between one's messages.
    pub fn write(&mut self, people: usize, exchanges: usize, copies: usize, pause: Duration) {
        let people = crowd::people(people, exchanges, &mut Dice(people as u64));
        self.people = people.clone();
        let (simulator, webhook) = (self.simulator.clone(), self.webhook.clone());
        let delivery = Delivery { copies, pause };
        self.writing = Some(tokio::spawn(async move {
            crowd::write_all(&simulator, &webhook, &people, delivery, 7).await;
        }));
    }

    /// Waits until so many of the messages that people are owed have been sent.
    pub async fn until_sent(&self, part: f64) {
        let share = (self.owed() as f64 * part) as usize;
        crowd::wait_for_jobs(&self.simulator, share.max(1), 3 * PATIENCE).await;
    }

    fn owed(&self) -> usize {
        crowd::expected_count(&self.people, QUESTIONS)
    }

    /// Whether people are still writing.
    pub fn is_writing(&self) -> bool {
        self.writing.as_ref().is_some_and(|writing| !writing.is_finished())
    }

    /// Waits until every partition is served, as whoever writes to it sees it; how long that takes from now on. Somebody in
    /// each partition writes and is answered.
    pub async fn until_served(&self) -> Duration {
        self.until_served_within(3 * PATIENCE).await
    }

    /// The same, for at most so long.
    pub async fn until_served_within(&self, within: Duration) -> Duration {
        let began = Instant::now();
        let mut waiting = tokio::task::JoinSet::new();
        for partition in 0..PARTITIONS {
            let user = self.somebody_in(partition);
            let (simulator, webhook, http) = (self.simulator.clone(), self.webhook.clone(), self.fleet.http.clone());
            waiting.spawn(async move {
                let wamid = simulator.next_wamid(&user);
                let body = simulator.callback_body(NUMBER, &user, &UserMessage::Text(PROBE.to_owned()), &wamid);
                crowd::until_taken(&http, &webhook, &body).await;
                while !simulator.sends().iter().any(|sent| sent.is_for(&user)) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        }
        let all = async { while waiting.join_next().await.transpose().expect("nobody panics").is_some() {} };
        assert!(tokio::time::timeout(within, all).await.is_ok(), "not every partition is served within {within:?}");
        began.elapsed()
    }

    /// So many people in this partition write, one after the other.
    pub async fn probe(&self, partition: u16, people: usize) {
        for _ in 0..people {
            self.writes_to(NUMBER, &self.somebody_in(partition), PROBE).await;
        }
    }

    /// A person whose messages go to this partition, and who hasn't written yet.
    fn somebody_in(&self, partition: u16) -> User {
        loop {
            let phone = format!("4477{:08}", self.probes.fetch_add(1, Ordering::Relaxed));
            if shared::partition::of(&phone, PARTITIONS) == partition {
                return User::phone(&phone);
            }
        }
    }

    /// One callback of somebody who has not written yet, posted once: its status and how long the answer took.
    pub async fn one_callback(&self) -> (Option<u16>, Duration) {
        self.prepared_callback().await
    }

    /// The same, to be awaited by somebody else.
    pub fn prepared_callback(&self) -> impl Future<Output = (Option<u16>, Duration)> + Send + use<> {
        let user = self.somebody_in(0);
        let wamid = self.simulator.next_wamid(&user);
        let text = UserMessage::Text("nothing is answered to this".to_owned());
        let body = self.simulator.callback_body(NUMBER, &user, &text, &wamid);
        let (http, webhook) = (self.fleet.http.clone(), self.webhook.clone());
        async move {
            let began = Instant::now();
            let status = post(&http, &webhook, &body).await;
            (status, began.elapsed())
        }
    }

    /// Waits until everybody has written and all is sent and settled; then everybody has exactly what the flow says, once
    /// and in order, and nothing was given up. Jobs that were sent twice are told: none, unless a sender was killed.
    pub async fn assert_exact(&mut self) -> usize {
        let copies = self.assert_exact_but(&[]).await;
        assert_eq!(self.fleet.database.ask("SELECT count(*) FROM dead_letters"), "0");
        copies
    }

    /// The same, whatever these have received and whatever was given up.
    pub async fn assert_exact_but(&mut self, others: &[&User]) -> usize {
        self.assert_exact_without(others, Vec::new()).await
    }

    /// The same, but for what was given up after two unknown outcomes; how many jobs that are too.
    pub async fn assert_exact_but_unknown(&mut self) -> (usize, usize) {
        self.until_settled().await;
        let given_up = crowd::given_up(|sql| self.fleet.database.ask(sql));
        let count = given_up.len();
        (self.assert_exact_without(&[], given_up).await, count)
    }

    /// Waits until everybody has written and nothing is open, in queues or in the ledger.
    pub async fn until_settled(&mut self) {
        self.until_written().await;
        let all = self.people.iter().map(|person| person.writes.len()).sum::<usize>();
        let handled = format!("SELECT count(*) >= {all} FROM messages WHERE state <> 'pending'");
        self.until(&handled, "t").await;
        self.until("SELECT count(*) FROM jobs WHERE state IN ('queued', 'sending', 'retrying', 'unknown')", "0").await;
    }

    /// The same, but for what was `given_up` (who, what), and whatever `others` have received.
    pub async fn assert_exact_without(&mut self, others: &[&User], given_up: Vec<(String, String)>) -> usize {
        self.until_written().await;
        // What was given up may have been taken all the same.
        let owed = self.owed() + self.probes_sent() - given_up.len();
        crowd::wait_for_jobs(&self.simulator, owed, 4 * PATIENCE).await;
        self.until("SELECT count(*) FROM jobs WHERE state IN ('queued', 'sending', 'retrying', 'unknown')", "0").await;
        let mut sends = self.simulator.sends();
        sends.retain(|sent| !others.iter().any(|other| sent.is_for(other)));
        let (probes, sends): (Vec<_>, Vec<_>) =
            sends.into_iter().partition(|sent| sent.text().as_deref() == Some(PROBE));
        let copies = crowd::assert_exact(&sends, &self.people, QUESTIONS, given_up);
        assert!(copies.values().all(|sends| sends.len() == 2), "a job was sent three times");
        let mut probed: Vec<&str> = probes.iter().map(|sent| sent.to_whom()).collect();
        let all = probed.len();
        probed.sort_unstable();
        probed.dedup();
        let mut refusals = self.simulator.refusals();
        refusals.retain(|refused| !refused.injected);
        assert_eq!((probed.len(), refusals.len()), (all, 0), "{refusals:?}");
        copies.len()
    }

    fn probes_sent(&self) -> usize {
        let sends = self.simulator.sends();
        sends.iter().filter(|sent| sent.text().as_deref() == Some(PROBE)).count()
    }

    /// Waits until everybody has written what they had to.
    pub async fn until_written(&mut self) {
        if let Some(writing) = self.writing.take() {
            writing.await.expect("everybody wrote");
        }
    }

    /// Somebody writes to a number; the callback is taken.
    pub async fn writes_to(&self, number: &str, who: &User, text: &str) {
        let wamid = self.simulator.next_wamid(who);
        let body = self.simulator.callback_body(number, who, &UserMessage::Text(text.to_owned()), &wamid);
        crowd::until_taken(&self.fleet.http, &self.webhook, &body).await;
    }

    /// Waits until the database answers this.
    pub async fn until(&self, sql: &str, answer: &str) {
        let deadline = Instant::now() + 4 * PATIENCE;
        while self.fleet.database.ask(sql) != answer {
            assert!(Instant::now() < deadline, "{sql} is {}", self.fleet.database.ask(sql));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Pauses the number that everybody writes to, or has it resume.
    pub fn number(&self, act: &str) {
        let done = self.fleet.command(&["numbers", act, NUMBER], &[]).output().expect("it runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// What `/readyz` of a process says, and its status.
    pub async fn readiness(&self, member: &Member) -> (u16, Value) {
        let answer = self.fleet.http.get(member.url("/readyz")).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }
}
