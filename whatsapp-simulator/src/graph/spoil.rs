//! Faults of the answer.

use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::Call;
use super::answer::{self, Problem};
use crate::faults::FaultKind;

/// Whether the fault keeps the request from being accepted.
pub(super) fn comes_before_acceptance(fault: &FaultKind) -> bool {
    matches!(
        fault,
        FaultKind::Error { .. }
            | FaultKind::TooManyRequests { .. }
            | FaultKind::ServerError { accepted: false, .. }
            | FaultKind::TimeoutBefore
            | FaultKind::ResetBefore
    )
}

/// Whether the sender gets the answer whole.
pub(super) fn leaves_intact(fault: &FaultKind) -> bool {
    matches!(fault, FaultKind::Delay { .. } | FaultKind::Drip { .. })
}

/// The answer to a request that is not accepted.
pub(super) async fn instead(call: &Call, fault: &FaultKind, to: Option<&str>) -> Response {
    let note = |status: u16, what: &str| call.note_refusal(status, 0, what.into(), to.map(Into::into), true);
    match fault {
        FaultKind::Error { code, http_status, details, headers } => {
            let details = details.clone().unwrap_or_else(|| "Injected by the simulator".into());
            call.refuse(Problem {
                to: to.map(Into::into),
                injected: true,
                http_status: *http_status,
                headers: headers.clone(),
                ..Problem::new(*code, details)
            })
        }
        FaultKind::TooManyRequests { retry_after } => {
            note(429, "429 without JSON");
            let mut answer = answer::text(StatusCode::TOO_MANY_REQUESTS, "<html>Too Many Requests</html>");
            if let Some(seconds) = retry_after {
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
            }
            answer
        }
        FaultKind::TimeoutBefore => {
            note(0, "never answered");
            call.wire.silence().await
        }
        FaultKind::ResetBefore => {
            note(0, "connection reset");
            call.wire.reset().await
        }
        FaultKind::ServerError { http_status, .. } => {
            note(*http_status, "server error without JSON");
            server_error(*http_status)
        }
        // Not before acceptance: nothing else comes here.
        _ => server_error(500),
    }
}

/// The answer to a request that was accepted; `intact` is the body it should have had.
pub(super) async fn afterwards(call: &Call, fault: &FaultKind, intact: Bytes) -> Response {
    match fault {
        FaultKind::Delay { ms } => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            answer::json(StatusCode::OK, intact)
        }
        FaultKind::ServerError { http_status, .. } => server_error(*http_status),
        FaultKind::TimeoutAfter { .. } => call.wire.silence().await,
        FaultKind::ResetAfter { .. } => call.wire.reset().await,
        FaultKind::Garbled => answer::json(StatusCode::OK, Bytes::from_static(b"{\"messaging_product\":\xff\x00<<")),
        FaultKind::Truncated => answer::cut_in_half(intact),
        FaultKind::Drip { ms } => answer::dripping(intact, Duration::from_millis(*ms)),
        // Faults of callbacks, and those before acceptance, leave the answer alone.
        _ => answer::json(StatusCode::OK, intact),
    }
}

fn server_error(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer::text(status, "<html><head><title>Error</title></head><body>Sorry, something went wrong.</body></html>")
}
