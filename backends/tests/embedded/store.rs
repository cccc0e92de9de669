//! A small database behind the one writer, and transactions that do what a test wants.

use async_trait::async_trait;
use backends::{
    embedded::{DataDirectory, open},
    sql::{Db, Transaction},
};
use futures_util::future::join_all;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement,
};
use shared::ports::Stored;
use std::sync::Arc;
use tokio::sync::Notify;

/// A database with one table, `words (word PRIMARY KEY)`.
pub struct Store {
    pub db: Db,
    pub writing: DatabaseConnection,
    /// Another program on the same file.
    pub beside: DatabaseConnection,
    pub directory: DataDirectory,
    _parent: tempfile::TempDir,
}

impl Store {
    pub async fn fresh() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let directory = DataDirectory::own(&parent.path().join("data"), None).unwrap();
        let (db, _, writing) = open(&directory).await.unwrap();
        let mut options = ConnectOptions::new(format!("sqlite://{}", directory.database().display()));
        options.sqlx_logging(false).max_connections(1);
        let beside = Database::connect(options).await.unwrap();
        beside.execute_unprepared("CREATE TABLE words (word TEXT NOT NULL PRIMARY KEY)").await.unwrap();
        Self { db, writing, beside, directory, _parent: parent }
    }

    pub async fn words(&self) -> Vec<String> {
        texts(&self.beside, "SELECT word FROM words WHERE length(word) < 100 ORDER BY word").await
    }

    /// Runs transactions in one group, behind one that waits until they are all there; their results in order.
    pub async fn group(&self, transactions: Vec<Does>) -> Vec<Stored<()>> {
        let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let holding = tokio::spawn({
            let (db, holds) = (self.db.clone(), Does::Wait { began: began.clone(), go: go.clone() });
            async move { db.write(holds).await }
        });
        began.notified().await;
        let mut group = join_all(transactions.into_iter().map(|transaction| self.db.write(transaction)));
        // Asked once, each has handed its transaction to the writer, which is still held.
        assert!(futures_util::poll!(&mut group).is_pending());
        go.notify_one();
        holding.await.unwrap().unwrap();
        group.await
    }

    /// Runs transactions while somebody else may hold the lock.
    pub async fn group_of_locked(&self, transactions: Vec<Does>) -> Vec<Stored<()>> {
        join_all(transactions.into_iter().map(|transaction| self.db.write(transaction))).await
    }
}

pub async fn texts(connection: &DatabaseConnection, sql: &str) -> Vec<String> {
    let rows = connection.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// What a transaction of these tests does.
#[derive(Debug)]
pub enum Does {
    Sql(Vec<String>),
    /// Says that it began, and goes on when told to.
    Wait {
        began: Arc<Notify>,
        go: Arc<Notify>,
    },
    Panic(&'static str),
    /// Begins well and panics then.
    WriteAndPanic(String),
}

#[async_trait]
impl Transaction for Does {
    type Output = ();
    const DOING: &'static str = "testing";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        match self {
            Self::Sql(statements) => {
                for statement in statements {
                    tx.execute_unprepared(statement).await?;
                }
            }
            Self::Wait { began, go } => {
                began.notify_one();
                go.notified().await;
            }
            Self::Panic(why) => panic!("{why}"),
            Self::WriteAndPanic(word) => {
                tx.execute_unprepared(&insert(word)).await?;
                panic!("after {word}");
            }
        }
        Ok(())
    }
}

/// Writes a word.
pub fn insert(word: &str) -> String {
    format!("INSERT INTO words VALUES ('{word}')")
}
