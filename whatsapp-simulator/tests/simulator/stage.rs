//! A simulator, a webhook and a client, ready to play.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::broadcast;
use whatsapp_simulator::{Config, Happening, PairLimit, Simulator, Statuses};

use super::webhook::{PATIENCE, Webhook};

pub const NUMBER: &str = "100200300";
pub const USER: &str = "15550001111";

pub struct Stage {
    pub meta: Simulator,
    pub webhook: Webhook,
    pub client: reqwest::Client,
}

/// No limits, statuses at once.
pub fn quick() -> Config {
    Config {
        number_rate: 0,
        pair_limit: PairLimit::Off,
        statuses: Statuses::Read,
        status_delay: Duration::ZERO,
        repeat_pause: Duration::from_millis(5),
        ..Config::default()
    }
}

/// No limits, no statuses.
pub fn silent() -> Config {
    Config { statuses: Statuses::None, ..quick() }
}

impl Stage {
    pub async fn set(config: Config) -> Self {
        let webhook = Webhook::start().await;
        let config = Config { webhook_url: Some(webhook.url()), ..config };
        let meta = Simulator::start(([127, 0, 0, 1], 0).into(), config).await.expect("a simulator");
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { meta, webhook, client }
    }

    pub fn request(&self, body: &Value) -> reqwest::RequestBuilder {
        self.client
            .post(format!("{}/v26.0/{NUMBER}/messages", self.meta.url()))
            .bearer_auth("token")
            .timeout(PATIENCE)
            .json(body)
    }

    /// Sends and returns status and body of the answer.
    pub async fn send(&self, body: &Value) -> (u16, Value) {
        let answer = self.request(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// Sends a text that must be accepted, and returns its id.
    pub async fn text(&self, to: &str, text: &str) -> String {
        let (status, answer) = self.send(&text_to(to, text)).await;
        assert_eq!(status, 200, "{answer}");
        answer["messages"][0]["id"].as_str().expect("an id").to_owned()
    }

    /// Sends a text in a task of its own.
    pub fn text_in_background(&self, to: &str) -> tokio::task::JoinHandle<reqwest::Result<reqwest::Response>> {
        tokio::spawn(self.request(&text_to(to, "hello")).send())
    }
}

pub fn text_to(to: &str, text: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": text}})
}

/// The code of a refusal.
pub fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_default()
}

/// The next happening of the wanted kind.
pub async fn happening(watch: &mut broadcast::Receiver<Happening>, wanted: impl Fn(&Happening) -> bool) -> Happening {
    tokio::time::timeout(PATIENCE, async {
        loop {
            let happening = watch.recv().await.expect("a happening");
            if wanted(&happening) {
                return happening;
            }
        }
    })
    .await
    .expect("a happening in time")
}
