//! What an operator can do, wherever the data is: each command is an [`Operation`], which runs here when nobody has the
//! data directory, and over a socket in it while another process does. Same output, same errors.

mod accounts;
mod numbers;
mod reach;
mod socket;

pub use reach::operate;
pub use socket::OperatorSocket;

use backends::Backends;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
}

/// Runs an operation; its result as the JSON that `--json` prints.
pub async fn run(operation: Operation, backends: &Backends) -> anyhow::Result<Value> {
    match operation {
        Operation::AccountsCreate { name } => accounts::create(backends, &name).await,
        Operation::AccountsList => accounts::list(backends).await,
        Operation::NumbersAdd { id, account, token } => numbers::add(backends, &id, &account, token).await,
        Operation::NumbersList => numbers::list(backends).await,
        Operation::NumbersPause { id } => numbers::pause(backends, &id, Some("paused by hand")).await,
        Operation::NumbersResume { id } => numbers::pause(backends, &id, None).await,
    }
}
