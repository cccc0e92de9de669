//! One account, one person, a clock: all that the engine is told.

use super::words::{duration, repeated};
use flow_engine::{
    Catalog, Content, Conversation, Flow, FlowId, FlowStatus, FlowVersion, Flows, Input, Reply, Rules, Timestamp,
    Transition, VersionId, advance, parse_recipients, parse_triggers, versions_needed,
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// What passes between two events where the conversation says nothing.
const A_MINUTE: Duration = Duration::from_secs(60);
/// Kinds of messages that say nothing a flow could compare, and what is no reply at all.
const WORDLESS: &[&str] = &["image", "video", "audio", "document", "sticker", "location", "contacts", "order"];
const NO_REPLY: &[&str] = &["reaction", "system", "edit", "group"];

/// See [`super`].
pub struct World {
    flows: Vec<Flow>,
    /// Every version ever saved, those of deleted flows too.
    versions: Vec<Arc<FlowVersion>>,
    catalog: Catalog,
    conversation: Conversation,
    sent: Vec<Content>,
    last: Option<Transition>,
    sender: Vec<String>,
    rules: Rules,
    now: Timestamp,
    waited: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            flows: Vec::new(),
            versions: Vec::new(),
            catalog: Catalog::default(),
            conversation: Conversation::default(),
            sent: Vec::new(),
            last: None,
            sender: vec!["4915112345678".into()],
            rules: Rules::default(),
            now: Timestamp(1_750_792_206_272),
            waited: true,
        }
    }
}

impl World {
    /// What the last event did.
    pub fn last(&self) -> &Transition {
        self.last.as_ref().expect("`>` comes before what it does")
    }

    pub fn wait(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        self.waited = true;
    }

    /// Saves a flow: a document of the original's form, with an optional `recipientArray`.
    pub fn save(&mut self, json: &str) -> Result<(), String> {
        let mut document: Value = serde_json::from_str(json).map_err(|error| format!("the flow: {error}"))?;
        write_out(&mut document);
        let id = FlowId::from(document["id"].as_str().ok_or("a flow needs an id")?);
        let number = i64::try_from(self.versions.len()).expect("a test saves a few") + 1;
        let version = Arc::new(FlowVersion::parse(VersionId(number), id.clone(), &document["steps"]));
        self.versions.push(version.clone());
        // Each flow a moment younger than the one before; a flow saved again keeps its place.
        self.now = self.now.plus(Duration::from_millis(1));
        let existing = self.flows.iter().find(|flow| flow.id == id);
        let flow = Flow {
            status: document["status"].as_str().and_then(FlowStatus::parse).unwrap_or(FlowStatus::Active),
            triggers: parse_triggers(&document["triggers"]),
            recipients: parse_recipients(&document["recipientArray"]),
            created_at: existing.map_or(self.now, |flow| flow.created_at),
            version,
            id,
        };
        self.flows.retain(|other| other.id != flow.id);
        self.flows.push(flow);
        self.changed();
        Ok(())
    }

    fn changed(&mut self) {
        self.catalog = Catalog::new(self.flows.clone());
    }

    pub fn command(&mut self, name: &str, rest: &str) -> Result<(), String> {
        let status = match name {
            "activate" => FlowStatus::Active,
            "deactivate" => FlowStatus::Inactive,
            "delete" => {
                self.flows.retain(|flow| &*flow.id.0 != rest);
                self.changed();
                return Ok(());
            }
            "me" => {
                self.sender = rest.split(',').map(|id| id.trim().to_owned()).collect();
                return Ok(());
            }
            "ttl" => {
                self.rules.session_ttl = duration(rest)?;
                return Ok(());
            }
            "lose" => {
                self.conversation.session = None;
                return Ok(());
            }
            _ => return Err(format!("{name:?} means nothing")),
        };
        let flow = self.flows.iter_mut().find(|flow| &*flow.id.0 == rest).ok_or("no such flow")?;
        flow.status = status;
        self.changed();
        Ok(())
    }

