//! What was sent and what was refused, and the stream of everything that happens.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::user::{User, UserMessage};

/// A send that was accepted.
#[derive(Clone, Debug)]
pub struct SentMessage {
    /// Place in the order of acceptance, from 0; goes on counting when old entries have left the log.
    pub index: u64,
    /// The business number it was sent from.
    pub phone_number_id: Arc<str>,
    /// The user's phone, digits only, when it was sent to a phone.
    pub to: Option<Arc<str>>,
    /// The user's business-scoped id, when it was sent to one.
    pub recipient: Option<Arc<str>>,
    /// The message's type: `text`, `interactive`, `template` …
    pub kind: &'static str,
    /// The request's body, as it came.
    pub raw: Bytes,
    /// The id it was given.
    pub wamid: Arc<str>,
    /// What the sender wants to find in the statuses.
    pub biz_opaque_callback_data: Option<Arc<str>>,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub accepted_at: u64,
    /// Whether the sender was given an intact answer. False while the answer is held back, and for good when a fault
    /// swallowed it.
    pub answered: bool,
}

impl SentMessage {
    /// The request's body, parsed.
    #[must_use]
    pub fn body(&self) -> Value {
        serde_json::from_slice(&self.raw).unwrap_or_default()
    }

    /// Phone or business-scoped id, whichever it was sent to.
    #[must_use]
    pub fn to_whom(&self) -> &str {
        self.to.as_deref().or(self.recipient.as_deref()).unwrap_or_default()
    }

    /// Whether it was sent to this user, by phone or by business-scoped id.
    #[must_use]
    pub fn is_for(&self, user: &User) -> bool {
        (self.to.is_some() && self.to.as_deref() == user.phone_digits().as_deref())
            || (self.recipient.is_some() && self.recipient.as_deref() == user.bsuid.as_deref())
    }

    /// What a person reads first: the text, the body of an interactive message, a caption, a template's name.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let body = self.body();
        let kind = &body[self.kind];
        let text = match self.kind {
            "text" => &kind["body"],
            "interactive" => &kind["body"]["text"],
            "template" => &kind["name"],
            _ => &kind["caption"],
        };
        text.as_str().map(str::to_owned)
    }
}

/// A request that was refused.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The number in the request's path.
    pub phone_number_id: String,
    /// Whom it was for, where the request got far enough to tell.
    pub to: Option<String>,
    /// HTTP status of the answer.
    pub http_status: u16,
    /// Meta's error code; 0 when the answer bore none.
    pub code: i64,
    /// Why, as in `error_data.details`.
    pub details: String,
    /// Whether an injected fault is the reason.
    pub injected: bool,
    /// In milliseconds since the Unix epoch.
    pub at: u64,
}

/// A status of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It left Meta.
    Sent,
    /// It reached the user's device.
    Delivered,
    /// The user saw it.
    Read,
    /// It will not be delivered.
    Failed,
}

impl Status {
    /// The word used in callbacks.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
        }
    }
}

/// What a callback carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackKind {
    /// A user's message.
    Message,
    /// Statuses, this many.
    Statuses(usize),
}

/// Something that happened, for who watches live.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Happening {
    /// A send was accepted.
    Sent(SentMessage),
    /// A request was refused.
    Refused(Refusal),
    /// A status went out to the webhook (for the first time; repeats are only seen as callbacks).
    Status {
        /// The message's id.
        wamid: Arc<str>,
        /// What became of it.
        status: Status,
        /// For `failed`: the error code.
        error: Option<i64>,
        /// Whom the message was for: phone or business-scoped id.
        to: Arc<str>,
    },
    /// A user wrote; the callback follows.
    UserWrote {
        /// The number written to.
        phone_number_id: String,
        /// Who wrote.
        from: User,
        /// What.
        what: UserMessage,
        /// The id of the message.
        wamid: String,
    },
    /// The webhook was called.
    Callback {
        /// What it answered; `None` when it didn't.
        status_code: Option<u16>,
        /// What the callback carried.
        kind: CallbackKind,
        /// 1 for the first try.
        attempt: u32,
    },
    /// Everything that had happened was forgotten.
    Reset,
}

