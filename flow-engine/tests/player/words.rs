//! How messages, notes and times are written.

use flow_engine::{Choice, Content, MediaSource, Note};
use serde_json::Value;
use std::time::Duration;

/// Texts up to here are written out.
const WRITTEN_OUT: usize = 60;

/// `buttons "Sure?" [Yes] [No]`
pub fn content(content: &Content) -> String {
    match content {
        Content::Text { body } => format!("text {}", quoted(body)),
        Content::Buttons { header, body, footer, buttons } => {
            format!("buttons {}{}{}{}", quoted(body), named("header", header), named("footer", footer), titles(buttons))
        }
        Content::List { header, body, footer, open, rows } => {
            let opened_by = named("opened by", &Some(open.clone()));
            let (header, footer) = (named("header", header), named("footer", footer));
            format!("list {}{header}{footer}{opened_by}{}", quoted(body), titles(rows))
        }
        Content::Image { source, caption } => format!("image {}{}", at(source), under(caption)),
        Content::Video { source, caption } => format!("video {}{}", at(source), under(caption)),
        Content::Audio { source } => format!("audio {}", at(source)),
        Content::Document { source, caption, filename } => {
            format!("document {}{}{}", at(source), under(caption), named("named", filename))
        }
        Content::Template { name, language, components } if components.is_empty() => {
            format!("template {name} in {language}")
        }
        Content::Template { name, language, components } => {
            format!("template {name} in {language} with {}", Value::from(components.clone()))
        }
    }
}

fn at(source: &MediaSource) -> String {
    match source {
        MediaSource::Link(link) => link.clone(),
        MediaSource::Id(id) => format!("media:{id}"),
    }
}

fn under(caption: &Option<String>) -> String {
    caption.as_deref().map(|text| format!(" {}", quoted(text))).unwrap_or_default()
}

fn titles(choices: &[Choice]) -> String {
    choices.iter().map(|choice| format!(" [{}]", choice.title)).collect()
}

fn named(name: &str, text: &Option<String>) -> String {
    text.as_deref().map(|text| format!(" {name} {}", quoted(text))).unwrap_or_default()
}

fn quoted(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= WRITTEN_OUT {
        return format!("{text:?}");
    }
    let ends = [&letters[..5], &letters[letters.len() - 5..]].map(String::from_iter);
    format!("\"{}~{}\" ({} characters)", ends[0], ends[1], letters.len())
}

/// Notes that tell of a fault in the flow.
pub fn is_fault(note: &Note) -> bool {
    matches!(note, Note::Skipped { .. } | Note::Shortened { .. } | Note::FrameDropped { .. } | Note::RunLimit)
}

/// `skipped 2: no file`
pub fn note(note: &Note) -> String {
    match note {
        Note::NotAReply => "not a reply".into(),
        Note::NoFlow => "no flow".into(),
        Note::SessionOver { why } => format!("session over: {why}"),
        Note::Started { flow, by } => format!("started {flow} by {by}"),
        Note::Chosen { step, option, by } => format!("chose {} of {step} by {by}", option + 1),
        Note::DoubleTap => "double tap".into(),
        Note::TapAsText { why } => format!("tap as text: {why}"),
        Note::Answered { step } => format!("answered {step}"),
        Note::Missed { step, misses } => format!("missed {step} ({misses})"),
        Note::MissedTooSoon => "missed too soon".into(),
        Note::FellBack { step } => format!("fell back from {step}"),
        Note::GaveUp { step } => format!("gave up {step}"),
        Note::Ran { step } => format!("ran {step}"),
        Note::Skipped { step, why } => format!("skipped {step}: {why}"),
        Note::Shortened { step, what } => format!("shortened {step}: {what}"),
        Note::Connected { step, flow } => format!("connected {step} to {flow}"),
        Note::Returned { flow } => format!("back in {flow}"),
        Note::FrameDropped { flow, why } => format!("no way back to {flow}: {why}"),
        Note::Waiting { step } => format!("waiting at {step}"),
        Note::Ended { flow } => format!("ended {flow}"),
        Note::RunLimit => "run limit".into(),
    }
}

/// `500ms`, `3s`, `10m`, `25h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let read = |(unit, millis): &(&str, u64)| {
        let count: u64 = text.trim().strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_millis(count * millis))
    };
    units.iter().find_map(read).ok_or_else(|| format!("{text:?} is no time"))
}

/// Writes out `"{ab*30}"`.
pub fn repeated(text: &str) -> Option<String> {
    let (what, times) = text.strip_prefix('{')?.strip_suffix('}')?.rsplit_once('*')?;
    Some(what.repeat(times.parse().ok()?))
}
