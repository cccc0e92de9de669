//! Which path goes where.

use crate::{CALLBACK_PATH, FLOW_PATH, Gateway, OPS_PATH, callback, cors, flows, headers, problem::Problem};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware,
    response::{IntoResponse, Response},
    routing::any,
};
use http::StatusCode;
use shared::http::respond_ops;
use std::sync::Arc;

/// Everything the gateway answers, ready to be served.
pub fn router(gateway: Arc<Gateway>) -> Router {
    let flows = flows::routes().fallback(wrong_method).layer(cors::layer(&gateway.cors_origins));
    Router::new()
        .route(CALLBACK_PATH, callback::routes(&gateway).fallback(wrong_method))
        .route(FLOW_PATH, flows)
        .nest(OPS_PATH, crate::ops::routes().fallback(not_here).method_not_allowed_fallback(wrong_method))
        .route("/healthz", any(ops))
        .route("/readyz", any(ops))
        .route("/metrics", any(ops))
        .fallback(not_here)
        .layer(middleware::from_fn(headers::put))
        .with_state(gateway)
}

async fn ops(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    match respond_ops(request.method(), request.uri().path(), &gateway.ports.readiness).await {
        Some(answer) => answer.map(Body::new),
        None => not_here().await.into_response(),
    }
}

async fn not_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address")
}

async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this address does not take this method")
}
