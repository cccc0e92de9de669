//! Dead letters: looking at them, and putting what they stand for back in motion.

use super::{
    Stored,
    listing::{Listed, Page},
    queue::Message,
};
use crate::{
    event::Event,
    ids::{AccountId, DeadLetterId, EventId, JobId, PhoneNumberId, RecipientId},
    job::JobRef,
};
use async_trait::async_trait;
use flow_engine::{FlowId, StepId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a letter stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterKind {
    /// An inbound message, a status, or what a queue gave up on.
    Event,
    /// A send job.
    Job,
}

impl LetterKind {
    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Job => "job",
        }
    }

    /// Reads the word in the table.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Event, Self::Job].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterState {
    /// Somebody should look at it.
    Open,
    /// What it stood for was put back in motion.
    Replayed,
    /// Its message turned out to have arrived.
    Settled,
    /// Somebody decided that nothing is to be done.
    Discarded,
}

impl LetterState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Open, Self::Replayed, Self::Settled, Self::Discarded];

    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Settled => "settled",
            Self::Discarded => "discarded",
        }
    }

    /// Reads the word in the table.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// An event or job that will not be tried again by itself.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Its id.
    pub id: DeadLetterId,
    /// What it stands for.
    pub kind: LetterKind,
    /// What became of it.
    pub state: LetterState,
    /// A word of the contract, such as `permanent_error`.
    pub reason: String,
    /// Meta's error code.
    pub code: Option<i64>,
    /// The tenant.
    pub account_id: Option<AccountId>,
    /// The business number.
    pub phone_number_id: Option<PhoneNumberId>,
    /// The recipient.
    pub recipient_id: Option<RecipientId>,
    /// The recipient's phone or business-scoped user id.
    pub recipient: Option<String>,
    /// The flow of a job.
    pub flow_id: Option<FlowId>,
    /// The step of a job.
    pub step_id: Option<StepId>,
    /// The job.
    pub job_id: Option<JobId>,
    /// The event, or the one that the job answers.
    pub event_id: Option<EventId>,
    /// What was tried: an array of `{at, code?, error}`.
    pub attempts: Value,
    /// The content of a job; all of an event.
    pub body: Value,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// Which letters are meant: those to which all that is given applies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LetterFilter {
    /// What it stands for.
    pub kind: Option<LetterKind>,
    /// What became of it.
    pub state: Option<LetterState>,
    /// Why it was written.
    pub reason: Option<String>,
    /// Meta's error code.
    pub code: Option<i64>,
    /// The tenant.
    pub account: Option<AccountId>,
    /// The business number.
    pub number: Option<PhoneNumberId>,
    /// The recipient: its id, phone (digits) or business-scoped user id.
    pub recipient: Option<String>,
    /// The flow.
    pub flow: Option<FlowId>,
    /// The step.
    pub step: Option<StepId>,
    /// A text in its ids, its recipient, its attempts or its body, in any case.
    pub text: Option<String>,
    /// Not written before.
    pub since: Option<Timestamp>,
    /// Not written after.
    pub until: Option<Timestamp>,
}

/// What letters are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// Why they were written.
    Reason,
    /// Meta's error code.
    Code,
    /// The flow.
    Flow,
    /// The step.
    Step,
}

impl GroupBy {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Reason, Self::Code, Self::Flow, Self::Step];

    /// The word of the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reason => "reason",
            Self::Code => "code",
            Self::Flow => "flow",
            Self::Step => "step",
        }
    }

    /// Reads the word of the contract.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == word)
    }
}

/// Letters that have the same values in what they were grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The values, in the order of what was asked for: texts and codes; null where a letter has none.
    pub values: Vec<Value>,
    /// How many letters.
    pub count: u64,
    /// When the oldest of them was written.
    pub oldest: Timestamp,
    /// And the newest.
    pub newest: Timestamp,
}

/// What a replay of a letter would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prospect {
    /// Put it back in motion.
    WouldSend,
    /// Nothing: it was sent or handled after all, or somebody closed the letter.
    AlreadySent,
    /// Perhaps send a second time what arrived: its outcome is unknown. Only when asked for by name.
    MayDuplicate,
    /// Say something that the conversation has left behind: a later event of the recipient was handled. Only by force.
    SessionMovedOn,
    /// Be refused: the recipient last wrote more than 24 hours ago.
    WindowClosed,
    /// Wait for a number that is paused or not configured.
    NumberUnavailable,
}

impl Prospect {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::WouldSend,
        Self::AlreadySent,
        Self::MayDuplicate,
        Self::SessionMovedOn,
        Self::WindowClosed,
        Self::NumberUnavailable,
    ];

    /// The word of the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WouldSend => "would_send",
            Self::AlreadySent => "already_sent",
            Self::MayDuplicate => "may_duplicate",
            Self::SessionMovedOn => "session_moved_on",
            Self::WindowClosed => "window_closed",
            Self::NumberUnavailable => "number_unavailable",
        }
    }
}

/// What a replay may do beyond what harms nobody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// Send what may have arrived.
    pub may_duplicate: bool,
    /// Send although the conversation has moved on.
    pub force: bool,
}

