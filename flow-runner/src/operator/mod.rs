//! What an operator can do, wherever the data is: each command is an [`Operation`], which runs here when nobody has the
//! data directory, and over a socket in it while another process does. Same output, same errors.

mod accounts;
mod dead_letters;
mod flows;
mod messages;
mod numbers;
mod process;
mod queues;
mod reach;
mod sessions;
mod socket;

pub use dead_letters::{Batch, Chosen};
pub use messages::Wanted;
pub use reach::operate;
pub use sessions::Place;
pub use socket::OperatorSocket;

use crate::document::Document;
use anyhow::bail;
use backends::Backends;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    ids::DeadLetterId,
    ports::{accounts::PAUSED_BY_HAND, dead_letters::LetterFilter, listing::Page},
};
use std::time::Duration;

/// One command, as it travels over the socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum Operation {
    /// `accounts create NAME`
    AccountsCreate {
        /// For people.
        name: String,
    },
    /// `accounts list`
    AccountsList,
    /// `numbers add ID --account ID`
    NumbersAdd {
        /// Meta's id of it.
        id: String,
        /// Whose it is.
        account: String,
        /// Its access token.
        token: String,
    },
    /// `numbers list`
    NumbersList,
    /// `numbers pause ID`
    NumbersPause {
        /// Which.
        id: String,
    },
    /// `numbers resume ID`
    NumbersResume {
        /// Which.
        id: String,
    },
    /// `flows list`
    FlowsList {
        /// Whose; `None` = the only account's.
        account: Option<String>,
    },
    /// `flows show ID`
    FlowsShow {
        /// Whose.
        account: Option<String>,
        /// Which.
        id: String,
    },
    /// `flows export`
    FlowsExport {
        /// Whose.
        account: Option<String>,
    },
    /// `flows import FILE…`
    FlowsImport {
        /// Whose.
        account: Option<String>,
        /// What the files hold.
        documents: Vec<Document>,
        /// Whether their `recipientArray` is kept.
        keep_recipients: bool,
    },
    /// `flows delete ID`
    FlowsDelete {
        /// Whose.
        account: Option<String>,
        /// Which.
        id: String,
    },
    /// `process --number ID --from WHO TEXT`
    Process {
        /// The number that is written to.
        number: String,
        /// Who writes.
        from: String,
        /// What.
        text: String,
    },
    /// `sessions list`
    SessionsList {
        /// Whose.
        account: Option<String>,
        /// Which part.
        page: Page,
    },
    /// `sessions show RECIPIENT`
    SessionsShow {
        /// Whose.
        account: Option<String>,
        /// Who.
        recipient: String,
    },
    /// `sessions set RECIPIENT`
    SessionsSet {
        /// Whose.
        account: Option<String>,
        /// Who.
        recipient: String,
        /// Where to.
        place: Place,
        /// How long a session lives.
        ttl: Duration,
    },
    /// `sessions delete RECIPIENT`
    SessionsDelete {
        /// Whose.
        account: Option<String>,
        /// Who.
        recipient: String,
    },
    /// `messages list`
    MessagesList {
        /// Which.
        wanted: Wanted,
        /// Which part.
        page: Page,
    },
    /// `messages show ID`
    MessagesShow {
        /// Which.
        id: String,
    },
    /// `dead-letters list`
    DeadLettersList {
        /// Which.
        filter: LetterFilter,
        /// Which part.
        page: Page,
    },
    /// `dead-letters show ID`
    DeadLettersShow {
        /// Which.
        id: DeadLetterId,
    },
    /// `dead-letters replay`
    DeadLettersReplay(Batch),
    /// `queues`
    Queues,
}

/// Runs an operation; its result as the JSON that `--json` prints.
pub async fn run(operation: Operation, backends: &Backends) -> anyhow::Result<Value> {
    match operation {
        Operation::AccountsCreate { name } => accounts::create(backends, &name).await,
        Operation::AccountsList => accounts::list(backends).await,
        Operation::NumbersAdd { id, account, token } => numbers::add(backends, &id, &account, token).await,
        Operation::NumbersList => numbers::list(backends).await,
        Operation::NumbersPause { id } => numbers::pause(backends, &id, Some(PAUSED_BY_HAND)).await,
        Operation::NumbersResume { id } => numbers::pause(backends, &id, None).await,
        Operation::FlowsList { account } => flows::list(backends, account.as_deref()).await,
        Operation::FlowsShow { account, id } => flows::show(backends, account.as_deref(), &id).await,
        Operation::FlowsExport { account } => flows::export(backends, account.as_deref()).await,
        Operation::FlowsImport { account, documents, keep_recipients } => {
            flows::import(backends, account.as_deref(), documents, keep_recipients).await
        }
        Operation::FlowsDelete { account, id } => flows::delete(backends, account.as_deref(), &id).await,
        Operation::Process { number, from, text } => process::process(backends, &number, &from, &text).await,
        Operation::SessionsList { account, page } => sessions::list(backends, account.as_deref(), &page).await,
        Operation::SessionsShow { account, recipient } => {
            sessions::show(backends, account.as_deref(), &recipient).await
        }
        Operation::SessionsSet { account, recipient, place, ttl } => {
            sessions::set(backends, account.as_deref(), &recipient, &place, ttl).await
        }
        Operation::SessionsDelete { account, recipient } => {
            sessions::delete(backends, account.as_deref(), &recipient).await
        }
        Operation::MessagesList { wanted, page } => messages::list(backends, wanted, &page).await,
        Operation::MessagesShow { id } => messages::show(backends, &id).await,
        Operation::DeadLettersList { filter, page } => dead_letters::list(backends, &filter, &page).await,
        Operation::DeadLettersShow { id } => dead_letters::show(backends, &id).await,
        Operation::DeadLettersReplay(batch) => dead_letters::replay(backends, batch).await,
        Operation::Queues => queues::show(backends).await,
    }
}

/// The partitions to publish to, their queues declared: an installation that never served gets those that are set.
async fn queues(backends: &Backends) -> anyhow::Result<u16> {
    let partitions = backends.installation.partitions(backends.partitions).await?;
    backends.consumer.declare(partitions).await?;
    Ok(partitions)
}

/// Imports flows into the only account there is.
pub async fn import_flows(backends: &Backends, documents: Vec<Document>) -> anyhow::Result<()> {
    let imported = flows::import(backends, None, documents, false).await?;
    let failed = imported["items"].as_array().into_iter().flatten().find_map(|flow| flow["error"].as_str());
    failed.map_or(Ok(()), |error| bail!("{error}"))
}
