//! `MessageAction`: a question with buttons, which waits; or a plain text.

use super::{Message, button::Button, check_length, filled_field, id_field, options::Options, text_field};
use crate::{
    button_id::ButtonId,
    content::{Choice, Content, Limits, shorten},
    finding::{Finding, Report},
    fold::fold,
    ids::VersionId,
};
use serde_json::{Map, Value};

pub(super) const TYPE: &str = "MessageAction";

/// How often a question is asked again where the flow doesn't say.
pub const DEFAULT_RETRIES: u32 = 2;
const MAX_RETRIES: u64 = 10;
const DEFAULT_LIST_BUTTON: &str = "Options";

/// A question, or a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageAction {
    message: String,
    /// The options, those of the saved step in its order.
    pub buttons: Vec<Button>,
    options: Options,
    header: Option<String>,
    footer: Option<String>,
    list_button: Option<String>,
    /// What happens to a reply that matches nothing.
    pub fallback: Fallback,
}

/// What happens to a reply that matches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// Sent before the question is asked again.
    pub message: Option<String>,
    /// How often the question is asked again.
    pub retries: u32,
    /// Where the reply after that leads.
    pub next: Option<String>,
}

impl MessageAction {
    pub(super) fn parse(fields: &Map<String, Value>) -> Result<Self, String> {
        let buttons = buttons(fields);
        Ok(Self {
            message: filled_field(fields, "message").ok_or("no message")?,
            options: Options::of(&buttons),
            buttons,
            header: filled_field(fields, "header"),
            footer: filled_field(fields, "footer"),
            list_button: filled_field(fields, "listButton"),
            fallback: fallback(fields),
        })
    }

    /// Whether there is something to choose. Buttons without a label are no choice.
    pub(crate) fn asks(&self) -> bool {
        !self.options.shown.is_empty()
    }

    /// The option that a folded text means: its label, what is shown of that, or its number where that is no label.
    pub(crate) fn match_typed(&self, typed: &str) -> Option<(usize, &'static str)> {
        if typed.is_empty() {
            return None;
        }
        let labelled = self.buttons.iter().position(|button| button.folded == typed);
        labelled.map(|option| (option, "label")).or_else(|| self.options.meant_by(typed))
    }

    pub(super) fn run(&self, version: VersionId, step: usize, leads_on: bool) -> Message {
        let mut shortened = Vec::new();
        let mut cut = |text: &str, limit: usize, what: &'static str| {
            let (text, was_cut) = shorten(text, limit);
            if was_cut {
                shortened.push(what);
            }
            text
        };
        let options = &self.options;
        let content = if self.asks() {
            let body = cut(&self.message, Limits::INTERACTIVE_BODY, "message");
            let header = self.header.as_deref().map(|text| cut(text, Limits::HEADER, "header"));
            let footer = self.footer.as_deref().map(|text| cut(text, Limits::HEADER, "footer"));
            let choices = self.choices(version, step);
            if options.as_list {
                let open = self.list_button.as_deref().unwrap_or(DEFAULT_LIST_BUTTON);
                let open = cut(open, Limits::BUTTON_TITLE, "listButton");
                Content::List { header, body, footer, open, rows: choices }
            } else {
                Content::Buttons { header, body, footer, buttons: choices }
            }
        } else {
            Content::Text { body: cut(&self.message, Limits::TEXT, "message") }
        };
        if options.retitled {
            shortened.push("label");
        }
        if options.left_out {
            shortened.push("buttons");
        }
        Message { content, shortened, waits: self.asks() || leads_on }
    }

    fn choices(&self, version: VersionId, step: usize) -> Vec<Choice> {
        let choice = |option: usize, title: &str| Choice {
            id: ButtonId { version, step, option }.to_string(),
            title: title.to_owned(),
        };
        self.options.shown.iter().map(|shown| choice(shown.option, &shown.title)).collect()
    }
}

fn buttons(fields: &Map<String, Value>) -> Vec<Button> {
    let Some(Value::Array(items)) = fields.get("buttons") else { return Vec::new() };
    items
        .iter()
        .map(|item| match item {
            Value::Object(fields) => {
                let label = text_field(fields, "label").unwrap_or_default();
                Button { folded: fold(&label), label, next: id_field(fields, "next") }
            }
            _ => Button { folded: String::new(), label: String::new(), next: None },
        })
        .collect()
}

