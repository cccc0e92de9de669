//! Cursors of long lists.

use super::db::Db;
use shared::ports::{StoreError, Stored, listing::Page};

/// Refuses a cursor that leads nowhere: the empty page behind it would read as the end of the list. `row` selects what
/// it names, `$1`.
pub(super) async fn check(db: &Db, doing: &'static str, row: &str, page: &Page) -> Stored<()> {
    let Some(cursor) = page.after.as_deref() else { return Ok(()) };
    match db.one(doing, row, vec![cursor.into()]).await? {
        Some(_) => Ok(()),
        None => {
            let reason = format!("the cursor {cursor:?} names nothing that is there; begin again without one");
            Err(StoreError::Refused { doing, reason })
        }
    }
}
