//! Whether a callback is Meta's.

use super::outcome::Outcome;
use crate::{
    Gateway,
    body::{self, Received},
};
use axum::extract::{FromRequest, Request};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use std::sync::Arc;

/// `X-Hub-Signature-256`, the header Meta signs with.
const SIGNATURE: &str = "x-hub-signature-256";
/// Before the hex digits.
const SCHEME: &[u8] = b"sha256=";

/// The app secrets, each ready to verify with; more than one while they are being changed.
pub(crate) struct Signatures(Vec<Hmac<Sha256>>);

impl Signatures {
    /// Takes the secrets.
    pub(crate) fn new(secrets: &[SecretString]) -> Self {
        // HMAC takes keys of every length, so none is left out.
        Self(secrets.iter().filter_map(|secret| Hmac::new_from_slice(secret.expose_secret().as_bytes()).ok()).collect())
    }

    /// Whether there is one signature, and it is of these very bytes with one of the secrets.
    pub(crate) fn verify(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let mut values = headers.get_all(SIGNATURE).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let Some(digits) = value.as_bytes().strip_prefix(SCHEME) else { return false };
        let mut given = [0; 32];
        if hex::decode_to_slice(digits, &mut given).is_err() {
            return false;
        }
        // Every secret is tried, so that the time taken doesn't tell which one fits; each comparison is constant-time.
        self.0.iter().fold(false, |verified, key| {
            let mut mac = key.clone();
            mac.update(body);
            mac.verify_slice(&given).is_ok() | verified
        })
    }
}

/// The body of a callback that Meta signed. There is no other way to a callback's bytes.
#[derive(Debug)]
pub(super) struct SignedCallback(pub(super) Received);

impl FromRequest<Arc<Gateway>> for SignedCallback {
    type Rejection = Outcome;

    async fn from_request(request: Request, gateway: &Arc<Gateway>) -> Result<Self, Outcome> {
        let (parts, body) = request.into_parts();
        let read = body::read(&parts.headers, body, gateway.body_limits, &gateway.budget).await;
        let received = match read {
            Ok(received) => received,
            Err(error) => {
                let outcome = Outcome::from(error);
                gateway.note(outcome);
                return Err(outcome);
            }
        };
        if gateway.signatures.verify(&parts.headers, &received.bytes) {
            Ok(Self(received))
        } else {
            Err(Outcome::Unsigned)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    // Test case 2 of RFC 4231.
    const KEY: &str = "Jefe";
    const DATA: &[u8] = b"what do ya want for nothing?";
    const MAC: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    fn verifies(secrets: &[&str], values: &[&str], body: &[u8]) -> bool {
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(SIGNATURE, HeaderValue::from_str(value).unwrap());
        }
        Signatures::new(&secrets).verify(&headers, body)
    }

    #[test]
    fn takes_the_signature_of_any_secret() {
        let value = format!("sha256={MAC}");
        assert!(verifies(&[KEY], &[&value], DATA));
        assert!(verifies(&["old", KEY], &[&value], DATA));
        assert!(verifies(&[KEY, "new"], &[&value], DATA));
    }

    #[test]
    fn refuses_everything_else() {
        let right = format!("sha256={MAC}");
        assert!(!verifies(&[KEY], &[], DATA));
        assert!(!verifies(&[KEY], &[&right, &right], DATA));
        assert!(!verifies(&["other"], &[&right], DATA));
        assert!(!verifies(&[], &[&right], DATA));
        assert!(!verifies(&[KEY], &[&right], b"what do ya want for nothing!"));
        for value in [
            MAC.to_owned(),
            format!("sha1={MAC}"),
            format!("SHA256={MAC}"),
            format!("sha256= {MAC}"),
            format!("sha256={}", &MAC[..62]),
            format!("sha256={MAC}00"),
            format!("sha256={}zz", &MAC[..62]),
            format!("{right},{right}"),
            "sha256=".to_owned(),
            String::new(),
        ] {
            assert!(!verifies(&[KEY], &[&value], DATA), "{value:?}");
        }
    }
}