fn fallback(fields: &Map<String, Value>) -> Fallback {
    let empty = Map::new();
    let fields = fields.get("fallback").and_then(Value::as_object).unwrap_or(&empty);
    let retries = fields.get("retries").and_then(Value::as_u64).map_or(DEFAULT_RETRIES, |n| n.min(MAX_RETRIES) as u32);
    Fallback {
        message: filled_field(fields, "message"),
        retries,
        next: id_field(fields, "next").filter(|id| !id.is_empty()),
    }
}

pub(super) fn check(fields: &Map<String, Value>, path: &str, report: &mut Report) {
    if filled_field(fields, "message").is_none() {
        report.error(Finding::new(format!("{path}/message"), "empty_message", "a MessageAction needs a message"));
    }
    let no_buttons = Vec::new();
    let buttons = match fields.get("buttons") {
        Some(Value::Array(items)) => items,
        None | Some(Value::Null) => &no_buttons,
        Some(_) => {
            report.error(Finding::new(format!("{path}/buttons"), "wrong_type", "buttons must be an array"));
            &no_buttons
        }
    };
    let limit = if buttons.is_empty() { Limits::TEXT } else { Limits::INTERACTIVE_BODY };
    check_length(fields, "message", limit, path, report);
    check_length(fields, "header", Limits::HEADER, path, report);
    check_length(fields, "footer", Limits::HEADER, path, report);
    check_length(fields, "listButton", Limits::BUTTON_TITLE, path, report);
    check_buttons(buttons, path, report);
    check_fallback(fields, path, report);
}

fn check_buttons(buttons: &[Value], path: &str, report: &mut Report) {
    if buttons.len() > Limits::ROWS {
        let text = format!("{} buttons; WhatsApp takes {}", buttons.len(), Limits::ROWS);
        report.error(Finding::new(format!("{path}/buttons"), "too_many_buttons", text));
    }
    let mut seen = Vec::new();
    for (index, button) in buttons.iter().enumerate() {
        let at = format!("{path}/buttons/{index}/label");
        let label = button.get("label").and_then(Value::as_str).unwrap_or_default().trim();
        let length = label.chars().count();
        if label.is_empty() {
            report.error(Finding::new(at, "empty_label", "a button needs a label"));
            continue;
        }
        let folded = fold(label);
        if seen.contains(&folded) {
            report.error(Finding::new(at, "duplicate_label", format!("the label {label:?} stands twice in this step")));
        } else if length > Limits::ROW_TITLE {
            let text = format!("a label of {length} characters; WhatsApp takes {}", Limits::ROW_TITLE);
            report.error(Finding::new(at, "too_long", text));
        } else if length > Limits::BUTTON_TITLE {
            let text = format!("over {} characters: the step is sent as a list", Limits::BUTTON_TITLE);
            report.warning(Finding::new(at, "becomes_list", text));
        }
        seen.push(folded);
    }
}

fn check_fallback(fields: &Map<String, Value>, path: &str, report: &mut Report) {
    let fallback = fields.get("fallback").filter(|value| !value.is_null());
    let Some(fallback) = fallback else {
        if fields.get("buttons").and_then(Value::as_array).is_some_and(|buttons| !buttons.is_empty()) {
            let text = "no fallback: the question is asked again twice, then the conversation ends";
            report.warning(Finding::new(format!("{path}/fallback"), "no_fallback", text));
        }
        return;
    };
    let Some(fallback) = fallback.as_object() else {
        report.error(Finding::new(format!("{path}/fallback"), "wrong_type", "fallback must be an object"));
        return;
    };
    check_length(fallback, "message", Limits::TEXT, &format!("{path}/fallback"), report);
    if let Some(retries) = fallback.get("retries").filter(|value| !value.is_null())
        && retries.as_u64().is_none_or(|n| n > MAX_RETRIES)
    {
        let text = format!("retries must be a whole number from 0 to {MAX_RETRIES}");
        report.error(Finding::new(format!("{path}/fallback/retries"), "bad_retries", text));
    }
}
