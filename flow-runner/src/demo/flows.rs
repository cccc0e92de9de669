//! The demo's flows: documents of the original's form.

use anyhow::{Context, bail};
use flow_engine::{FlowStatus, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use shared::ports::flows::{FlowRecord, FlowStore, Saved};

const SAMPLES: [(&str, &str); 2] = [
    ("test.json", include_str!("../../samples/test.json")),
    ("bakery.json", include_str!("../../samples/bakery.json")),
];

/// `{id, name, status, triggers, steps}`.
#[derive(Debug, Deserialize)]
struct Document {
    id: String,
    name: String,
    status: String,
    triggers: Vec<String>,
    steps: Value,
}

/// Saves the samples; those that are there from a run before stay as they are.
pub async fn load(store: &dyn FlowStore) -> anyhow::Result<()> {
    for (file, text) in SAMPLES {
        let document: Document = serde_json::from_str(text).with_context(|| format!("sample {file}"))?;
        let Some(status) = FlowStatus::parse(&document.status) else { bail!("sample {file}: unknown status") };
        let flow = FlowRecord {
            id: document.id.as_str().into(),
            account_id: "default".into(),
            name: document.name,
            trigger: serde_json::to_string(&document.triggers)?,
            automation: document.steps,
            recipients: Value::Array(Vec::new()),
            status,
            version: 0,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        };
        match store.create(flow).await? {
            Saved::Done(_) | Saved::Conflict => {}
            Saved::Changed => bail!("sample {file} could not be saved"),
        }
    }
    Ok(())
}
