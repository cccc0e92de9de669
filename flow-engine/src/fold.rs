//! How texts are compared.

use caseless::default_case_fold_str;
use unicode_normalization::UnicodeNormalization;

/// Folds a trigger, a label or a typed text so that what people take for the same compares equal: Unicode NFKC, case
/// folding, trimming, and inner white space as one blank.
///
/// ```
/// assert_eq!(flow_engine::fold("  ＴＥＳＴ \u{a0} Straße "), "test strasse");
/// ```
#[must_use]
pub fn fold(text: &str) -> String {
    let composed: String = text.nfkc().collect();
    let folded: String = default_case_fold_str(&composed).nfkc().collect();
    let mut out = String::with_capacity(folded.len());
    for word in folded.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}
