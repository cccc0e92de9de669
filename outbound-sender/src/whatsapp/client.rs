//! The HTTP client.

use super::answer::{Answer, read_answer};
use reqwest::header::RETRY_AFTER;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use shared::ids::PhoneNumberId;
use std::{error::Error as _, time::Duration};

/// A POST ends within this, whatever happens.
pub(crate) const POST_TIME: Duration = Duration::from_secs(20);
/// Connecting ends within this: then nothing was sent.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(60);
/// An answer longer than this is not Meta's.
const ANSWER_BYTES: usize = 256 * 1024;

/// A client that can't be made.
#[derive(Debug, thiserror::Error)]
#[error("can't prepare the HTTP client: {0}")]
pub struct ClientError(#[from] reqwest::Error);

/// Talks to the Graph API.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    /// `{base}/{version}`.
    root: String,
}

impl Client {
    /// For this address and version.
    pub fn new(base_url: &str, version: &str) -> Result<Self, ClientError> {
        // Another part of the process may have installed it already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIME)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1024)
            .tcp_nodelay(true)
            // Nothing is ever repeated or sent elsewhere behind the ledger's back.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .user_agent(concat!("flow-runner/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, root: format!("{base_url}/{version}") })
    }

    /// Posts one message, once.
    pub async fn send(&self, number: &PhoneNumberId, token: &SecretString, body: &Value) -> Answer {
        tokio::select! {
            // The deadline first: an answer that comes with it is not looked at, whoever waits may have given up.
            biased;
            () = tokio::time::sleep(POST_TIME) => Answer::Ambiguous(format!("no answer within {POST_TIME:?}")),
            answer = self.post(number, token, body) => answer,
        }
    }

    async fn post(&self, number: &PhoneNumberId, token: &SecretString, body: &Value) -> Answer {
        let url = format!("{}/{number}/messages", self.root);
        let sent = self.http.post(url).bearer_auth(token.expose_secret()).json(body).send().await;
        let mut response = match sent {
            Ok(response) => response,
            Err(error) if error.is_connect() || error.is_builder() => return Answer::NotSent(describe(&error)),
            Err(error) => return Answer::Ambiguous(describe(&error)),
        };
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut answer = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if answer.len() + chunk.len() <= ANSWER_BYTES => answer.extend_from_slice(&chunk),
                Ok(None) => break,
                Ok(Some(_)) => return Answer::Ambiguous(format!("HTTP {status} with an endless body")),
                Err(error) => return Answer::Ambiguous(describe(&error)),
            }
        }
        read_answer(status, retry_after.as_deref(), &answer)
    }
}

/// The error and what caused it, without the address (it holds the number).
fn describe(error: &reqwest::Error) -> String {
    let mut text = if error.is_connect() { "can't connect".to_owned() } else { "no whole answer".to_owned() };
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
