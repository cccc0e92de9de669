//! What the steps that send a file have in common: where it is, and what stands under it.

use super::{check_length, filled_field};
use crate::{
    content::{Limits, MediaSource, shorten},
    finding::{Finding, Report},
};
use serde_json::{Map, Value};

/// Reads `file`: an http(s) URL, or `media:ID`.
pub(super) fn source(fields: &Map<String, Value>) -> Result<MediaSource, String> {
    let file = filled_field(fields, "file").ok_or("no file")?;
    let file = file.trim();
    if let Some(id) = file.strip_prefix("media:").map(str::trim) {
        return if id.is_empty() { Err("media: without an id".into()) } else { Ok(MediaSource::Id(id.to_owned())) };
    }
    if is_web_address(file) {
        return Ok(MediaSource::Link(file.to_owned()));
    }
    Err("file is neither an http(s) URL nor media:ID".into())
}

/// Whether Meta could fetch this: http or https in any case, then a host, no white space anywhere.
fn is_web_address(file: &str) -> bool {
    let Some((scheme, rest)) = file.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        && host.starts_with(|first: char| first.is_alphanumeric() || first == '[')
        && !file.contains(|c: char| c.is_whitespace() || c.is_control())
}

pub(super) fn check_source(fields: &Map<String, Value>, path: &str, report: &mut Report) {
    if let Err(why) = source(fields) {
        report.error(Finding::new(format!("{path}/file"), "bad_url", why));
    }
}

/// The caption as it is sent, and the fields that were over a length.
pub(super) fn caption(text: Option<&str>) -> (Option<String>, Vec<&'static str>) {
    let Some(text) = text else { return (None, Vec::new()) };
    let (caption, cut) = shorten(text, Limits::CAPTION);
    (Some(caption), if cut { vec!["message"] } else { Vec::new() })
}

/// Checks a step with a file and a caption.
pub(super) fn check_captioned(fields: &Map<String, Value>, path: &str, report: &mut Report) {
    check_source(fields, path, report);
    check_length(fields, "message", Limits::CAPTION, path, report);
}
