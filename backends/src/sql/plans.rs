//! How SQLite answers a statement: for tests of what must not grow with the tables.

use migrations::Migrator;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use sea_orm_migration::MigratorTrait;

/// Asserts that the plan of this statement uses these indexes, and reads no whole table.
pub(super) async fn assert_uses(sql: &str, indexes: &[&str]) {
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
