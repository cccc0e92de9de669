//! What is said about a flow, and whether that keeps it from being saved.

use crate::problem::Problem;
use flow_engine::{
    Catalog, FlowStatus,
    validate::{self, Finding, Report},
};
use serde_json::Value;
use shared::ports::flows::FlowRecord;

/// Everything there is to say, faults first. A draft may have faults, and so may a row that others wrote.
pub(super) fn findings(record: &FlowRecord, catalog: &Catalog) -> Vec<Finding> {
    let report = report(record, catalog);
    report.errors.into_iter().chain(report.warnings).collect()
}

/// The warnings that a flow is saved with; or the faults that keep it from being ACTIVE.
pub(super) fn may_be_saved(record: &FlowRecord, catalog: &Catalog) -> Result<Vec<Finding>, Problem> {
    let report = report(record, catalog);
    if record.status == FlowStatus::Active && !report.errors.is_empty() {
        return Err(Problem::invalid(report.errors));
    }
    Ok(report.errors.into_iter().chain(report.warnings).collect())
}

fn report(record: &FlowRecord, catalog: &Catalog) -> Report {
    let trigger = Value::String(record.trigger.clone());
    let mut report = validate::check(&record.id, &trigger, &record.automation, catalog);
    report.errors.extend(validate::check_recipients(&record.recipients));
    report
}
