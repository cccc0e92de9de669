//! `dead-letters list|show|summary|replay|discard`.

use super::replay;
use crate::{
    cli::{DeadLetters, DeadLettersArgs, SettingsArgs},
    operator::{Operation, operate},
    output::{Output, fields, more, table},
};
use shared::{
    Clock as _, SystemClock,
    ports::{
        dead_letters::{Allowed, GroupBy},
        replays::Act,
    },
};

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
        DeadLetters::Summary { by, filter, state } => {
            let filter = filter.filter(state.only(), SystemClock::default().now());
            let by: Vec<GroupBy> = by.into_iter().map(Into::into).collect();
            let mut columns: Vec<&str> = by.iter().map(|by| by.as_str()).collect();
            columns.extend(["count", "oldest", "newest"]);
            let groups = operate(&settings, Operation::DeadLettersSummary { by, filter }).await?;
            output.print(&groups, |groups| table(groups, &columns))
        }
        DeadLetters::Replay(args) => {
            let allowed = Allowed { may_duplicate: args.may_duplicate, force: args.force };
            replay::run(&settings, Act::Replay, &args.chosen, allowed, output).await
        }
        DeadLetters::Discard(args) => {
            replay::run(&settings, Act::Discard, &args.chosen, Allowed::default(), output).await
        }
    }
}
