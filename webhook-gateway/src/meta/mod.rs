//! Meta's callbacks, cut into events.
//!
//! The envelope (Meta's webhook reference, field `messages`, September 2026):
//! ```text
//! {object, entry:[{id, changes:[{field, value:{
//!   metadata:{phone_number_id}, contacts?:[…], messages?:[…], statuses?:[…], errors?:[…]}}]}]}
//! ```
//! Every field may be missing, null, of another type, or new. What can't be read is kept as it is, in the smallest
//! piece that holds the fault: the rest of the callback goes its way.

mod calls;
mod change;
mod json;
mod message;
mod reply;
mod sender;
mod status;

use crate::depth::too_deep;
use json::Fields;
use sender::Contacts;
use serde_json::value::RawValue;
use shared::{
    Timestamp,
    event::{Event, KeptEvent, KeptKind, PersonsCall},
    ids::{EventId, PhoneNumberId},
};

/// The field whose changes are messages and statuses.
const MESSAGES: &str = "messages";

/// Cuts a callback's body into events, in its order; at least one. Never fails. `fresh` draws an id for each event.
pub fn cut(body: &[u8], received_at: Timestamp, fresh: &mut dyn FnMut() -> EventId) -> Vec<Event> {
    let mut cutter = Cutter { received_at, fresh, events: Vec::new() };
    // One wrong byte in one text is no reason to give up all the others.
    let text = String::from_utf8_lossy(body);
    if too_deep(body) || cutter.envelope(&text).is_none() {
        cutter.keep(KeptKind::Unrecognized, None, &text);
    }
    cutter.events
}

/// What all messages and statuses of one change share.
struct Context<'a> {
    phone_number_id: Option<PhoneNumberId>,
    contacts: Contacts<'a>,
}

impl<'a> Context<'a> {
    fn of(value: &Fields<'a>) -> Self {
        Self {
            phone_number_id: value.object("metadata").and_then(|metadata| metadata.id("phone_number_id")),
            contacts: Contacts::parse(value.list("contacts").unwrap_or_default()),
        }
    }
}

struct Cutter<'f> {
    received_at: Timestamp,
    fresh: &'f mut dyn FnMut() -> EventId,
    events: Vec<Event>,
}

impl Cutter<'_> {
    /// `None` where this is no envelope with entries.
    fn envelope(&mut self, body: &str) -> Option<()> {
        let entries = Fields::from_text(body)?.list("entry").filter(|entries| !entries.is_empty())?;
        for entry in entries {
            if self.entry(entry).is_none() {
                self.keep(KeptKind::Unrecognized, None, entry.get());
            }
        }
        Some(())
    }

    fn entry(&mut self, entry: &RawValue) -> Option<()> {
        let changes = Fields::parse(entry)?.list("changes").filter(|changes| !changes.is_empty())?;
        for change in changes {
            self.change(change);
        }
        Some(())
    }

    fn change(&mut self, change: &RawValue) {
        let fields = Fields::parse(change);
        let field = fields.as_ref().and_then(|fields| fields.label("field"));
        match (fields, field) {
            (Some(fields), Some(field)) if field == MESSAGES => {
                let before = self.events.len();
                if let Some(value) = fields.object("value") {
                    self.value(&value);
                }
                if self.events.len() == before {
                    self.keep(KeptKind::Unrecognized, Some(MESSAGES), change.get());
                }
            }
            (Some(fields), Some(field)) if field == calls::CALLS => {
                let calls = fields.object("value").map(|value| calls::read(&value)).unwrap_or_default();
                self.keep_with(KeptKind::Other, Some(calls::CALLS), change.get(), calls);
            }
            (_, Some(field)) => self.keep(KeptKind::Other, Some(&field), change.get()),
            (_, None) => self.keep(KeptKind::Unrecognized, None, change.get()),
        }
    }

    fn value(&mut self, value: &Fields<'_>) {
        let context = Context::of(value);
        for (name, raw) in value.iter() {
            match (name, json::list(raw)) {
                ("messaging_product" | "metadata" | "contacts", _) => {}
                ("errors", _) => self.keep(KeptKind::Other, Some(MESSAGES), raw.get()),
                ("messages", Some(items)) => items.into_iter().for_each(|item| self.message(item, &context)),
                ("statuses", Some(items)) => items.into_iter().for_each(|item| self.status(item, &context)),
                // Updates come in lists; a new single field beside them says nothing on its own.
                ("messages" | "statuses", None) => self.keep(KeptKind::Unrecognized, Some(MESSAGES), raw.get()),
                (_, Some(items)) if !items.is_empty() => {
                    self.keep(KeptKind::Unrecognized, Some(MESSAGES), raw.get());
                }
                _ => {}
            }
        }
    }

    fn message(&mut self, item: &RawValue, context: &Context<'_>) {
        match message::read(item, context) {
            Some(read) => {
                let message = read.into_event((self.fresh)(), self.received_at);
                self.events.push(Event::Message(Box::new(message)));
            }
            None => self.keep(KeptKind::Unrecognized, Some(MESSAGES), item.get()),
        }
    }

    fn status(&mut self, item: &RawValue, context: &Context<'_>) {
        match status::read(item, context) {
            Some(read) => {
                let status = read.into_event((self.fresh)(), self.received_at);
                self.events.push(Event::Status(status));
            }
            None => self.keep(KeptKind::Unrecognized, Some(MESSAGES), item.get()),
        }
    }

    fn keep(&mut self, kind: KeptKind, field: Option<&str>, body: &str) {
        self.keep_with(kind, field, body, Vec::new());
    }

    fn keep_with(&mut self, kind: KeptKind, field: Option<&str>, body: &str, calls: Vec<PersonsCall>) {
        self.events.push(Event::Kept(KeptEvent {
            event_id: (self.fresh)(),
            received_at: self.received_at,
            kind,
            field: field.map(str::to_owned),
            body: body.to_owned(),
            calls,
        }));
    }
}
