//! The fields that a request gives, each in the form it is kept in.

use crate::{depth::too_deep, problem::Problem};
use flow_engine::{
    FlowStatus,
    validate::{Finding, MAX_STEPS},
};
use serde_json::{Map, Value};
use shared::ports::flows::FlowRecord;

/// Triggers of one flow: more are no keywords any more.
const MAX_TRIGGERS: usize = 200;
/// Those who alone may start a flow.
const MAX_RECIPIENTS: usize = 10_000;

/// Bytes of `automationJson`.
const MAX_AUTOMATION: usize = 1024 * 1024;
/// Characters of a name; more is shown nowhere.
const MAX_NAME: usize = 500;

/// What is given; `None` = not given, or null.
#[derive(Debug, Default)]
pub(super) struct Given {
    name: Option<String>,
    trigger: Option<String>,
    automation: Option<Value>,
    recipients: Option<Value>,
    status: Option<FlowStatus>,
}

/// One fault, as an answer.
pub(super) fn fault(path: &str, code: &'static str, message: &str) -> Problem {
    Problem::invalid(vec![Finding::new(path, code, message)])
}

impl Given {
    /// Reads a request's fields; all faults that no flow can be saved with are told at once.
    pub(super) fn read(fields: &Map<String, Value>) -> Result<Self, Problem> {
        let mut faults = Vec::new();
        let take = |name: &str| fields.get(name).filter(|value| !value.is_null());
        let given = Self {
            name: take("name").and_then(|value| settle(name(value), &mut faults)),
            trigger: take("trigger").and_then(|value| settle(trigger(value), &mut faults)),
            automation: take("automationJson").and_then(|value| settle(automation(value), &mut faults)),
            recipients: take("recipientArray").and_then(|value| settle(recipients(value), &mut faults)),
            status: take("status").and_then(|value| settle(status(value), &mut faults)),
        };
        if faults.is_empty() { Ok(given) } else { Err(Problem::invalid(faults)) }
    }

    /// What a new flow can't do without: a name and steps.
    pub(super) fn required(&self) -> Result<(String, Value), Problem> {
        match (&self.name, &self.automation) {
            (Some(name), Some(automation)) => Ok((name.clone(), automation.clone())),
            (name, automation) => {
                let missing = [("/name", name.is_none()), ("/automationJson", automation.is_none())];
                let missing = missing.into_iter().filter(|(_, is_missing)| *is_missing);
                let text = "a new flow needs this";
                Err(Problem::invalid(missing.map(|(path, _)| Finding::new(path, "missing", text)).collect()))
            }
        }
    }

    /// Puts what is given over what is there.
    pub(super) fn apply(&self, record: &mut FlowRecord) {
        replace(&mut record.name, &self.name);
        replace(&mut record.trigger, &self.trigger);
        replace(&mut record.automation, &self.automation);
        replace(&mut record.recipients, &self.recipients);
        replace(&mut record.status, &self.status);
    }
}

fn replace<T: Clone>(place: &mut T, given: &Option<T>) {
    if let Some(given) = given {
        place.clone_from(given);
    }
}

fn settle<T>(read: Result<T, Vec<Finding>>, faults: &mut Vec<Finding>) -> Option<T> {
    read.map_err(|found| faults.extend(found)).ok()
}

fn one(path: impl Into<String>, code: &'static str, message: &str) -> Vec<Finding> {
    vec![Finding::new(path, code, message)]
}

fn name(value: &Value) -> Result<String, Vec<Finding>> {
    let Some(name) = value.as_str() else { return Err(one("/name", "wrong_type", "name must be a string")) };
    if name.trim().is_empty() {
        return Err(one("/name", "missing", "a flow needs a name"));
    }
    if name.chars().count() > MAX_NAME {
        return Err(one("/name", "too_long", "a name has at most 500 characters"));
    }
    no_nul(value, "/name")?;
    Ok(name.to_owned())
}

/// An array of strings, or the same as a JSON text; kept as a JSON text.
fn trigger(value: &Value) -> Result<String, Vec<Finding>> {
    no_nul(value, "/trigger")?;
    let (array, text) = match value {
        Value::String(text) => (serde_json::from_str(text).unwrap_or(Value::Null), text.clone()),
        other => (other.clone(), other.to_string()),
    };
    let Value::Array(items) = &array else {
        return Err(one(
            "/trigger",
            "wrong_type",
            "trigger must be an array of strings, or such an array as JSON text",
        ));
    };
    no_nul(&array, "/trigger")?;
    if items.len() > MAX_TRIGGERS {
        return Err(one("/trigger", "too_many_triggers", &format!("a flow takes {MAX_TRIGGERS} triggers at most")));
    }
    let wrong = items.iter().enumerate().filter(|(_, item)| !item.is_string());
    let faults: Vec<Finding> = wrong
        .map(|(index, _)| Finding::new(format!("/trigger/{index}"), "wrong_type", "a trigger must be a string"))
        .collect();
    if faults.is_empty() { Ok(text) } else { Err(faults) }
}

/// An array of objects, or the same as a JSON text; kept as the array.
fn automation(value: &Value) -> Result<Value, Vec<Finding>> {
    const PATH: &str = "/automationJson";
    let array = match value {
        Value::String(text) if too_deep(text.as_bytes()) => Value::Null,
        Value::String(text) => serde_json::from_str(text).unwrap_or(Value::Null),
        other => other.clone(),
    };
    let Value::Array(steps) = &array else {
        return Err(one(PATH, "wrong_type", "automationJson must be an array of steps, or such an array as JSON text"));
    };
    if steps.len() > MAX_STEPS {
        return Err(one(PATH, "too_many_steps", "a flow has at most 500 steps"));
    }
    if array.to_string().len() > MAX_AUTOMATION {
        return Err(one(PATH, "too_large", "a flow has at most 1 MiB"));
    }
    let wrong = steps.iter().enumerate().filter(|(_, step)| !step.is_object());
    let faults: Vec<Finding> = wrong
        .map(|(index, _)| Finding::new(format!("{PATH}/{index}"), "wrong_type", "a step must be an object"))
        .collect();
    no_nul(&array, PATH)?;
    if faults.is_empty() { Ok(array) } else { Err(faults) }
}

fn recipients(value: &Value) -> Result<Value, Vec<Finding>> {
    if !value.is_array() {
        return Err(one("/recipientArray", "wrong_type", "recipientArray must be an array"));
    }
    if value.as_array().is_some_and(|items| items.len() > MAX_RECIPIENTS) {
        let text = format!("recipientArray takes {MAX_RECIPIENTS} recipients at most");
        return Err(one("/recipientArray", "too_many_recipients", &text));
    }
    no_nul(value, "/recipientArray")?;
    Ok(value.clone())
}

fn status(value: &Value) -> Result<FlowStatus, Vec<Finding>> {
    let status = value.as_str().and_then(|text| FlowStatus::parse(text.trim()));
    status.ok_or_else(|| one("/status", "wrong_status", "status must be ACTIVE or INACTIVE"))
}

/// U+0000 can't be kept in every database, and WhatsApp sends none; the path leads to where it stands.
fn no_nul(value: &Value, path: &str) -> Result<(), Vec<Finding>> {
    match value {
        Value::String(text) if text.contains('\0') => {
            Err(one(path, "bad_character", "the character U+0000 can't be kept"))
        }
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| no_nul(item, &format!("{path}/{index}")))
        }
        Value::Object(fields) => fields.iter().try_for_each(|(name, item)| {
            no_nul(&Value::String(name.clone()), path)?;
            no_nul(item, &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")))
        }),
        _ => Ok(()),
    }
}
