//! Access tokens at rest: AES-256-GCM with a ring of keys, bound to account and number, so that two rows that are
//! swapped don't decrypt.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use shared::settings::EncryptionKeys;
use std::fmt;

/// A nonce of AES-GCM (NIST SP 800-38D).
const NONCE: usize = 12;

/// The key ring.
pub struct Cipher {
    keys: Vec<Aes256Gcm>,
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cipher({} keys)", self.keys.len())
    }
}

/// A secret that can't be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "no key of FLOW_RUNNER_ENCRYPTION_KEY decrypts {0}: was the key changed without keeping the old one in the ring?"
)]
pub struct Undecryptable(String);

impl Cipher {
    /// A cipher with this ring: the first key encrypts, all decrypt.
    #[must_use]
    pub fn new(keys: &EncryptionKeys) -> Self {
        Self { keys: keys.0.iter().map(|key| Aes256Gcm::new(key.into())).collect() }
    }

    /// Encrypts `secret` for `place`, such as `account/number`.
    #[must_use]
    pub fn seal(&self, place: &str, secret: &SecretString) -> String {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).expect("the operating system gives random bytes");
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: place.as_bytes() };
        let sealed = self.keys[0].encrypt(&nonce.into(), payload).expect("a token is far below AES-GCM's limit");
        STANDARD.encode([&nonce[..], &sealed].concat())
    }

    /// Decrypts what was sealed for `place`.
    pub fn open(&self, place: &str, sealed: &str) -> Result<SecretString, Undecryptable> {
        let bytes = STANDARD.decode(sealed).unwrap_or_default();
        let (nonce, sealed) = bytes.split_at_checked(NONCE).ok_or_else(|| Undecryptable(place.to_owned()))?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| Undecryptable(place.to_owned()))?;
        self.keys
            .iter()
            .find_map(|key| key.decrypt(&nonce.into(), Payload { msg: sealed, aad: place.as_bytes() }).ok())
            .and_then(|plain| String::from_utf8(plain).ok())
            .map(SecretString::from)
            .ok_or_else(|| Undecryptable(place.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_token_opens_only_in_its_place_and_with_a_key_of_the_ring() {
        let old = Cipher::new(&EncryptionKeys(vec![[1; 32]]));
        let ring = Cipher::new(&EncryptionKeys(vec![[2; 32], [1; 32]]));
        let other = Cipher::new(&EncryptionKeys(vec![[3; 32]]));
        let sealed = old.seal("a/1", &"token".into());
        assert!(!sealed.contains("token"));
        assert_eq!(ring.open("a/1", &sealed).unwrap().expose_secret(), "token");
        assert!(ring.open("a/2", &sealed).is_err(), "moved to another row");
        assert!(other.open("a/1", &sealed).is_err(), "another key");
        assert!(ring.open("a/1", "").is_err() && ring.open("a/1", "////").is_err());
    }
}
