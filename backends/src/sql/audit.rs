//! The table `audit`: who did what when.

use super::{
    conditions::Conditions,
    cursor,
    db::{Db, Transaction, execute},
    rows::column,
    store_error,
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr, QueryResult, Value};
use shared::{
    Timestamp, ids,
    ports::{
        Stored,
        audit::{Audit, Entry},
        listing::{Listed, Page},
    },
};

/// The record of an installation.
#[derive(Debug)]
pub struct SqlAudit(pub Db);

/// Writes an act down, in the transaction that does it.
pub(super) async fn write(
    tx: &DatabaseTransaction,
    who: &str,
    act: &str,
    subject: &str,
    details: &serde_json::Value,
    now: Timestamp,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO audit (id, at, who, act, subject, details) VALUES ($1, $2, $3, $4, $5, $6)";
    let values: Vec<Value> = vec![
        ids::fresh().as_ref().into(),
        now.0.into(),
        who.into(),
        act.into(),
        subject.into(),
        details.to_string().into(),
    ];
    execute(tx, sql, values).await.map(drop)
}

struct Note {
    who: String,
    act: String,
    subject: String,
    details: serde_json::Value,
    now: Timestamp,
}

#[async_trait]
impl Transaction for Note {
    type Output = ();
    const DOING: &'static str = "recording who did what";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        write(tx, &self.who, &self.act, &self.subject, &self.details, self.now).await
    }
}

fn entry(row: &QueryResult) -> Result<Entry, DbErr> {
    let details: String = column(row, "details")?;
    Ok(Entry {
        id: column(row, "id")?,
        at: Timestamp(column(row, "at")?),
        who: column(row, "who")?,
        act: column(row, "act")?,
        subject: column(row, "subject")?,
        details: serde_json::from_str(&details).unwrap_or(serde_json::Value::String(details)),
    })
}

#[async_trait]
impl Audit for SqlAudit {
    async fn note(
        &self,
        who: &str,
        act: &str,
        subject: &str,
        details: &serde_json::Value,
        now: Timestamp,
    ) -> Stored<()> {
        let (who, act, subject) = (who.to_owned(), act.to_owned(), subject.to_owned());
        self.0.write(Note { who, act, subject, details: details.clone(), now }).await
    }

    async fn list(&self, page: &Page) -> Stored<Listed<Entry>> {
        const DOING: &str = "reading who did what";
        cursor::check(&self.0, DOING, "SELECT id FROM audit WHERE id = $1", page).await?;
        let mut conditions = Conditions::default();
        // Ids are drawn in the order of time.
        conditions.and_if("id < ?", page.after.as_deref());
        let (conditions, mut values) = conditions.into_parts();
        values.push((i64::from(page.limit) + 1).into());
        let sql = format!(
            "SELECT id, at, who, act, subject, details FROM audit {conditions} ORDER BY id DESC LIMIT ${}",
            values.len()
        );
        let rows = self.0.all(DOING, &sql, values).await?;
        let entries =
            rows.iter().map(entry).collect::<Result<_, DbErr>>().map_err(|error| store_error(DOING, &error))?;
        Ok(Listed::cut(entries, page.limit, |entry| entry.id.clone()))
    }
}
