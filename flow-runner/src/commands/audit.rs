//! `audit`.

use crate::{
    cli::{AuditArgs, SettingsArgs},
    operator::{Operation, operate},
    output::{Output, more, table},
};

const COLUMNS: [&str; 5] = ["at", "who", "act", "subject", "details"];

pub async fn run(settings: &SettingsArgs, args: &AuditArgs, output: Output) -> anyhow::Result<()> {
    let settings = settings.load()?;
    shared::telemetry::install_log("warn");
    let acts = operate(&settings, Operation::Audit { page: args.list.page() }).await?;
    output.print(&acts, |acts| table(acts, &COLUMNS))?;
    more(output, &acts);
    Ok(())
}
