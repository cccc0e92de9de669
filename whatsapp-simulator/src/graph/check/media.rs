//! Pictures, videos, audio, documents, stickers.

use std::fmt::Display;

use super::fields::{Checked, Fields, invalid, missing, only_keys, optional_text, present, text, url};

/// Longest caption.
const MOST_CAPTION: usize = 1024;
/// Meta gives no length for file names; this is what file systems take.
const MOST_FILENAME: usize = 255;

/// A medium as the content of a message of the type `kind`.
pub(super) fn check(content: &Fields, kind: &'static str) -> Checked {
    let keys: &[&str] = match kind {
        "document" => &["id", "link", "provider", "caption", "filename"],
        "audio" => &["id", "link", "provider", "voice"],
        "sticker" => &["id", "link", "provider"],
        _ => &["id", "link", "provider", "caption"],
    };
    only_keys(content, kind, keys)?;
    source(content, kind)?;
    // A caption may be empty: it is then left out.
    if content.get("caption").is_some_and(|caption| caption != "") {
        optional_text(content, "caption", kind, MOST_CAPTION)?;
    }
    optional_text(content, "filename", kind, MOST_FILENAME)?;
    match present(content, "voice") {
        Some(voice) if !voice.is_boolean() => Err(invalid(format_args!("{kind}.voice"), "must be a boolean")),
        _ => Ok(()),
    }
}

/// Exactly one of `id` and `link`.
pub(super) fn source(content: &Fields, at: impl Display + Copy) -> Checked {
    match (present(content, "id"), present(content, "link")) {
        (None, None) => Err(missing(at, "id or link")),
        (Some(_), Some(_)) => Err(invalid(at, "must have either id or link, not both")),
        (Some(_), None) => text(content, "id", at, MOST_ID).map(|_| ()),
        (None, Some(_)) => url(content, "link", at).map(|_| ()),
    }
}

/// Ids of media are numbers of some 16 digits; no length is given.
const MOST_ID: usize = 256;
