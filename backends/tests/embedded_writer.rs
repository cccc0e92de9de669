//! The one writer of embedded mode: what shares a transaction stands alone all the same, and no failure ends it.

use async_trait::async_trait;
use backends::{
    embedded::{DataDirectory, open},
    sql::{Db, Transaction},
};
use futures_util::future::join_all;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement,
};
use shared::ports::{StoreError, Stored};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// A database with one table, `words (word PRIMARY KEY)`.
struct Store {
    db: Db,
    writing: DatabaseConnection,
    /// Another program on the same file.
    beside: DatabaseConnection,
    directory: DataDirectory,
    _parent: tempfile::TempDir,
}

impl Store {
    async fn fresh() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let directory = DataDirectory::own(&parent.path().join("data")).unwrap();
        let (db, _, writing) = open(&directory).await.unwrap();
        let mut options = ConnectOptions::new(format!("sqlite://{}", directory.database().display()));
        options.sqlx_logging(false).max_connections(1);
        let beside = Database::connect(options).await.unwrap();
        beside.execute_unprepared("CREATE TABLE words (word TEXT NOT NULL PRIMARY KEY)").await.unwrap();
        Self { db, writing, beside, directory, _parent: parent }
    }

    async fn words(&self) -> Vec<String> {
        texts(&self.beside, "SELECT word FROM words WHERE length(word) < 100 ORDER BY word").await
    }

    /// Runs transactions in one group, behind one that waits until they are all there; their results in order.
    async fn group(&self, transactions: Vec<Does>) -> Vec<Stored<()>> {
        let go = Arc::new(Notify::new());
        let holding = tokio::spawn({
            let (db, holds) = (self.db.clone(), Does::Wait(go.clone()));
            async move { db.write(holds).await }
        });
        let group = transactions.into_iter().map(|transaction| {
            let db = self.db.clone();
            async move { db.write(transaction).await }
        });
        let group = tokio::spawn(join_all(group));
        tokio::time::sleep(Duration::from_millis(100)).await;
        go.notify_one();
        holding.await.unwrap().unwrap();
        group.await.unwrap()
    }
}

async fn texts(connection: &DatabaseConnection, sql: &str) -> Vec<String> {
    let rows = connection.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// What a transaction of these tests does.
#[derive(Debug)]
enum Does {
    Sql(Vec<String>),
    Wait(Arc<Notify>),
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
            Self::Wait(go) => go.notified().await,
            Self::Panic(why) => panic!("{why}"),
            Self::WriteAndPanic(word) => {
                tx.execute_unprepared(&insert(word)).await?;
                panic!("after {word}");
            }
        }
        Ok(())
    }
}

fn insert(word: &str) -> String {
    format!("INSERT INTO words VALUES ('{word}')")
}

fn word(word: &str) -> Does {
    Does::Sql(vec![insert(word)])
}

fn refused(result: &Stored<()>) -> bool {
    matches!(result, Err(StoreError::Refused { .. }))
}

