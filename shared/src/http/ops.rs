//! `/healthz`, `/readyz`, `/metrics`: the same in every process.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde::Serialize;
use std::{convert::Infallible, fmt, sync::Arc, time::Duration};

/// How long one check of readiness may take.
const CHECK_TIME: Duration = Duration::from_secs(2);

/// How much a process needs something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// It can't take work without it.
    Required,
    /// Without it some of its work waits, or all of it is slower.
    Useful,
}

/// Something the process stands on.
#[async_trait]
pub trait Check: Send + Sync {
    /// Its name in `/readyz`.
    fn name(&self) -> &'static str;
    /// Whether the process can work without it.
    fn need(&self) -> Need;
    /// Whether it is well, or what is wrong.
    async fn check(&self) -> Result<(), String>;
}

/// All checks of a process.
#[derive(Clone, Default)]
pub struct Readiness {
    checks: Vec<Arc<dyn Check>>,
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|check| check.name())).finish()
    }
}

#[derive(Debug, Serialize)]
struct ReadinessReport {
    ready: bool,
    checks: Vec<CheckReport>,
}

#[derive(Debug, Serialize)]
struct CheckReport {
    name: &'static str,
    ok: bool,
    need: Need,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Readiness {
    /// Adds a check.
    pub fn add(&mut self, check: Arc<dyn Check>) {
        self.checks.push(check);
    }

    async fn report(&self) -> ReadinessReport {
        let mut checks = Vec::with_capacity(self.checks.len());
        for check in &self.checks {
            let error = match tokio::time::timeout(CHECK_TIME, check.check()).await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error),
                Err(_) => Some(format!("no answer within {CHECK_TIME:?}")),
            };
            checks.push(CheckReport { name: check.name(), ok: error.is_none(), need: check.need(), error });
        }
        ReadinessReport { ready: checks.iter().all(|check| check.ok || check.need == Need::Useful), checks }
    }
}

/// Answers an ops path; `None` for any other path.
pub async fn respond_ops(method: &Method, path: &str, readiness: &Readiness) -> Option<Response<Full<Bytes>>> {
    if !matches!(path, "/healthz" | "/readyz" | "/metrics") {
        return None;
    }
    if method != Method::GET && method != Method::HEAD {
        return Some(answer(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET only\n".into()));
    }
    Some(match path {
        "/healthz" => answer(StatusCode::OK, "application/json", r#"{"alive":true}"#.into()),
        "/readyz" => {
            let report = readiness.report().await;
            let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            answer(status, "application/json", serde_json::to_string(&report).unwrap_or_default())
        }
        _ => {
            let text = crate::telemetry::metrics().render();
            answer(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
        }
    })
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}

/// The ops paths as a service of their own, for a worker or sender alone.
#[derive(Debug, Clone)]
pub struct OpsService(pub Arc<Readiness>);

impl tower::Service<Request<Incoming>> for OpsService {
    type Response = Response<super::Body>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let readiness = self.0.clone();
        Box::pin(async move {
            let known = respond_ops(request.method(), request.uri().path(), &readiness).await;
            let response = known.unwrap_or_else(|| answer(StatusCode::NOT_FOUND, "text/plain", "not here\n".into()));
            Ok(response.map(|body| body.map_err(|never| match never {}).boxed_unsync()))
        })
    }
}
