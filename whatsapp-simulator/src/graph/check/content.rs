//! Texts, places, contacts, reactions.

use serde_json::Value;

use super::fields::{Checked, Fields, array, as_object, invalid, missing, object, only_keys, optional_text, present};
use crate::graph::answer::Problem;

/// Longest text.
const MOST_TEXT: usize = 4096;
/// Most contacts of one message.
const MOST_CONTACTS: usize = 257;
/// Meta gives no length for names and addresses of places; any sensible one passes.
const MOST_LINE: usize = 1000;

pub(super) fn text(content: &Fields) -> Checked {
    only_keys(content, "text", &["body", "preview_url"])?;
    let body = present(content, "body").ok_or_else(|| missing("text", "body"))?;
    let body = body.as_str().ok_or_else(|| Problem::new(100, "Param text['body'] must be a string."))?;
    if body.trim().is_empty() {
        return Err(Problem::new(100, "The parameter text['body'] is required."));
    }
    if body.len() > MOST_TEXT && body.chars().count() > MOST_TEXT {
        let why = format!("Param text['body'] must be at most {MOST_TEXT} characters long.");
        return Err(Problem::new(100, why));
    }
    match present(content, "preview_url") {
        None | Some(Value::Bool(_)) => Ok(()),
        Some(_) => Err(Problem::new(100, "Param text['preview_url'] must be a boolean.")),
    }
}

pub(super) fn location(content: &Fields) -> Checked {
    only_keys(content, "location", &["latitude", "longitude", "name", "address"])?;
    for (key, most) in [("latitude", 90.0), ("longitude", 180.0)] {
        let value = present(content, key).ok_or_else(|| missing("location", key))?;
        // Meta's own examples have numbers as well as strings.
        let degrees = value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        if degrees.is_none_or(|degrees| !(-most..=most).contains(&degrees)) {
            return Err(invalid(format_args!("location.{key}"), format_args!("must be between -{most} and {most}")));
        }
    }
    optional_text(content, "name", "location", MOST_LINE)?;
    optional_text(content, "address", "location", MOST_LINE)?;
    Ok(())
}

pub(super) fn contacts(body: &Fields) -> Checked {
    for (nth, contact) in array(body, "contacts", "message", (1, MOST_CONTACTS))?.iter().enumerate() {
        let at = format_args!("contacts[{nth}]").to_string();
        let contact = as_object(contact, &at)?;
        let name = object(contact, "name", &*at)?;
        super::fields::text(name, "formatted_name", &*at, MOST_LINE)?;
        if present(contact, "phones").is_some() {
            for phone in array(contact, "phones", &*at, (0, MOST_CONTACTS))? {
                as_object(phone, format_args!("{at}.phones"))?;
            }
        }
    }
    Ok(())
}

pub(super) fn reaction(content: &Fields) -> Checked {
    only_keys(content, "reaction", &["message_id", "emoji"])?;
    super::fields::text(content, "message_id", "reaction", 512)?;
    // An empty emoji takes the reaction back.
    match present(content, "emoji") {
        Some(Value::String(_)) => Ok(()),
        Some(_) => Err(invalid("reaction.emoji", "must be a string")),
        None => Err(missing("reaction", "emoji")),
    }
}
