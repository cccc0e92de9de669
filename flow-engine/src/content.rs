//! What a step sends, in words of its own: the sender shapes it into Meta's JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Meta's lengths, in characters (Cloud API reference: messages, interactive reply buttons, interactive lists).
pub struct Limits;

impl Limits {
    /// A text message without buttons.
    pub const TEXT: usize = 4096;
    /// The body above reply buttons or a list.
    pub const INTERACTIVE_BODY: usize = 1024;
    /// A caption under a picture, video or document.
    pub const CAPTION: usize = 1024;
    /// Header and footer of an interactive message.
    pub const HEADER: usize = 60;
    /// The title of a reply button, and the button that opens a list.
    pub const BUTTON_TITLE: usize = 20;
    /// The title of a list row.
    pub const ROW_TITLE: usize = 24;
    /// Reply buttons in one message; more become a list.
    pub const BUTTONS: usize = 3;
    /// Rows in one list.
    pub const ROWS: usize = 10;
}

/// One message to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// Plain text.
    Text {
        /// At most [`Limits::TEXT`] characters.
        body: String,
    },
    /// A question with one to three reply buttons.
    Buttons {
        /// Above the body.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        header: Option<String>,
        /// The question.
        body: String,
        /// Below the body.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        footer: Option<String>,
        /// One to three.
        buttons: Vec<Choice>,
    },
    /// A question with a list of up to ten rows.
    List {
        /// Above the body.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        header: Option<String>,
        /// The question.
        body: String,
        /// Below the body.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        footer: Option<String>,
        /// The text of the button that opens the list.
        open: String,
        /// One to ten.
        rows: Vec<Choice>,
    },
    /// A picture.
    Image {
        /// Where it is.
        source: MediaSource,
        /// Under it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caption: Option<String>,
    },
    /// A video.
    Video {
        /// Where it is.
        source: MediaSource,
        /// Under it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caption: Option<String>,
    },
    /// A sound. Meta has no caption for it.
    Audio {
        /// Where it is.
        source: MediaSource,
    },
    /// A file to keep.
    Document {
        /// Where it is.
        source: MediaSource,
        /// Under it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caption: Option<String>,
        /// The name it is shown and kept under.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filename: Option<String>,
    },
    /// A message that Meta approved before; the only kind that may be sent outside the 24-hour window.
    Template {
        /// Its name.
        name: String,
        /// Its language, such as `en_US`.
        language: String,
        /// What fills its places, as Meta wants it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        components: Vec<Value>,
    },
}

/// A button or a list row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Comes back when it is tapped; see [`crate::ButtonId`].
    pub id: String,
    /// What is shown.
    pub title: String,
}

/// Where Meta finds a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSource {
    /// An http(s) address that Meta fetches.
    Link(String),
    /// The id of a medium uploaded before.
    Id(String),
}

/// `text` in at most `limit` characters, the last of them an ellipsis when something had to go; and whether it had to.
pub(crate) fn shorten(text: &str, limit: usize) -> (String, bool) {
    if text.chars().count() <= limit {
        return (text.to_owned(), false);
    }
    let mut short: String = text.chars().take(limit - 1).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    (short, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortening_counts_characters_not_bytes() {
        assert_eq!(shorten("äöü", 3), ("äöü".into(), false));
        assert_eq!(shorten("äöüß", 3), ("äö…".into(), true));
    }
}
