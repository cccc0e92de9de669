//! `DocumentMessage`: a file with a name and an optional caption; goes on by itself.

use super::{Message, filled_field, media};
use crate::{
    content::{Content, MediaSource},
    finding::Report,
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

pub(super) const TYPE: &str = "DocumentMessage";

/// A file to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentMessage {
    source: MediaSource,
    caption: Option<String>,
    filename: Option<String>,
}

impl DocumentMessage {
    pub(super) fn parse(fields: &Map<String, Value>) -> Result<Self, String> {
        let source = media::source(fields)?;
        let filename = filled_field(fields, "filename").map(|name| name.trim().to_owned());
        let filename = filename.or_else(|| match &source {
            MediaSource::Link(link) => name_in(link),
            MediaSource::Id(_) => None,
        });
        Ok(Self { source, caption: filled_field(fields, "message"), filename })
    }

    pub(super) fn run(&self) -> Message {
        let (caption, shortened) = media::caption(self.caption.as_deref());
        let filename = self.filename.clone();
        Message::going_on(Content::Document { source: self.source.clone(), caption, filename }, shortened)
    }
}

/// The last segment of a link's path, percent-decoded; none where the path ends with a slash or decodes to no name.
fn name_in(link: &str) -> Option<String> {
    let (_, rest) = link.split_once("://")?;
    let path = rest.split(['?', '#']).next()?;
    let (_, segment) = path.rsplit_once('/')?;
    let name = percent_decode_str(segment).decode_utf8_lossy();
    // An encoded slash or control character would make a name that no phone can keep.
    let name: String = name.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

pub(super) fn check(fields: &Map<String, Value>, path: &str, report: &mut Report) {
    media::check_captioned(fields, path, report);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_its_file() {
        for (link, name) in [
            ("https://example.com/docs/Price%20list%202026.pdf?version=2#page=3", Some("Price list 2026.pdf")),
            ("https://example.com/%C3%9Cbersicht.pdf", Some("Übersicht.pdf")),
            ("https://example.com/a%2Fb%0A.pdf", Some("a_b_.pdf")),
            ("https://example.com/docs/", None),
            ("https://example.com", None),
            ("https://example.com?file=/a.pdf", None),
            ("https://example.com/%20", None),
        ] {
            assert_eq!(name_in(link).as_deref(), name, "{link}");
        }
    }
}
