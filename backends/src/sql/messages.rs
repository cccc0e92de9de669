//! The log of what came in, over the tables `messages` and `kept_events`.

use super::{conditions::Conditions, cursor, db::Db, rows::column, store_error};
use async_trait::async_trait;
use sea_orm::{DbErr, QueryResult, Value};
use shared::{
    Timestamp,
    event::KeptKind,
    ports::{
        Stored,
        listing::{Listed, Page},
        messages::{Entry, MessageFilter, MessageLog, WholeEntry},
    },
};

const DOING: &str = "reading the log of messages";
const MESSAGE: &str = "event_id, kind, state, phone_number_id, wamid, account_id, recipient_id, received_at,
    NULL AS field";
const KEPT: &str = "event_id, kind, NULL AS state, NULL AS phone_number_id, NULL AS wamid, NULL AS account_id,
    NULL AS recipient_id, received_at, field";

/// Both tables.
#[derive(Debug)]
pub struct SqlMessages(pub Db);

impl SqlMessages {
    /// The newest of one table. Event ids are drawn in the order of time, and indexed.
    async fn newest(&self, from: &str, mut conditions: Conditions, page: &Page) -> Stored<Vec<Entry>> {
        conditions.and_if("event_id < ?", page.after.as_deref());
        let (conditions, mut values) = conditions.into_parts();
        values.push((i64::from(page.limit) + 1).into());
        let sql = format!("SELECT {from} {conditions} ORDER BY event_id DESC LIMIT ${}", values.len());
        let rows = self.0.all(DOING, &sql, values).await?;
        rows.iter().map(entry).collect::<Result<_, DbErr>>().map_err(|error| store_error(DOING, &error))
    }

    async fn whole(&self, sql: &str, id: &str) -> Stored<Option<WholeEntry>> {
        let row = self.0.one(DOING, sql, vec![Value::from(id)]).await?;
        row.map(|row| whole_entry(&row)).transpose().map_err(|error| store_error(DOING, &error))
    }
}

fn entry(row: &QueryResult) -> Result<Entry, DbErr> {
    let text = |name| column::<Option<String>>(row, name);
    Ok(Entry {
        event_id: column::<String>(row, "event_id")?.into(),
        kind: column(row, "kind")?,
        state: text("state")?,
        phone_number_id: text("phone_number_id")?.map(Into::into),
        wamid: text("wamid")?.map(Into::into),
        account_id: text("account_id")?.map(Into::into),
        recipient_id: text("recipient_id")?.map(Into::into),
        field: text("field")?,
        received_at: Timestamp(column(row, "received_at")?),
    })
}

fn whole_entry(row: &QueryResult) -> Result<WholeEntry, DbErr> {
    let notes: Option<String> = column(row, "notes")?;
    Ok(WholeEntry {
        entry: entry(row)?,
        raw: column(row, "raw")?,
        notes: notes.and_then(|notes| serde_json::from_str(&notes).ok()),
    })
}

#[async_trait]
impl MessageLog for SqlMessages {
    async fn list(&self, filter: &MessageFilter, page: &Page) -> Stored<Listed<Entry>> {
        let row = "SELECT event_id FROM messages WHERE event_id = $1
            UNION ALL SELECT event_id FROM kept_events WHERE event_id = $1";
        cursor::check(&self.0, DOING, row, page).await?;
        let kind = filter.kind.as_deref();
        let is_kept = [KeptKind::Unrecognized, KeptKind::Other].iter().any(|kept| kind == Some(kept.as_str()));
        let conditions = || {
            let mut conditions = Conditions::default();
            conditions.and_if("kind = ?", kind);
            conditions.and_if("received_at >= ?", filter.since.map(|at| at.0));
            conditions
        };
        let mut found = Vec::new();
        if !is_kept {
            let mut conditions = conditions();
            conditions.and_if("recipient_id = ?", filter.recipient.as_ref().map(|id| id.as_str()));
            found.extend(self.newest(&format!("{MESSAGE} FROM messages"), conditions, page).await?);
        }
        // Nobody is known to have written what is merely kept.
        if filter.recipient.is_none() && (is_kept || kind.is_none()) {
            found.extend(self.newest(&format!("{KEPT} FROM kept_events"), conditions(), page).await?);
        }
        found.sort_by(|a, b| b.event_id.cmp(&a.event_id));
        Ok(Listed::cut(found, page.limit, |entry| entry.event_id.to_string()))
    }

    async fn get(&self, id: &str) -> Stored<Option<WholeEntry>> {
        let message = format!("SELECT {MESSAGE}, raw, notes FROM messages WHERE");
        for sql in [
            format!("{message} event_id = $1"),
            format!("SELECT {KEPT}, body AS raw, NULL AS notes FROM kept_events WHERE event_id = $1"),
            // Messages of numbers that nobody owns are in the letters; by numbers, so that the index of messages answers.
            format!(
                "{message} wamid = $1 AND phone_number_id IN (SELECT id FROM phone_numbers
                    UNION SELECT phone_number_id FROM dead_letters) ORDER BY received_at DESC LIMIT 1"
            ),
        ] {
            if let Some(found) = self.whole(&sql, id).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
