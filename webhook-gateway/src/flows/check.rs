//! What is said about a flow, and whether that keeps it from being saved.

use crate::problem::Problem;
use flow_engine::{
    Catalog, FlowStatus, parse_recipients,
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
    check_recipients(&record.recipients, &mut report.errors);
    report
}

/// A list of which nothing can be read would let everyone start the flow: the opposite of what its author wants.
fn check_recipients(recipients: &Value, errors: &mut Vec<Finding>) {
    let Value::Array(items) = recipients else { return };
    for (index, item) in items.iter().enumerate() {
        if parse_recipients(&Value::Array(vec![item.clone()])).iter().all(String::is_empty) {
            let path = format!("/recipientArray/{index}");
            errors.push(Finding::new(path, "bad_recipient", "neither a phone nor a user id can be read from this"));
        }
    }
}
