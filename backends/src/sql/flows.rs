//! Flows: the original's table, and a version for each save.

use super::{
    db::{Db, Transaction, execute, for_update, one},
    feed::{self, Forgets},
    remembered::Remembered,
    rows::{column, corrupt},
    store_error,
};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDateTime};
use flow_engine::{
    Catalog, Flow, FlowId, FlowStatus, FlowVersion, Timestamp, VersionId, parse_recipients, parse_triggers,
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Value};
use serde_json::Value as Json;
use shared::{
    Clock,
    ids::AccountId,
    ports::{
        Stored,
        flows::{FlowRecord, FlowStore, Saved, SavedVersion},
    },
};
use std::sync::Arc;

/// Accounts whose flows are remembered at most, and older versions.
const REMEMBERED: usize = 10_000;

/// A flow with its newest version.
const SELECT: &str = r#"SELECT f."id", f."name", f."trigger", f."automationJson", f."recipientArray", f."status",
    f."accountId", f."createdAt", f."updatedAt", v.id AS version_row, v.number, v.automation
    FROM "WhatsAppFlow" f JOIN flow_versions v ON v.flow_id = f."id" AND v.account_id = f."accountId"
        AND v.number = (SELECT max(number) FROM flow_versions w WHERE w.flow_id = f."id")"#;

/// The tables `"WhatsAppFlow"` and `flow_versions`.
#[derive(Debug)]
pub struct SqlFlows {
    db: Db,
    clock: Arc<dyn Clock>,
    catalogs: Remembered<AccountId, Arc<Catalog>>,
    versions: Remembered<(AccountId, VersionId), Option<Arc<FlowVersion>>>,
}

impl SqlFlows {
    /// Over this database.
    #[must_use]
    pub fn new(db: Db, clock: Arc<dyn Clock>) -> Self {
        Self { db, clock, catalogs: Remembered::new(REMEMBERED), versions: Remembered::new(REMEMBERED) }
    }

    async fn save(&self, flow: FlowRecord, how: How) -> Stored<Saved> {
        let account = flow.account_id.clone();
        let saved = self.db.write(Save { flow, how, now: self.clock.now() }).await?;
        self.forget(&feed::flows_of(account.as_str()));
        Ok(saved)
    }

    async fn select(
        &self,
        doing: &'static str,
        condition: &str,
        values: Vec<Value>,
    ) -> Stored<Vec<(FlowRecord, VersionId)>> {
        let sql = format!(r#"{SELECT} WHERE {condition} ORDER BY f."createdAt", f."id""#);
        let rows = self.db.all(doing, &sql, values).await?;
        rows.iter().map(|row| record(row).map_err(|error| store_error(doing, &error))).collect()
    }
}

impl Forgets for SqlFlows {
    fn forget(&self, scope: &str) {
        self.catalogs.forget(|account| scope == feed::flows_of(account.as_str()));
        self.versions.forget(|(account, _)| scope == feed::flows_of(account.as_str()));
    }

    fn forget_all(&self) {
        self.catalogs.forget(|_| true);
        self.versions.forget(|_| true);
    }
}

fn record(row: &QueryResult) -> Result<(FlowRecord, VersionId), DbErr> {
    let id: String = column(row, "id")?;
    let status: String = column(row, "status")?;
    let automation: String = column(row, "automation")?;
    let recipients: Json = json(row, "recipientArray")?;
    let record = FlowRecord {
        account_id: column::<String>(row, "accountId")?.into(),
        name: column(row, "name")?,
        trigger: column(row, "trigger")?,
        automation: serde_json::from_str(&automation).map_err(|error| corrupt("flow_versions.automation", error))?,
        recipients,
        // Others may write to this table: a status that is none is not active.
        status: FlowStatus::parse(&status).unwrap_or(FlowStatus::Inactive),
        version: column(row, "number")?,
        created_at: time(row, "createdAt")?,
        updated_at: time(row, "updatedAt")?,
        id: id.as_str().into(),
    };
    Ok((record, VersionId(column(row, "version_row")?)))
}

/// A JSON column, which is a text on SQLite.
fn json(row: &QueryResult, name: &str) -> Result<Json, DbErr> {
    match column::<String>(row, name) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| corrupt(name, error)),
        Err(_) => column(row, name),
    }
}

/// A text, bound as `place`, for a JSON column. Bound as JSON it would pass through PostgreSQL's JSONB, which knows neither
/// U+0000 nor the order of keys.
fn json_text<C: ConnectionTrait>(connection: &C, place: &str) -> String {
    match connection.get_database_backend() {
        DbBackend::Sqlite => place.to_owned(),
        _ => format!("CAST({place} AS JSON)"),
    }
}

