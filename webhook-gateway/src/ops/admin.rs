//! Who may use the ops API.

use super::Ops;
use crate::{Gateway, problem::Problem, request::bearer};
use axum::extract::FromRequestParts;
use http::{HeaderMap, StatusCode, request::Parts};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Names who asks, for the record of acts; anybody with the key may say anything.
const OPERATOR: &str = "x-operator";
/// Characters of that name that are kept.
const NAME_LENGTH: usize = 100;

/// A caller that has the key.
pub(super) struct Admin {
    pub ops: Ops,
    /// As the record of acts names him.
    pub who: String,
}

impl FromRequestParts<Arc<Gateway>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        let Some(ops) = &gateway.ops else {
            let detail = "the ops API is off; FLOW_RUNNER_ADMIN_KEY turns it on";
            return Err(Problem::new(StatusCode::NOT_FOUND, "ops_api_off", detail));
        };
        match bearer(&parts.headers) {
            Some(key) if is_same(key, &ops.key) => Ok(Self { ops: ops.clone(), who: who(&parts.headers) }),
            _ => {
                let detail = "give the key of the ops API: Authorization: Bearer ADMIN_KEY";
                Err(Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).wants_bearer())
            }
        }
    }
}

/// In constant time, whatever their lengths.
fn is_same(given: &str, key: &SecretString) -> bool {
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    digest(given).ct_eq(&digest(key.expose_secret())).into()
}

fn who(headers: &HeaderMap) -> String {
    let name = headers.get(OPERATOR).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name: String = name.chars().filter(|character| !character.is_control()).take(NAME_LENGTH).collect();
    if name.is_empty() { "ops API".to_owned() } else { format!("{name} (ops API)") }
}
