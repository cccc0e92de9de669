//! The flow that everybody walks through.

use flow_engine::{Catalog, Content, Flow, FlowId, FlowStatus, FlowVersion, Timestamp, VersionId, parse_triggers};
use serde_json::json;
use std::sync::Arc;
use testkit::questions::{self, TRIGGER};

/// The last leads back to the first.
pub const QUESTIONS: usize = 4;

/// The account's only flow. Whatever is said without a session starts it: nobody promises that "begin" comes first.
pub fn catalog() -> Arc<Catalog> {
    let id = FlowId::from("circle");
    Arc::new(Catalog::new(vec![Flow {
        version: Arc::new(FlowVersion::parse(VersionId(1), id.clone(), &questions::steps(QUESTIONS))),
        id,
        status: FlowStatus::Active,
        triggers: parse_triggers(&json!([TRIGGER, "*"])),
        recipients: Vec::new(),
        created_at: Timestamp(0),
    }]))
}

/// What a job shows.
pub fn shown(content: &Content) -> String {
    match content {
        Content::Buttons { body, .. } => body.clone(),
        Content::Image { caption: Some(caption), .. } => caption.clone(),
        other => format!("{other:?}"),
    }
}
