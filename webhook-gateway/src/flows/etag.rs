//! A flow's version as its entity tag (RFC 9110, 8.8.3 and 13.1).

use crate::problem::Problem;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use shared::ports::flows::FlowRecord;

/// An answer that bears the version of the flow in it.
pub(super) fn tagged(record: &FlowRecord, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    if let Ok(tag) = HeaderValue::from_str(&tag(record)) {
        response.headers_mut().insert(header::ETAG, tag);
        // It may be kept, and is asked after before it is used.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    response
}

/// 304 where the caller has this version already.
pub(super) fn unless_known(headers: &HeaderMap, record: &FlowRecord, answer: impl IntoResponse) -> Response {
    let known = names(headers, header::IF_NONE_MATCH).is_some_and(|names| is_one_of(&names, record));
    if known { tagged(record, StatusCode::NOT_MODIFIED) } else { tagged(record, answer) }
}

/// A save that was asked for on a certain version is made on no other.
pub(super) fn must_match(headers: &HeaderMap, record: &FlowRecord) -> Result<(), Problem> {
    let fits = names(headers, header::IF_MATCH).is_none_or(|names| is_one_of(&names, record));
    let detail = "somebody saved this flow since; read it again and decide on what is there now";
    if fits { Ok(()) } else { Err(Problem::new(StatusCode::PRECONDITION_FAILED, "flow_changed", detail)) }
}

fn tag(record: &FlowRecord) -> String {
    format!("\"{}\"", record.version)
}

/// The tags that a request names; `None` where it has no such header.
fn names(headers: &HeaderMap, header: http::HeaderName) -> Option<Vec<String>> {
    let values: Vec<_> = headers.get_all(header).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    let tags =
        values.iter().flat_map(|value| value.split(',')).map(|tag| tag.trim().trim_start_matches("W/").to_owned());
    (!values.is_empty()).then(|| tags.collect())
}

fn is_one_of(names: &[String], record: &FlowRecord) -> bool {
    let tag = tag(record);
    names.iter().any(|name| name == "*" || *name == tag)
}
