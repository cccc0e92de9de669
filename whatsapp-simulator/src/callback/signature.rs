//! How Meta signs callbacks.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The value of `X-Hub-Signature-256`: `sha256=` and the HMAC-SHA256 of the body's bytes, keyed with the app secret, in
/// lower-case hex.
#[must_use]
pub fn sign(app_secret: &str, body: &str) -> String {
    // HMAC takes keys of every length, so there is no failure to report.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes()) else { return String::new() };
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_like_rfc_4231_says() {
        // Test case 2 of RFC 4231.
        assert_eq!(
            sign("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
