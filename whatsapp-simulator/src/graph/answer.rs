//! Answers in Meta's shape, and bodies that arrive in an unusual way.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, StatusCode};
use hyper::body::Frame;
use serde::Serialize;
use serde_json::json;
use tokio::time::Sleep;

use super::check::Outgoing;
use crate::config::PhoneNumber;
use crate::errors::known_error;

/// Why a request is refused.
#[derive(Debug, PartialEq)]
pub(crate) struct Problem {
    /// Meta's error code.
    pub(crate) code: i64,
    /// For `error_data.details`.
    pub(crate) details: String,
    /// Whom the message was for, where that is known.
    pub(crate) to: Option<String>,
    /// Whether a fault is the reason.
    pub(crate) injected: bool,
    /// HTTP status, where it isn't that of the table.
    pub(crate) http_status: Option<u16>,
    /// Headers beyond the usual ones.
    pub(crate) headers: BTreeMap<String, String>,
    /// The object asked for doesn't exist: Graph has words of its own for it.
    pub(crate) missing_object: Option<String>,
    /// Errors of the Graph layer know nothing of WhatsApp and bear no `error_data`.
    pub(crate) is_of_graph: bool,
}

impl Problem {
    /// A refusal by WhatsApp.
    pub(crate) fn new(code: i64, details: impl Into<String>) -> Self {
        Self {
            code,
            details: details.into(),
            to: None,
            injected: false,
            http_status: None,
            headers: BTreeMap::new(),
            missing_object: None,
            is_of_graph: false,
        }
    }

    /// A refusal by the Graph layer in front of it.
    pub(crate) fn graph(code: i64, details: String) -> Self {
        Self { is_of_graph: true, ..Self::new(code, details) }
    }

    /// The object in the path doesn't exist.
    pub(crate) fn unknown_object(id: &str) -> Self {
        Self { missing_object: Some(id.to_owned()), ..Self::graph(100, format!("no number {id}")) }
    }

    /// The same, with whom the message was for.
    pub(crate) fn for_user(self, to: &str) -> Self {
        Self { to: Some(to.to_owned()), ..self }
    }
}

/// An answer with a body of JSON.
pub(crate) fn json(status: StatusCode, body: Bytes) -> Response {
    with_body(status, "application/json; charset=UTF-8", Body::from(body))
}

/// An answer that is not JSON.
pub(crate) fn text(status: StatusCode, body: &'static str) -> Response {
    with_body(status, "text/html; charset=utf-8", Body::from(body))
}

fn with_body(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// Meta's error body.
pub(crate) fn refusal(problem: &Problem, trace: String) -> Response {
    let known = known_error(problem.code);
    let mut error = json!({
        "message": known.full_message(),
        "type": "OAuthException",
        "code": problem.code,
        "fbtrace_id": trace,
    });
    if let Some(id) = &problem.missing_object {
        error["message"] = json!(format!(
            "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or \
             does not support this operation. Please read the Graph API documentation at \
             https://developers.facebook.com/docs/graph-api"
        ));
        error["type"] = json!("GraphMethodException");
        error["error_subcode"] = json!(33);
    } else if problem.code == 2500 {
        error["message"] = json!(problem.details);
    }
    if !problem.is_of_graph {
        error["error_data"] = json!({"messaging_product": "whatsapp", "details": problem.details});
    }
    if known.is_transient {
        error["is_transient"] = json!(true);
    }
    let status = problem.http_status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(known.status());
    let mut answer = json(status, Bytes::from(json!({ "error": error }).to_string()));
    for (name, value) in &problem.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

#[derive(Serialize)]
struct Success<'a> {
    messaging_product: &'static str,
    contacts: [Contact<'a>; 1],
    messages: [Message<'a>; 1],
}

#[derive(Serialize)]
struct Contact<'a> {
    input: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    wa_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Message<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_status: Option<&'static str>,
}

/// Meta's success body.
pub(crate) fn success(send: &Outgoing, wamid: &str) -> Bytes {
    let body = Success {
        messaging_product: "whatsapp",
        contacts: [Contact { input: &send.input, wa_id: send.to.as_deref(), user_id: send.recipient.as_deref() }],
        messages: [Message { id: wamid, message_status: (send.kind == "template").then_some("accepted") }],
    };
    // Strings always serialise.
    serde_json::to_vec(&body).unwrap_or_default().into()
}

/// The answer to a read receipt.
pub(crate) fn read() -> Response {
    json(StatusCode::OK, Bytes::from_static(br#"{"success":true}"#))
}

/// What Meta tells of a number.
pub(crate) fn number(number: &PhoneNumber) -> Bytes {
    let body = json!({
        "verified_name": "Simulated Business",
        "display_phone_number": number.display,
        "quality_rating": "GREEN",
        "id": number.id,
    });
    body.to_string().into()
}

/// The first half of a body, then the end of the connection.
pub(crate) fn cut_in_half(body: Bytes) -> Response {
    let half = body.len() / 2;
    scripted(
        Scripted { rest: body.slice(..half), step: half, pause: None, is_cut: true, has_rested: false },
        body.len(),
    )
}

/// A body that comes byte by byte.
pub(crate) fn dripping(body: Bytes, pause: Duration) -> Response {
    let length = body.len();
    let pause = Some((pause, Box::pin(tokio::time::sleep(Duration::ZERO))));
    scripted(Scripted { rest: body, step: 1, pause, is_cut: false, has_rested: false }, length)
}

fn scripted(body: Scripted, length: usize) -> Response {
    let mut answer = with_body(StatusCode::OK, "application/json; charset=UTF-8", Body::new(body));
    answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    answer
}

/// A body that comes in steps and may break off.
struct Scripted {
    rest: Bytes,
    step: usize,
    pause: Option<(Duration, Pin<Box<Sleep>>)>,
    is_cut: bool,
    has_rested: bool,
}

impl HttpBody for Scripted {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.rest.is_empty() {
            if !self.is_cut {
                return Poll::Ready(None);
            }
            if !self.has_rested {
                // One turn for the server to write out what it was given, before the error makes it drop everything.
                self.has_rested = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionAborted.into())));
        }
        if let Some((pause, sleep)) = &mut self.pause {
            ready!(sleep.as_mut().poll(context));
            let next = tokio::time::Instant::now() + *pause;
            sleep.as_mut().reset(next);
        }
        let step = self.step.min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(step)))))
    }
}
