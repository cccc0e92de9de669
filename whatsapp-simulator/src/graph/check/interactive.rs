//! Interactive messages.

use std::collections::HashSet;

use serde_json::Value;

use super::fields::{
    Checked, Fields, array, as_object, invalid, object, optional_object, optional_text, present, required, text, url,
};
use super::media;

/// Longest body of a list; of all others [`MOST_BODY`].
const MOST_LIST_BODY: usize = 4096;
const MOST_BODY: usize = 1024;
/// Longest header or footer text.
const MOST_LINE: usize = 60;
/// Reply buttons of a message, and their lengths.
const MOST_BUTTONS: usize = 3;
const MOST_BUTTON_TITLE: usize = 20;
const MOST_BUTTON_ID: usize = 256;
/// Lists: sections, rows in all sections together, and their lengths.
const MOST_SECTIONS: usize = 10;
const MOST_ROWS: usize = 10;
const MOST_ROW_ID: usize = 200;
const MOST_ROW_TITLE: usize = 24;
const MOST_ROW_DESCRIPTION: usize = 72;
/// Longest label of a flow's button; Meta says about 30.
const MOST_FLOW_CTA: usize = 30;

/// Types of which only the common parts are checked.
const UNCHECKED: &[&str] = &[
    "product",
    "product_list",
    "catalog_message",
    "order_details",
    "order_status",
    "address_message",
    "request_contact_info",
    "call_permission_request",
    "voice_call",
    "carousel",
];

const AT: &str = "interactive";
const ACTION: &str = "interactive.action";

pub(super) fn check(content: &Fields) -> Checked {
    // Client libraries also write BUTTON and LIST, which Meta takes.
    let kind = text(content, "type", AT, 64)?.to_ascii_lowercase();
    let most_body = if kind == "list" { MOST_LIST_BODY } else { MOST_BODY };
    match optional_object(content, "body", AT)? {
        Some(body) => text(body, "text", "interactive.body", most_body).map(|_| ())?,
        // A single product may come without words.
        None if kind == "product" => {}
        None => required(content, "body", AT).map(|_| ())?,
    }
    if let Some(footer) = optional_object(content, "footer", AT)? {
        text(footer, "text", "interactive.footer", MOST_LINE)?;
    }
    check_header(content, &kind)?;
    let action = object(content, "action", AT)?;
    match kind.as_str() {
        "button" => check_buttons(action),
        "list" => check_list(action),
        "cta_url" => check_link(action),
        "location_request_message" => check_name(action, "send_location"),
        "flow" => check_flow(action),
        other if UNCHECKED.contains(&other) => Ok(()),
        other => Err(invalid("interactive.type", format_args!("{other} is not known"))),
    }
}

fn check_header(content: &Fields, kind: &str) -> Checked {
    let Some(header) = optional_object(content, "header", AT)? else { return Ok(()) };
    match text(header, "type", "interactive.header", 64)? {
        "text" => text(header, "text", "interactive.header", MOST_LINE).map(|_| ()),
        _ if kind == "list" => Err(invalid("interactive.header.type", "must be text for a list")),
        medium @ ("image" | "video" | "document") => {
            media::source(object(header, medium, "interactive.header")?, format_args!("interactive.header.{medium}"))
        }
        other => Err(invalid("interactive.header.type", format_args!("{other} is not known"))),
    }
}

fn check_buttons(action: &Fields) -> Checked {
    let buttons = array(action, "buttons", ACTION, (1, MOST_BUTTONS))?;
    let (mut ids, mut titles) = (HashSet::new(), HashSet::new());
    for (nth, button) in buttons.iter().enumerate() {
        let at = format!("{ACTION}.buttons[{nth}]");
        let button = as_object(button, &at)?;
        if text(button, "type", &*at, 64)? != "reply" {
            return Err(invalid(format_args!("{at}.type"), "must be reply"));
        }
        let reply = object(button, "reply", &*at)?;
        if !ids.insert(text(reply, "id", &*at, MOST_BUTTON_ID)?) {
            return Err(invalid(format_args!("{at}.reply.id"), "Duplicate button id"));
        }
        if !titles.insert(text(reply, "title", &*at, MOST_BUTTON_TITLE)?) {
            return Err(invalid(format_args!("{at}.reply.title"), "Duplicate button title"));
        }
    }
    Ok(())
}

fn check_list(action: &Fields) -> Checked {
    text(action, "button", ACTION, MOST_BUTTON_TITLE)?;
    let sections = array(action, "sections", ACTION, (1, MOST_SECTIONS))?;
    let mut ids = HashSet::new();
    for (nth, section) in sections.iter().enumerate() {
        let at = format!("{ACTION}.sections[{nth}]");
        let section = as_object(section, &at)?;
        if sections.len() > 1 {
            text(section, "title", &*at, MOST_ROW_TITLE)?;
        } else if present(section, "title").is_some_and(|title| title != "") {
            optional_text(section, "title", &*at, MOST_ROW_TITLE)?;
        }
        for (nth, row) in array(section, "rows", &*at, (1, MOST_ROWS))?.iter().enumerate() {
            let at = format!("{at}.rows[{nth}]");
            if !ids.insert(check_row(row, &at)?) {
                return Err(invalid(format_args!("{at}.id"), "Duplicate row id"));
            }
        }
    }
    // Ids are unique, so there are as many as rows.
    if ids.len() > MOST_ROWS {
        return Err(invalid(ACTION, format_args!("Total row count exceed max allowed count: {MOST_ROWS}")));
    }
    Ok(())
}

fn check_row<'a>(row: &'a Value, at: &str) -> Checked<&'a str> {
    let row = as_object(row, at)?;
    text(row, "title", at, MOST_ROW_TITLE)?;
    if present(row, "description").is_some_and(|description| description != "") {
        optional_text(row, "description", at, MOST_ROW_DESCRIPTION)?;
    }
    text(row, "id", at, MOST_ROW_ID)
}

fn check_name(action: &Fields, expected: &str) -> Checked {
    if text(action, "name", ACTION, 64)? == expected {
        return Ok(());
    }
    Err(invalid("interactive.action.name", format_args!("must be {expected}")))
}

fn check_link(action: &Fields) -> Checked {
    check_name(action, "cta_url")?;
    let parameters = object(action, "parameters", ACTION)?;
    text(parameters, "display_text", "interactive.action.parameters", MOST_BUTTON_TITLE)?;
    url(parameters, "url", "interactive.action.parameters").map(|_| ())
}

fn check_flow(action: &Fields) -> Checked {
    let at = "interactive.action.parameters";
    check_name(action, "flow")?;
    let parameters = object(action, "parameters", ACTION)?;
    if text(parameters, "flow_message_version", at, 64)? != "3" {
        return Err(invalid("interactive.action.parameters.flow_message_version", "must be \"3\""));
    }
    text(parameters, "flow_cta", at, MOST_FLOW_CTA)?;
    match (optional_text(parameters, "flow_id", at, 256)?, optional_text(parameters, "flow_name", at, 256)?) {
        (Some(_), None) | (None, Some(_)) => Ok(()),
        _ => Err(invalid(at, "must have either flow_id or flow_name")),
    }
}
