//! `TemplateMessage`: a message that Meta approved before; goes on by itself.

use super::{Message, filled_field};
use crate::{
    content::Content,
    finding::{Finding, Report},
};
use serde_json::{Map, Value};

pub(super) const TYPE: &str = "TemplateMessage";
const DEFAULT_LANGUAGE: &str = "en_US";
const NO_ARRAY: &str = "components must be an array of objects";

/// An approved message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateMessage {
    name: String,
    language: String,
    components: Vec<Value>,
}

impl TemplateMessage {
    pub(super) fn parse(fields: &Map<String, Value>) -> Result<Self, String> {
        let name = filled_field(fields, "template").ok_or("no template")?;
        let language = filled_field(fields, "language");
        Ok(Self {
            name: name.trim().to_owned(),
            language: language.map_or_else(|| DEFAULT_LANGUAGE.to_owned(), |code| code.trim().to_owned()),
            components: components(fields)?.to_vec(),
        })
    }

    pub(super) fn run(&self) -> Message {
        Message::going_on(self.content(), Vec::new())
    }

    /// What is sent.
    pub(crate) fn content(&self) -> Content {
        let Self { name, language, components } = self.clone();
        Content::Template { name, language, components }
    }
}

fn components(fields: &Map<String, Value>) -> Result<&[Value], String> {
    match fields.get("components") {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) if items.iter().all(Value::is_object) => Ok(items),
        Some(_) => Err(NO_ARRAY.to_owned()),
    }
}

pub(super) fn check(fields: &Map<String, Value>, path: &str, report: &mut Report) {
    if filled_field(fields, "template").is_none() {
        let text = "a template needs its name";
        report.error(Finding::new(format!("{path}/template"), "empty_template", text));
    }
    if fields.get("language").is_some_and(|language| !language.is_null() && !language.is_string()) {
        let text = "language must be a code such as \"en_US\"";
        report.error(Finding::new(format!("{path}/language"), "wrong_type", text));
    }
    if let Err(why) = components(fields) {
        report.error(Finding::new(format!("{path}/components"), "wrong_type", why));
    }
}
