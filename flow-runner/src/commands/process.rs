//! `process`.

use crate::{
    cli::{ProcessArgs, SettingsArgs},
    operator::{Operation, operate},
    output::{Output, field},
};

pub async fn run(settings: &SettingsArgs, args: ProcessArgs, output: Output) -> anyhow::Result<()> {
    let settings = settings.load()?;
    shared::telemetry::install_log("warn");
    let ProcessArgs { number, from, text } = args;
    let event = operate(&settings, Operation::Process { number, from, text }).await?;
    output.print(&event, |event| format!("event {}", field(event, "eventId")))
}
