//! `AudioMessage`: a sound; goes on by itself. Its `message` is kept and not sent: Meta has no caption for a sound.

use super::{Message, media};
use crate::{
    content::{Content, MediaSource},
    finding::Report,
};
use serde_json::{Map, Value};

pub(super) const TYPE: &str = "AudioMessage";

/// A sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioMessage {
    source: MediaSource,
}

impl AudioMessage {
    pub(super) fn parse(fields: &Map<String, Value>) -> Result<Self, String> {
        Ok(Self { source: media::source(fields)? })
    }

    pub(super) fn run(&self) -> Message {
        Message::going_on(Content::Audio { source: self.source.clone() }, Vec::new())
    }
}

pub(super) fn check(fields: &Map<String, Value>, path: &str, report: &mut Report) {
    media::check_source(fields, path, report);
}
