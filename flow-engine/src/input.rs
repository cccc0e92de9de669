//! What a person sent.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One inbound message, stripped of Meta's JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The business number it came in on; answers go out from it.
    pub phone_number_id: String,
    /// The sender's ids (phone, business-scoped user id), for flows that only some may start.
    pub sender: Vec<String>,
    /// The message it answers, by Meta's id, if it answers one.
    pub context_id: Option<String>,
    /// What it says.
    pub reply: Reply,
    /// When it was received. The engine's "now".
    pub at: Timestamp,
}

/// The content of an inbound message, as far as flows care.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", content = "value", rename_all = "snake_case")]
pub enum Reply {
    /// Typed text.
    Text(String),
    /// A reply button or list row.
    Tap {
        /// The id it was sent with.
        id: String,
        /// The title it was sent with.
        title: String,
    },
    /// A template's quick reply.
    QuickReply {
        /// The payload it was sent with.
        payload: String,
        /// What it shows.
        text: String,
    },
    /// A picture, a place, an order …: a reply with nothing to compare.
    Wordless,
    /// Not a reply: a reaction, a system message, an edit, anything in a group. Recorded, moves nothing.
    NotAReply,
}

impl Reply {
    /// What counts as typed: the text, or a button's title. Never a caption.
    #[must_use]
    pub fn typed(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::QuickReply { text, .. } => Some(text),
            Self::Tap { title, .. } => Some(title),
            Self::Wordless | Self::NotAReply => None,
        }
    }

    /// The text that may be one of our button ids.
    #[must_use]
    pub fn button(&self) -> Option<&str> {
        match self {
            Self::Tap { id, .. } => Some(id),
            Self::QuickReply { payload, .. } => Some(payload),
            Self::Text(_) | Self::Wordless | Self::NotAReply => None,
        }
    }
}
