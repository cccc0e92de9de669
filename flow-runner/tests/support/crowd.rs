//! Many people who write at once, each callback delivered more than once, and what they must have received.

use super::{NUMBER, post};
use serde_json::Value;
use std::{collections::HashMap, sync::Arc, time::Duration};
use testkit::questions::{Writes, fold};
use tokio::task::JoinSet;
use whatsapp_simulator::{SentMessage, Simulator, User, UserMessage};

/// A small generator of the test's dice (SplitMix64): the same seed gives the same crowd.
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % sides as u64).expect("small")
    }
}

/// What one person writes.
#[derive(Debug, Clone)]
pub struct Person {
    pub user: User,
    pub writes: Vec<Writes>,
}

/// People who each begin and then answer `exchanges - 1` questions.
pub fn people(count: usize, exchanges: usize, dice: &mut Dice) -> Vec<Person> {
    (0..count)
        .map(|index| {
            let mut writes = vec![Writes::Begin];
            writes.extend((1..exchanges).map(|_| if dice.roll(3) == 0 { Writes::Picture } else { Writes::Next }));
            Person { user: User::phone(&format!("4915{index:09}")), writes }
        })
        .collect()
}

/// How callbacks are delivered.
#[derive(Debug, Clone, Copy)]
pub struct Delivery {
    /// Every callback goes out so many times.
    pub copies: usize,
    /// A pause between two messages of one person, at most.
    pub pause: Duration,
}

/// Delivers what everybody writes: each person's messages in order, each repeated until it is answered 200 (as Meta
/// does), further copies of it later, between other people's.
pub async fn write_all(simulator: &Arc<Simulator>, webhook: &str, people: &[Person], delivery: Delivery, seed: u64) {
    let http = reqwest::Client::builder().pool_max_idle_per_host(512).timeout(Duration::from_secs(30)).build();
    let http = http.expect("a client");
    let mut tasks = JoinSet::new();
    for (index, person) in people.iter().cloned().enumerate() {
        let (simulator, http, webhook) = (simulator.clone(), http.clone(), webhook.to_owned());
        let mut dice = Dice(seed ^ index as u64);
        tasks.spawn(async move {
            let mut copies = JoinSet::new();
            for (nth, write) in person.writes.iter().enumerate() {
                let text = UserMessage::Text(write.text(nth).to_owned());
                let wamid = simulator.next_wamid(&person.user);
                let body = simulator.callback_body(NUMBER, &person.user, &text, &wamid);
                until_taken(&http, &webhook, &body).await;
                for _ in 1..delivery.copies {
                    let (http, webhook, body) = (http.clone(), webhook.clone(), body.clone());
                    let later = Duration::from_millis(dice.roll(500) as u64);
                    copies.spawn(async move {
                        tokio::time::sleep(later).await;
                        until_taken(&http, &webhook, &body).await;
                    });
                }
                if !delivery.pause.is_zero() {
                    tokio::time::sleep(delivery.pause.mul_f64(dice.roll(100) as f64 / 100.0)).await;
                }
            }
            while copies.join_next().await.is_some() {}
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("nobody panics");
    }
}

/// Posts until it is answered 200.
pub async fn until_taken(http: &reqwest::Client, webhook: &str, body: &str) {
    let mut wait = Duration::from_millis(5);
    while post(http, webhook, body).await != Some(200) {
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_millis(200));
    }
}

/// What a send shows.
pub fn shown(sent: &SentMessage) -> String {
    let body = sent.body();
    let text = ["/text/body", "/interactive/body/text", "/image/caption"]
        .iter()
        .find_map(|pointer| body.pointer(pointer).and_then(serde_json::Value::as_str));
    text.unwrap_or("?").to_owned()
}

/// The job that a send belongs to.
pub fn job_of(sent: &SentMessage) -> String {
    let tag = sent.biz_opaque_callback_data.as_deref().expect("every send carries its job");
    tag.rsplit_once('.').expect("job and attempt").0.to_owned()
}

/// What somebody must receive.
fn sends_to(person: &Person, questions: usize) -> Vec<String> {
    fold(person.writes.iter().copied(), questions).sends
}

/// How many sends these people must receive.
pub fn expected_count(people: &[Person], questions: usize) -> usize {
    people.iter().map(|person| sends_to(person, questions).len()).sum()
}

/// Everybody received exactly the right messages, in order, but for those that were `given_up` (who, what): each of
/// these is missing once. Copies of one job count once; the jobs that have more than one copy are returned.
pub fn assert_exact(
    sends: &[SentMessage],
    people: &[Person],
    questions: usize,
    mut given_up: Vec<(String, String)>,
) -> HashMap<String, Vec<SentMessage>> {
    let mut received: HashMap<String, Vec<String>> = HashMap::new();
    let mut copies: HashMap<String, Vec<SentMessage>> = HashMap::new();
    for sent in sends {
        let of_job = copies.entry(job_of(sent)).or_default();
        of_job.push(sent.clone());
        if of_job.len() == 1 {
            received.entry(sent.to_whom().trim_start_matches('+').to_owned()).or_default().push(shown(sent));
        }
    }
    for person in people {
        let phone = person.user.phone.as_deref().expect("a phone");
        let received = received.remove(phone).unwrap_or_default();
        let mut next = received.iter().peekable();
        let mut due = sends_to(person, questions);
        due.retain(|text| {
            if next.peek() == Some(&text) {
                next.next();
                return true;
            }
            let missing = given_up.iter().position(|(who, what)| who == phone && what == text);
            missing.map(|at| given_up.remove(at)).is_none()
        });
        assert_eq!(received, due, "what {phone} received");
    }
    assert!(received.is_empty(), "somebody received what nobody asked for: {received:?}");
    // What was given up may have arrived all the same: that is why it is not repeated blindly.
    copies.retain(|_, of_job| of_job.len() > 1);
    copies
}

/// To whom and what, of the jobs that were given up; all of them after two unknown outcomes.
pub fn given_up(ask: impl Fn(&str) -> String) -> Vec<(String, String)> {
    let other = "SELECT count(*) FROM dead_letters WHERE reason <> 'unknown_outcome'";
    assert_eq!(ask(other), "0");
    let other = "SELECT count(*) FROM jobs WHERE state = 'dead' AND (resends <> 1 OR attempt <> 2)";
    assert_eq!(ask(other), "0");
    let rows = ask("SELECT phone, content FROM jobs WHERE state = 'dead' ORDER BY lane_seq");
    let what = |content: &str| {
        let content: Value = serde_json::from_str(content).expect("JSON");
        content["body"].as_str().or(content["caption"].as_str()).expect("a text").to_owned()
    };
    let columns = rows.lines().map(|line| line.split_once('|').expect("two columns"));
    columns.map(|(who, content)| (who.to_owned(), what(content))).collect()
}

/// Waits until so many different jobs were sent.
pub async fn wait_for_jobs(simulator: &Simulator, count: usize, patience: Duration) {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        let jobs: std::collections::HashSet<String> = simulator.sends().iter().map(job_of).collect();
        if jobs.len() >= count {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{} of {count} jobs sent within {patience:?}", jobs.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
