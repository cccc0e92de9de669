//! Step 1: where the writer of a message stands.

use crate::{recipient::RecipientIds, session_cache::PatientCache};
use flow_engine::Conversation;
use shared::{
    ids::{AccountId, Identities, RecipientId, RowVersion},
    ports::{Stored, conversations::Conversations, sessions::SessionRecord},
};

/// A recipient as it was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub recipient_id: RecipientId,
    /// `None`: there is no row yet.
    pub expected: Option<RowVersion>,
    pub conversation: Conversation,
    /// What is known of who it is, this message included.
    pub identities: Identities,
    /// Whether that is more than the row knows.
    pub link: bool,
}

/// Asks the cache, then SQL. `trust_cache` is off after a commit found the cache to be stale.
pub(crate) async fn load(
    account: &AccountId,
    who: &Identities,
    ids: &RecipientIds,
    cache: &PatientCache,
    record: &dyn Conversations,
    trust_cache: bool,
) -> Stored<Loaded> {
    if trust_cache {
        for id in ids.candidates(account, who) {
            if let Some(found) = cache.get(account, &id).await
                && agrees(&found, who)
            {
                return Ok(Loaded {
                    expected: Some(found.row_version),
                    conversation: found.conversation(),
                    identities: found.identities.clone(),
                    recipient_id: found.recipient_id,
                    link: false,
                });
            }
        }
    }
    if let Some(row) = record.find(account, who).await? {
        let identities = Identities {
            bsuid: who.bsuid.clone().or_else(|| row.identities.bsuid.clone()),
            phone: who.phone.clone().or_else(|| row.identities.phone.clone()),
        };
        return Ok(Loaded {
            recipient_id: row.id,
            expected: Some(row.version),
            conversation: row.conversation,
            link: identities != row.identities,
            identities,
        });
    }
    // Nobody without an identity becomes an event.
    let recipient_id = ids.candidates(account, who).next().unwrap_or_else(|| "unknown".into());
    Ok(Loaded {
        recipient_id,
        expected: None,
        conversation: Conversation::default(),
        identities: who.clone(),
        link: true,
    })
}

/// Whether the record knows all that the message says of who wrote it. Otherwise SQL must tell.
fn agrees(record: &SessionRecord, who: &Identities) -> bool {
    let known = &record.identities;
    (who.bsuid.is_none() || who.bsuid == known.bsuid) && (who.phone.is_none() || who.phone == known.phone)
}