fn time(row: &QueryResult, name: &str) -> Result<Timestamp, DbErr> {
    let time: NaiveDateTime = column(row, name)?;
    Ok(Timestamp(time.and_utc().timestamp_millis()))
}

fn naive(time: Timestamp) -> NaiveDateTime {
    DateTime::from_timestamp_millis(time.0).unwrap_or_default().naive_utc()
}

fn active(record: FlowRecord, version: VersionId) -> Flow {
    Flow {
        version: Arc::new(FlowVersion::parse(version, record.id.clone(), &record.automation)),
        triggers: parse_triggers(&Json::String(record.trigger)),
        recipients: parse_recipients(&record.recipients),
        status: record.status,
        created_at: record.created_at,
        id: record.id,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Create,
    Update,
}

struct Save {
    flow: FlowRecord,
    how: How,
    now: Timestamp,
}

#[async_trait]
impl Transaction for Save {
    type Output = Saved;
    const DOING: &'static str = "saving a flow";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Saved, DbErr> {
        let flow = &self.flow;
        if self.how == How::Update && !self.lock(tx).await? {
            return Ok(Saved::Conflict);
        }
        let current = r#"SELECT max(v.number) AS number FROM flow_versions v WHERE v.flow_id = $1"#;
        let row = one(tx, current, vec![flow.id.0.as_ref().into()]).await?;
        let current: Option<i64> = row.map(|row| column(&row, "number")).transpose()?.flatten();
        let changed = match self.how {
            How::Create => self.create(tx).await?,
            How::Update if current != Some(flow.version) => return Ok(Saved::Changed),
            How::Update => self.update(tx).await?,
        };
        if changed == 0 {
            return Ok(Saved::Conflict);
        }
        // A flow that was deleted and made again under its id goes on counting.
        let number = current.unwrap_or(0) + 1;
        let insert = "INSERT INTO flow_versions (flow_id, account_id, number, automation, created_at)
            VALUES ($1, $2, $3, $4, $5)";
        let automation = flow.automation.to_string();
        let account = flow.account_id.as_str();
        let values =
            vec![flow.id.0.as_ref().into(), account.into(), number.into(), automation.into(), self.now.0.into()];
        execute(tx, insert, values).await?;
        feed::note(tx, &feed::flows_of(account)).await?;
        let saved = one(tx, &format!(r#"{SELECT} WHERE f."id" = $1"#), vec![flow.id.0.as_ref().into()]).await?;
        let saved = saved.ok_or_else(|| corrupt("WhatsAppFlow", "the row just saved is not there"))?;
        Ok(Saved::Done(Box::new(record(&saved)?.0)))
    }
}

impl Save {
    /// Takes the flow's row, before its version is looked at; false when this account has none.
    async fn lock(&self, tx: &DatabaseTransaction) -> Result<bool, DbErr> {
        let lock = for_update(tx);
        let sql = format!(r#"SELECT "id" FROM "WhatsAppFlow" WHERE "id" = $1 AND "accountId" = $2{lock}"#);
        let values = vec![self.flow.id.0.as_ref().into(), self.flow.account_id.as_str().into()];
        Ok(one(tx, &sql, values).await?.is_some())
    }

    async fn create(&self, tx: &DatabaseTransaction) -> Result<u64, DbErr> {
        let (automation, recipients) = (json_text(tx, "$3"), json_text(tx, "$4"));
        let sql = format!(
            r#"INSERT INTO "WhatsAppFlow" ("name", "trigger", "automationJson", "recipientArray", "status", "updatedAt",
                "id", "accountId", "createdAt") VALUES ($1, $2, {automation}, {recipients}, $5, $6, $7, $8, $6)
                ON CONFLICT ("id") DO NOTHING"#
        );
        execute(tx, &sql, self.values()).await
    }

    async fn update(&self, tx: &DatabaseTransaction) -> Result<u64, DbErr> {
        let (automation, recipients) = (json_text(tx, "$3"), json_text(tx, "$4"));
        let sql = format!(
            r#"UPDATE "WhatsAppFlow" SET "name" = $1, "trigger" = $2, "automationJson" = {automation},
                "recipientArray" = {recipients}, "status" = $5, "updatedAt" = $6 WHERE "id" = $7 AND "accountId" = $8"#
        );
        execute(tx, &sql, self.values()).await
    }

    fn values(&self) -> Vec<Value> {
        let flow = &self.flow;
        vec![
            flow.name.as_str().into(),
            flow.trigger.as_str().into(),
            flow.automation.to_string().into(),
            flow.recipients.to_string().into(),
            flow.status.as_str().into(),
            naive(self.now).into(),
            flow.id.0.as_ref().into(),
            flow.account_id.as_str().into(),
        ]
    }
}

struct Delete {
    account: AccountId,
    id: FlowId,
}

#[async_trait]
impl Transaction for Delete {
    type Output = bool;
    const DOING: &'static str = "deleting a flow";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<bool, DbErr> {
        let sql = r#"DELETE FROM "WhatsAppFlow" WHERE "id" = $1 AND "accountId" = $2"#;
        let deleted = execute(tx, sql, vec![self.id.0.as_ref().into(), self.account.as_str().into()]).await?;
        if deleted > 0 {
            feed::note(tx, &feed::flows_of(self.account.as_str())).await?;
        }
        Ok(deleted > 0)
    }
}

#[async_trait]
impl FlowStore for SqlFlows {
    async fn list(&self, account: &AccountId) -> Stored<Vec<FlowRecord>> {
        let rows = self.select("listing flows", r#"f."accountId" = $1"#, vec![account.as_str().into()]).await?;
        Ok(rows.into_iter().map(|(record, _)| record).collect())
    }

    async fn get(&self, account: &AccountId, id: &FlowId) -> Stored<Option<FlowRecord>> {
        let values = vec![account.as_str().into(), id.0.as_ref().into()];
        let rows = self.select("reading a flow", r#"f."accountId" = $1 AND f."id" = $2"#, values).await?;
        Ok(rows.into_iter().next().map(|(record, _)| record))
    }

    async fn create(&self, flow: FlowRecord) -> Stored<Saved> {
        self.save(flow, How::Create).await
    }

    async fn update(&self, flow: FlowRecord) -> Stored<Saved> {
        self.save(flow, How::Update).await
    }

    async fn delete(&self, account: &AccountId, id: &FlowId) -> Stored<bool> {
        let deleted = self.db.write(Delete { account: account.clone(), id: id.clone() }).await?;
        self.forget(&feed::flows_of(account.as_str()));
        Ok(deleted)
    }

    async fn saved(&self, account: &AccountId, id: &FlowId, number: i64) -> Stored<Option<SavedVersion>> {
        const DOING: &str = "reading a flow's version";
        let sql =
            "SELECT automation, created_at FROM flow_versions WHERE account_id = $1 AND flow_id = $2 AND number = $3";
        let row = self.db.one(DOING, sql, vec![account.as_str().into(), id.0.as_ref().into(), number.into()]).await?;
        let read = |row: QueryResult| {
            let text: String = column(&row, "automation")?;
            let automation = serde_json::from_str(&text).map_err(|error| corrupt("flow_versions.automation", error))?;
            Ok(SavedVersion { automation, saved_at: Timestamp(column(&row, "created_at")?) })
        };
        row.map(read).transpose().map_err(|error: DbErr| store_error(DOING, &error))
    }

    async fn catalog(&self, account: &AccountId) -> Stored<Arc<Catalog>> {
        if let Some(known) = self.catalogs.get(account) {
            return Ok(known);
        }
        let generation = self.catalogs.generation();
        let rows = self.select("reading flows", r#"f."accountId" = $1"#, vec![account.as_str().into()]).await?;
        let flows = rows.into_iter().map(|(record, version)| active(record, version)).collect();
        let catalog = Arc::new(Catalog::new(flows));
        self.catalogs.keep(generation, account.clone(), catalog.clone());
        Ok(catalog)
    }

    async fn version(&self, account: &AccountId, id: VersionId) -> Stored<Option<Arc<FlowVersion>>> {
        const DOING: &str = "reading a flow version";
        let key = (account.clone(), id);
        if let Some(known) = self.versions.get(&key) {
            return Ok(known);
        }
        let generation = self.versions.generation();
        let sql = "SELECT flow_id, automation FROM flow_versions WHERE id = $1 AND account_id = $2";
        let row = self.db.one(DOING, sql, vec![id.0.into(), account.as_str().into()]).await?;
        let parse = |row: QueryResult| {
            let flow: String = column(&row, "flow_id")?;
            let text: String = column(&row, "automation")?;
            let automation: Json = serde_json::from_str(&text).map_err(|error| corrupt("automation", error))?;
            Ok(Arc::new(FlowVersion::parse(id, flow.as_str().into(), &automation)))
        };
        let version = row.map(parse).transpose().map_err(|error: DbErr| store_error(DOING, &error))?;
        self.versions.keep(generation, key, version.clone());
        Ok(version)
    }
}
