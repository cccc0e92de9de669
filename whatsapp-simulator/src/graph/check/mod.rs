//! Is this a request Meta would take? Envelope here, one file for each family of message types beside it.
//!
//! After Meta's send-message pages and its OpenAPI file v23.0. Lengths are counted in characters (Unicode scalar
//! values): Meta doesn't say in what it counts.

mod content;
mod fields;
mod interactive;
mod media;
mod template;

use serde_json::Value;

use crate::graph::answer::Problem;
use crate::user::{digits, is_bsuid};
use fields::{Checked, Fields, as_object, object, present};

/// Longest `biz_opaque_callback_data`.
const MOST_CALLBACK_DATA: usize = 512;

/// The message types, each also the key of the object that describes it.
const TYPES: &[&str] = &[
    "text",
    "interactive",
    "template",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
];

/// What may be sent to a group.
const GROUP_TYPES: &[&str] = &["text", "template", "image", "video", "audio", "document", "sticker"];

/// A request that is in order.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    /// A message to send.
    Send(Outgoing),
    /// A read receipt, with or without typing indicator.
    Read,
}

/// What the rest of the simulator wants to know of a message.
#[derive(Debug, PartialEq)]
pub(crate) struct Outgoing {
    /// `to` or `recipient` as it was given.
    pub(crate) input: String,
    /// The phone, digits only (or the id of a group).
    pub(crate) to: Option<String>,
    /// The business-scoped user id.
    pub(crate) recipient: Option<String>,
    /// The message's type.
    pub(crate) kind: &'static str,
    /// `biz_opaque_callback_data`.
    pub(crate) callback_data: Option<String>,
}

impl Outgoing {
    /// Phone or business-scoped id.
    pub(crate) fn to_whom(&self) -> &str {
        self.to.as_deref().or(self.recipient.as_deref()).unwrap_or_default()
    }
}

/// Checks a request's body; `own` is the number it is sent from.
pub(crate) fn request(body: &[u8], own: &str) -> Result<Request, Problem> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| Problem::new(100, format!("The body is not valid JSON: {error}")))?;
    let Some(body) = body.as_object() else {
        return Err(Problem::new(100, "The body must be a JSON object"));
    };
    match present(body, "messaging_product").map(Value::as_str) {
        None => return Err(Problem::new(100, "The parameter messaging_product is required.")),
        Some(Some("whatsapp")) => {}
        Some(_) => return Err(Problem::new(100, "Param messaging_product must be one of {WHATSAPP}")),
    }
    if present(body, "status").is_some() {
        return read_receipt(body).map(|()| Request::Read);
    }
    let is_group = is_group(body)?;
    let (input, to, recipient) = addressee(body, is_group, own)?;
    let mut send = Outgoing { input, to, recipient, kind: "", callback_data: None };
    match message(body, is_group, &mut send) {
        Ok(()) => Ok(Request::Send(send)),
        Err(problem) => Err(problem.for_user(send.to_whom())),
    }
}

fn is_group(body: &Fields) -> Checked<bool> {
    match present(body, "recipient_type").map(Value::as_str) {
        None | Some(Some("individual")) => Ok(false),
        Some(Some("group")) => Ok(true),
        Some(_) => Err(Problem::new(100, "Param recipient_type must be one of {INDIVIDUAL, GROUP}")),
    }
}

/// `to` wins over `recipient` where both are given.
fn addressee(body: &Fields, is_group: bool, own: &str) -> Checked<(String, Option<String>, Option<String>)> {
    let string = |key: &str| match present(body, key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Problem::new(100, format!("Param {key} must be a string."))),
    };
    match (string("to")?, string("recipient")?) {
        (Some(to), _) if is_group && !to.trim().is_empty() => Ok((to.to_owned(), Some(to.to_owned()), None)),
        (Some(to), _) => {
            let is_phone = to.trim_start_matches('+').chars().all(|c| c.is_ascii_digit() || " -().".contains(c));
            let phone = digits(to);
            // E.164 allows 15 digits; the shortest numbers in use have 5.
            if !is_phone || !(5..=15).contains(&phone.len()) {
                return Err(fields::invalid("to", "is not a phone number"));
            }
            if phone == own {
                return Err(Problem::new(131_021, "Sender and recipient are the same phone number").for_user(&phone));
            }
            Ok((to.to_owned(), Some(phone), None))
        }
        (None, Some(recipient)) if is_bsuid(recipient) => Ok((recipient.to_owned(), None, Some(recipient.to_owned()))),
        (None, Some(_)) => Err(fields::invalid("recipient", "is not a business-scoped user id")),
        (None, None) => Err(Problem::new(100, "The parameter to is required.")),
    }
}

fn message(body: &Fields, is_group: bool, send: &mut Outgoing) -> Checked {
    send.kind = kind(body)?;
    match present(body, "biz_opaque_callback_data") {
        None => {}
        Some(Value::String(data)) if data.chars().count() <= MOST_CALLBACK_DATA => {
            send.callback_data = Some(data.clone());
        }
        Some(_) => {
            let why = format!("must be a string of at most {MOST_CALLBACK_DATA} characters");
            return Err(fields::invalid("biz_opaque_callback_data", why));
        }
    }
    if let Some(context) = present(body, "context") {
        fields::text(as_object(context, "context")?, "message_id", "context", 512)?;
    }
    if is_group && !GROUP_TYPES.contains(&send.kind) {
        return Err(Problem::new(130_501, format!("Messages of type {} can't be sent to groups", send.kind)));
    }
    let kind = send.kind;
    if kind == "contacts" {
        return content::contacts(body);
    }
    let Some(content) = present(body, kind) else {
        return Err(Problem::new(131_008, format!("Parameter {kind} is required for messages of type {kind}")));
    };
    let content = as_object(content, kind)?;
    match kind {
        "text" => content::text(content),
        "interactive" => interactive::check(content),
        "template" => template::check(content),
        "location" => content::location(content),
        "reaction" => content::reaction(content),
        media => media::check(content, media),
    }
}

/// `type`; where it is missing, the one type whose object is there, else text.
fn kind(body: &Fields) -> Checked<&'static str> {
    let Some(given) = present(body, "type") else {
        let mut there = TYPES.iter().filter(|kind| present(body, kind).is_some());
        return Ok(match (there.next(), there.next()) {
            (Some(kind), None) => kind,
            _ => "text",
        });
    };
    TYPES.iter().find(|kind| given == **kind).copied().ok_or_else(|| {
        let all = TYPES.join(", ").to_ascii_uppercase();
        Problem::new(100, format!("Param type must be one of {{{all}}} - got {given}."))
    })
}

fn read_receipt(body: &Fields) -> Checked {
    if body.get("status").and_then(Value::as_str) != Some("read") {
        return Err(Problem::new(100, "Param status must be one of {READ}"));
    }
    let id = present(body, "message_id").ok_or_else(|| Problem::new(100, "The parameter message_id is required."))?;
    if id.as_str().is_none_or(|id| id.trim().is_empty()) {
        return Err(fields::invalid("message_id", "is not the id of a message"));
    }
    if present(body, "typing_indicator").is_some() {
        let typing = object(body, "typing_indicator", "message")?;
        if typing.get("type").and_then(Value::as_str) != Some("text") {
            return Err(fields::invalid("typing_indicator.type", "must be text"));
        }
    }
    Ok(())
}
