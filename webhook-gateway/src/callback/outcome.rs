//! How a callback ends.

use crate::{Gateway, body::BodyError, problem::Problem};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode, header};
use std::{sync::Arc, time::Duration};

/// The end of one callback. Only `Kept` is 2xx: of anything else Meta sends the whole callback again, for 7 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The broker confirmed everything in it.
    Kept,
    /// Over the limit of size.
    TooLarge,
    /// The body did not come whole in time.
    Incomplete,
    /// No signature, or a wrong one.
    Unsigned,
    /// It is known that the broker takes nothing for now.
    Blocked,
    /// The broker said no, or is away.
    Unconfirmed,
    /// The broker did not confirm in time.
    TimedOut,
    /// More callbacks are being handled than memory allows.
    Overloaded,
}

impl Outcome {
    /// The label `result` of `flow_runner_callbacks_total`.
    fn label(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::TooLarge => "too_large",
            Self::Incomplete => "incomplete",
            Self::Unsigned => "unsigned",
            Self::Blocked => "blocked",
            Self::Unconfirmed => "unconfirmed",
            Self::TimedOut => "timed_out",
            Self::Overloaded => "overloaded",
        }
    }

    /// When a refused callback may come again, where it was refused for want of a place to keep it.
    pub(super) fn retry_after(self) -> Option<Duration> {
        let seconds = match self {
            // An alarm of memory or disk lasts.
            Self::Blocked => 10,
            Self::Unconfirmed | Self::TimedOut => 5,
            Self::Overloaded => 1,
            Self::Kept | Self::TooLarge | Self::Incomplete | Self::Unsigned => return None,
        };
        Some(Duration::from_secs(seconds))
    }

    fn problem(self) -> Option<Problem> {
        Some(match self {
            Self::Kept => return None,
            Self::TooLarge => {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "a callback has at most 4 MiB").closing()
            }
            Self::Incomplete => {
                let detail = "the body did not come whole in time";
                Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail).closing()
            }
            Self::Unsigned => {
                let detail = "X-Hub-Signature-256 is missing or is not of this body with this app's secret";
                Problem::new(StatusCode::UNAUTHORIZED, "bad_signature", detail)
            }
            Self::Blocked | Self::Unconfirmed | Self::TimedOut | Self::Overloaded => {
                let detail = "the callback can't be kept now; send it again";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, self.label(), detail)
                    .retry_after(self.retry_after().unwrap_or_default())
            }
        })
    }
}

impl From<BodyError> for Outcome {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::Incomplete => Self::Incomplete,
            BodyError::Overloaded => Self::Overloaded,
        }
    }
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let mut response = match self.problem() {
            Some(problem) => problem.into_response(),
            None => (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], r#"{"kept":true}"#).into_response(),
        };
        response.extensions_mut().insert(self);
        response
    }
}

impl Gateway {
    /// Has a refused callback noted on the statuses' clock: the statuses in it come later than others.
    pub(super) fn note(&self, outcome: Outcome) {
        if outcome.retry_after().is_some() {
            self.refusals.note(self.ports.clock.now(), outcome.label());
        }
    }
}

/// Counts and times callbacks, whichever way they end.
pub(super) async fn count(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let begun = gateway.ports.clock.boot();
    let response = next.run(request).await;
    if let Some(outcome) = response.extensions().get::<Outcome>() {
        let taken = gateway.ports.clock.boot().saturating_sub(begun);
        metrics::counter!("flow_runner_callbacks_total", "result" => outcome.label()).increment(1);
        metrics::histogram!("flow_runner_callback_seconds").record(taken.as_secs_f64());
    }
    response
}
