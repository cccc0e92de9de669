//! Flow files: the original's document `{id, name, status, date, triggers, steps}`, or what the API answers.

use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat};
use flow_engine::{
    Catalog, Flow, FlowId, FlowStatus, FlowVersion, Timestamp, VersionId, parse_triggers,
    validate::{self, Report},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::ports::flows::FlowRecord;
use std::{collections::HashSet, fs, io::Read as _, path::Path};

/// One flow of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Document {
    /// Kept when it is imported; drawn when there is none.
    #[serde(default)]
    pub id: Option<String>,
    /// For people.
    pub name: String,
    /// `active` or `inactive`, any case.
    #[serde(default)]
    pub status: Option<String>,
    /// An array of strings, or that as one string.
    #[serde(alias = "trigger")]
    pub triggers: Value,
    /// An array of steps.
    #[serde(alias = "automationJson")]
    pub steps: Value,
    /// Who may start it; only taken when asked for.
    #[serde(default, rename = "recipientArray")]
    pub recipients: Option<Value>,
}

impl Document {
    /// Its status; `INACTIVE` where none is given.
    pub fn status(&self) -> anyhow::Result<FlowStatus> {
        match self.status.as_deref() {
            None => Ok(FlowStatus::Inactive),
            Some(word) => FlowStatus::parse(word)
                .with_context(|| format!("flow {:?}: status {word:?} is neither active nor inactive", self.name)),
        }
    }

    /// The flow it makes, as number `row` of those it came with.
    pub fn flow(&self, row: usize, status: FlowStatus) -> Flow {
        let row = i64::try_from(row).unwrap_or(i64::MAX);
        let id = FlowId::from(self.id.clone().unwrap_or_else(|| format!("new {row}")).as_str());
        Flow {
            version: FlowVersion::parse(VersionId(row), id.clone(), &self.steps).into(),
            id,
            status,
            triggers: parse_triggers(&self.triggers),
            recipients: Vec::new(),
            created_at: Timestamp(row),
        }
    }
}

/// What is to be said of each document, beside `others` and the other documents.
pub fn check(documents: &[Document], others: &Catalog) -> anyhow::Result<Vec<Report>> {
    let mut flows = Vec::with_capacity(documents.len());
    for (row, document) in documents.iter().enumerate() {
        flows.push(document.flow(row + 1, document.status()?));
    }
    let replaced: HashSet<FlowId> = flows.iter().map(|flow| flow.id.clone()).collect();
    let beside = others.flows().filter(|flow| !replaced.contains(&flow.id)).cloned();
    let catalog = Catalog::new(beside.chain(flows.iter().cloned()).collect());
    let each = flows.iter().zip(documents);
    Ok(each.map(|(flow, own)| validate::check(&flow.id, &own.triggers, &own.steps, &catalog)).collect())
}

/// The flows of a file (`-` is standard input): one document, or an array of them.
pub fn read(path: &Path) -> anyhow::Result<Vec<Document>> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("can't read standard input")?;
        text
    } else {
        fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?
    };
    let value: Value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let documents = match value {
        Value::Array(items) => items,
        one @ Value::Object(_) => vec![one],
        _ => bail!("{} holds neither a flow nor an array of flows", path.display()),
    };
    documents
        .into_iter()
        .map(|document| {
            serde_json::from_value(document)
                .with_context(|| format!("{} holds something that is no flow", path.display()))
        })
        .collect()
}

/// A saved flow as a document.
pub fn of(flow: &FlowRecord) -> Value {
    let triggers: Value = serde_json::from_str(&flow.trigger).unwrap_or_else(|_| json!([flow.trigger]));
    json!({
        "id": flow.id,
        "name": flow.name,
        "status": flow.status.as_str().to_ascii_lowercase(),
        "date": iso(flow.updated_at),
        "triggers": triggers,
        "steps": flow.automation,
    })
}

/// ISO 8601 with milliseconds, as the original wrote dates.
pub fn iso(at: Timestamp) -> String {
    let time = DateTime::from_timestamp_millis(at.0).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
