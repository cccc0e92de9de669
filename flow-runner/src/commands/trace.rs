//! `trace`.

use crate::{
    cli::{SettingsArgs, TraceArgs},
    operator::{Operation, operate},
    output::{Output, field},
};
use serde_json::Value;

pub async fn run(settings: &SettingsArgs, args: TraceArgs, output: Output) -> anyhow::Result<()> {
    let settings = settings.load()?;
    shared::telemetry::install_log("warn");
    output.print(&operate(&settings, Operation::Trace { id: args.id }).await?, people)
}

/// A moment a line.
pub(super) fn people(trace: &Value) -> String {
    let moments = trace["timeline"].as_array().into_iter().flatten();
    moments.map(|moment| format!("{}  {}\n", field(moment, "at"), field(moment, "what"))).collect()
}