/// What decides on a replay.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The letter is open, and what it stands for is still dead.
    pub dead: bool,
    /// Its number is configured and not paused.
    pub number: bool,
    /// The recipient wrote within 24 hours.
    pub window: bool,
    /// Nobody knows whether it arrived.
    pub unknown: bool,
    /// A later event of the recipient was handled.
    pub moved_on: bool,
}

impl Facts {
    /// What a replay would do, by the first thing that stands in its way.
    #[must_use]
    pub fn prospect(self, allowed: Allowed) -> Prospect {
        match self {
            Self { dead: false, .. } => Prospect::AlreadySent,
            Self { number: false, .. } => Prospect::NumberUnavailable,
            Self { window: false, .. } => Prospect::WindowClosed,
            Self { unknown: true, .. } if !allowed.may_duplicate => Prospect::MayDuplicate,
            Self { moved_on: true, .. } if !allowed.force => Prospect::SessionMovedOn,
            _ => Prospect::WouldSend,
        }
    }
}

/// What a replay did with a letter.
#[derive(Debug, Clone)]
pub enum Replay {
    /// The job is queued again and the letter closed; the sender's bell is to be rung.
    Job(JobRef),
    /// The event is to be published, and its message, if it is one, waits for it; then [`DeadLetters::published`] closes the
    /// letter.
    Event(Event),
    /// Nothing, and why.
    Left(Prospect),
}

/// A message that its queue gave up on.
#[derive(Debug, Clone)]
pub struct Buried {
    /// Names it: the same in each delivery of it, another one if it dies again after a replay.
    pub letter: DeadLetterId,
    /// Why, as a letter has it: `undecodable`, `delivery_limit`.
    pub reason: &'static str,
    /// The same in words.
    pub error: String,
    /// The queue it lay in.
    pub queue: String,
    /// When it died.
    pub died_at: Timestamp,
    /// What was published.
    pub message: Message,
    /// The event in it, where it can be read.
    pub event: Option<Event>,
}

/// Makes letters of what queues gave up on.
#[async_trait]
pub trait Burial: Send + Sync {
    /// Writes one letter each, however often it is asked for; none of a message that was handled all the same. Which were
    /// written now.
    async fn bury(&self, buried: &[Buried], now: Timestamp) -> Stored<Vec<bool>>;
}

/// The dead letters.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// The letters, oldest first.
    async fn list(&self, filter: &LetterFilter, page: &Page) -> Stored<Listed<DeadLetter>>;
    /// How many there are.
    async fn count(&self, filter: &LetterFilter) -> Stored<u64>;
    /// The letters in groups, the largest first.
    async fn summary(&self, by: &[GroupBy], filter: &LetterFilter) -> Stored<Vec<Group>>;
    /// One letter.
    async fn get(&self, id: &DeadLetterId) -> Stored<Option<DeadLetter>>;
    /// What a replay of these would do, oldest first; of those that there are.
    async fn prospects(
        &self,
        ids: &[DeadLetterId],
        allowed: Allowed,
        now: Timestamp,
    ) -> Stored<Vec<(DeadLetterId, Prospect)>>;
    /// Replays these, in one transaction, oldest first; what was done with those that there are. Repeating it does no
    /// harm.
    async fn replay(
        &self,
        ids: &[DeadLetterId],
        allowed: Allowed,
        now: Timestamp,
    ) -> Stored<Vec<(DeadLetterId, Replay)>>;
    /// Closes these, nothing being done with them; those that were open.
    async fn discard(&self, ids: &[DeadLetterId], now: Timestamp) -> Stored<Vec<DeadLetterId>>;
    /// Closes the letters of events that were published.
    async fn published(&self, ids: &[DeadLetterId], now: Timestamp) -> Stored<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAR: Facts = Facts { dead: true, number: true, window: true, unknown: false, moved_on: false };
    const ALL: Allowed = Allowed { may_duplicate: true, force: true };

    #[test]
    fn nothing_lifts_what_meta_or_the_ledger_refuses() {
        for (facts, prospect) in [
            (CLEAR, Prospect::WouldSend),
            (Facts { dead: false, ..CLEAR }, Prospect::AlreadySent),
            (Facts { number: false, ..CLEAR }, Prospect::NumberUnavailable),
            (Facts { window: false, ..CLEAR }, Prospect::WindowClosed),
        ] {
            assert_eq!([facts.prospect(Allowed::default()), facts.prospect(ALL)], [prospect; 2], "{facts:?}");
        }
    }

    #[test]
    fn each_risk_is_taken_only_when_asked_for() {
        let both = Facts { unknown: true, moved_on: true, ..CLEAR };
        let (force, twice) = (Allowed { force: true, ..Allowed::default() }, Allowed { force: false, ..ALL });
        assert_eq!(both.prospect(force), Prospect::MayDuplicate);
        assert_eq!(both.prospect(twice), Prospect::SessionMovedOn);
        assert_eq!(both.prospect(ALL), Prospect::WouldSend);
    }
}
