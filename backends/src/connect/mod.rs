//! From settings to ports.

mod memory;
mod queues;
mod record;

pub(crate) use record::RecordPlace;

use record::Embedded;

use crate::{
    embedded::{DirectoryError, OpenError},
    sql::{
        Cipher, Feed, SqlAccounts, SqlAudit, SqlConversations, SqlDeadLetters, SqlFlows, SqlInstallation, SqlLedger,
        SqlMessages, SqlRecipients, SqlReplays, SqlStatusClock, SqlSuspects, SqlTraces,
    },
};
use sea_orm::DbErr;
use shared::{
    Clock,
    operator::Operator,
    ports::{
        StoreError,
        accounts::Accounts,
        audit::Audit,
        conversations::Conversations,
        dead_letters::{Burial, DeadLetters},
        flows::FlowStore,
        installation::Installation,
        ledger::Ledger,
        members::Members,
        messages::MessageLog,
        queue::{Consumer, Publisher, QueueError},
        recipients::Recipients,
        replays::Replays,
        sessions::SessionCache,
        status_clock::StatusClock,
        suspects::Suspects,
        traces::Traces,
    },
    runner::{Runner, RunnerPorts},
    settings::Settings,
    tally::Tally,
};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A process that is killed sooner dies of something else than what it was given.
const STEADY: Duration = Duration::from_secs(5);

/// Everything a process may need, behind its ports.
#[derive(Clone)]
pub struct Backends {
    /// Publishes.
    pub publisher: Arc<dyn Publisher>,
    /// Consumes.
    pub consumer: Arc<dyn Consumer>,
    /// The fast copy of sessions.
    pub sessions: Arc<dyn SessionCache>,
    /// Who is alive.
    pub members: Arc<dyn Members>,
    /// What is fixed once.
    pub installation: Arc<dyn Installation>,
    /// Accounts, keys, numbers.
    pub accounts: Arc<dyn Accounts>,
    /// Flows.
    pub flows: Arc<dyn FlowStore>,
    /// Recipients, messages, jobs.
    pub conversations: Arc<dyn Conversations>,
    /// The sender's ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The statuses' clock.
    pub status_clock: Arc<dyn StatusClock>,
    /// Notes of deliveries that may kill.
    pub suspects: Arc<dyn Suspects>,
    /// Consumes queues, for all roles of this process.
    pub runner: Runner,
    /// What was given up.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Takes what queues gave up on.
    pub burial: Arc<dyn Burial>,
    /// What is done with many of those.
    pub replays: Arc<dyn Replays>,
    /// Who did what when.
    pub audit: Arc<dyn Audit>,
    /// Recipients, by hand.
    pub recipients: Arc<dyn Recipients>,
    /// What came in.
    pub messages: Arc<dyn MessageLog>,
    /// The whole ways of messages.
    pub traces: Arc<dyn Traces>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Partitions of this installation.
    pub partitions: u16,
    /// Whether no other process can have claims: then a claim that isn't ours is one of a process that ended.
    pub exclusive: bool,
    /// The data directory, where something is embedded.
    pub data_dir: Option<PathBuf>,
    /// Background work; wait for it at the end.
    pub tasks: TaskTracker,
}

/// Backends that can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The data directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The database file.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The schema could not be brought up to date.
    #[error("bringing the schema up to date: {0}")]
    Migrate(DbErr),
    /// The schema is older than this program and FLOW_RUNNER_MIGRATE is off.
    #[error("the schema is {0} changes behind this program; run `flow-runner migrate up` first")]
    OldSchema(usize),
    /// The database server can't be used.
    #[error("DATABASE_URL: {0}")]
    Database(DbErr),
    /// A query failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queues can't be declared.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// Settings that don't fit what is there.
    #[error("{0}")]
    Settings(String),
}

/// Whether queues or record live in this process's data directory, so that no other process can work on them.
#[must_use]
pub fn embeds_anything(settings: &Settings) -> bool {
    settings.amqp_url.is_none() || !matches!(RecordPlace::of(settings), Ok(RecordPlace::Server(_)))
}

