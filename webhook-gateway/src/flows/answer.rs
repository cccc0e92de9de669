//! A flow as the API shows it.

use chrono::{DateTime, SecondsFormat};
use flow_engine::{FlowId, Timestamp, validate::Finding};
use serde::Serialize;
use serde_json::Value;
use shared::{
    ids::AccountId,
    ports::flows::{FlowRecord, SavedVersion},
};

/// One flow in an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FlowAnswer {
    id: String,
    name: String,
    /// An array in a string, as the original's builder sends and reads it.
    trigger: String,
    automation_json: Value,
    recipient_array: Value,
    status: &'static str,
    account_id: String,
    version: i64,
    created_at: String,
    updated_at: String,
    warnings: Vec<Finding>,
}

impl FlowAnswer {
    /// A flow, with what there is to say about it.
    pub(super) fn new(record: &FlowRecord, warnings: Vec<Finding>) -> Self {
        Self {
            id: record.id.to_string(),
            name: record.name.clone(),
            trigger: record.trigger.clone(),
            automation_json: record.automation.clone(),
            recipient_array: record.recipients.clone(),
            status: record.status.as_str(),
            account_id: record.account_id.to_string(),
            version: record.version,
            created_at: iso_8601(record.created_at),
            updated_at: iso_8601(record.updated_at),
            warnings,
        }
    }
}

/// A flow's steps as one save left them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VersionAnswer {
    id: String,
    account_id: String,
    version: i64,
    automation_json: Value,
    saved_at: String,
}

impl VersionAnswer {
    pub(super) fn new(id: &FlowId, account: &AccountId, version: i64, saved: SavedVersion) -> Self {
        Self {
            id: id.to_string(),
            account_id: account.to_string(),
            version,
            automation_json: saved.automation,
            saved_at: iso_8601(saved.saved_at),
        }
    }
}

/// With milliseconds and `Z`, as JavaScript's `toISOString` writes it.
fn iso_8601(at: Timestamp) -> String {
    DateTime::from_timestamp_millis(at.0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_read_like_javascripts() {
        assert_eq!(super::iso_8601(flow_engine::Timestamp(1_750_792_206_272)), "2025-06-24T19:10:06.272Z");
        assert_eq!(super::iso_8601(flow_engine::Timestamp(0)), "1970-01-01T00:00:00.000Z");
    }
}
