//! Statements over many rows at once: both databases pay far less for one statement of 200 rows than for 200.

use super::db::execute;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, TryGetable, Value};
use std::fmt::Write as _;

/// Bound values of one statement at most: SQLite takes 32,766, PostgreSQL 65,535.
const MOST_VALUES: usize = 30_000;

/// `($1, $2), ($3, $4), …` for so many rows of so many columns, counting from `first`.
pub(crate) fn placeholders(rows: usize, columns: usize, first: usize) -> String {
    let mut text = String::with_capacity(rows * columns * 6);
    let mut next = first;
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            if column > 0 {
                text.push_str(", ");
            }
            let _ = write!(text, "${next}");
            next += 1;
        }
        text.push(')');
    }
    text
}

/// `$1, $2, …` for a list of so many values, counting from `first`.
pub(crate) fn list(count: usize, first: usize) -> String {
    let mut text = String::with_capacity(count * 5);
    for index in 0..count {
        let _ = write!(text, "{}${}", if index == 0 { "" } else { ", " }, first + index);
    }
    text
}

/// Inserts rows, `tail` being what to do about those that are there; how many rows it wrote.
pub(crate) async fn insert<C: ConnectionTrait>(
    connection: &C,
    table: &str,
    columns: &[&str],
    rows: Vec<Vec<Value>>,
    tail: &str,
) -> Result<u64, DbErr> {
    let mut written = 0;
    let names = columns.join(", ");
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let chunk: Vec<Vec<Value>> = rows.by_ref().take(MOST_VALUES / columns.len()).collect();
        let sql =
            format!("INSERT INTO {table} ({names}) VALUES {} {tail}", placeholders(chunk.len(), columns.len(), 1));
        written += execute(connection, &sql, chunk.into_iter().flatten().collect()).await?;
    }
    Ok(written)
}

/// A column of a row.
pub(crate) fn column<T: TryGetable>(row: &QueryResult, name: &str) -> Result<T, DbErr> {
    row.try_get("", name)
}

/// The error of a row that doesn't hold what this program wrote.
pub(crate) fn corrupt(what: &str, error: impl std::fmt::Display) -> DbErr {
    DbErr::Custom(format!("{what} can't be read: {error}"))
}
