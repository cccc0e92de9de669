//! Flows as the builder saved them, parsed leniently: an old row with a fault still runs, as far as it can.

use crate::{
    fold::fold,
    ids::{FlowId, StepId, VersionId, word},
    step::Step,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Whether a flow may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FlowStatus {
    /// It may.
    Active,
    /// A draft, or switched off: running sessions finish, none starts.
    Inactive,
}

impl FlowStatus {
    /// Reads `ACTIVE` or `INACTIVE` in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "ACTIVE" => Some(Self::Active),
            "INACTIVE" => Some(Self::Inactive),
            _ => None,
        }
    }

    /// The word in the table and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
        }
    }
}

/// A flow with its newest version.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Its id.
    pub id: FlowId,
    /// Whether it may start.
    pub status: FlowStatus,
    /// Its triggers, folded; `*` among them takes whatever nothing else takes.
    pub triggers: Vec<String>,
    /// Who may start it (phones as digits, or user ids); empty = everyone.
    pub recipients: Vec<String>,
    /// When it was made: of several flows with one trigger the oldest wins.
    pub created_at: Timestamp,
    /// What runs when it starts now.
    pub version: Arc<FlowVersion>,
}

impl Flow {
    /// Whether one of these ids (phones with or without `+`, user ids) may start the flow.
    #[must_use]
    pub fn may_be_started_by(&self, sender: &[String]) -> bool {
        self.recipients.is_empty()
            || sender.iter().any(|id| {
                let id = normalize_identity(id);
                !id.is_empty() && self.recipients.contains(&id)
            })
    }
}

/// One immutable save of a flow.
#[derive(Debug)]
pub struct FlowVersion {
    /// Its row.
    pub id: VersionId,
    /// The flow it belongs to.
    pub flow_id: FlowId,
    /// Its steps, in the order of the builder; the first is where it begins.
    pub steps: Vec<Step>,
    by_id: HashMap<StepId, usize>,
}

impl FlowVersion {
    /// Parses `automationJson`. Never fails: what can't be run is a step that says so.
    #[must_use]
    pub fn parse(id: VersionId, flow_id: FlowId, automation: &Value) -> Self {
        let steps: Vec<Step> = match automation {
            Value::Array(items) => items.iter().map(Step::parse).collect(),
            _ => Vec::new(),
        };
        let mut by_id = HashMap::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            by_id.entry(step.id.clone()).or_insert(index);
        }
        Self { id, flow_id, steps, by_id }
    }

    /// Index of the step with this id; the first of several.
    #[must_use]
    pub fn index_of(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Index of the step that the flow begins with.
    #[must_use]
    pub fn first(&self) -> Option<usize> {
        (!self.steps.is_empty()).then_some(0)
    }

    /// Where a `next` leads: an index, or the end of the flow (empty, null, a missing step, or `"end"` where no step
    /// has that id).
    #[must_use]
    pub fn target(&self, next: Option<&str>) -> Option<usize> {
        next.filter(|id| !id.is_empty()).and_then(|id| self.index_of(id))
    }
}

/// Reads a `trigger`: an array of strings, or a JSON-encoded one, or (old rows) a bare word. Folded, each once, without
/// empty ones.
#[must_use]
pub fn parse_triggers(value: &Value) -> Vec<String> {
    let words = match value {
        Value::Array(items) => words(items),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(Value::Array(items)) => words(&items),
            Ok(Value::String(word)) => vec![word],
            Ok(Value::Null | Value::Object(_)) => Vec::new(),
            // A word, or one that happens to be a number.
            Ok(_) | Err(_) => vec![text.clone()],
        },
        _ => Vec::new(),
    };
    let mut seen = HashSet::with_capacity(words.len());
    let folded = words.iter().map(|word| fold(word));
    folded.filter(|trigger| !trigger.is_empty() && seen.insert(trigger.clone())).collect()
}

fn words(items: &[Value]) -> Vec<String> {
    items.iter().filter_map(word).collect()
}

/// Reads a `recipientArray`: strings, or objects that hold a phone or user id under one of the names in use.
#[must_use]
pub fn parse_recipients(value: &Value) -> Vec<String> {
    const NAMES: [&str; 6] = ["phone", "phoneNumber", "wa_id", "user_id", "recipientId", "id"];
    let Value::Array(items) = value else { return Vec::new() };
    let mut ids: Vec<String> = items
        .iter()
        .flat_map(|item| match item {
            Value::Object(fields) => NAMES.iter().filter_map(|name| word(fields.get(*name)?)).collect(),
            other => Vec::from_iter(word(other)),
        })
        .map(|text| normalize_identity(&text))
        .filter(|id| !id.is_empty())
        .collect();
    if ids.is_empty() && !items.is_empty() {
        // A list that nothing can be read from is for nobody, not for everyone.
        ids.push(String::new());
    }
    ids
}

/// A phone as its digits; anything with letters in it (a business-scoped user id) as it is.
fn normalize_identity(text: &str) -> String {
    let text = text.trim();
    if text.chars().any(char::is_alphabetic) {
        text.to_owned()
    } else {
        text.chars().filter(char::is_ascii_digit).collect()
    }
}