/// Connects to what the settings name: to the servers whose URLs are set, embedded for the rest. Background work ends with
/// `stop`.
pub async fn connect(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> Result<Backends, ConnectError> {
    let place = RecordPlace::of(settings)?;
    let tasks = TaskTracker::new();
    let embedded = match (&place, &settings.amqp_url) {
        (RecordPlace::Server(_), Some(_)) => None,
        _ => Some(Embedded::open(settings, &place).await?),
    };
    let (db, keys) = record::open(settings, &place, embedded.as_ref(), &tasks).await?;
    let (publisher, consumer) = queues::open(settings, embedded.as_ref(), &tasks, &stop).await?;
    let (sessions, members) = memory::open(settings, &clock)?;

    let suspects: Arc<dyn Suspects> = Arc::new(SqlSuspects(db.clone()));
    let ports = RunnerPorts {
        consumer: consumer.clone(),
        suspects: suspects.clone(),
        tally: Tally::new(clock.clone()),
        clock: clock.clone(),
    };
    let accounts = Arc::new(SqlAccounts::new(db.clone(), Cipher::new(&keys), clock.clone()));
    let flows = Arc::new(SqlFlows::new(db.clone(), clock.clone()));
    let feed = Feed::new(db.clone(), vec![accounts.clone(), flows.clone()]);
    let data_dir = embedded.as_ref().map(|embedded| embedded.directory.path().to_owned());
    tasks.spawn(async move {
        feed.follow(stop).await;
        // The directory stays ours as long as anything may write to it.
        drop(embedded);
    });
    Ok(Backends {
        publisher,
        consumer,
        sessions,
        members,
        installation: Arc::new(SqlInstallation(db.clone())),
        accounts,
        flows,
        conversations: Arc::new(SqlConversations::new(db.clone(), clock.clone(), settings.send.attempts)),
        ledger: Arc::new(SqlLedger(db.clone())),
        status_clock: Arc::new(SqlStatusClock(db.clone())),
        suspects,
        runner: Runner::new(ports, settings.worker.give_back_after).steady_after(STEADY),
        burial: Arc::new(SqlDeadLetters(db.clone())),
        dead_letters: Arc::new(SqlDeadLetters(db.clone())),
        replays: Arc::new(SqlReplays(db.clone())),
        audit: Arc::new(SqlAudit(db.clone())),
        recipients: Arc::new(SqlRecipients(db.clone())),
        messages: Arc::new(SqlMessages(db.clone())),
        traces: Arc::new(SqlTraces(db)),
        clock,
        partitions: settings.partitions,
        exclusive: matches!(place, RecordPlace::File(_)),
        data_dir,
        tasks,
    })
}

impl Backends {
    /// What an operator works with.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator {
            accounts: self.accounts.clone(),
            flows: self.flows.clone(),
            recipients: self.recipients.clone(),
            sessions: self.sessions.clone(),
            messages: self.messages.clone(),
            traces: self.traces.clone(),
            dead_letters: self.dead_letters.clone(),
            replays: self.replays.clone(),
            audit: self.audit.clone(),
            ledger: self.ledger.clone(),
            members: self.members.clone(),
            consumer: self.consumer.clone(),
            publisher: self.publisher.clone(),
            installation: self.installation.clone(),
            clock: self.clock.clone(),
            partitions: self.partitions,
        }
    }

    /// Makes sure that the installation has the partitions that are set, and that their queues exist: for whoever serves.
    /// The first to serve fixes their number.
    pub async fn take_up(&self) -> Result<(), ConnectError> {
        let partitions = self.installation.partitions(self.partitions).await?;
        if partitions != self.partitions {
            return Err(ConnectError::Settings(format!(
                "FLOW_RUNNER_PARTITIONS is {}, but this installation was made with {partitions}; set it to that",
                self.partitions
            )));
        }
        self.consumer.declare(partitions).await?;
        Ok(())
    }
}
