//! How SQLite answers the ledger's questions: by the partial indexes, which hold open jobs only and so don't grow with
//! what was sent.

use super::{claim, lookup};
use migrations::Migrator;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use sea_orm_migration::MigratorTrait;

async fn assert_uses(sql: &str, indexes: &[&str]) {
    let connection = Database::connect("sqlite::memory:").await.unwrap();
    Migrator::up(&connection, None).await.unwrap();
    let statement = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = connection.query_all_raw(statement).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
    for index in indexes {
        assert!(plan.iter().any(|line| line.contains(&format!("INDEX {index}"))), "no {index}: {plan:#?}\n{sql}");
    }
    let scan = |line: &String| line.starts_with("SCAN") && !line.contains("INDEX");
    assert!(!plan.iter().any(scan), "a whole table is read: {plan:#?}\n{sql}");
}

#[tokio::test]
async fn a_claim_looks_for_earlier_jobs_in_the_index_of_lanes() {
    assert_uses(&claim::update(3), &["jobs_lane"]).await;
}

#[tokio::test]
async fn a_lanes_head_comes_from_the_index_of_lanes() {
    assert_uses(&lookup::select_head(), &["jobs_lane"]).await;
}

#[tokio::test]
async fn what_waits_comes_from_the_index_of_due_times() {
    assert_uses(&lookup::select_waiting(), &["jobs_due", "jobs_lane"]).await;
}

#[tokio::test]
async fn numbers_and_claims_are_read_from_indexes() {
    assert_uses(&lookup::select_numbers(), &["jobs_"]).await;
    assert_uses(lookup::SELECT_CLAIMED, &["jobs_claimed"]).await;
}
