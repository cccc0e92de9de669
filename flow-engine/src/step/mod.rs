//! The step types: one file each, one variant here, one folder of conversations under `tests/conversations`.

mod image;
mod message;

pub use image::ImageMessage;
pub use message::{Button, DEFAULT_RETRIES, Fallback, MessageAction};

use crate::{
    content::Content,
    content::MediaSource,
    model::{StepId, VersionId},
    validate::{Finding, Report},
};
use serde_json::{Map, Value};

/// Every `type` a step may have.
pub const STEP_TYPES: &[&str] = &[message::TYPE, image::TYPE];

/// One step of a flow version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its id; empty where an old row has none.
    pub id: StepId,
    /// Where it goes on, as saved.
    pub next: Option<String>,
    /// What it does.
    pub kind: StepKind,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepKind {
    /// Asks, or just says something.
    Message(MessageAction),
    /// Sends a picture.
    Image(ImageMessage),
    /// Can't be run, and why: recorded and skipped.
    Unrunnable(String),
}

/// What running a step gives: a message, and the fields that were over a length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// To send.
    pub content: Content,
    /// Sent shortened, or left out in part.
    pub shortened: Vec<&'static str>,
    /// Whether the flow stops here and waits for a reply.
    pub waits: bool,
}

impl Step {
    /// Parses one item of `automationJson`. Never fails.
    #[must_use]
    pub fn parse(item: &Value) -> Self {
        let Value::Object(fields) = item else {
            return Self { id: "".into(), next: None, kind: StepKind::Unrunnable("not an object".into()) };
        };
        let id = match fields.get("id") {
            Some(Value::String(text)) => text.as_str().into(),
            Some(Value::Number(number)) => number.to_string().as_str().into(),
            _ => "".into(),
        };
        Self { id, next: text_field(fields, "next"), kind: StepKind::parse(fields) }
    }

    /// Runs the step. `leads_on` says whether its own `next` leads to a step. `Err` is the reason it can't be run.
    pub(crate) fn run(&self, version: VersionId, index: usize, leads_on: bool) -> Result<Ran, &str> {
        match &self.kind {
            StepKind::Message(step) => Ok(step.run(version, index, leads_on)),
            StepKind::Image(step) => Ok(step.run()),
            StepKind::Unrunnable(why) => Err(why),
        }
    }

    /// The ids that this step may go on to.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        let (buttons, fallback) = match &self.kind {
            StepKind::Message(step) => (step.buttons.as_slice(), step.fallback.next.as_deref()),
            StepKind::Image(_) | StepKind::Unrunnable(_) => (&[][..], None),
        };
        self.next.as_deref().into_iter().chain(buttons.iter().filter_map(|b| b.next.as_deref())).chain(fallback)
    }
}

impl StepKind {
    fn parse(fields: &Map<String, Value>) -> Self {
        let parsed = match fields.get("type").and_then(Value::as_str) {
            Some(message::TYPE) => MessageAction::parse(fields).map(Self::Message),
            Some(image::TYPE) => ImageMessage::parse(fields).map(Self::Image),
            Some(other) => Err(format!("unknown type {other:?}")),
            None => Err("no type".into()),
        };
        parsed.unwrap_or_else(Self::Unrunnable)
    }
}

/// Checks one step's own fields; `path` is its JSON pointer.
pub(crate) fn check(fields: &Map<String, Value>, path: &str, report: &mut Report) {
    match fields.get("type").and_then(Value::as_str) {
        Some(message::TYPE) => message::check(fields, path, report),
        Some(image::TYPE) => image::check(fields, path, report),
        Some(other) => {
            let known = STEP_TYPES.join(", ");
            let text = format!("unknown step type {other:?}; known are {known}");
            report.error(Finding::new(format!("{path}/type"), "unknown_type", text));
        }
        None => report.error(Finding::new(format!("{path}/type"), "unknown_type", "a step needs a type")),
    }
}

/// A string field; absent, null and other types are `None`.
fn text_field(fields: &Map<String, Value>, name: &str) -> Option<String> {
    fields.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// A string field with something in it.
fn filled_field(fields: &Map<String, Value>, name: &str) -> Option<String> {
    text_field(fields, name).filter(|text| !text.trim().is_empty())
}

/// Reads `file`: an http(s) URL, or `media:ID`.
fn media_source(fields: &Map<String, Value>) -> Result<MediaSource, String> {
    let file = filled_field(fields, "file").ok_or("no file")?;
    let file = file.trim();
    if let Some(id) = file.strip_prefix("media:") {
        return if id.is_empty() { Err("media: without an id".into()) } else { Ok(MediaSource::Id(id.to_owned())) };
    }
    let rest = file.strip_prefix("https://").or_else(|| file.strip_prefix("http://"));
    match rest {
        Some(rest) if is_host(rest) => Ok(MediaSource::Link(file.to_owned())),
        _ => Err("file is neither an http(s) URL nor media:ID".into()),
    }
}

fn is_host(rest: &str) -> bool {
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    !host.is_empty() && !rest.contains(char::is_whitespace)
}

fn check_media_source(fields: &Map<String, Value>, path: &str, report: &mut Report) {
    if let Err(why) = media_source(fields) {
        report.error(Finding::new(format!("{path}/file"), "bad_url", why));
    }
}

fn check_length(fields: &Map<String, Value>, name: &str, limit: usize, path: &str, report: &mut Report) {
    let length = fields.get(name).and_then(Value::as_str).map_or(0, |text| text.chars().count());
    if length > limit {
        let text = format!("{name} has {length} characters; WhatsApp takes {limit}");
        report.error(Finding::new(format!("{path}/{name}"), "too_long", text));
    }
}
