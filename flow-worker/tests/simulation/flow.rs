//! A flow whose right answers can be told without an engine: questions in a circle, each of which can be answered with
//! "next" (the next question) or "picture" (a picture, then the next question).

use flow_engine::{Catalog, Content, Flow, FlowId, FlowStatus, FlowVersion, Timestamp, VersionId, parse_triggers};
use serde_json::{Value, json};
use std::sync::Arc;

/// The last leads back to the first.
const QUESTIONS: usize = 4;

fn steps() -> Value {
    let mut steps = Vec::new();
    for at in 0..QUESTIONS {
        let next = (at + 1) % QUESTIONS;
        steps.push(json!({
            "id": format!("q{at}"), "type": "MessageAction", "message": format!("Question {at}"),
            "buttons": [
                { "label": "next", "next": format!("q{next}") },
                { "label": "picture", "next": format!("p{at}") },
            ],
        }));
        steps.push(json!({
            "id": format!("p{at}"), "type": "ImageMessage", "file": format!("https://example.com/{at}.jpg"),
            "message": format!("Picture {at}"), "next": format!("q{next}"),
        }));
    }
    Value::Array(steps)
}

/// The account's only flow. Whatever is said without a session starts it: nobody promises that "begin" comes first.
pub fn catalog() -> Arc<Catalog> {
    let id = FlowId::from("circle");
    Arc::new(Catalog::new(vec![Flow {
        version: Arc::new(FlowVersion::parse(VersionId(1), id.clone(), &steps())),
        id,
        status: FlowStatus::Active,
        triggers: parse_triggers(&json!(["begin", "*"])),
        recipients: Vec::new(),
        created_at: Timestamp(0),
    }]))
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
        match (self, way % 2) {
            (Self::Begin, 0) => "begin",
            (Self::Begin, _) => " BEGIN ",
            (Self::Next, 0) => "next",
            (Self::Next, _) => "1",
            (Self::Picture, 0) => " Picture",
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

/// The plain fold.
pub fn fold(writes: impl IntoIterator<Item = Writes>) -> Folded {
    let mut at: Option<usize> = None;
    let mut sends = Vec::new();
    for write in writes {
        let now = match (write, at) {
            (Writes::Begin, _) | (_, None) => 0,
            (Writes::Next, Some(now)) => (now + 1) % QUESTIONS,
            (Writes::Picture, Some(now)) => {
                sends.push(format!("Picture {now}"));
                (now + 1) % QUESTIONS
            }
        };
        at = Some(now);
        sends.push(format!("Question {now}"));
    }
    Folded { sends, step: at.map(|now| format!("q{now}")) }
}

/// What a job shows.
pub fn shown(content: &Content) -> String {
    match content {
        Content::Buttons { body, .. } => body.clone(),
        Content::Image { caption: Some(caption), .. } => caption.clone(),
        other => format!("{other:?}"),
    }
}
