//! Recipients as an operator sees them: where each stands, and putting one somewhere else.

use super::{
    Stored,
    listing::{Listed, Page},
};
use crate::ids::{AccountId, Identities, RecipientId, RowVersion};
use async_trait::async_trait;
use flow_engine::{Conversation, Timestamp};

/// A recipient with all that is known of it.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// Its id.
    pub id: RecipientId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Who it is.
    pub identities: Identities,
    /// The name it shows.
    pub profile_name: Option<String>,
    /// Where it stands.
    pub conversation: Conversation,
    /// Its row's version; whoever changes the row must name it.
    pub version: RowVersion,
    /// When it last wrote or opened the chat, by Meta's time.
    pub last_message_at: Option<Timestamp>,
}

/// Recipients, by hand.
#[async_trait]
pub trait Recipients: Send + Sync {
    /// Those whose session lives at `now`, of one account or of all.
    async fn in_session(&self, account: Option<&AccountId>, now: Timestamp, page: &Page) -> Stored<Listed<Recipient>>;
    /// Those with this recipient id, phone (its digits) or business-scoped user id: at most one in each account.
    async fn named(&self, account: Option<&AccountId>, who: &str) -> Stored<Vec<Recipient>>;
    /// Puts a recipient somewhere, unless its row is not in version `expected` any more; the row's new version.
    async fn place(
        &self,
        recipient: &RecipientId,
        expected: RowVersion,
        conversation: &Conversation,
        now: Timestamp,
    ) -> Stored<Option<RowVersion>>;
}
