//! One POST to the webhook.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};

use super::sign;
use crate::config::Config;
use crate::log::{CallbackKind, Happening};
use crate::world::World;

/// A webhook that takes longer has not answered.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A callback, signed and ready to go out, as often as it takes.
#[derive(Clone)]
pub(crate) struct Callback {
    body: Bytes,
    signature: String,
    kind: CallbackKind,
    /// Tries so far.
    pub(crate) attempts: u32,
}

impl Callback {
    pub(crate) fn new(config: &Config, body: String, kind: CallbackKind) -> Self {
        Self { signature: sign(&config.app_secret, &body), body: body.into(), kind, attempts: 0 }
    }
}

/// The HTTP client of all callbacks.
pub(crate) struct Poster {
    client: reqwest::Client,
}

impl Poster {
    pub(crate) fn new() -> anyhow::Result<Self> {
        // Another crate of the process may have installed it before; that one serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            // The webhook is nearly always on this machine, where a proxy from the environment would not reach it.
            .no_proxy()
            .build()
            .context("building the HTTP client for callbacks")?;
        Ok(Self { client })
    }

    /// Makes the call and returns the HTTP status of the answer.
    pub(crate) async fn post(&self, world: &World, callback: &mut Callback) -> anyhow::Result<u16> {
        let url = world.config().webhook_url.clone().context("no webhook URL is set")?;
        callback.attempts += 1;
        let answer = self
            .client
            .post(&url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, "facebookexternalua")
            .header("X-Hub-Signature-256", &callback.signature)
            .body(callback.body.clone())
            .send()
            .await;
        let status_code = answer.as_ref().ok().map(|answer| answer.status().as_u16());
        let (kind, attempt) = (callback.kind, callback.attempts);
        world.tell(Happening::Callback { status_code, kind, attempt });
        let answer = answer.with_context(|| format!("calling the webhook at {url}"))?;
        let status = answer.status().as_u16();
        // Read to its end, so that the connection can be used again; what it says doesn't matter.
        let _ = answer.bytes().await;
        Ok(status)
    }
}
