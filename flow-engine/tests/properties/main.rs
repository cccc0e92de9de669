//! What holds for every flow, every reply and every order of them.

mod flows;
mod folding;
mod saved;

use flow_engine::{Choice, Content, Flow, FlowStatus, FlowVersion, Input, Reply, Timestamp, VersionId, parse_triggers};
use serde_json::{Value, json};
use std::sync::Arc;

const START: Timestamp = Timestamp(1_750_792_206_272);

fn flow(id: &str, version: i64, triggers: &[&str], automation: &Value) -> Flow {
    Flow {
        id: id.into(),
        status: FlowStatus::Active,
        triggers: parse_triggers(&json!(triggers)),
        recipients: Vec::new(),
        created_at: Timestamp(version),
        version: Arc::new(FlowVersion::parse(VersionId(version), id.into(), automation)),
    }
}

fn input(reply: Reply, number: &str, at: Timestamp) -> Input {
    Input { phone_number_id: number.into(), sender: vec!["49151".into()], context_id: None, reply, at }
}

fn shown(content: &Content) -> &[Choice] {
    match content {
        Content::Buttons { buttons, .. } => buttons,
        Content::List { rows, .. } => rows,
        _ => &[],
    }
}
