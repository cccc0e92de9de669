//! What no database takes in a text.

/// A text as the database holds it: without U+0000. Statements clean what they bind; what is compared here must be too.
pub(crate) fn clean(text: &str) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.to_owned() }
}
