//! Step 1: where the writer of a message stands.

use crate::{person::Person, recipient::RecipientIds, session_cache::PatientCache};
use flow_engine::Conversation;
use shared::{
    event::InboundMessage,
    ids::{AccountId, Identities, RecipientId, RowVersion},
    ports::{Stored, conversations::Conversations, sessions::SessionRecord},
};
use std::sync::Arc;

/// A recipient as it was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub recipient_id: RecipientId,
    /// `None`: there is no row yet.
    pub expected: Option<RowVersion>,
    pub conversation: Conversation,
    /// What is known of who it is, this message included.
    pub identities: Identities,
    /// Whether the row knows something else.
    pub link: bool,
    /// A business-scoped id that it had before.
    pub formerly: Option<Arc<str>>,
    /// Further rows of this very person, which become one with it.
    pub absorbs: Vec<(RecipientId, RowVersion)>,
}

/// Where recipients are read.
pub(crate) struct Sources<'a> {
    pub ids: &'a RecipientIds,
    pub cache: &'a PatientCache,
    pub record: &'a dyn Conversations,
}

impl Sources<'_> {
    /// Asks the cache, then SQL. Not the `first` time means that a commit found what was loaded to be stale: then the cache
    /// isn't trusted, and where there is still nobody the id that would be his is another's.
    pub async fn load(&self, account: &AccountId, message: &InboundMessage, first: bool) -> Stored<Loaded> {
        let who = &message.sender;
        if first
            && message.previously.is_none()
            && let Some(found) = self.cached(account, who).await
        {
            return Ok(found);
        }
        let now = self.record.find(account, who).await?;
        let before = match &message.previously {
            Some(previously) => self.record.find(account, previously).await?,
            None => Vec::new(),
        };
        let person = Person::new(message, now, before);
        let identities = person.identities();
        let former = message.previously.as_ref().and_then(|previously| previously.bsuid.clone());
        let formerly = former.filter(|former| identities.bsuid.as_ref() != Some(former));
        let Some(rows) = person.rows() else {
            // Nobody without an identity becomes an event.
            let known = self.ids.candidates(account, &identities).next().filter(|_| first);
            return Ok(Loaded {
                recipient_id: known.unwrap_or_else(RecipientIds::draw),
                expected: None,
                conversation: Conversation::default(),
                identities,
                link: true,
                formerly,
                absorbs: Vec::new(),
            });
        };
        Ok(Loaded {
            link: identities != rows.stays.identities || formerly.is_some() || !rows.absorbed.is_empty(),
            recipient_id: rows.stays.id,
            expected: Some(rows.stays.version),
            conversation: rows.conversation,
            identities,
            formerly,
            absorbs: rows.absorbed,
        })
    }

    async fn cached(&self, account: &AccountId, who: &Identities) -> Option<Loaded> {
        for id in self.ids.candidates(account, who) {
            if let Some(found) = self.cache.get(account, &id).await
                && agrees(&found, who)
            {
                return Some(Loaded {
                    expected: Some(found.row_version),
                    conversation: found.conversation(),
                    identities: found.identities.clone(),
                    recipient_id: found.recipient_id,
                    link: false,
                    formerly: None,
                    absorbs: Vec::new(),
                });
            }
        }
        None
    }
}

/// Whether the record knows all that the message says of who wrote it. Otherwise SQL must tell.
fn agrees(record: &SessionRecord, who: &Identities) -> bool {
    let known = &record.identities;
    (who.bsuid.is_none() || who.bsuid == known.bsuid) && (who.phone.is_none() || who.phone == known.phone)
}
