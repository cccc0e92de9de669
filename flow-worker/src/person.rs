//! Who is writing: one person, whatever rows their identities lead to.

use flow_engine::Conversation;
use shared::{
    event::InboundMessage,
    ids::{Identities, RecipientId, RowVersion},
    ports::conversations::RecipientRow,
};

/// What a message and the record say of its writer.
pub(crate) struct Person<'a> {
    message: &'a InboundMessage,
    /// The rows that the sender's identities lead to.
    now: Vec<RecipientRow>,
    /// The rows that those of before a change lead to.
    before: Vec<RecipientRow>,
}

/// The rows of one person as they become one.
pub(crate) struct Rows {
    /// The oldest.
    pub stays: RecipientRow,
    /// The others.
    pub absorbed: Vec<(RecipientId, RowVersion)>,
    /// That of the session written last.
    pub conversation: Conversation,
}

impl<'a> Person<'a> {
    /// Takes what was found by the identities of now and of before.
    pub fn new(message: &'a InboundMessage, now: Vec<RecipientRow>, mut before: Vec<RecipientRow>) -> Self {
        // Told again, a change that names no id of before finds the next owner of the phone. Only while nobody has the new
        // identity may a phone alone claim somebody with an id.
        let by_phone_alone = message.previously.as_ref().is_some_and(|previously| previously.bsuid.is_none());
        before.retain(|row| now.is_empty() || !by_phone_alone || row.identities.bsuid.is_none());
        Self { message, now, before }
    }

    /// What the writer is known by, this message included.
    pub fn identities(&self) -> Identities {
        let who = &self.message.sender;
        // Who is reached by a former id is known by better ones: the message is late, or tells an old change again.
        if let Some(first) = self.now.first()
            && let (Some(known), Some(given)) = (&first.identities.bsuid, &who.bsuid)
            && known != given
        {
            return first.identities.clone();
        }
        let known = |of: fn(&Identities) -> &Option<_>| self.now.iter().find_map(|row| of(&row.identities).clone());
        let mut identities = Identities {
            bsuid: who.bsuid.clone().or_else(|| known(|who| &who.bsuid)),
            phone: who.phone.clone().or_else(|| known(|who| &who.phone)),
        };
        if let (Some(before), Some(previously)) = (self.before.first(), &self.message.previously) {
            let Identities { bsuid, phone } = &before.identities;
            // What the message names as over is over.
            if identities.phone.is_none() && previously.phone.is_none() {
                identities.phone.clone_from(phone);
            }
            // With the phone Meta changes the id too, so that a person's next one must not seem a stranger's.
            if identities.bsuid.is_none() && previously.bsuid.is_none() && identities.phone == *phone {
                identities.bsuid.clone_from(bsuid);
            }
        }
        identities
    }

    /// The rows as they become one, if there are any.
    pub fn rows(self) -> Option<Rows> {
        let mut rows = self.now;
        rows.extend(self.before);
        rows.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        rows.dedup_by(|a, b| a.id == b.id);
        let written = |row: &&RecipientRow| row.conversation.session.as_ref().map(|session| session.updated_at);
        // Of several that compare equal the last counts, so that without a session it is that of the row that stays.
        let conversation = rows.iter().rev().max_by_key(written)?.conversation.clone();
        let mut rows = rows.into_iter();
        let stays = rows.next()?;
        Some(Rows { stays, absorbed: rows.map(|row| (row.id, row.version)).collect(), conversation })
    }
}
