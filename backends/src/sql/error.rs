//! Which of a database's errors pass, which repeat, and which never will.

use sea_orm::{DbErr, RuntimeErr, sqlx};
use shared::ports::StoreError;

/// A transaction that found the world changed under it: repeat it.
pub(crate) const COUNTS_DIFFER: &str = "row counts differ";

/// Sorts an error.
pub fn store_error(doing: &'static str, error: &DbErr) -> StoreError {
    let reason = error.to_string();
    match kind(error) {
        Kind::Busy => StoreError::Busy { doing, reason },
        Kind::Refused => StoreError::Refused { doing, reason },
        Kind::Unavailable => StoreError::Unavailable { doing, reason },
    }
}

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
    let code = database.code().unwrap_or_default();
    match code.parse::<u32>() {
        // SQLite's result codes; the low byte is the class (sqlite.org/rescode.html).
        Ok(number) if code.len() < 5 => match number & 0xff {
            // BUSY, LOCKED.
            5 | 6 => Kind::Busy,
            // TOOBIG, CONSTRAINT, MISMATCH: this data.
            18..=20 => Kind::Refused,
            // FULL, IOERR, READONLY, CORRUPT …, and ERROR, which blames the statement or the schema: no message's fault.
            _ => Kind::Unavailable,
        },
        // PostgreSQL's SQLSTATE: 40001, 40P01 and 55P03 repeat, classes 22, 23 and 54 are this data; a wrong statement
        // or schema (42) is no message's fault.
        _ => match code.as_ref() {
            "40001" | "40P01" | "55P03" => Kind::Busy,
            code if code.starts_with("22") || code.starts_with("23") || code.starts_with("54") => Kind::Refused,
            _ => Kind::Unavailable,
        },
    }
}
