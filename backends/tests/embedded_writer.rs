//! The one writer of embedded mode: what shares a transaction stands alone all the same, and no failure ends it.

#[cfg(test)]
#[path = "embedded/store.rs"]
mod store;

use sea_orm::{ConnectionTrait, sqlx::Connection};
use shared::ports::{StoreError, Stored};
use std::time::{Duration, Instant};
use store::{Does, Store, insert, texts};

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
        // What SQLite ended by itself nobody takes for open: the next transaction is a whole one again.
        let mut live = store.writing.get_sqlite_connection_pool().acquire().await.unwrap();
        live.begin_with("BEGIN IMMEDIATE").await.unwrap().rollback().await.unwrap();
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
