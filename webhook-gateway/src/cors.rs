//! Pages of other origins that may use the flow API from a browser (the Fetch standard's CORS protocol).

use crate::headers::REQUEST_ID;
use http::{HeaderValue, Method, header};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may remember that it was allowed.
const REMEMBERED: Duration = Duration::from_secs(600);

/// What lets these origins in; none: nobody is told anything, and browsers keep to the gateway's own.
pub(crate) fn layer(origins: &[String]) -> CorsLayer {
    let none = CorsLayer::new();
    if origins.is_empty() {
        return none;
    }
    let allowed = match origins {
        [any] if any == "*" => AllowOrigin::any(),
        origins => AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok())),
    };
    none.allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_MATCH, header::IF_NONE_MATCH])
        .expose_headers([header::ETAG, header::RETRY_AFTER, REQUEST_ID])
        .max_age(REMEMBERED)
}
