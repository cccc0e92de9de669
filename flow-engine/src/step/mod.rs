//! The step types: one file each, one variant here, one folder of conversations under `tests/conversations`.

mod audio;
mod button;
mod connect;
mod document;
mod image;
mod media;
mod message;
mod options;
mod template;
mod video;

pub use audio::AudioMessage;
pub use button::Button;
pub use connect::ConnectFlowAction;
pub use document::DocumentMessage;
pub use image::ImageMessage;
pub use message::{DEFAULT_RETRIES, Fallback, MessageAction};
pub use template::TemplateMessage;
pub use video::VideoMessage;

use crate::{
    catalog::Catalog,
    content::Content,
    finding::{Finding, Report},
    ids::{FlowId, StepId, VersionId, word},
};
use serde_json::{Map, Value};

/// Every `type` a step may have.
pub const STEP_TYPES: &[&str] =
    &[message::TYPE, image::TYPE, video::TYPE, audio::TYPE, document::TYPE, template::TYPE, connect::TYPE];

/// The field of a step that holds a template for when the 24-hour window is closed.
const OUTSIDE_WINDOW: &str = "outsideWindow";

/// One step of a flow version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its id; empty where an old row has none.
    pub id: StepId,
    /// Where it goes on, as saved.
    pub next: Option<String>,
    /// What it does.
    pub kind: StepKind,
    /// What is sent instead when the person last wrote more than 24 hours ago; `None`: nothing.
    pub outside_window: Option<TemplateMessage>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepKind {
    /// Asks, or just says something.
    Message(MessageAction),
    /// Sends a picture.
    Image(ImageMessage),
    /// Sends a video.
    Video(VideoMessage),
    /// Sends a sound.
    Audio(AudioMessage),
    /// Sends a file.
    Document(DocumentMessage),
    /// Sends a template.
    Template(TemplateMessage),
    /// Runs another flow.
    Connect(ConnectFlowAction),
    /// Can't be run, and why: recorded and skipped.
    Unrunnable(String),
}

/// What running a step gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ran<'a> {
    /// A message.
    Sends(Message),
    /// Another flow is to run.
    Connects(&'a FlowId),
}

/// A message, and the fields of its step that were over a length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// To send.
    pub content: Content,
    /// Sent shortened, or left out in part.
    pub shortened: Vec<&'static str>,
    /// Whether the flow stops here and waits for a reply.
    pub waits: bool,
}

impl Message {
    /// One after which the flow goes on by itself.
    fn going_on(content: Content, shortened: Vec<&'static str>) -> Self {
        Self { content, shortened, waits: false }
    }
}

impl Step {
    /// Parses one item of `automationJson`. Never fails.
    #[must_use]
    pub fn parse(item: &Value) -> Self {
        let Value::Object(fields) = item else {
            let kind = StepKind::Unrunnable("not an object".into());
            return Self { id: "".into(), next: None, kind, outside_window: None };
        };
        let id = id_field(fields, "id").unwrap_or_default().as_str().into();
        let outside_window = fields.get(OUTSIDE_WINDOW).and_then(Value::as_object);
        Self {
            id,
            next: id_field(fields, "next"),
            kind: StepKind::parse(fields),
            outside_window: outside_window.and_then(|fields| TemplateMessage::parse(fields).ok()),
        }
    }

    /// Runs the step. `leads_on` says whether its own `next` leads to a step. `Err` is the reason it can't be run.
    pub(crate) fn run(&self, version: VersionId, index: usize, leads_on: bool) -> Result<Ran<'_>, &str> {
        Ok(Ran::Sends(match &self.kind {
            StepKind::Message(step) => step.run(version, index, leads_on),
            StepKind::Image(step) => step.run(),
            StepKind::Video(step) => step.run(),
            StepKind::Audio(step) => step.run(),
            StepKind::Document(step) => step.run(),
            StepKind::Template(step) => step.run(),
            StepKind::Connect(step) => return Ok(Ran::Connects(&step.flow_id)),
            StepKind::Unrunnable(why) => return Err(why),
        }))
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
            Some(video::TYPE) => VideoMessage::parse(fields).map(Self::Video),
            Some(audio::TYPE) => AudioMessage::parse(fields).map(Self::Audio),
            Some(document::TYPE) => DocumentMessage::parse(fields).map(Self::Document),
            Some(template::TYPE) => TemplateMessage::parse(fields).map(Self::Template),
            Some(connect::TYPE) => ConnectFlowAction::parse(fields).map(Self::Connect),
            Some(other) => Err(format!("unknown type {other:?}")),
            None => Err("no type".into()),
        };
        parsed.unwrap_or_else(Self::Unrunnable)
    }
}

/// Checks one step's own fields; `path` is its JSON pointer, `own` the flow it is of, `catalog` the account's others.
pub(crate) fn check(fields: &Map<String, Value>, path: &str, (own, catalog): (&FlowId, &Catalog), report: &mut Report) {
    match fields.get("type").and_then(Value::as_str) {
        Some(message::TYPE) => message::check(fields, path, report),
        Some(image::TYPE) => image::check(fields, path, report),
        Some(video::TYPE) => video::check(fields, path, report),
        Some(audio::TYPE) => audio::check(fields, path, report),
        Some(document::TYPE) => document::check(fields, path, report),
        Some(template::TYPE) => template::check(fields, path, report),
        Some(connect::TYPE) => connect::check(fields, path, (own, catalog), report),
        Some(other) => {
            let known = STEP_TYPES.join(", ");
            let text = format!("unknown step type {other:?}; known are {known}");
            report.error(Finding::new(format!("{path}/type"), "unknown_type", text));
        }
        None => report.error(Finding::new(format!("{path}/type"), "unknown_type", "a step needs a type")),
    }
    match fields.get(OUTSIDE_WINDOW) {
        None | Some(Value::Null) => {}
        Some(Value::Object(instead)) => template::check(instead, &format!("{path}/{OUTSIDE_WINDOW}"), report),
        Some(_) => {
            let text = "outsideWindow must be an object with a template";
            report.error(Finding::new(format!("{path}/{OUTSIDE_WINDOW}"), "wrong_type", text));
        }
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

fn check_length(fields: &Map<String, Value>, name: &str, limit: usize, path: &str, report: &mut Report) {
    let length = fields.get(name).and_then(Value::as_str).map_or(0, |text| text.chars().count());
    if length > limit {
        let text = format!("{name} has {length} characters; WhatsApp takes {limit}");
        report.error(Finding::new(format!("{path}/{name}"), "too_long", text));
    }
}
