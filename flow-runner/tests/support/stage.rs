//! WhatsApp, an installation, and flows that answer one word with that word: what most tests of sending begin with.

use super::{Installation, NUMBER, until, without_limits};
use serde_json::{Value, json};
use std::sync::LazyLock;
use testkit::meta_api::SendSchema;
use whatsapp_simulator::{Config, Fault, FaultKind, SentMessage, Simulator, Statuses, User, UserMessage};

/// Neither the sender nor WhatsApp keeps limits.
pub const NO_LIMITS: [(&str, &str); 3] =
    [("WHATSAPP_NUMBER_RATE", "0"), ("WHATSAPP_PAIR_RATE", "off"), ("SEND_CAP_PER_HOUR", "0")];
/// Each of these words is answered with itself, and the flow ends there.
pub const WORDS: [&str; 3] = ["one", "two", "three"];

static SCHEMA: LazyLock<Option<SendSchema>> = LazyLock::new(SendSchema::beside_this_repository);

/// WhatsApp and an installation that runs.
pub struct Stage {
    pub simulator: Simulator,
    pub installation: Installation,
}

impl Stage {
    /// Without limits, with these settings beside.
    pub async fn set(settings: &[(&str, &str)]) -> Self {
        let settings: Vec<_> = NO_LIMITS.iter().chain(settings).copied().collect();
        Self::with(without_limits(Statuses::Read), &settings).await
    }

    /// With this WhatsApp and these settings.
    pub async fn with(config: Config, settings: &[(&str, &str)]) -> Self {
        let simulator = Simulator::start("127.0.0.1:0".parse().expect("an address"), config).await;
        let simulator = simulator.expect("a simulator");
        let mut installation = Installation::new(&simulator.url(), settings);
        installation.start().await;
        simulator.set_webhook_url(&installation.webhook());
        for word in WORDS {
            installation.save_flow(word, &[word], says(word)).await;
        }
        Self { simulator, installation }
    }

    /// Somebody writes; the callback is taken.
    pub async fn writes(&self, who: &User, text: &str) {
        self.writes_to(NUMBER, who, text).await;
    }

    /// Somebody writes to one of several numbers.
    pub async fn writes_to(&self, number: &str, who: &User, text: &str) {
        let body = self.callback(number, who, text);
        assert_eq!(self.installation.post(&body).await, Some(200), "{text}");
    }

    /// Somebody does anything else; the callback is taken.
    pub async fn says(&self, who: &User, what: &UserMessage) {
        let wamid = self.simulator.next_wamid(who);
        let body = self.simulator.callback_body(NUMBER, who, what, &wamid);
        assert_eq!(self.installation.post(&body).await, Some(200), "{what:?}");
    }

    /// The callback of what somebody writes.
    pub fn callback(&self, number: &str, who: &User, text: &str) -> String {
        let wamid = self.simulator.next_wamid(who);
        self.simulator.callback_body(number, who, &UserMessage::Text(text.to_owned()), &wamid)
    }

    /// Something goes wrong with sends to this person, so many times.
    pub fn fails(&self, who: &User, kind: FaultKind, times: u64) {
        self.simulator.inject(Fault { recipient: who.phone.clone(), count: Some(times), ..Fault::new(kind) });
    }

    /// What was accepted for somebody, in order.
    pub fn sends(&self, who: &User) -> Vec<SentMessage> {
        self.simulator.sends().into_iter().filter(|sent| sent.is_for(who)).collect()
    }

    /// The same, as texts.
    pub fn received(&self, who: &User) -> Vec<String> {
        self.sends(who).iter().map(|sent| sent.text().unwrap_or_default()).collect()
    }

    /// Waits until somebody has received exactly this.
    pub async fn until_received(&self, who: &User, texts: &[&str]) {
        let what = || format!("{who:?} receives {texts:?}, has {:?}", self.received(who));
        until(&what(), || self.received(who).len() >= texts.len()).await;
        assert_eq!(self.received(who), texts, "{who:?}");
    }

    /// When requests for somebody were refused, in milliseconds since the Unix epoch.
    pub fn refused_at(&self, who: &User) -> Vec<u64> {
        let for_them = |to: &Option<String>| to.is_some() && *to == who.phone_digits();
        self.simulator.refusals().iter().filter(|refusal| for_them(&refusal.to)).map(|refusal| refusal.at).collect()
    }

    /// The dead letters, oldest first.
    pub fn letters(&self) -> Vec<Value> {
        let sql = "SELECT reason, code, state, kind, attempts, recipient FROM dead_letters ORDER BY created_at, id";
        let mut letters = self.installation.rows(sql);
        for letter in &mut letters {
            // A list that is kept as a text.
            let attempts = letter["attempts"].as_str().expect("a text");
            letter["attempts"] = serde_json::from_str(attempts).expect("JSON");
        }
        letters
    }

    /// The jobs for somebody, in order.
    pub fn jobs(&self, who: &User) -> Vec<Value> {
        let phone = who.phone_digits().expect("a phone");
        let columns = "state, attempt, spent, resends, id, wamid, delivery";
        self.installation.rows(&format!("SELECT {columns} FROM jobs WHERE phone = '{phone}' ORDER BY lane_seq"))
    }
}

/// Whatever a test had sent is as Meta describes it.
impl Drop for Stage {
    fn drop(&mut self) {
        let Some(schema) = SCHEMA.as_ref().filter(|_| !std::thread::panicking()) else { return };
        for body in self.simulator.sends().iter().map(SentMessage::body) {
            assert_eq!(schema.faults(&body), [""; 0], "{body:#}");
        }
    }
}

/// A flow that says this and ends.
pub fn says(text: &str) -> Value {
    json!([{ "id": "only", "type": "MessageAction", "message": text }])
}

/// A flow of so many pictures in a row: one message is answered with as many jobs.
pub fn album(pictures: usize) -> Value {
    let step = |at: usize| {
        json!({
            "id": format!("p{at}"), "type": "ImageMessage", "file": format!("https://example.com/{at}.jpg"),
            "message": format!("Picture {at}"), "next": if at + 1 < pictures { format!("p{}", at + 1) } else { "end".into() },
        })
    };
    (0..pictures).map(step).collect()
}

/// One of many people.
pub fn person(number: usize) -> User {
    User::phone(&format!("4915{number:09}"))
}

/// Meta refuses with this code.
pub fn refuses(code: i64) -> FaultKind {
    FaultKind::Error { code, http_status: None, details: None, headers: Default::default() }
}
