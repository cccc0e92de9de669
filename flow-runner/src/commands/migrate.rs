//! `migrate up|down|status`.

use crate::{
    cli::{Migrate, MigrateArgs, SettingsArgs},
    output::Output,
};
use backends::schema::{Change, Schema};
use shared::settings::SettingsError;

pub async fn run(settings: &SettingsArgs, args: &MigrateArgs, output: Output) -> anyhow::Result<()> {
    let settings = settings.load()?;
    shared::telemetry::install_log("warn");
    let schema = Schema::open(&settings).await?;
    match args.what {
        Migrate::Up => schema.up().await?,
        Migrate::Down { yes: false, .. } => {
            return Err(SettingsError::Wrong(
                "--yes: taking changes back loses the data they hold; say --yes when that is meant".into(),
            )
            .into());
        }
        Migrate::Down { steps, yes: true } => schema.down(steps).await?,
        Migrate::Status => {}
    }
    let changes = schema.status().await?;
    output.print(&changes, |changes| changes.iter().map(line).collect())
}

fn line(change: &Change) -> String {
    format!("{}  {}\n", if change.applied { "applied" } else { "missing" }, change.name)
}
