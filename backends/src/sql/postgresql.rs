//! PostgreSQL: a pool, and each transaction on a connection of its own.

use super::{
    db::{Db, Erased, Writer},
    error::store_error,
};
use async_trait::async_trait;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, TransactionTrait};
use secrecy::{ExposeSecret, SecretString};
use shared::ports::StoreError;
use std::{sync::Arc, time::Duration};
use tokio_util::task::TaskTracker;

/// A server that is there gives a connection within this.
const CONNECT: Duration = Duration::from_secs(5);
/// A transaction takes milliseconds. One that takes this long met a lock or a server that is gone.
const TRANSACTION: Duration = Duration::from_secs(20);
/// What the server cuts off by itself, so that no forgotten client holds a lock: a statement, a wait for a lock, and a
/// transaction that says nothing; in milliseconds.
const SERVER_LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "15000"), ("lock_timeout", "10000"), ("idle_in_transaction_session_timeout", "30000")];
/// Held while the schema is brought up to date: "flow run" in ASCII, for this program alone.
const MIGRATING: i64 = 0x666c_6f77_2072_756e;

/// Prepares a database; `DATABASE_URL` says which. Connections are made when something is asked, so that a server that is
/// away for a moment stops nobody.
pub async fn open(url: &SecretString, connections: u32, tasks: &TaskTracker) -> Result<Db, DbErr> {
    let mut options = options(url);
    // Its transactions are groups already, so few are needed.
    options.max_connections(connections).min_connections(0).connect_lazy(true);
    let pool = Database::connect(options).await?;
    let writer = PoolWriter { pool: pool.clone(), tasks: tasks.clone() };
    Ok(Db::new(pool, Arc::new(writer)))
}

fn options(url: &SecretString) -> ConnectOptions {
    let mut options = ConnectOptions::new(url.expose_secret());
    options.sqlx_logging(false).connect_timeout(CONNECT).acquire_timeout(CONNECT);
    options.map_sqlx_postgres_opts(|options| options.application_name("flow-runner").options(SERVER_LIMITS));
    options
}

/// A connection that has the database's schema to itself, for as long as it is open: one process at a time changes it.
pub async fn alone(url: &SecretString) -> Result<DatabaseConnection, DbErr> {
    let mut options = options(url);
    // A session's lock needs its session; and a change of a large table takes as long as it takes.
    options.max_connections(1).map_sqlx_postgres_opts(|options| options.application_name("flow-runner migrate"));
    let alone = Database::connect(options).await?;
    alone.execute_unprepared(&format!("SELECT pg_advisory_lock({MIGRATING})")).await?;
    Ok(alone)
}

struct PoolWriter {
    pool: DatabaseConnection,
    tasks: TaskTracker,
}

#[async_trait]
impl Writer for PoolWriter {
    async fn submit(&self, mut transaction: Box<dyn Erased>) -> Result<(), StoreError> {
        let pool = self.pool.clone();
        // Whoever asked may go away meanwhile: it is finished all the same.
        self.tasks.spawn(async move {
            let committed = match tokio::time::timeout(TRANSACTION, run(&pool, &mut *transaction)).await {
                Ok(done) => done.map_err(|error| store_error("committing", &error)),
                Err(_) => {
                    let reason = format!("no answer within {TRANSACTION:?}");
                    Err(StoreError::Unavailable { doing: "committing", reason })
                }
            };
            transaction.finish(committed);
        });
        Ok(())
    }
}

/// Its own error is its caller's answer already; what is told here is why nothing was committed.
async fn run(pool: &DatabaseConnection, transaction: &mut dyn Erased) -> Result<(), DbErr> {
    let tx = pool.begin().await?;
    match transaction.run(&tx).await {
        Ok(()) => tx.commit().await,
        Err(_) => tx.rollback().await,
    }
}
