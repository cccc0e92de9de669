//! What the builder is told about a flow: errors, which refuse it as ACTIVE, and warnings.

mod given;
mod loops;

use crate::{
    catalog::Catalog,
    ids::{FlowId, VersionId, word},
    model::{FlowVersion, parse_recipients, parse_triggers},
    step,
};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

pub use crate::finding::{Finding, Report};
pub use given::Given;

/// Steps that a draft may have at most.
pub const MAX_STEPS: usize = 500;
/// Steps beyond which people lose the thread (the original's advice).
const COMFORTABLE_STEPS: usize = 10;

/// Checks one flow's `trigger` and `automationJson`. `catalog` holds the account's other flows (and perhaps an older
/// state of this one, `own`), for what depends on them.
#[must_use]
pub fn check(own: &FlowId, trigger: &Value, automation: &Value, catalog: &Catalog) -> Report {
    let mut report = Report::default();
    check_triggers(own, trigger, catalog, &mut report);
    let Value::Array(items) = automation else {
        report.error(Finding::new("/automationJson", "wrong_type", "automationJson must be an array of steps"));
        return report;
    };
    if items.is_empty() {
        report.error(Finding::new("/automationJson", "no_steps", "a flow needs at least one step"));
    }
    check_ids(items, &mut report);
    for (index, item) in items.iter().enumerate() {
        let path = format!("/automationJson/{index}");
        match item {
            Value::Object(fields) => step::check(fields, &path, (own, catalog), &mut report),
            _ => report.error(Finding::new(path, "wrong_type", "a step must be an object")),
        }
    }
    let version = FlowVersion::parse(VersionId(1), own.clone(), automation);
    check_targets(items, &version, &mut report);
    check_reachable(&version, &mut report);
    loops::check(&version, catalog, &mut report);
    if items.len() > COMFORTABLE_STEPS {
        let text = format!("{} steps; conversations over {COMFORTABLE_STEPS} lose people", items.len());
        report.warning(Finding::new("/automationJson", "many_steps", text));
    }
    report
}

/// What is wrong with a `recipientArray`: a list of which nothing can be read would let everyone start the flow, the
/// opposite of what its author wants.
#[must_use]
pub fn check_recipients(recipients: &Value) -> Vec<Finding> {
    let items = recipients.as_array().into_iter().flatten().enumerate();
    let unread = items.filter(|(_, item)| parse_recipients(&Value::Array(vec![(*item).clone()])) == [""]);
    let text = "neither a phone nor a user id can be read from this";
    unread.map(|(index, _)| Finding::new(format!("/recipientArray/{index}"), "bad_recipient", text)).collect()
}

fn check_triggers(own: &FlowId, trigger: &Value, catalog: &Catalog, report: &mut Report) {
    let triggers = parse_triggers(trigger);
    for folded in &triggers {
        let other = catalog
            .flows()
            .find(|flow| flow.id != *own && flow.status == crate::FlowStatus::Active && flow.triggers.contains(folded));
        if let Some(other) = other {
            let text = format!("flow {} has the trigger {folded:?} too; the oldest flow wins", other.id);
            report.warning(Finding::new("/trigger", "shared_trigger", text));
        }
    }
    let catches_all = |list: &[String]| list.iter().any(|trigger| trigger == "*");
    let others = catalog
        .flows()
        .any(|flow| flow.id != *own && flow.status == crate::FlowStatus::Active && catches_all(&flow.triggers));
    if !catches_all(&triggers) && !others {
        let text = "no active flow has the trigger *: a text that starts nothing gets no answer";
        report.warning(Finding::new("/trigger", "no_catch_all", text));
    }
}

fn check_ids(items: &[Value], report: &mut Report) {
    let mut seen = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("/automationJson/{index}/id");
        match item.get("id").and_then(Value::as_str) {
            None if !item.is_object() => {}
            None | Some("") => report.error(Finding::new(path, "missing_id", "a step needs an id, a string")),
            Some(id) => {
                if let Some(first) = seen.insert(id, index) {
                    let text = format!("step {first} has the id {id:?} already");
                    report.error(Finding::new(path, "duplicate_id", text));
                }
            }
        }
    }
}

fn check_targets(items: &[Value], version: &FlowVersion, report: &mut Report) {
    let mut check = |next: Option<&Value>, path: String| {
        let leads_nowhere = match next {
            None | Some(Value::Null) => return,
            Some(next) => {
                word(next).is_none_or(|id| !id.is_empty() && id != "end" && version.target(Some(&id)).is_none())
            }
        };
        if leads_nowhere {
            let text = format!("there is no step {}: the flow ends there", next.unwrap_or(&Value::Null));
            report.warning(Finding::new(path, "missing_step", text));
        }
    };
    for (index, item) in items.iter().enumerate() {
        let path = format!("/automationJson/{index}");
        check(item.get("next"), format!("{path}/next"));
        if step::has_buttons(item) {
            let buttons = item.get("buttons").and_then(Value::as_array).into_iter().flatten();
            for (option, button) in buttons.enumerate() {
                check(button.get("next"), format!("{path}/buttons/{option}/next"));
            }
            let fallback = item.get("fallback").and_then(|fallback| fallback.get("next"));
            check(fallback, format!("{path}/fallback/next"));
        }
    }
}

fn check_reachable(version: &FlowVersion, report: &mut Report) {
    let mut reached = HashSet::new();
    let mut open = if version.steps.is_empty() { vec![] } else { vec![0] };
    while let Some(index) = open.pop() {
        if reached.insert(index) {
            open.extend(version.steps[index].targets().filter_map(|id| version.target(Some(id))));
        }
    }
    for index in (0..version.steps.len()).filter(|index| !reached.contains(index)) {
        let text = format!("nothing leads to step {:?}", version.steps[index].id.0);
        report.warning(Finding::new(format!("/automationJson/{index}"), "unreachable", text));
    }
}
