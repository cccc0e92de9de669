//! `dead-letters list|show|replay`.

use super::replay;
use crate::{
    cli::{DeadLetters, DeadLettersArgs, SettingsArgs},
    operator::{Operation, operate},
    output::{Output, fields, more, table},
};
use shared::{Clock as _, SystemClock};

const COLUMNS: [&str; 10] =
    ["id", "createdAt", "kind", "state", "reason", "code", "recipient", "phoneNumberId", "flowId", "stepId"];

pub async fn run(settings: &SettingsArgs, args: DeadLettersArgs, output: Output) -> anyhow::Result<()> {
    let settings = settings.load()?;
    shared::telemetry::install_log("warn");
    match args.what {
        DeadLetters::List { filter, state, list } => {
            let filter = filter.filter(state.only(), SystemClock::default().now());
            let letters = operate(&settings, Operation::DeadLettersList { filter, page: list.page() }).await?;
            output.print(&letters, |letters| table(letters, &COLUMNS))?;
            more(output, &letters);
            Ok(())
        }
        DeadLetters::Show { id } => {
            let letter = operate(&settings, Operation::DeadLettersShow { id: id.into() }).await?;
            output.print(&letter, fields)
        }
        DeadLetters::Replay(args) => replay::run(&settings, &args, output).await,
    }
}
