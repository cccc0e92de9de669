//! What an operator can do, wherever the data is: each command is an [`Operation`], which runs here when nobody has the
//! data directory, and over a socket in it while another process does. Same output, same errors.

mod accounts;
mod flows;
mod numbers;
mod reach;
mod socket;

pub use reach::operate;
pub use socket::OperatorSocket;

use crate::document::Document;
use backends::Backends;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::ports::accounts::PAUSED_BY_HAND;

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
    }
}

/// Imports flows into the only account there is.
pub async fn import_flows(backends: &Backends, documents: Vec<Document>) -> anyhow::Result<()> {
    flows::import(backends, None, documents, false).await.map(drop)
}
