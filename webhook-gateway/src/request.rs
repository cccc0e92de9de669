//! What a request must have: a key that is somebody's, and a body within limits.

use crate::{
    Gateway,
    body::{self, BodyError},
    depth::too_deep,
    problem::Problem,
};
use axum::extract::{FromRequestParts, Query, Request};
use flow_engine::FlowId;
use http::{HeaderMap, StatusCode, header, request::Parts};
use serde_json::{Map, Value};
use shared::{ids::AccountId, ports::Stored};
use std::{sync::Arc, time::Duration};

/// How long a store may take for one answer.
const STORE_TIME: Duration = Duration::from_secs(5);
/// Bytes of a key at most; longer ones are not even looked up.
const MAX_KEY: usize = 512;

/// The account whose API key the request bears. Everything below it sees that account only.
pub(crate) struct Tenant(pub(crate) AccountId);

impl FromRequestParts<Arc<Gateway>> for Tenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        let key = bearer(&parts.headers).ok_or_else(unauthorized)?;
        let account = stored(gateway.ports.api_keys.account_of_key(key)).await?;
        account.map(Self).ok_or_else(unauthorized)
    }
}

/// `?id=` and `&version=`, where they are given.
pub(crate) struct Asked {
    pub(crate) id: Option<FlowId>,
    pub(crate) version: Option<String>,
}

impl FromRequestParts<Arc<Gateway>> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Gateway>) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "bad_query", "the query can't be read"))?;
        let of = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        Ok(Self { id: of("id").map(|id| id.as_str().into()), version: of("version") })
    }
}

/// Asks a store, for a bounded time.
pub(crate) async fn stored<T>(asking: impl Future<Output = Stored<T>>) -> Result<T, Problem> {
    match tokio::time::timeout(STORE_TIME, asking).await {
        Ok(answer) => Ok(answer?),
        Err(_) => {
            let detail = "the database did not answer in time; try again";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(STORE_TIME))
        }
    }
}

/// The body, which must be a JSON object.
pub(crate) async fn sent(gateway: &Gateway, request: Request) -> Result<Map<String, Value>, Problem> {
    sent_or_nothing(gateway, request).await?.ok_or_else(|| not_json("a JSON object was expected; there is no body"))
}

/// The body, where there is one: a JSON object.
pub(crate) async fn sent_or_nothing(
    gateway: &Gateway,
    request: Request,
) -> Result<Option<Map<String, Value>>, Problem> {
    let (parts, body) = request.into_parts();
    let received =
        body::read(&parts.headers, body, gateway.body_limits, &gateway.budget).await.map_err(|error| match error {
            BodyError::TooLarge => {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "a request has at most 4 MiB").closing()
            }
            BodyError::Incomplete => {
                let detail = "the body did not come whole in time";
                Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail).closing()
            }
            BodyError::Overloaded => {
                let detail = "too many requests are being handled; try again";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(Duration::from_secs(1))
            }
        })?;
    let json = received.bytes.as_ref();
    if json.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    if too_deep(json) {
        return Err(not_json("the JSON is nested deeper than 64 levels"));
    }
    match serde_json::from_slice(json) {
        Ok(Value::Object(fields)) => Ok(Some(fields)),
        Ok(_) => Err(Problem::fault("", "wrong_type", "a JSON object was expected")),
        Err(error) => Err(not_json(format!("this is not JSON: {error}"))),
    }
}

pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && (1..=MAX_KEY).contains(&key.len())).then_some(key)
}

fn unauthorized() -> Problem {
    let detail = "give an API key of an account: Authorization: Bearer API_KEY";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).wants_bearer()
}

fn not_json(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "not_json", detail)
}
