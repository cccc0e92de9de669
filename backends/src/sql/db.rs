//! Reading, and writing in transactions.

use super::clean::clean;
use super::error::store_error;
use async_trait::async_trait;
use futures_util::FutureExt;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement, Value,
};
use shared::ports::{StoreError, Stored};
use std::{any::Any, fmt, panic::AssertUnwindSafe, sync::Arc};

/// One transaction: all of it happens, or nothing.
#[async_trait]
pub trait Transaction: Send + Sync + 'static {
    /// What it gives.
    type Output: Send + 'static;
    /// What it does, for errors.
    const DOING: &'static str;
    /// Does it. May run again after a deadlock.
    async fn run(&self, tx: &DatabaseTransaction) -> Result<Self::Output, DbErr>;
}

/// A transaction whose result waits for the commit.
#[async_trait]
pub trait Erased: Send + 'static {
    /// Runs it; the error is the caller's answer too.
    async fn run(&mut self, tx: &DatabaseTransaction) -> Result<(), DbErr>;
    /// Answers the caller: committed, or not.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Whoever runs transactions one after the other.
#[async_trait]
pub trait Writer: Send + Sync {
    /// Takes a transaction; it is finished whatever happens.
    async fn submit(&self, transaction: Box<dyn Erased>) -> Result<(), StoreError>;
}

/// A database.
#[derive(Clone)]
pub struct Db {
    reader: DatabaseConnection,
    writer: Arc<dyn Writer>,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").finish_non_exhaustive()
    }
}

impl Db {
    /// Reads from `reader`, writes through `writer`.
    #[must_use]
    pub fn new(reader: DatabaseConnection, writer: Arc<dyn Writer>) -> Self {
        Self { reader, writer }
    }

    /// Reads rows.
    pub async fn all(&self, doing: &'static str, sql: &str, values: Vec<Value>) -> Stored<Vec<QueryResult>> {
        all(&self.reader, sql, values).await.map_err(|error| store_error(doing, &error))
    }

    /// Reads one row.
    pub async fn one(&self, doing: &'static str, sql: &str, values: Vec<Value>) -> Stored<Option<QueryResult>> {
        Ok(self.all(doing, sql, values).await?.into_iter().next())
    }

    /// Runs a transaction and returns once it is committed, on disk.
    pub async fn write<T: Transaction>(&self, transaction: T) -> Stored<T::Output> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let pending = Pending { transaction, output: None, answer };
        self.writer.submit(Box::new(pending)).await?;
        answered
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable { doing: T::DOING, reason: "the writer has ended".into() }))
    }
}

struct Pending<T: Transaction> {
    transaction: T,
    output: Option<Result<T::Output, StoreError>>,
    answer: tokio::sync::oneshot::Sender<Stored<T::Output>>,
}

#[async_trait]
impl<T: Transaction> Erased for Pending<T> {
    async fn run(&mut self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        // A panic takes back this transaction, not whoever runs it for all of this process.
        let result = AssertUnwindSafe(self.transaction.run(tx))
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| Err(DbErr::Custom(format!("a bug met this data: {}", panic_message(&*panic)))));
        let (output, result) = match result {
            Ok(output) => (Ok(output), Ok(())),
            Err(error) => (Err(store_error(T::DOING, &error)), Err(error)),
        };
        self.output = Some(output);
        result
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (self.output, committed) {
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (Some(Ok(output)), Ok(())) => Ok(output),
            (None, Ok(())) => {
                Err(StoreError::Unavailable { doing: T::DOING, reason: "the transaction did not run".into() })
            }
        };
        // Who asked may have gone; the transaction stands all the same.
        drop(self.answer.send(answer));
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without words")
}

/// A statement whose texts hold no U+0000: PostgreSQL refuses it in texts, and SQLite's tools stop at it. What is compared
/// with a column in this program must be cleaned the same way.
fn statement<C: ConnectionTrait>(connection: &C, sql: &str, mut values: Vec<Value>) -> Statement {
    for value in &mut values {
        if let Value::String(Some(text)) = value
            && text.contains('\0')
        {
            *text = clean(text);
        }
    }
    Statement::from_sql_and_values(connection.get_database_backend(), sql, values)
}

/// Rows of a query.
pub(super) async fn all<C: ConnectionTrait>(
    connection: &C,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    connection.query_all_raw(statement(connection, sql, values)).await
}

/// The first row of a query.
pub(crate) async fn one<C: ConnectionTrait>(
    connection: &C,
    sql: &str,
    values: Vec<Value>,
) -> Result<Option<QueryResult>, DbErr> {
    Ok(all(connection, sql, values).await?.into_iter().next())
}

/// Executes a statement; how many rows it changed.
pub(crate) async fn execute<C: ConnectionTrait>(connection: &C, sql: &str, values: Vec<Value>) -> Result<u64, DbErr> {
    Ok(connection.execute_raw(statement(connection, sql, values)).await?.rows_affected())
}

/// ` FOR UPDATE` where rows are locked one by one; SQLite's one writer has the whole database.
pub(super) fn for_update<C: ConnectionTrait>(connection: &C) -> &'static str {
    match connection.get_database_backend() {
        DbBackend::Sqlite => "",
        _ => " FOR UPDATE",
    }
}
