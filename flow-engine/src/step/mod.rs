//! The step types: one file each, one variant here, one folder of conversations under `tests/conversations`.

mod button;
mod image;
mod message;
mod options;

pub use button::Button;
pub use image::ImageMessage;
pub use message::{DEFAULT_RETRIES, Fallback, MessageAction};

use crate::{
    content::Content,
    content::MediaSource,
    finding::{Finding, Report},
    ids::{StepId, VersionId, word},
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
        let id = id_field(fields, "id").unwrap_or_default().as_str().into();
        Self { id, next: id_field(fields, "next"), kind: StepKind::parse(fields) }
    }

    /// Runs the step. `leads_on` says whether its own `next` leads to a step. `Err` is the reason it can't be run.
    pub(crate) fn run(&self, version: VersionId, index: usize, leads_on: bool) -> Result<Ran, &str> {
        match &self.kind {
            StepKind::Message(step) => Ok(step.run(version, index, leads_on)),
            StepKind::Image(step) => Ok(step.run()),
            StepKind::Unrunnable(why) => Err(why),
        }
    }

    /// The ids that this step may go on to: a question to those of its buttons and its fallback, anything else to its
    /// `next`.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        let (next, buttons, fallback) = match &self.kind {
            StepKind::Message(step) if step.asks() => (None, step.buttons.as_slice(), step.fallback.next.as_deref()),
            _ => (self.next.as_deref(), &[][..], None),
        };
        next.into_iter().chain(buttons.iter().filter_map(|button| button.next.as_deref())).chain(fallback)
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

/// Whether a step of this type has `buttons` and a `fallback`.
pub(crate) fn has_buttons(item: &Value) -> bool {
    item.get("type").and_then(Value::as_str) == Some(message::TYPE)
}

/// A string field; absent, null and other types are `None`.
fn text_field(fields: &Map<String, Value>, name: &str) -> Option<String> {
    fields.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// A field that names a step: a string, or (old rows) a number.
fn id_field(fields: &Map<String, Value>, name: &str) -> Option<String> {
    fields.get(name).and_then(word)
}

/// A string field with something in it.
fn filled_field(fields: &Map<String, Value>, name: &str) -> Option<String> {
    text_field(fields, name).filter(|text| !text.trim().is_empty())
}

/// Reads `file`: an http(s) URL, or `media:ID`.
fn media_source(fields: &Map<String, Value>) -> Result<MediaSource, String> {
    let file = filled_field(fields, "file").ok_or("no file")?;
    let file = file.trim();
    if let Some(id) = file.strip_prefix("media:").map(str::trim) {
        return if id.is_empty() { Err("media: without an id".into()) } else { Ok(MediaSource::Id(id.to_owned())) };
    }
    if is_web_address(file) {
        return Ok(MediaSource::Link(file.to_owned()));
    }
    Err("file is neither an http(s) URL nor media:ID".into())
}

/// Whether Meta could fetch this: http or https in any case, then a host, no white space anywhere.
fn is_web_address(file: &str) -> bool {
    let Some((scheme, rest)) = file.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        && host.starts_with(|first: char| first.is_alphanumeric() || first == '[')
        && !file.contains(|c: char| c.is_whitespace() || c.is_control())
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
