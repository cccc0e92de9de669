//! The end of an event that the database refuses.

use super::rows;
use crate::sql::{db::Transaction, dead_letters};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr};
use shared::{Timestamp, ports::conversations::EventCommit};

/// Dead-letters one event as `rejected_by_database`, its message with it. If that was done before, nothing happens.
pub(super) struct RejectEvent {
    pub event: EventCommit,
    pub reason: String,
    /// Off when the database refuses the message's row too: then the letter stands alone.
    pub with_message: bool,
    pub now: Timestamp,
}

#[async_trait]
impl Transaction for RejectEvent {
    type Output = ();
    const DOING: &'static str = "dead-lettering a refused event";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        if self.with_message && rows::write_dead_message(tx, &self.event).await? == 0 {
            // Handled or dead-lettered meanwhile.
            return Ok(());
        }
        let attempts = serde_json::json!([{ "at": self.now, "error": self.reason }]).to_string();
        let letter = rows::event_letter(&self.event, "rejected_by_database");
        dead_letters::write(tx, vec![dead_letters::Letter { attempts: Some(attempts), ..letter }], self.now).await
    }
}
