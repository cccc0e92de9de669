//! Reading letters.

use super::column;
use crate::sql::{conditions::Conditions, cursor, db::Db, rows::corrupt, store_error};
use flow_engine::{FlowId, StepId};
use sea_orm::{DbErr, QueryResult};
use serde_json::Value;
use shared::{
    Timestamp,
    ids::DeadLetterId,
    ports::{
        Stored,
        dead_letters::{DeadLetter, LetterFilter, LetterKind, LetterState},
        listing::{Listed, Page},
    },
};

const DOING: &str = "reading dead letters";
const COLUMNS: &str = "id, kind, state, reason, code, account_id, phone_number_id, recipient_id, recipient, flow_id,
    step_id, job_id, event_id, attempts, body, trace_id, created_at";

pub(super) async fn list(db: &Db, filter: &LetterFilter, page: &Page) -> Stored<Listed<DeadLetter>> {
    cursor::check(db, DOING, "SELECT id FROM dead_letters WHERE id = $1", page).await?;
    let mut conditions = Conditions::default();
    conditions.and_if("state = ?", filter.state.map(LetterState::as_str));
    conditions.and_if("reason = ?", filter.reason.as_deref());
    conditions.and_if("code = ?", filter.code);
    conditions.and_if("account_id = ?", filter.account.as_ref().map(|id| id.as_str()));
    conditions.and_if("phone_number_id = ?", filter.number.as_ref().map(|id| id.as_str()));
    conditions.and_if("flow_id = ?", filter.flow.as_ref().map(|id| id.0.as_ref()));
    conditions.and_if("step_id = ?", filter.step.as_ref().map(|id| id.0.as_ref()));
    conditions.and_if("created_at >= ?", filter.since.map(|at| at.0));
    conditions.and_if("created_at <= ?", filter.until.map(|at| at.0));
    let after = "(created_at, id) > (SELECT created_at, id FROM dead_letters WHERE id = ?)";
    conditions.and_if(after, page.after.as_deref());
    let (conditions, mut values) = conditions.into_parts();
    values.push((i64::from(page.limit) + 1).into());
    let sql =
        format!("SELECT {COLUMNS} FROM dead_letters {conditions} ORDER BY created_at, id LIMIT ${}", values.len());
    let rows = db.all(DOING, &sql, values).await?;
    let letters = rows.iter().map(letter).collect::<Result<_, DbErr>>().map_err(|error| store_error(DOING, &error))?;
    Ok(Listed::cut(letters, page.limit, |letter| letter.id.to_string()))
}

pub(super) async fn get(db: &Db, id: &DeadLetterId) -> Stored<Option<DeadLetter>> {
    let sql = format!("SELECT {COLUMNS} FROM dead_letters WHERE id = $1");
    let row = db.one(DOING, &sql, vec![id.as_str().into()]).await?;
    row.map(|row| letter(&row)).transpose().map_err(|error| store_error(DOING, &error))
}

fn letter(row: &QueryResult) -> Result<DeadLetter, DbErr> {
    let text = |name| column::<Option<String>>(row, name);
    let (kind, state): (String, String) = (column(row, "kind")?, column(row, "state")?);
    Ok(DeadLetter {
        id: column::<String>(row, "id")?.into(),
        kind: LetterKind::parse(&kind).ok_or_else(|| corrupt("dead_letters.kind", kind))?,
        state: LetterState::parse(&state).ok_or_else(|| corrupt("dead_letters.state", state))?,
        reason: column(row, "reason")?,
        code: column(row, "code")?,
        account_id: text("account_id")?.map(Into::into),
        phone_number_id: text("phone_number_id")?.map(Into::into),
        recipient_id: text("recipient_id")?.map(Into::into),
        recipient: text("recipient")?,
        flow_id: text("flow_id")?.as_deref().map(FlowId::from),
        step_id: text("step_id")?.as_deref().map(StepId::from),
        job_id: text("job_id")?.map(Into::into),
        event_id: text("event_id")?.map(Into::into),
        attempts: json(column(row, "attempts")?),
        body: json(column(row, "body")?),
        trace_id: text("trace_id")?,
        created_at: Timestamp(column(row, "created_at")?),
    })
}

/// Some letters stand for what could not be read: then their text is shown as it is.
fn json(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}
