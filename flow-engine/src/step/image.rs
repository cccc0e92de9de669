//! `ImageMessage`: a picture with an optional caption; goes on by itself.

use super::{Ran, check_length, check_media_source, filled_field, media_source};
use crate::content::{Content, Limits, MediaSource, shorten};
use crate::finding::Report;
use serde_json::{Map, Value};

pub(super) const TYPE: &str = "ImageMessage";

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageMessage {
    source: MediaSource,
    caption: Option<String>,
}

impl ImageMessage {
    pub(super) fn parse(fields: &Map<String, Value>) -> Result<Self, String> {
        Ok(Self { source: media_source(fields)?, caption: filled_field(fields, "message") })
    }

    pub(super) fn run(&self) -> Ran {
        let mut shortened = Vec::new();
        let caption = self.caption.as_deref().map(|text| {
            let (text, cut) = shorten(text, Limits::CAPTION);
            if cut {
                shortened.push("message");
            }
            text
        });
        Ran { content: Content::Image { source: self.source.clone(), caption }, shortened, waits: false }
    }
}

pub(super) fn check(fields: &Map<String, Value>, path: &str, report: &mut Report) {
    check_media_source(fields, path, report);
    check_length(fields, "message", Limits::CAPTION, path, report);
}
