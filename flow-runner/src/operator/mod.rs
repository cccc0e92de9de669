//! What an operator can do, wherever the data is: each command is an [`Operation`], which runs here when nobody has the
//! data directory, and over a socket in it while another process does. Same output, same errors.

mod accounts;
mod flows;
mod reach;
mod socket;

pub use reach::{operate, who};
pub use socket::OperatorSocket;

use crate::document::Document;
use anyhow::bail;
use backends::Backends;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    ids::{DeadLetterId, ReplayId},
    operator::{Place, Wanted},
    ports::{
        dead_letters::{Allowed, GroupBy, LetterFilter},
        ledger::Decision,
        listing::Page,
        replays::{Act, Chosen, Order},
    },
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
    /// `accounts rotate-key ID`
    AccountsRotateKey {
        /// Whose.
        account: String,
        /// How long the keys of before stay good.
        grace: Duration,
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
    /// `numbers set ID --rate N`
    NumbersSet {
        /// Which.
        id: String,
        /// Messages a second; `None` = as set for the installation.
        rate: Option<u32>,
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
    /// `messages settle JOB`
    MessagesSettle {
        /// Which.
        job: String,
        /// What is known or decided.
        decision: Decision,
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
    /// `dead-letters summary`
    DeadLettersSummary {
        /// What they are grouped by.
        by: Vec<GroupBy>,
        /// Which.
        filter: LetterFilter,
    },
    /// `dead-letters replay|discard --dry-run`
    DryRun {
        /// What would be done.
        act: Act,
        /// With which.
        chosen: Chosen,
        /// Beyond what harms nobody.
        allowed: Allowed,
    },
    /// `dead-letters replay|discard`: begins it.
    ReplayBegin {
        /// What is to be done with which.
        order: Order,
        /// Whoever goes on with it.
        owner: String,
    },
    /// `dead-letters replay|discard`: the next letters.
    ReplayStep {
        /// Which.
        id: ReplayId,
        /// Whoever goes on with it.
        owner: String,
    },
    /// `trace ID`
    Trace {
        /// Any id on the way.
        id: String,
    },
    /// `audit`
    Audit {
        /// Which part.
        page: Page,
    },
    /// `queues`
    Queues,
}

/// Runs an operation that `who` asked for; its result as the JSON that `--json` prints.
pub async fn run(operation: Operation, backends: &Backends, who: &str) -> anyhow::Result<Value> {
    let operator = backends.operator();
    Ok(match operation {
        Operation::AccountsCreate { name } => accounts::create(backends, &name).await?,
        Operation::AccountsRotateKey { account, grace } => accounts::rotate_key(backends, who, &account, grace).await?,
        Operation::AccountsList => accounts::list(backends).await?,
        Operation::NumbersAdd { id, account, token } => operator.add_number(who, &id, &account, token.into()).await?,
        Operation::NumbersList => operator.numbers().await?,
        Operation::NumbersPause { id } => operator.pause_number(who, &id, true).await?,
        Operation::NumbersResume { id } => operator.pause_number(who, &id, false).await?,
        Operation::NumbersSet { id, rate } => operator.set_rate(who, &id, rate).await?,
        Operation::FlowsList { account } => flows::list(backends, account.as_deref()).await?,
        Operation::FlowsShow { account, id } => flows::show(backends, account.as_deref(), &id).await?,
        Operation::FlowsExport { account } => flows::export(backends, account.as_deref()).await?,
        Operation::FlowsImport { account, documents, keep_recipients } => {
            flows::import(backends, account.as_deref(), documents, keep_recipients).await?
        }
        Operation::FlowsDelete { account, id } => flows::delete(backends, account.as_deref(), &id).await?,
        Operation::Process { number, from, text } => {
            webhook_gateway::process(&operator, who, &number, &from, &text).await?
        }
        Operation::SessionsList { account, page } => operator.sessions(account.as_deref(), &page).await?,
        Operation::SessionsShow { account, recipient } => operator.session(account.as_deref(), &recipient).await?,
        Operation::SessionsSet { account, recipient, place, ttl } => {
            operator.set_session(who, account.as_deref(), &recipient, &place, ttl).await?
        }
        Operation::SessionsDelete { account, recipient } => {
            operator.delete_session(who, account.as_deref(), &recipient).await?
        }
        Operation::MessagesList { wanted, page } => operator.messages(wanted, &page).await?,
        Operation::MessagesShow { id } => operator.message(&id).await?,
        Operation::MessagesSettle { job, decision } => operator.settle_job(who, &job, decision).await?,
        Operation::DeadLettersList { filter, page } => operator.dead_letters(&filter, &page).await?,
        Operation::DeadLettersShow { id } => operator.dead_letter(&id).await?,
        Operation::DeadLettersSummary { by, filter } => operator.dead_letters_summary(&by, &filter).await?,
        Operation::DryRun { act, chosen, allowed } => operator.dry_run(act, &chosen, allowed).await?,
        Operation::ReplayBegin { order, owner } => operator.begin_replay(&order, &owner).await?,
        Operation::ReplayStep { id, owner } => operator.replay_step(&id, &owner).await?,
        Operation::Trace { id } => operator.trace(&id).await?,
        Operation::Audit { page } => operator.audit(&page).await?,
        Operation::Queues => operator.queues().await?,
    })
}

/// Imports flows into the only account there is.
pub async fn import_flows(backends: &Backends, documents: Vec<Document>) -> anyhow::Result<()> {
    let imported = flows::import(backends, None, documents, false).await?;
    let failed = imported["items"].as_array().into_iter().flatten().find_map(|flow| flow["error"].as_str());
    failed.map_or(Ok(()), |error| bail!("{error}"))
}
