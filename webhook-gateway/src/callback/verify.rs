//! Meta asks once whether the callback's address is ours.

use crate::{Gateway, problem::Problem};
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::{collections::HashMap, sync::Arc};
use subtle::ConstantTimeEq;

/// What Meta must say. Held and compared as a hash, so that not even its length shows in the time taken.
pub(crate) struct VerifyToken([u8; 32]);

impl VerifyToken {
    /// Takes the token of the settings.
    pub(crate) fn new(token: &SecretString) -> Self {
        Self(Sha256::digest(token.expose_secret().as_bytes()).into())
    }

    fn is(&self, given: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(given.as_bytes()).into();
        self.0.ct_eq(&given).into()
    }
}

/// `GET`: with the right mode and token 200 and the challenge as it came, else 403.
pub(super) async fn verify(
    State(gateway): State<Arc<Gateway>>,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Response {
    let Query(query) = query.unwrap_or_default();
    let given = |name: &str| query.get(name).map(String::as_str);
    let known = gateway.verify_token.is(given("hub.verify_token").unwrap_or_default());
    match given("hub.challenge") {
        Some(challenge) if known && given("hub.mode") == Some("subscribe") => {
            // The challenge goes back as it came, so nothing may take it for a page.
            let headers =
                [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
            (StatusCode::OK, headers, challenge.to_owned()).into_response()
        }
        _ => Problem::new(StatusCode::FORBIDDEN, "wrong_verify_token", "the mode or the verify token is not right")
            .into_response(),
    }
}
