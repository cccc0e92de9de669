//! A flow whose right answers can be told without an engine: questions in a circle, each of which can be answered with
//! "next" (the next question) or "picture" (a picture, then the next question).

use serde_json::{Value, json};

/// Begins it.
pub const TRIGGER: &str = "begin";

/// So many questions; the last leads back to the first.
pub fn steps(questions: usize) -> Value {
    let mut steps = Vec::new();
    for at in 0..questions {
        let next = (at + 1) % questions;
        steps.push(json!({
            "id": format!("q{at}"), "type": "MessageAction", "message": format!("Question {at}"),
            "buttons": [{ "label": "next", "next": format!("q{next}") }, { "label": "picture", "next": format!("p{at}") }],
        }));
        steps.push(json!({
            "id": format!("p{at}"), "type": "ImageMessage", "file": format!("https://example.com/{at}.jpg"),
            "message": format!("Picture {at}"), "next": format!("q{next}"),
        }));
    }
    Value::Array(steps)
}

/// What somebody writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// The trigger.
    Begin,
    /// The first button.
    Next,
    /// The second button.
    Picture,
}

impl Writes {
    /// The text, in one of the ways people type it.
    pub fn text(self, way: usize) -> &'static str {
        match (self, way % 3) {
            (Self::Begin, 0) => TRIGGER,
            (Self::Begin, 1) => " BEGIN ",
            (Self::Begin, _) => "Ｂegin",
            (Self::Next, 0) => "next",
            (Self::Next, 1) => "NEXT",
            (Self::Next, _) => "1",
            (Self::Picture, 0) => "picture",
            (Self::Picture, 1) => " Picture",
            (Self::Picture, _) => "2",
        }
    }
}

/// What must come of what somebody wrote.
#[derive(Debug, PartialEq, Eq)]
pub struct Folded {
    /// What is sent, in order.
    pub sends: Vec<String>,
    /// The step that waits for an answer.
    pub step: Option<String>,
}

/// The plain fold. Whatever is written first begins.
pub fn fold(writes: impl IntoIterator<Item = Writes>, questions: usize) -> Folded {
    let mut at: Option<usize> = None;
    let mut sends = Vec::new();
    for write in writes {
        let now = match (write, at) {
            (Writes::Begin, _) | (_, None) => 0,
            (Writes::Next, Some(now)) => (now + 1) % questions,
            (Writes::Picture, Some(now)) => {
                sends.push(format!("Picture {now}"));
                (now + 1) % questions
            }
        };
        at = Some(now);
        sends.push(format!("Question {now}"));
    }
    Folded { sends, step: at.map(|now| format!("q{now}")) }
}