fn unavailable(result: &Stored<()>) -> bool {
    matches!(result, Err(StoreError::Unavailable { .. }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_fails_takes_only_itself_back() {
    let store = Store::fresh().await;
    let half = Does::Sql(vec![insert("half"), insert("a")]);
    let wrong = Does::Sql(vec![insert("wrong"), "INSERT INTO nowhere VALUES (1)".into()]);
    let results = store.group(vec![word("a"), half, wrong, word("b"), word("a"), word("c")]).await;
    assert!(results[0].is_ok() && results[3].is_ok() && results[5].is_ok(), "{results:?}");
    assert!(refused(&results[1]) && refused(&results[4]), "this data: {results:?}");
    assert!(unavailable(&results[2]), "a wrong schema is no data's fault: {:?}", results[2]);
    assert_eq!(store.words().await, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_panics_takes_only_itself_back() {
    let store = Store::fresh().await;
    let results =
        store.group(vec![word("a"), Does::Panic("no reason"), Does::WriteAndPanic("half".into()), word("b")]).await;
    assert!(results[0].is_ok() && results[3].is_ok(), "{results:?}");
    assert!(matches!(&results[1], Err(StoreError::Refused { reason, .. }) if reason.contains("no reason")));
    assert!(matches!(&results[2], Err(StoreError::Refused { reason, .. }) if reason.contains("after half")));
    store.db.write(word("c")).await.unwrap();
    assert_eq!(store.words().await, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_is_told_to_all_of_its_group_and_the_next_succeeds() {
    let store = Store::fresh().await;
    let child = "CREATE TABLE children (word TEXT REFERENCES words (word) DEFERRABLE INITIALLY DEFERRED)";
    store.beside.execute_unprepared(child).await.unwrap();
    store.writing.execute_unprepared("PRAGMA foreign_keys = ON").await.unwrap();
    // Nothing but the commit itself finds this out.
    let orphan = Does::Sql(vec!["INSERT INTO children VALUES ('nobody')".into()]);
    let results = store.group(vec![word("a"), orphan, word("b")]).await;
    assert!(results.iter().all(unavailable), "it is nobody's data: {results:?}");
    assert_eq!(store.words().await, [""; 0]);
    for next in ["c", "d"] {
        store.db.write(word(next)).await.unwrap();
    }
    assert_eq!(store.words().await, ["c", "d"]);
}

/// SQLite ends the whole transaction by itself then.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_to_all_of_its_group_and_dead_letters_nobody() {
    let store = Store::fresh().await;
    let pages = texts(&store.beside, "SELECT CAST(page_count AS TEXT) FROM pragma_page_count").await.remove(0);
    for round in 0..3 {
        let limit = format!("PRAGMA max_page_count = {}", pages.parse::<u32>().unwrap() + 4);
        store.writing.execute_unprepared(&limit).await.unwrap();
        let big = insert(&"x".repeat(100_000 + round));
        let results = store.group(vec![word("a"), Does::Sql(vec![big, insert("half")]), word("b")]).await;
        assert!(results.iter().all(unavailable), "round {round}: {results:?}");
        assert_eq!(store.words().await, [""; 0]);
    }
    // There is room again.
    store.writing.execute_unprepared("PRAGMA max_page_count = 1000000").await.unwrap();
    for next in ["c", "d"] {
        store.db.write(word(next)).await.unwrap();
    }
    assert_eq!(store.words().await, ["c", "d"]);
    assert_eq!(texts(&store.beside, "PRAGMA integrity_check").await, ["ok"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_programs_lock_is_waited_for_and_then_told_with_nothing_half_written() {
    let store = Store::fresh().await;
    store.beside.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let results = store.group_of_locked(vec![word("a"), word("b")]).await;
    assert!(results.iter().all(|result| matches!(result, Err(StoreError::Busy { .. }))), "{results:?}");
    store.beside.execute_unprepared("COMMIT").await.unwrap();
    assert_eq!(store.words().await, [""; 0]);
    store.db.write(word("c")).await.unwrap();

    // A short one costs nothing but time.
    store.beside.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let writing = store.group_of_locked(vec![word("d")]);
    let unlocking = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        store.beside.execute_unprepared("COMMIT").await.unwrap();
    };
    let (results, ()) = tokio::join!(writing, unlocking);
    assert!(results[0].is_ok(), "{results:?}");
    assert_eq!(store.words().await, ["c", "d"]);
}

impl Store {
    /// Runs transactions while somebody else may hold the lock.
    async fn group_of_locked(&self, transactions: Vec<Does>) -> Vec<Stored<()>> {
        join_all(transactions.into_iter().map(|transaction| self.db.write(transaction))).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_writing_connection_keeps_what_makes_a_commit_durable_even_when_it_is_opened_anew() {
    let store = Store::fresh().await;
    for _ in 0..2 {
        let pragma = async |name: &str| {
            let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
            texts(&store.writing, &sql).await.remove(0)
        };
        assert_eq!(pragma("journal_mode").await, "wal");
        assert_eq!(pragma("synchronous").await, "2");
        assert_eq!(texts(&store.writing, "SELECT CAST(timeout AS TEXT) FROM pragma_busy_timeout").await, ["2000"]);
        store.writing.execute_unprepared("PRAGMA max_page_count = 1").await.unwrap();
        assert!(unavailable(&store.db.write(Does::Sql(vec![insert(&"x".repeat(100_000))])).await));
    }
    assert_eq!(texts(&store.beside, "PRAGMA integrity_check").await, ["ok"]);
    let wal = store.directory.database().with_extension("db-wal");
    assert!(wal.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_writes_share_transactions() {
    let store = Store::fresh().await;
    #[expect(clippy::disallowed_methods, reason = "how long it really takes is what is asked")]
    let began = Instant::now();
    let results = store.group((0..1000).map(|n| word(&format!("{n:04}"))).collect()).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(store.words().await.len(), 1000);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_a_writer_that_has_ended_is_told_so() {
    let store = Store::fresh().await;
    store.writing.clone().close().await.unwrap();
    for _ in 0..2 {
        let result = tokio::time::timeout(Duration::from_secs(5), store.db.write(word("a"))).await;
        assert!(unavailable(&result.expect("no hanging")));
    }
}
