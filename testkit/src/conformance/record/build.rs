//! Events to commit, by the name of who wrote.

use flow_engine::{Content, Conversation, Reply, Tap};
use serde_json::value::RawValue;
use shared::{
    Timestamp,
    event::InboundMessage,
    ids::{self, Identities, RecipientId, RowVersion},
    job::NewJob,
    ports::conversations::{Advance, Effect, EventCommit, RecipientRow},
};

/// The tenant of the suites.
pub const ACCOUNT: &str = "acme";
/// Its business number.
pub const NUMBER: &str = "106540352242922";
/// When the suites begin.
pub const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// What a person is known by: a phone made from the name.
#[must_use]
pub fn phone_of(person: &str) -> Identities {
    Identities { bsuid: None, phone: Some(phone(person).into()) }
}

/// Digits, made from a name.
#[must_use]
pub fn phone(person: &str) -> String {
    let digits: String = person.bytes().map(|byte| format!("{byte:03}")).collect();
    format!("49{digits}")
}

/// The id of a person's row.
#[must_use]
pub fn recipient_of(person: &str) -> RecipientId {
    format!("recipient-of-{person}").into()
}

/// An event that a test shapes.
#[derive(Debug, Clone)]
pub struct EventBuilder {
    message: InboundMessage,
    advance: Advance,
}

/// A message of a person, new to the record, that moves the conversation and sends nothing.
#[must_use]
pub fn event(person: &str, wamid: &str) -> EventBuilder {
    let who = phone_of(person);
    let raw = RawValue::from_string(format!(r#"{{"id":{}}}"#, serde_json::Value::from(wamid))).expect("JSON");
    let message = InboundMessage {
        event_id: ids::fresh().into(),
        received_at: NOW,
        phone_number_id: NUMBER.into(),
        sender: who.clone(),
        previously: None,
        profile_name: Some(person.to_owned()),
        wamid: wamid.into(),
        sent_at: NOW.0 / 1000,
        context_id: None,
        message_type: "text".into(),
        reply: Reply::Text("hello".into()),
        raw,
    };
    let advance = Advance {
        account_id: ACCOUNT.into(),
        recipient_id: recipient_of(person),
        expected: None,
        version: RowVersion::draw(),
        identities: who,
        link: true,
        formerly: None,
        absorbs: Vec::new(),
        conversation: conversation(wamid),
        jobs: Vec::new(),
        notes: "[]".into(),
        run_limit: false,
    };
    EventBuilder { message, advance }
}

/// A conversation that tells by which message it came about.
#[must_use]
pub fn conversation(wamid: &str) -> Conversation {
    Conversation { session: None, taps: vec![Tap { button: wamid.into(), message: None, at: NOW }] }
}

/// A job with this text.
#[must_use]
pub fn job(text: &str) -> NewJob {
    NewJob {
        id: ids::fresh().into(),
        flow_id: "menu".into(),
        flow_version: flow_engine::VersionId(1),
        step_id: "hello".into(),
        content: Content::Text { body: text.into() },
        outside_window: None,
    }
}

impl EventBuilder {
    /// The row was read in this version.
    #[must_use]
    pub fn after(mut self, version: RowVersion) -> Self {
        self.advance.expected = Some(version);
        self.advance.link = false;
        self
    }

    /// It sends so many messages.
    #[must_use]
    pub fn jobs(mut self, count: usize) -> Self {
        self.advance.jobs = (0..count).map(|number| job(&format!("message {number}"))).collect();
        self
    }

    /// It is shaped by hand.
    #[must_use]
    pub fn with(mut self, shape: impl FnOnce(&mut InboundMessage, &mut Advance)) -> Self {
        shape(&mut self.message, &mut self.advance);
        self
    }

    /// It was written by somebody with these identities, whom the row is to be linked to.
    #[must_use]
    pub fn who(self, bsuid: Option<&str>, phone: Option<&str>) -> Self {
        let who = Identities { bsuid: bsuid.map(Into::into), phone: phone.map(Into::into) };
        self.with(|message, advance| {
            message.sender = who.clone();
            advance.identities = who;
            advance.link = true;
        })
    }

    /// It tells of a change: its writer was known by this id before.
    #[must_use]
    pub fn formerly(self, bsuid: &str) -> Self {
        self.with(|message, advance| {
            message.previously = Some(Identities { bsuid: Some(bsuid.into()), phone: None });
            advance.formerly = Some(bsuid.into());
        })
    }

    /// This row, as it was read, is of the same person.
    #[must_use]
    pub fn absorbing(self, row: &RecipientRow) -> Self {
        self.with(|_, advance| advance.absorbs.push((row.id.clone(), row.version)))
    }

    /// The event.
    #[must_use]
    pub fn build(self) -> EventCommit {
        EventCommit { message: self.message, effect: Effect::Advance(Box::new(self.advance)) }
    }

    /// The event, when nobody owns the number.
    #[must_use]
    pub fn to_unknown_number(self) -> EventCommit {
        EventCommit { message: self.message, effect: Effect::UnknownNumber }
    }
}
