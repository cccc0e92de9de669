//! What every flow must be, a draft too: so shaped that it can be kept, shown and mended.

use super::{Finding, MAX_STEPS};
use crate::model::FlowStatus;
use serde_json::{Map, Value};

/// Triggers of one flow: more are no keywords any more.
const MAX_TRIGGERS: usize = 200;
/// Those who alone may start a flow.
const MAX_RECIPIENTS: usize = 10_000;
/// Bytes of `automationJson`.
const MAX_AUTOMATION: usize = 1024 * 1024;
/// Levels of `automationJson`: whoever reads it has a stack of some size.
const MAX_DEPTH: usize = 64;
/// Characters of a name; more is shown nowhere.
const MAX_NAME: usize = 500;

/// A flow's fields as somebody gives them, each in the form it is kept in; `None` = not given, or null.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Not empty.
    pub name: Option<String>,
    /// An array of strings, as a JSON text.
    pub trigger: Option<String>,
    /// An array of objects.
    pub automation: Option<Value>,
    /// An array.
    pub recipients: Option<Value>,
    /// Given in any case.
    pub status: Option<FlowStatus>,
}

impl Given {
    /// Reads `name`, `trigger`, `automationJson`, `recipientArray` and `status`; all faults that no flow can be saved
    /// with are told at once.
    pub fn read(fields: &Map<String, Value>) -> Result<Self, Vec<Finding>> {
        let mut faults = Vec::new();
        let take = |name: &str| fields.get(name).filter(|value| !value.is_null());
        let given = Self {
            name: take("name").and_then(|value| settle(name(value), &mut faults)),
            trigger: take("trigger").and_then(|value| settle(trigger(value), &mut faults)),
            automation: take("automationJson").and_then(|value| settle(automation(value), &mut faults)),
            recipients: take("recipientArray").and_then(|value| settle(recipients(value), &mut faults)),
            status: take("status").and_then(|value| settle(status(value), &mut faults)),
        };
        if faults.is_empty() { Ok(given) } else { Err(faults) }
    }

    /// What a new flow can't do without: a name and steps.
    pub fn required(&self) -> Result<(String, Value), Vec<Finding>> {
        match (&self.name, &self.automation) {
            (Some(name), Some(automation)) => Ok((name.clone(), automation.clone())),
            (name, automation) => {
                let missing = [("/name", name.is_none()), ("/automationJson", automation.is_none())];
                let missing = missing.into_iter().filter(|(_, is_missing)| *is_missing);
                Err(missing.map(|(path, _)| Finding::new(path, "missing", "a new flow needs this")).collect())
            }
        }
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
    const PATH: &str = "/trigger";
    no_nul(value, PATH)?;
    let (array, text) = match value {
        Value::String(text) => (serde_json::from_str(text).unwrap_or(Value::Null), text.clone()),
        other => (other.clone(), other.to_string()),
    };
    let Value::Array(items) = &array else {
        return Err(one(PATH, "wrong_type", "a trigger must be an array of strings, or such an array as JSON text"));
    };
    no_nul(&array, PATH)?;
    if items.len() > MAX_TRIGGERS {
        return Err(one(PATH, "too_many_triggers", &format!("a flow takes {MAX_TRIGGERS} triggers at most")));
    }
    let wrong = items.iter().enumerate().filter(|(_, item)| !item.is_string());
    let faults: Vec<Finding> = wrong
        .map(|(index, _)| Finding::new(format!("{PATH}/{index}"), "wrong_type", "a trigger must be a string"))
        .collect();
    if faults.is_empty() { Ok(text) } else { Err(faults) }
}

/// An array of objects, or the same as a JSON text; kept as the array.
fn automation(value: &Value) -> Result<Value, Vec<Finding>> {
    const PATH: &str = "/automationJson";
    let array = match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or(Value::Null),
        other => other.clone(),
    };
    let Value::Array(steps) = &array else {
        return Err(one(PATH, "wrong_type", "steps must be an array of objects, or such an array as JSON text"));
    };
    if steps.len() > MAX_STEPS {
        return Err(one(PATH, "too_many_steps", "a flow has at most 500 steps"));
    }
    if deeper_than(&array, MAX_DEPTH) {
        return Err(one(PATH, "too_deep", "steps are nested 64 levels deep at most"));
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
    const PATH: &str = "/recipientArray";
    let Value::Array(items) = value else {
        return Err(one(PATH, "wrong_type", "recipientArray must be an array"));
    };
    if items.len() > MAX_RECIPIENTS {
        let text = format!("recipientArray takes {MAX_RECIPIENTS} recipients at most");
        return Err(one(PATH, "too_many_recipients", &text));
    }
    no_nul(value, PATH)?;
    Ok(value.clone())
}

fn status(value: &Value) -> Result<FlowStatus, Vec<Finding>> {
    let status = value.as_str().and_then(|text| FlowStatus::parse(text.trim()));
    status.ok_or_else(|| one("/status", "wrong_status", "status must be ACTIVE or INACTIVE"))
}

/// Whether a value that was parsed, and so is of bounded depth, is nested deeper than this.
fn deeper_than(value: &Value, levels: usize) -> bool {
    let mut inner: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => return false,
    };
    levels == 0 || inner.any(|value| deeper_than(value, levels - 1))
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
