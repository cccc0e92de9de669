//! What every answer bears: the request's id, by which a log line is found; and what browsers are to make of it.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderName, HeaderValue, header};
use shared::ids;
use tracing::Instrument;

/// The id of a request: the caller's own where it gives one, so that its logs and ours meet.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Characters of an id that a caller gives at most.
const LONGEST: usize = 128;

/// What is answered here is data: it is no page, is framed by none, and is kept by nobody on the way.
const ALWAYS: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Names the request in the log, and puts the headers on its answer that it doesn't bear already.
pub(crate) async fn put(request: Request, next: Next) -> Response {
    let id = given(&request).unwrap_or_else(drawn);
    let span = tracing::info_span!("request", request.id = id.to_str().unwrap_or_default());
    let mut response = next.run(request).instrument(span).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(value);
    }
    headers.insert(REQUEST_ID, id);
    response
}

fn given(request: &Request) -> Option<HeaderValue> {
    let id = request.headers().get(REQUEST_ID)?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    let fits = (1..=LONGEST).contains(&id.len()) && id.as_bytes().iter().all(plain);
    fits.then(|| id.clone())
}

fn drawn() -> HeaderValue {
    // A UUID: always a header.
    HeaderValue::from_str(&ids::fresh()).unwrap_or(HeaderValue::from_static("none"))
}
