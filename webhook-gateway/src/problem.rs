//! Errors as `application/problem+json` (RFC 9457) with a stable `code`.

use axum::response::{IntoResponse, Response};
use flow_engine::validate::Finding;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use shared::ports::StoreError;
use std::time::Duration;

/// When to come again after a store did not answer.
const STORE_RETRY: Duration = Duration::from_secs(2);

/// One error answer.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<Finding>,
    retry_after: Option<Duration>,
    close: bool,
    bearer: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[Finding]>::is_empty")]
    errors: &'a [Finding],
}

impl Problem {
    /// A problem with a word for programs and a sentence for people.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), retry_after: None, close: false, bearer: false }
    }

    /// 422 with a path for each fault.
    pub(crate) fn invalid(errors: Vec<Finding>) -> Self {
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "what was sent has faults");
        problem.errors = errors;
        problem
    }

    /// 422 for one fault.
    pub(crate) fn fault(path: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self::invalid(vec![Finding::new(path.to_owned(), code, message.into())])
    }

    /// Says when to come again, in whole seconds.
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Closes the connection: what is left of the request's body is not read.
    pub(crate) fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// Says that an API key is what opens this.
    pub(crate) fn wants_bearer(mut self) -> Self {
        self.bearer = true;
        self
    }

    /// What a failing store means to the caller. Its words go to the log, not out.
    pub(crate) fn from_store(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } | StoreError::Busy { .. } => {
                tracing::warn!(%error, "a request could not be answered");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the database does not answer; try again")
                    .retry_after(STORE_RETRY)
            }
            StoreError::Refused { .. } => {
                tracing::warn!(%error, "the database refused what a request sent");
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", "the database does not take this data")
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::from_store(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            errors: &self.errors,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if self.bearer {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
