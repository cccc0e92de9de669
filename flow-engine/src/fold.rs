//! How texts are compared.

use caseless::default_case_fold_str;
use unicode_normalization::UnicodeNormalization;

/// Above an i, the dot that the case folding of `İ` leaves behind.
const COMBINING_DOT: char = '\u{307}';

/// Folds a trigger, a label or a typed text so that what people take for the same compares equal: Unicode NFKC, case
/// folding, trimming, and inner white space as one blank. The four Turkish i's are one letter, since a phone
/// capitalises `i` as `I` or as `İ`, and `ı` as `I`, whatever the language of the flow.
///
/// ```
/// assert_eq!(flow_engine::fold("  ＴＥＳＴ \u{a0} Straße "), "test strasse");
/// assert_eq!(flow_engine::fold("İPTAL"), flow_engine::fold("ıptal"));
/// ```
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return one_blank(&text.to_ascii_lowercase());
    }
    let composed: String = text.nfkc().collect();
    let folded: String = default_case_fold_str(&composed).nfkc().collect();
    one_blank(&one_i(&folded))
}

fn one_i(folded: &str) -> String {
    let mut out = String::with_capacity(folded.len());
    for letter in folded.chars() {
        match letter {
            'ı' => out.push('i'),
            COMBINING_DOT if out.ends_with('i') => {}
            other => out.push(other),
        }
    }
    out
}

fn one_blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}
