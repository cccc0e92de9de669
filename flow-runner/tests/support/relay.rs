//! Stands between the simulated WhatsApp and the gateway, and notes which statuses the gateway took.

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use serde_json::Value;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::task::JoinHandle;

pub struct Relay {
    pub address: SocketAddr,
    taken: Arc<Taken>,
    task: JoinHandle<()>,
}

struct Taken {
    http: reqwest::Client,
    gateway: String,
    /// When the gateway answered 200 to the first status of a message, Unix milliseconds.
    statuses: Mutex<HashMap<String, u128>>,
}

impl Relay {
    pub async fn start(gateway: &str) -> Self {
        let http = reqwest::Client::builder().timeout(super::PATIENCE).build().expect("a client");
        let taken = Arc::new(Taken { http, gateway: gateway.to_owned(), statuses: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let router = Router::new().fallback(post(forward)).with_state(taken.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serves");
        });
        Self { address, taken, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// When the gateway took the first status of this message.
    pub fn status_taken(&self, wamid: &str) -> Option<u128> {
        self.taken.statuses.lock().expect("not poisoned").get(wamid).copied()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "compared with the simulator's wall clock")]
async fn forward(State(taken): State<Arc<Taken>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut request = taken.http.post(&taken.gateway).body(body.clone());
    if let Some(signature) = headers.get("x-hub-signature-256") {
        request = request.header("x-hub-signature-256", signature);
    }
    let Ok(answer) = request.send().await else { return StatusCode::BAD_GATEWAY };
    if answer.status() == 200 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        let json: Value = serde_json::from_slice(&body).expect("JSON");
        let mut statuses = taken.statuses.lock().expect("not poisoned");
        for wamid in wamids(&json) {
            statuses.entry(wamid).or_insert(now);
        }
    }
    StatusCode::from_u16(answer.status().as_u16()).expect("a status")
}

fn wamids(callback: &Value) -> Vec<String> {
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut found = Vec::new();
    for entry in list(callback, "entry") {
        for change in list(&entry, "changes") {
            for status in list(change.get("value").unwrap_or(&Value::Null), "statuses") {
                found.extend(status.get("id").and_then(Value::as_str).map(str::to_owned));
            }
        }
    }
    found
}
