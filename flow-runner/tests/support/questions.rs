//! A flow whose right answers can be told without an engine: questions in a row, each of which can be answered with
//! "next" (the next question) or "picture" (a picture, then the next question).

use serde_json::{Value, json};

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
    Begin,
    Next,
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

/// What is to be sent in answer to these, in order: the plain fold.
pub fn expected(writes: &[Writes], questions: usize) -> Vec<String> {
    let mut at = None;
    let mut sends = Vec::new();
    for write in writes {
        match (write, at) {
            (Writes::Begin, _) | (_, None) => at = Some(0),
            (Writes::Next, Some(now)) => at = Some((now + 1) % questions),
            (Writes::Picture, Some(now)) => {
                sends.push(format!("Picture {now}"));
                at = Some((now + 1) % questions);
            }
        }
        sends.push(format!("Question {}", at.unwrap_or_default()));
    }
    sends
}
