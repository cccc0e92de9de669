//! A gateway with everything around it, and what one says to it.

use crate::ports::{Broker, MemoryAccounts, MemoryFlows, MemoryPublisher, MemoryStatusClock, TickingClock};
use axum::{Router, body::Body};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use sha2::Sha256;
use shared::{
    http::Readiness,
    ports::queue::QueueName,
    settings::{Overrides, Settings},
};
use std::sync::Arc;
use tower::ServiceExt;
use webhook_gateway::{CALLBACK_PATH, FLOW_PATH, Gateway, Ports, router};

pub const SECRET: &str = "the app secret";
pub const OLD_SECRET: &str = "the app secret before";
pub const VERIFY_TOKEN: &str = "00123";

pub struct World {
    pub publisher: Arc<MemoryPublisher>,
    pub status_clock: Arc<MemoryStatusClock>,
    pub flows: Arc<MemoryFlows>,
    pub settings: Settings,
    pub gateway: Arc<Gateway>,
    router: Router,
}

/// An answer, read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The stable word of a problem, after a look at its form.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        json["code"].as_str().unwrap().to_owned()
    }
}

/// What came to a queue.
#[derive(Debug)]
pub struct Taken {
    pub queue: QueueName,
    pub kind: String,
    pub body: Value,
}

pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

pub fn settings(more: &[(&str, &str)]) -> Settings {
    let secrets = format!("{SECRET},{OLD_SECRET}");
    let own = [("WHATSAPP_APP_SECRET", secrets.as_str()), ("WHATSAPP_WEBHOOK_VERIFY_TOKEN", VERIFY_TOKEN)];
    let environment = own.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Settings::load(&Overrides { environment: Some(environment), ..Overrides::default() }).unwrap()
}

impl World {
    pub fn new() -> Self {
        Self::with(&[])
    }

    pub fn with(more: &[(&str, &str)]) -> Self {
        let (publisher, status_clock, flows) =
            <(Arc<MemoryPublisher>, Arc<MemoryStatusClock>, Arc<MemoryFlows>)>::default();
        let ports = Ports {
            publisher: publisher.clone(),
            status_clock: status_clock.clone(),
            flows: flows.clone(),
            api_keys: Arc::new(MemoryAccounts),
            clock: Arc::new(TickingClock::default()),
            readiness: Readiness::default(),
            operator: None,
        };
        let settings = settings(more);
        let gateway = Gateway::new(ports, &settings).unwrap();
        Self { publisher, status_clock, flows, settings, router: router(gateway.clone()), gateway }
    }

    pub fn broker(&self, broker: Broker) {
        *self.publisher.broker.lock().unwrap() = broker;
    }

    pub async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, uri: &str) -> Answer {
        self.ask(Request::get(uri).body(Body::empty()).unwrap()).await
    }

    /// Posts a callback with these signatures.
    pub async fn post(&self, body: impl Into<Vec<u8>>, signatures: &[&str]) -> Answer {
        let mut request = Request::post(CALLBACK_PATH).header(header::CONTENT_TYPE, "application/json");
        for value in signatures {
            request = request.header("X-Hub-Signature-256", *value);
        }
        self.ask(request.body(Body::from(body.into())).unwrap()).await
    }

    /// Posts a callback as Meta does.
    pub async fn callback(&self, body: impl Into<Vec<u8>>) -> Answer {
        let body = body.into();
        let signed = signature(SECRET, &body);
        self.post(body, &[&signed]).await
    }

    /// Posts a callback, which must be kept, and returns what came of it.
    pub async fn kept(&self, body: impl Into<Vec<u8>>) -> Vec<Taken> {
        let answer = self.callback(body).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", String::from_utf8_lossy(&answer.body));
        self.taken()
    }

    /// What came to the queues since the last look.
    pub fn taken(&self) -> Vec<Taken> {
        let taken = std::mem::take(&mut *self.publisher.taken.lock().unwrap());
        let read = taken.into_iter().map(|publish| Taken {
            queue: publish.queue,
            kind: publish.message.kind.into_owned(),
            body: serde_json::from_slice(&publish.message.body).unwrap(),
        });
        read.collect()
    }

    /// Speaks to the flow API as an account.
    pub async fn flow(&self, account: &str, method: Method, query: &str, body: Value) -> Answer {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(format!("{FLOW_PATH}{query}"))
            .header(header::AUTHORIZATION, format!("Bearer key-of-{account}-0000"))
            .header(header::CONTENT_TYPE, "application/json");
        self.ask(request.body(body).unwrap()).await
    }
}
