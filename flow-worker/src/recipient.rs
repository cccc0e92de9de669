//! Recipient ids: made from the account and the first identity seen, so that the cache can be asked before SQL; drawn where
//! that id is taken, because phones are recycled and ids are not.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use shared::ids::{self, AccountId, Identities, RecipientId};

/// Half of the hash is as many bits as a UUID has.
const BYTES: usize = 16;

/// Makes recipient ids. The key keeps a phone from being found by hashing all phones.
#[derive(Clone)]
pub struct RecipientIds {
    key: Hmac<Sha256>,
}

impl std::fmt::Debug for RecipientIds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecipientIds").finish_non_exhaustive()
    }
}

impl RecipientIds {
    /// With the installation's key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self { key: Hmac::new_from_slice(key).expect("HMAC takes keys of any length") }
    }

    /// The ids that a recipient with these identities may have: by business-scoped id, then by phone.
    pub fn candidates<'a>(
        &'a self,
        account: &'a AccountId,
        who: &'a Identities,
    ) -> impl Iterator<Item = RecipientId> + 'a {
        let bsuid = who.bsuid.as_deref().map(|value| ("bsuid", value));
        let phone = who.phone.as_deref().map(|value| ("phone", value));
        bsuid.into_iter().chain(phone).map(move |(kind, value)| self.id(account, kind, value))
    }

    /// An id that is nobody's: found by way of SQL only.
    #[must_use]
    pub fn draw() -> RecipientId {
        ids::fresh().replace('-', "").into()
    }

    fn id(&self, account: &AccountId, kind: &str, value: &str) -> RecipientId {
        let mut mac = self.key.clone();
        for part in [account.as_str(), kind, value] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        hex::encode(&mac.finalize().into_bytes()[..BYTES]).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_by_account_kind_value_and_key() {
        let ids = RecipientIds::new(&[1; 32]);
        let drawn = [RecipientIds::draw(), RecipientIds::draw()];
        let who = Identities { bsuid: Some("US.1".into()), phone: Some("1".into()) };
        let mut all: Vec<RecipientId> = ids.candidates(&"a".into(), &who).collect();
        all.extend(ids.candidates(&"b".into(), &who));
        all.extend(RecipientIds::new(&[2; 32]).candidates(&"a".into(), &who));
        all.extend(drawn);
        let unique: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(unique.len(), 8);
        assert!(all.iter().all(|id| id.as_str().len() == 32));
    }
}
