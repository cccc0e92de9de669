//! From settings to ports.

use crate::{
    embedded::{self, DataDirectory, DirectoryError, EmbeddedQueue, LocalMembers, LocalSessions, OpenError},
    sql::{
        Cipher, Db, Feed, SqlAccounts, SqlConversations, SqlDeadLetters, SqlFlows, SqlInstallation, SqlLedger,
        SqlMessages, SqlRecipients, SqlStatusClock,
    },
};
use migrations::Migrator;
use sea_orm::{DatabaseConnection, DbErr};
use sea_orm_migration::MigratorTrait;
use shared::{
    Clock,
    ports::{
        StoreError,
        accounts::Accounts,
        conversations::Conversations,
        dead_letters::DeadLetters,
        flows::FlowStore,
        installation::Installation,
        ledger::Ledger,
        members::Members,
        messages::MessageLog,
        queue::{Consumer, Publisher, QueueError},
        recipients::Recipients,
        sessions::SessionCache,
        status_clock::StatusClock,
    },
    settings::Settings,
};
use std::sync::Arc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

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
    /// What was given up.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Recipients, by hand.
    pub recipients: Arc<dyn Recipients>,
    /// What came in.
    pub messages: Arc<dyn MessageLog>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Partitions of this installation.
    pub partitions: u16,
    /// Whether no other process can have claims: then a claim that isn't ours is one of a process that ended.
    pub exclusive: bool,
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

/// Connects to what the settings name. Background work ends with `stop`.
pub async fn connect(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> Result<Backends, ConnectError> {
    embedded_only(settings)?;
    let directory = DataDirectory::own(&settings.data_dir)?;
    let keys = directory.key_ring(settings.encryption_key.clone())?;
    let (db, writer, writing) = embedded::open(&directory).await?;
    bring_up_to_date(&writing, settings.migrate).await?;
    let queue = EmbeddedQueue::new(db.clone(), writer);
    Ok(assemble(settings, db, Cipher::new(&keys), clock, queue, directory, stop))
}

/// Refuses the URLs of servers that this version can't use yet, rather than ignoring them.
pub(crate) fn embedded_only(settings: &Settings) -> Result<(), ConnectError> {
    let urls = [
        ("DATABASE_URL", &settings.database_url),
        ("AMQP_URL", &settings.amqp_url),
        ("REDIS_URL", &settings.redis_url),
    ];
    match urls.iter().find(|(_, url)| url.is_some()) {
        Some((name, _)) => {
            Err(ConnectError::Settings(format!("{name} is set, but this version runs embedded only; unset it")))
        }
        None => Ok(()),
    }
}

fn assemble(
    settings: &Settings,
    db: Db,
    cipher: Cipher,
    clock: Arc<dyn Clock>,
    queue: Arc<EmbeddedQueue>,
    directory: DataDirectory,
    stop: CancellationToken,
) -> Backends {
    let accounts = Arc::new(SqlAccounts::new(db.clone(), cipher, clock.clone()));
    let flows = Arc::new(SqlFlows::new(db.clone(), clock.clone()));
    let feed = Feed::new(db.clone(), vec![accounts.clone(), flows.clone()]);
    let tasks = TaskTracker::new();
    tasks.spawn(async move {
        feed.follow(stop).await;
        // The directory stays ours as long as anything may write to it.
        drop(directory);
    });
    Backends {
        publisher: queue.clone(),
        consumer: queue,
        sessions: Arc::new(LocalSessions::new(clock.clone())),
        members: Arc::new(LocalMembers::new(clock.clone())),
        installation: Arc::new(SqlInstallation(db.clone())),
        accounts,
        flows,
        conversations: Arc::new(SqlConversations::new(db.clone(), clock.clone(), settings.send.attempts)),
        ledger: Arc::new(SqlLedger(db.clone())),
        status_clock: Arc::new(SqlStatusClock(db.clone())),
        dead_letters: Arc::new(SqlDeadLetters(db.clone())),
        recipients: Arc::new(SqlRecipients(db.clone())),
        messages: Arc::new(SqlMessages(db)),
        clock,
        partitions: settings.partitions,
        exclusive: true,
        tasks,
    }
}

async fn bring_up_to_date(connection: &DatabaseConnection, migrate: bool) -> Result<(), ConnectError> {
    let pending = Migrator::get_pending_migrations(connection).await.map_err(ConnectError::Migrate)?;
    match (pending.len(), migrate) {
        (0, _) => Ok(()),
        (count, false) => Err(ConnectError::OldSchema(count)),
        (_, true) => Migrator::up(connection, None).await.map_err(ConnectError::Migrate),
    }
}

impl Backends {
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
