//! `VideoMessage`: a video with an optional caption; goes on by itself.

use super::{Message, filled_field, media};
use crate::{
    content::{Content, MediaSource},
    finding::Report,
};
use serde_json::{Map, Value};

pub(super) const TYPE: &str = "VideoMessage";

/// A video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoMessage {
    source: MediaSource,
    caption: Option<String>,
}

impl VideoMessage {
    pub(super) fn parse(fields: &Map<String, Value>) -> Result<Self, String> {
        Ok(Self { source: media::source(fields)?, caption: filled_field(fields, "message") })
    }

    pub(super) fn run(&self) -> Message {
        let (caption, shortened) = media::caption(self.caption.as_deref());
        Message::going_on(Content::Video { source: self.source.clone(), caption }, shortened)
    }
}

pub(super) fn check(fields: &Map<String, Value>, path: &str, report: &mut Report) {
    media::check_captioned(fields, path, report);
}
