//! `messages list|show|settle`.

use crate::{
    cli::{Messages, MessagesArgs, SettingsArgs},
    operator::{Operation, operate},
    output::{Output, fields, more, table},
};
use shared::{Clock as _, SystemClock, operator::Wanted};

const COLUMNS: [&str; 7] = ["receivedAt", "kind", "state", "phoneNumberId", "recipientId", "eventId", "wamid"];

pub async fn run(settings: &SettingsArgs, args: MessagesArgs, output: Output) -> anyhow::Result<()> {
    let settings = settings.load()?;
    shared::telemetry::install_log("warn");
    match args.what {
        Messages::List { kind, recipient, account, since, list } => {
            let since = since.map(|since| since.seen_from(SystemClock::default().now()));
            let wanted = Wanted { kind, recipient, account, since };
            let messages = operate(&settings, Operation::MessagesList { wanted, page: list.page() }).await?;
            output.print(&messages, |messages| table(messages, &COLUMNS))?;
            more(output, &messages);
            Ok(())
        }
        Messages::Settle { job, decision } => {
            let operation = Operation::MessagesSettle { job, decision: decision.into() };
            output.print(&operate(&settings, operation).await?, super::trace::people)
        }
        Messages::Show { id } => output.print(&operate(&settings, Operation::MessagesShow { id }).await?, fields),
    }
}