/// One line of the log. The flag is beside the message because it changes after others hold the line.
pub(crate) struct Entry {
    pub(crate) message: SentMessage,
    answered: AtomicBool,
}

impl Entry {
    /// Notes that the sender was given its answer.
    pub(crate) fn set_answered(&self) {
        self.answered.store(true, Ordering::Release);
    }

    /// The message as it stands now.
    pub(crate) fn snapshot(&self) -> SentMessage {
        SentMessage { answered: self.answered.load(Ordering::Acquire), ..self.message.clone() }
    }
}

/// The log: accepted sends in order, and refusals.
#[derive(Default)]
pub(crate) struct Log {
    sends: VecDeque<Arc<Entry>>,
    refusals: VecDeque<Refusal>,
    next_index: u64,
    numbers: HashSet<Arc<str>>,
}

impl Log {
    /// Adds an accepted send; its index is filled in here.
    pub(crate) fn accept(&mut self, mut message: SentMessage, limit: usize) -> Arc<Entry> {
        message.index = self.next_index;
        self.next_index += 1;
        let entry = Arc::new(Entry { message, answered: AtomicBool::new(false) });
        while !self.sends.is_empty() && self.sends.len() >= limit {
            self.sends.pop_front();
        }
        self.sends.push_back(Arc::clone(&entry));
        entry
    }

    /// One shared copy of a number's id: it stands in every line.
    pub(crate) fn shared_id(&mut self, number: &str) -> Arc<str> {
        if let Some(known) = self.numbers.get(number) {
            return Arc::clone(known);
        }
        let id: Arc<str> = number.into();
        self.numbers.insert(Arc::clone(&id));
        id
    }

    /// Adds a refusal.
    pub(crate) fn refuse(&mut self, refusal: Refusal, limit: usize) {
        while !self.refusals.is_empty() && self.refusals.len() >= limit {
            self.refusals.pop_front();
        }
        self.refusals.push_back(refusal);
    }

    /// The sends from this index on, without copying them.
    pub(crate) fn since(&self, index: u64) -> Vec<Arc<Entry>> {
        let first = self.sends.front().map_or(self.next_index, |entry| entry.message.index);
        let skip = usize::try_from(index.saturating_sub(first)).unwrap_or(usize::MAX);
        self.sends.iter().skip(skip).cloned().collect()
    }

    /// The newest send that satisfies the condition.
    pub(crate) fn newest(&self, wanted: impl Fn(&SentMessage) -> bool) -> Option<SentMessage> {
        self.sends.iter().rev().find(|entry| wanted(&entry.message)).map(|entry| entry.snapshot())
    }

    /// How many sends were accepted in all.
    pub(crate) fn accepted(&self) -> u64 {
        self.next_index
    }

    /// All refusals, oldest first.
    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        self.refusals.iter().cloned().collect()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(wamid: &str) -> SentMessage {
        SentMessage {
            index: 0,
            phone_number_id: "1".into(),
            to: Some("15550001111".into()),
            recipient: None,
            kind: "text",
            raw: Bytes::from_static(br#"{"text":{"body":"hello"}}"#),
            wamid: wamid.into(),
            biz_opaque_callback_data: None,
            accepted_at: 0,
            answered: false,
        }
    }

    #[test]
    fn the_log_keeps_the_newest_and_their_numbers() {
        let mut log = Log::default();
        for wamid in ["a", "b", "c", "d"] {
            log.accept(message(wamid), 3);
        }
        let kept = |since| -> Vec<(u64, String)> {
            log.since(since).iter().map(|entry| (entry.message.index, entry.message.wamid.to_string())).collect()
        };
        assert_eq!(kept(0), [(1, "b".into()), (2, "c".into()), (3, "d".into())]);
        assert_eq!(kept(3), [(3, "d".into())]);
        assert_eq!(kept(9), []);
        assert_eq!(log.accepted(), 4);
    }

    #[test]
    fn a_message_knows_its_text_and_its_user() {
        let message = message("a");
        assert_eq!(message.text().as_deref(), Some("hello"));
        assert!(message.is_for(&User::phone("+1 555 000 1111")));
        assert!(!message.is_for(&User::bsuid("US.1")));
    }
}
