//! What the builder is told about a flow: errors, which refuse it as ACTIVE, and warnings.

use crate::{
    catalog::Catalog,
    model::{FlowId, FlowVersion, VersionId, parse_triggers},
    step::{self, StepKind},
};
use serde::Serialize;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Steps that a draft may have at most.
pub const MAX_STEPS: usize = 500;
/// Steps beyond which people lose the thread (the original's advice).
const COMFORTABLE_STEPS: usize = 10;

/// One thing to say about a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// JSON pointer into what was sent, such as `/automationJson/0/type`.
    pub path: String,
    /// A stable word.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Finding {
    /// A finding at `path`.
    pub fn new(path: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { path: path.into(), code, message: message.into() }
    }
}

/// All that was found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// What refuses the flow as ACTIVE.
    pub errors: Vec<Finding>,
    /// What it runs with all the same.
    pub warnings: Vec<Finding>,
}

impl Report {
    pub(crate) fn error(&mut self, finding: Finding) {
        self.errors.push(finding);
    }

    pub(crate) fn warning(&mut self, finding: Finding) {
        self.warnings.push(finding);
    }
}

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
            Value::Object(fields) => step::check(fields, &path, &mut report),
            _ => report.error(Finding::new(path, "wrong_type", "a step must be an object")),
        }
    }
    let version = FlowVersion::parse(VersionId(1), own.clone(), automation);
    check_targets(&version, &mut report);
    check_reachable(&version, &mut report);
    check_loops(&version, &mut report);
    if items.len() > COMFORTABLE_STEPS {
        let text = format!("{} steps; conversations over {COMFORTABLE_STEPS} lose people", items.len());
        report.warning(Finding::new("/automationJson", "many_steps", text));
    }
    report
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

fn check_targets(version: &FlowVersion, report: &mut Report) {
    for (index, step) in version.steps.iter().enumerate() {
        let path = format!("/automationJson/{index}");
        let mut warn = |next: Option<&str>, path: String| {
            let lost = next.filter(|id| !id.is_empty() && *id != "end").filter(|id| version.index_of(id).is_none());
            if let Some(id) = lost {
                let text = format!("there is no step {id:?}: the flow ends there");
                report.warning(Finding::new(path, "missing_step", text));
            }
        };
        warn(step.next.as_deref(), format!("{path}/next"));
        if let StepKind::Message(message) = &step.kind {
            for (option, button) in message.buttons.iter().enumerate() {
                warn(button.next.as_deref(), format!("{path}/buttons/{option}/next"));
            }
            warn(message.fallback.next.as_deref(), format!("{path}/fallback/next"));
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

/// A loop of steps that never waits would send until the limit of the event stops it.
fn check_loops(version: &FlowVersion, report: &mut Report) {
    let goes_on = |index: usize| {
        let step = &version.steps[index];
        let next = version.target(step.next.as_deref());
        match &step.kind {
            // With buttons it waits; without, it waits whenever its next leads somewhere.
            StepKind::Message(_) => None,
            _ => next,
        }
    };
    let mut told = HashSet::new();
    for start in 0..version.steps.len() {
        let mut path = vec![start];
        while let Some(next) = path.last().copied().and_then(goes_on) {
            if let Some(from) = path.iter().position(|index| *index == next) {
                let first = path[from..].iter().copied().min().unwrap_or(next);
                if told.insert(first) {
                    let text = "these steps lead back to themselves and never wait for a reply";
                    report.error(Finding::new(format!("/automationJson/{first}/next"), "endless_loop", text));
                }
                break;
            }
            path.push(next);
        }
    }
}