    /// An event, as the worker handles it.
    pub fn hear(&mut self, what: &str) -> Result<(), String> {
        if !std::mem::take(&mut self.waited) {
            self.now = self.now.plus(A_MINUTE);
        }
        let (what, number) = what.rsplit_once(" on number ").unwrap_or((what, "1"));
        let (reply, context_id) = self.reply(what)?;
        let input =
            Input { phone_number_id: number.to_owned(), sender: self.sender.clone(), context_id, reply, at: self.now };
        let needed = versions_needed(&self.conversation, &input);
        let pinned: Vec<_> = self.versions.iter().filter(|version| needed.contains(&version.id)).cloned().collect();
        let flows = Flows { catalog: &self.catalog, pinned: &pinned };
        let done = advance(&self.conversation, &input, flows, self.rules);
        let kept = serde_json::to_string(&done.conversation).map_err(|error| error.to_string())?;
        self.conversation = serde_json::from_str(&kept).map_err(|error| error.to_string())?;
        self.sent.extend(done.sends.iter().map(|send| send.content.clone()));
        self.last = Some(done);
        Ok(())
    }

    /// What is said, and the message that it answers.
    fn reply(&self, what: &str) -> Result<(Reply, Option<String>), String> {
        let (kind, rest) = what.split_once(' ').unwrap_or((what, ""));
        Ok(match kind {
            "text" => (Reply::Text(rest.to_owned()), None),
            "tap" => {
                let (title, message) = match rest.rsplit_once(" in message ") {
                    Some((title, number)) => (title, Some(number.parse().map_err(|_| "no message number")?)),
                    None => (rest, None),
                };
                let (id, message) = self.shown(title, message)?;
                (Reply::Tap { id, title: title.to_owned() }, Some(format!("wamid.{message}")))
            }
            "foreign" => {
                let (id, title) =
                    rest.strip_prefix("tap ").and_then(|tap| tap.split_once(' ')).ok_or("tap ID TITLE")?;
                (Reply::Tap { id: id.to_owned(), title: title.to_owned() }, Some("wamid.foreign".into()))
            }
            "quick" => {
                let text = rest.strip_prefix("reply ").ok_or("quick reply TEXT")?;
                let (text, payload) = match text.split_once(" with the id of ") {
                    Some((text, title)) => (text, self.shown(title, None)?.0),
                    None => (text, text.to_owned()),
                };
                (Reply::QuickReply { payload, text: text.to_owned() }, Some("wamid.template".into()))
            }
            kind if WORDLESS.contains(&kind) => (Reply::Wordless, None),
            kind if NO_REPLY.contains(&kind) => (Reply::NotAReply, None),
            _ => return Err(format!("nobody says {what:?}")),
        })
    }

    /// The id under which a title was sent, and the number of the message, from 1.
    fn shown(&self, title: &str, message: Option<usize>) -> Result<(String, usize), String> {
        let choices = |content: &Content| match content {
            Content::Buttons { buttons, .. } => buttons.clone(),
            Content::List { rows, .. } => rows.clone(),
            _ => Vec::new(),
        };
        let numbered = self.sent.iter().enumerate().map(|(index, content)| (index + 1, content)).rev();
        numbered
            .filter(|(number, _)| message.is_none_or(|wanted| wanted == *number))
            .find_map(|(number, content)| {
                let choice = choices(content).into_iter().find(|choice| choice.title == title)?;
                Some((choice.id, number))
            })
            .ok_or_else(|| format!("no message shows {title:?}"))
    }

    /// All that can be said of where the person stands.
    pub fn stands(&self) -> Vec<String> {
        let Some(session) = &self.conversation.session else { return vec!["ended".into()] };
        let of_flow = self.versions.iter().filter(|version| version.flow_id == session.flow_id);
        let version = of_flow.take_while(|version| version.id <= session.flow_version).count();
        let step = &session.current_step_id;
        vec![
            format!("waits at {step}"),
            format!("waits at {step} of {}", session.flow_id),
            format!("waits at {step} of {}, version {version}", session.flow_id),
            format!("{} frames", session.stack.len()),
            format!("on number {}", session.phone_number_id),
            format!("began {}m ago", self.now.since(session.created_at).as_secs() / 60),
            format!("expires in {}m", session.expires_at.since(self.now).as_secs() / 60),
            format!("expires in {}h", session.expires_at.since(self.now).as_secs() / 3600),
        ]
    }
}

fn write_out(value: &mut Value) {
    match value {
        Value::String(text) => *text = repeated(text).unwrap_or_else(|| std::mem::take(text)),
        Value::Array(items) => items.iter_mut().for_each(write_out),
        Value::Object(fields) => fields.values_mut().for_each(write_out),
        _ => {}
    }
}
