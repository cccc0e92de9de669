//! The HTTP client.

use super::{
    Api,
    answer::{Answer, Reply, is_definite, read_answer, time_to_regain_access},
    leased::Leased,
};
use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use shared::{Clock, ids::PhoneNumberId};
use std::{error::Error as _, sync::Arc, time::Duration};

/// A POST ends within this, whatever happens.
pub(crate) const POST_TIME: Duration = Duration::from_secs(20);
/// Connecting ends within this: then nothing was sent.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(60);
/// A question whether the API answers ends within this.
const ASK_TIME: Duration = Duration::from_secs(5);
/// Tells how much of its calls an account has used up.
const USAGE: &str = "x-business-use-case-usage";
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
    clock: Arc<dyn Clock>,
}

impl Client {
    /// For this address and version.
    pub fn new(base_url: &str, version: &str, clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
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
        Ok(Self { http, root: format!("{base_url}/{version}"), clock })
    }
}

#[async_trait]
impl Api for Client {
    async fn send(&self, number: &PhoneNumberId, token: &SecretString, body: &Value, not_after: Duration) -> Reply {
        let url = format!("{}/{number}/messages", self.root);
        let body = Leased::new(body.to_string().into(), not_after, self.clock.clone());
        let request = self.http.post(url).bearer_auth(token.expose_secret());
        let request = request.header(CONTENT_TYPE, "application/json").body(reqwest::Body::wrap(body));
        let whole = tokio::select! {
            // The deadline first: an answer that comes with it is not looked at, whoever waits may have given up.
            biased;
            () = tokio::time::sleep(POST_TIME) => Err(Answer::Ambiguous(format!("no answer within {POST_TIME:?}"))),
            whole = exchange(request) => whole,
        };
        match whole {
            Ok(whole) => Reply {
                answer: read_answer(whole.status, whole.retry_after.as_deref(), &whole.body),
                account_waits: whole.usage.as_deref().and_then(time_to_regain_access),
            },
            Err(answer) => Reply { answer, account_waits: None },
        }
    }

    async fn answers(&self, number: &PhoneNumberId, token: &SecretString) -> bool {
        let url = format!("{}/{number}?fields=id", self.root);
        let request = self.http.get(url).bearer_auth(token.expose_secret());
        match tokio::time::timeout(ASK_TIME, exchange(request)).await {
            Ok(Ok(whole)) => is_definite(whole.status, &whole.body),
            Ok(Err(_)) | Err(_) => false,
        }
    }
}

/// A whole answer.
struct Whole {
    status: u16,
    retry_after: Option<String>,
    usage: Option<String>,
    body: Vec<u8>,
}

/// `Err`: there was none, and what that means.
async fn exchange(request: reqwest::RequestBuilder) -> Result<Whole, Answer> {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() || error.is_builder() => return Err(Answer::NotSent(describe(&error))),
        Err(error) => return Err(Answer::Ambiguous(describe(&error))),
    };
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (retry_after, usage) = (header(RETRY_AFTER.as_str()), header(USAGE));
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(Whole { status, retry_after, usage, body }),
            Ok(Some(_)) => return Err(Answer::Ambiguous(format!("HTTP {status} with an endless body"))),
            Err(error) => return Err(Answer::Ambiguous(describe(&error))),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shared::SystemClock;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    /// What is written of a request that may be begun before this moment, and what is made of that.
    async fn written(not_after: impl FnOnce(Duration) -> Duration) -> (String, Answer) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let clock = Arc::new(SystemClock::default());
        let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()), "v1", clock.clone()).unwrap();
        let (body, not_after) = (json!({ "text": "hello" }), not_after(clock.boot()));
        let serving = async {
            let (mut connection, _) = listener.accept().await.unwrap();
            let (mut seen, mut part) = (Vec::new(), [0; 4096]);
            loop {
                let count = connection.read(&mut part).await.unwrap();
                seen.extend_from_slice(&part[..count]);
                let whole = String::from_utf8_lossy(&seen).ends_with('}');
                if whole {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n{\"messages\":[{\"id\":\"w1\"}]}";
                    connection.write_all(answer).await.unwrap();
                }
                if whole || count == 0 {
                    return String::from_utf8(seen).unwrap();
                }
            }
        };
        let (number, token) = ("1".into(), "token".into());
        let (seen, reply) = tokio::join!(serving, client.send(&number, &token, &body, not_after));
        (seen, reply.answer)
    }

    #[tokio::test]
    async fn a_message_is_written_whole_with_its_length() {
        let (seen, answer) = written(|now| now + Duration::from_secs(30)).await;
        assert_eq!(answer, Answer::Accepted { wamid: "w1".into() });
        assert!(
            seen.contains("content-length: 16\r\n") && seen.contains("content-type: application/json\r\n"),
            "{seen}"
        );
        assert!(seen.ends_with(r#"{"text":"hello"}"#) && !seen.contains("chunked"), "{seen}");
    }

    #[tokio::test]
    async fn what_comes_to_be_written_after_its_time_is_no_message() {
        let (seen, answer) = written(|now| now - Duration::from_millis(1)).await;
        assert!(!seen.contains("hello"), "{seen}");
        assert!(matches!(answer, Answer::Ambiguous(_)), "{answer:?}");
    }
}
