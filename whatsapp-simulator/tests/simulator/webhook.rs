//! A webhook that writes down what it is called with and answers as it is told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Longer than anything takes; only a test that fails waits so long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A call of the webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub signature: String,
    pub content_type: String,
    pub body: String,
}

impl Call {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the callback is JSON")
    }

    /// `value` of the only change.
    pub fn value(&self) -> Value {
        self.json()["entry"][0]["changes"][0]["value"].clone()
    }

    /// All statuses, in order.
    pub fn statuses(&self) -> Vec<Value> {
        let body = self.json();
        let entries = body["entry"].as_array().cloned().unwrap_or_default();
        let changes = entries.iter().flat_map(|entry| entry["changes"].as_array().cloned().unwrap_or_default());
        changes.flat_map(|change| change["value"]["statuses"].as_array().cloned().unwrap_or_default()).collect()
    }
}

pub struct Webhook {
    addr: SocketAddr,
    calls: mpsc::UnboundedReceiver<Call>,
    answers: Arc<Mutex<VecDeque<u16>>>,
    /// Ends with the webhook.
    _server: JoinSet<()>,
}

impl Webhook {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let (noted, calls) = mpsc::unbounded_channel();
        let answers: Arc<Mutex<VecDeque<u16>>> = Arc::default();
        let mut server = JoinSet::new();
        server.spawn(serve(listener, noted, Arc::clone(&answers)));
        Self { addr, calls, answers, _server: server }
    }

    pub fn url(&self) -> String {
        format!("http://{}/webhook", self.addr)
    }

    /// Answers the next calls so, and those after them with 200.
    pub fn answer_with(&self, statuses: &[u16]) {
        self.answers.lock().expect("no panic").extend(statuses);
    }

    /// The next call.
    pub async fn call(&mut self) -> Call {
        tokio::time::timeout(PATIENCE, self.calls.recv()).await.expect("a callback in time").expect("a webhook")
    }

    /// The next call, if it is there already.
    pub fn call_now(&mut self) -> Option<Call> {
        self.calls.try_recv().ok()
    }

    /// Collects statuses as `(wamid, status)` until there are so many.
    pub async fn statuses(&mut self, count: usize) -> Vec<(String, String)> {
        let mut statuses = Vec::new();
        while statuses.len() < count {
            statuses.extend(self.call().await.statuses().iter().map(|status| {
                let field = |key: &str| status[key].as_str().expect("a string").to_owned();
                (field("id"), field("status"))
            }));
        }
        statuses
    }
}

async fn serve(listener: TcpListener, noted: mpsc::UnboundedSender<Call>, answers: Arc<Mutex<VecDeque<u16>>>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (noted, answers) = (noted.clone(), Arc::clone(&answers));
        let service = service_fn(move |request: Request<Incoming>| {
            let (noted, answers) = (noted.clone(), Arc::clone(&answers));
            async move {
                let header = |name: &str| {
                    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
                };
                let (signature, content_type) = (header("x-hub-signature-256"), header("content-type"));
                let body = axum::body::to_bytes(Body::new(request.into_body()), 4 << 20).await.unwrap_or_default();
                let body = String::from_utf8(body.into()).expect("UTF-8");
                // The test may be over already.
                let _ = noted.send(Call { signature, content_type, body });
                let status = answers.lock().expect("no panic").pop_front().unwrap_or(200);
                let mut answer = Response::new(Body::empty());
                *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
                Ok::<_, Infallible>(answer)
            }
        });
        connections.spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
