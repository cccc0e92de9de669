//! The one writer: whatever waits goes into one transaction, and one `fsync` pays for all of it.

use super::queue::NewRow;
use crate::sql::{Erased, Writer, panic_message, store_error};
use async_trait::async_trait;
use futures_util::FutureExt;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use shared::ports::{StoreError, Stored};
use std::{fmt, panic::AssertUnwindSafe};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// Writes that may wait; more wait at their sender.
const WAITING: usize = 4096;
/// Writes in one transaction at most, so that none waits long for its neighbours.
const GROUP: usize = 512;
const DOING: &str = "writing";

/// A change of the queues' tables; many are written by few statements.
#[derive(Debug)]
pub enum QueueWrite {
    /// New messages, in order.
    Publish(Vec<NewRow>),
    /// These are done.
    Ack(Vec<i64>),
    /// These were delivered once more and came back.
    Count(Vec<i64>),
}

enum Op {
    Transaction(Box<dyn Erased>),
    Queue(QueueWrite, oneshot::Sender<Stored<()>>),
}

/// Runs every write of this process, in the order they came.
pub struct GroupWriter {
    ops: mpsc::Sender<Op>,
    /// Ends by itself once the last handle on `ops` is gone and what was sent is written.
    _task: JoinHandle<()>,
}

impl fmt::Debug for GroupWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupWriter").finish_non_exhaustive()
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable { doing: DOING, reason: "the writer has ended".into() }
}

impl GroupWriter {
    /// Starts the writer on its connection.
    #[must_use]
    pub fn start(connection: DatabaseConnection) -> Self {
        let (ops, waiting) = mpsc::channel(WAITING);
        Self { ops, _task: tokio::spawn(write_groups(connection, waiting)) }
    }

    /// Changes the queues' tables; returns once that is on disk.
    pub async fn queue(&self, write: QueueWrite) -> Stored<()> {
        let (answer, answered) = oneshot::channel();
        self.ops.send(Op::Queue(write, answer)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

#[async_trait]
impl Writer for GroupWriter {
    async fn submit(&self, transaction: Box<dyn Erased>) -> Result<(), StoreError> {
        self.ops.send(Op::Transaction(transaction)).await.map_err(|_| ended())
    }
}

async fn write_groups(connection: DatabaseConnection, mut waiting: mpsc::Receiver<Op>) {
    let mut ops = Vec::with_capacity(GROUP);
    while waiting.recv_many(&mut ops, GROUP).await > 0 {
        metrics::histogram!("flow_runner_write_group").record(ops.len() as f64);
        let group = std::mem::take(&mut ops);
        // Whoever waits for a group that panicked is told so; the writes after it go on.
        if let Err(panic) = AssertUnwindSafe(write_group(&connection, group)).catch_unwind().await {
            tracing::error!(panic = panic_message(&*panic), "a group of writes panicked");
            renew(&connection).await;
        }
    }
}

/// What a group's members wait for.
#[derive(Default)]
struct Group {
    publishes: Vec<NewRow>,
    acks: Vec<i64>,
    counts: Vec<i64>,
    queue_answers: Vec<oneshot::Sender<Stored<()>>>,
    transactions: Vec<Box<dyn Erased>>,
}

async fn write_group(connection: &DatabaseConnection, ops: Vec<Op>) {
    let mut group = Group::default();
    for op in ops {
        match op {
            Op::Transaction(transaction) => group.transactions.push(transaction),
            Op::Queue(write, answer) => {
                match write {
                    QueueWrite::Publish(rows) => group.publishes.extend(rows),
                    QueueWrite::Ack(ids) => group.acks.extend(ids),
                    QueueWrite::Count(ids) => group.counts.extend(ids),
                }
                group.queue_answers.push(answer);
            }
        }
    }
    let committed = group.commit(connection).await.map_err(|error| group_error(&error));
    if let Err(error) = &committed {
        tracing::error!(%error, "a group of writes failed");
        renew(connection).await;
    }
    for answer in group.queue_answers {
        // Who asked may have gone.
        drop(answer.send(committed.clone()));
    }
    for transaction in group.transactions {
        transaction.finish(committed.clone());
    }
}

/// Why a whole group failed. That is nobody's data: what one transaction alone can't write, it is told itself.
fn group_error(error: &DbErr) -> StoreError {
    match store_error(DOING, error) {
        StoreError::Refused { doing, reason } => StoreError::Unavailable { doing, reason },
        error => error,
    }
}

/// Opens the connection anew after a failure. SQLite ends a transaction by itself when the disk is full or fails; the pool
/// then counts one that isn't there any more, and would begin the next as a savepoint of it.
async fn renew(connection: &DatabaseConnection) {
    match connection.get_sqlite_connection_pool().acquire().await {
        Ok(live) => {
            if let Err(error) = live.close().await {
                tracing::warn!(%error, "the writing connection did not close well");
            }
        }
        Err(error) => tracing::warn!(%error, "there is no writing connection"),
    }
}

impl Group {
    async fn commit(&mut self, connection: &DatabaseConnection) -> Result<(), DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let tx = connection.begin_with_options(options).await?;
        super::queue::tables::publish(&tx, std::mem::take(&mut self.publishes)).await?;
        super::queue::tables::ack(&tx, &self.acks).await?;
        super::queue::tables::count(&tx, &self.counts).await?;
        for transaction in &mut self.transactions {
            run_alone(&tx, &mut **transaction).await?;
        }
        tx.commit().await
    }
}

/// Runs one transaction within the group's, so that its failure takes back only what it wrote itself.
async fn run_alone(tx: &DatabaseTransaction, transaction: &mut dyn Erased) -> Result<(), DbErr> {
    tx.execute_unprepared("SAVEPOINT alone").await?;
    if let Err(error) = transaction.run(tx).await {
        tracing::debug!(%error, "a transaction was taken back");
        // Without its savepoint the whole group is gone (a full disk, for one), and this error is the reason.
        tx.execute_unprepared("ROLLBACK TO alone").await.map_err(|_| error)?;
    }
    tx.execute_unprepared("RELEASE alone").await?;
    Ok(())
}
