//! The chat page at `/`: be the user in a browser. It is a client of the control API like any other.
//!
//! Its files are compiled in, and it loads nothing from elsewhere but the media that messages link to.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

/// Whatever a message says, the page runs no script and loads no style but its own, and talks to this simulator alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' http: https:; media-src http: https:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// Path, type and content of each file.
const FILES: [(&str, &str, &str); 14] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/chat/icon.svg", PICTURE, include_str!("page/icon.svg")),
    ("/chat/frame.css", STYLE, include_str!("page/frame.css")),
    ("/chat/messages.css", STYLE, include_str!("page/messages.css")),
    ("/chat/main.js", SCRIPT, include_str!("page/main.js")),
    ("/chat/api.js", SCRIPT, include_str!("page/api.js")),
    ("/chat/store.js", SCRIPT, include_str!("page/store.js")),
    ("/chat/summary.js", SCRIPT, include_str!("page/summary.js")),
    ("/chat/dom.js", SCRIPT, include_str!("page/dom.js")),
    ("/chat/bubble.js", SCRIPT, include_str!("page/bubble.js")),
    ("/chat/content.js", SCRIPT, include_str!("page/content.js")),
    ("/chat/people.js", SCRIPT, include_str!("page/people.js")),
    ("/chat/attach.js", SCRIPT, include_str!("page/attach.js")),
    ("/chat/sheet.js", SCRIPT, include_str!("page/sheet.js")),
];

/// The routes of the page.
pub(crate) fn router() -> Router {
    FILES.into_iter().fold(Router::new(), |router, (path, content_type, content)| {
        router.route(path, get(async move || file(content_type, content)))
    })
}

fn file(content_type: &'static str, content: &'static str) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // The next simulator on this port may be another version.
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, content)
}
