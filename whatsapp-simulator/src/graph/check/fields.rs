//! Reading fields of a request, each with the refusal that Meta has for it.
//!
//! `at` is the path of the object the field is looked up in; it is only written out when there is something to refuse.

use std::fmt::Display;

use serde_json::{Map, Value};

use crate::graph::answer::Problem;

pub(super) type Fields = Map<String, Value>;
pub(super) type Checked<T = ()> = Result<T, Problem>;

/// 131008: a parameter isn't there.
pub(super) fn missing(at: impl Display, key: &str) -> Problem {
    Problem::new(131_008, format!("Parameter {at}.{key} is required"))
}

/// 131009: a parameter's value is not valid.
pub(super) fn invalid(what: impl Display, why: impl Display) -> Problem {
    Problem::new(131_009, format!("{what}: {why}"))
}

/// The field, unless it is missing or null.
pub(super) fn present<'a>(fields: &'a Fields, key: &str) -> Option<&'a Value> {
    fields.get(key).filter(|value| !value.is_null())
}

/// A field that must be there.
pub(super) fn required<'a>(fields: &'a Fields, key: &str, at: impl Display) -> Checked<&'a Value> {
    present(fields, key).ok_or_else(|| missing(at, key))
}

/// An object that must be there.
pub(super) fn object<'a>(fields: &'a Fields, key: &str, at: impl Display + Copy) -> Checked<&'a Fields> {
    as_object(required(fields, key, at)?, format_args!("{at}.{key}"))
}

/// An object that may be there.
pub(super) fn optional_object<'a>(
    fields: &'a Fields,
    key: &str,
    at: impl Display + Copy,
) -> Checked<Option<&'a Fields>> {
    present(fields, key).map(|value| as_object(value, format_args!("{at}.{key}"))).transpose()
}

/// The value as an object.
pub(super) fn as_object(value: &Value, what: impl Display) -> Checked<&Fields> {
    value.as_object().ok_or_else(|| invalid(what, "must be an object"))
}

/// An array that must be there, with `least` to `most` elements.
pub(super) fn array<'a>(
    fields: &'a Fields,
    key: &str,
    at: impl Display + Copy,
    (least, most): (usize, usize),
) -> Checked<&'a [Value]> {
    let array =
        required(fields, key, at)?.as_array().ok_or_else(|| invalid(format_args!("{at}.{key}"), "must be an array"))?;
    if (least..=most).contains(&array.len()) {
        return Ok(array);
    }
    let why = format!("must have {least} to {most} elements, has {}", array.len());
    Err(invalid(format_args!("{at}.{key}"), why))
}

/// A text that must be there, not blank, with at most `most` characters.
pub(super) fn text<'a>(fields: &'a Fields, key: &str, at: impl Display + Copy, most: usize) -> Checked<&'a str> {
    as_text(required(fields, key, at)?, format_args!("{at}.{key}"), most)
}

/// A text that may be there, and then is as [`text`] wants it.
pub(super) fn optional_text<'a>(
    fields: &'a Fields,
    key: &str,
    at: impl Display + Copy,
    most: usize,
) -> Checked<Option<&'a str>> {
    present(fields, key).map(|value| as_text(value, format_args!("{at}.{key}"), most)).transpose()
}

fn as_text(value: &Value, what: impl Display + Copy, most: usize) -> Checked<&str> {
    let text = value.as_str().ok_or_else(|| invalid(what, "must be a string"))?;
    if text.trim().is_empty() {
        return Err(invalid(what, "must not be empty"));
    }
    // A text with no more bytes than it may have characters needs no counting.
    let length = if text.len() <= most { 0 } else { text.chars().count() };
    if length > most {
        return Err(invalid(what, format_args!("length invalid. Min length: 1, Max length: {most}, is {length}")));
    }
    Ok(text)
}

/// An `http` or `https` URL that must be there.
pub(super) fn url<'a>(fields: &'a Fields, key: &str, at: impl Display + Copy) -> Checked<&'a str> {
    let url = text(fields, key, at, MOST_URL)?;
    let is_web = ["http://", "https://"].into_iter().any(|scheme| {
        url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && url[scheme.len()..].starts_with(|first: char| !matches!(first, '/' | '?' | '#' | ' '))
    });
    if is_web { Ok(url) } else { Err(invalid(format_args!("{at}.{key}"), "must be an http or https URL")) }
}

/// Meta gives no length for URLs; this is what browsers and servers get along with.
const MOST_URL: usize = 2048;

/// Refuses keys that the object doesn't have, as Graph does.
pub(super) fn only_keys(fields: &Fields, at: impl Display, known: &[&str]) -> Checked {
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(Problem::new(100, format!("Unexpected key \"{key}\" on param \"{at}\""))),
    }
}
