//! Which of a database's errors pass, which repeat, and which never will.

use sea_orm::{DbErr, RuntimeErr, sqlx};
use shared::ports::StoreError;

/// A transaction that found the world changed under it: repeat it.
const COUNTS_DIFFER: &str = "row counts differ";

/// Under the locks rows are as they were read: if as many as expected were not written, the world changed, and the
/// transaction is rolled back.
pub(super) fn expect_rows(written: u64, expected: usize) -> Result<(), DbErr> {
    if written == expected as u64 { Ok(()) } else { Err(DbErr::Custom(COUNTS_DIFFER.to_owned())) }
}

/// Sorts an error.
pub fn store_error(doing: &'static str, error: &DbErr) -> StoreError {
    let reason = error.to_string();
    match kind(error) {
        Kind::Busy => StoreError::Busy { doing, reason },
        Kind::Refused => StoreError::Refused { doing, reason },
        Kind::Unavailable => StoreError::Unavailable { doing, reason },
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Busy,
    Refused,
    Unavailable,
}

fn kind(error: &DbErr) -> Kind {
    let database = match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            match error.as_ref() {
                sqlx::Error::Database(database) => database,
                sqlx::Error::Encode(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => {
                    return Kind::Refused;
                }
                _ => return Kind::Unavailable,
            }
        }
        DbErr::Custom(text) if text == COUNTS_DIFFER => return Kind::Busy,
        DbErr::Custom(_) | DbErr::Type(_) | DbErr::Json(_) => return Kind::Refused,
        _ => return Kind::Unavailable,
    };
    kind_of_code(&database.code().unwrap_or_default())
}

fn kind_of_code(code: &str) -> Kind {
    match code.parse::<u32>() {
        // SQLite's result codes; the low byte is the class (sqlite.org/rescode.html). SQLSTATE has five characters.
        Ok(number) if code.len() < 5 => match number & 0xff {
            // BUSY, LOCKED.
            5 | 6 => Kind::Busy,
            // TOOBIG, CONSTRAINT, MISMATCH: this data.
            18..=20 => Kind::Refused,
            // FULL, IOERR, READONLY, CORRUPT …, and ERROR, which blames the statement or the schema: no message's fault.
            _ => Kind::Unavailable,
        },
        // PostgreSQL: 40001, 40P01 and 55P03 repeat, classes 22, 23 and 54 are this data; a wrong statement or schema
        // (42) is no message's fault.
        _ => match code {
            "40001" | "40P01" | "55P03" => Kind::Busy,
            code if code.starts_with("22") || code.starts_with("23") || code.starts_with("54") => Kind::Refused,
            _ => Kind::Unavailable,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlites_codes_are_sorted_by_their_class() {
        // BUSY, BUSY_RECOVERY, BUSY_SNAPSHOT, LOCKED_SHAREDCACHE.
        assert!(["5", "261", "517", "262"].iter().all(|code| kind_of_code(code) == Kind::Busy));
        // CONSTRAINT and its UNIQUE, PRIMARYKEY, NOTNULL, TRIGGER; TOOBIG, MISMATCH.
        assert!(
            ["19", "2067", "1555", "1299", "1811", "18", "20"].iter().all(|code| kind_of_code(code) == Kind::Refused)
        );
        // ERROR, READONLY, INTERRUPT, IOERR and its WRITE and FSYNC, CORRUPT, FULL, CANTOPEN, NOTADB, nothing.
        let away = ["1", "8", "9", "10", "778", "1034", "11", "13", "14", "26", ""];
        assert!(away.iter().all(|code| kind_of_code(code) == Kind::Unavailable));
    }

    #[test]
    fn postgresqls_codes_are_sorted_by_their_class() {
        assert!(["40001", "40P01", "55P03"].iter().all(|code| kind_of_code(code) == Kind::Busy));
        // A byte no text may hold, a value too long, a duplicate key, an index row too large.
        assert!(["22021", "22001", "23505", "54000"].iter().all(|code| kind_of_code(code) == Kind::Refused));
        // Shutting down, too many connections, disk full, read-only after a failover, no such table, cancelled.
        let away = ["57P01", "53300", "53100", "25006", "42P01", "57014", "08006", "XX000"];
        assert!(away.iter().all(|code| kind_of_code(code) == Kind::Unavailable));
    }

    #[test]
    fn a_bug_or_unreadable_row_is_refused_and_a_lost_connection_is_not() {
        assert!(kind(&DbErr::Custom("a row can't be read".into())) == Kind::Refused);
        assert!(kind(&DbErr::Custom(COUNTS_DIFFER.into())) == Kind::Busy);
        let lost = DbErr::Query(RuntimeErr::SqlxError(std::sync::Arc::new(sqlx::Error::PoolTimedOut)));
        assert!(kind(&lost) == Kind::Unavailable);
        assert!(kind(&DbErr::Conn(RuntimeErr::Internal("gone".into()))) == Kind::Unavailable);
    }
}
