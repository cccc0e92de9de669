//! One item of `messages[]`.

use super::{Context, change, json::Fields, reply, sender};
use flow_engine::Reply;
use serde_json::value::RawValue;
use shared::{
    Timestamp,
    event::InboundMessage,
    ids::{EventId, Identities, PhoneNumberId, Wamid},
};

/// The `type` of a message that says none.
const NO_TYPE: &str = "unknown";

/// A message, read.
pub(super) struct Read<'a> {
    raw: &'a RawValue,
    phone_number_id: PhoneNumberId,
    sender: Identities,
    previously: Option<Identities>,
    profile_name: Option<String>,
    wamid: Wamid,
    sent_at: i64,
    context_id: Option<String>,
    message_type: String,
    reply: Reply,
}

/// Reads a message; `None` without an id, a sender, or the number it was written to.
pub(super) fn read<'a>(raw: &'a RawValue, context: &Context<'_>) -> Option<Read<'a>> {
    let fields = Fields::parse(raw)?;
    let phone_number_id = context.phone_number_id.clone()?;
    let wamid = fields.id::<String>("id")?.into();
    let (sender, profile_name) = sender::of(&fields, &context.contacts)?;
    let message_type = fields.label("type").unwrap_or_else(|| NO_TYPE.to_owned());
    let (sender, previously) = match change::of(&message_type, &fields) {
        Some(change) => (change.now, Some(change.previously)),
        None => (sender, None),
    };
    Some(Read {
        raw,
        phone_number_id,
        sender,
        previously,
        profile_name,
        wamid,
        // In every repeat the same, so a message without it is still told from its neighbours by its id.
        sent_at: fields.integer("timestamp").unwrap_or(0),
        context_id: fields.object("context").and_then(|context| context.id("id")),
        reply: reply::of(&message_type, &fields),
        message_type,
    })
}

impl Read<'_> {
    /// The event it becomes.
    pub(super) fn into_event(self, event_id: EventId, received_at: Timestamp) -> InboundMessage {
        InboundMessage {
            event_id,
            received_at,
            phone_number_id: self.phone_number_id,
            sender: self.sender,
            previously: self.previously,
            profile_name: self.profile_name,
            wamid: self.wamid,
            sent_at: self.sent_at,
            context_id: self.context_id,
            message_type: self.message_type,
            reply: self.reply,
            raw: self.raw.to_owned(),
        }
    }
}
