//! Reading letters.

use super::{column, filter::conditions};
use crate::sql::{cursor, db::Db, rows::corrupt, store_error};
use flow_engine::{FlowId, StepId};
use sea_orm::{DbErr, QueryResult};
use serde_json::Value;
use shared::{
    Timestamp,
    ids::DeadLetterId,
    ports::{
        Stored,
        dead_letters::{DeadLetter, Group, GroupBy, LetterFilter, LetterKind, LetterState},
        listing::{Listed, Page},
    },
};

const DOING: &str = "reading dead letters";
const COLUMNS: &str = "id, kind, state, reason, code, account_id, phone_number_id, recipient_id, recipient, flow_id,
    step_id, job_id, event_id, attempts, body, trace_id, created_at";

pub(super) async fn list(db: &Db, filter: &LetterFilter, page: &Page) -> Stored<Listed<DeadLetter>> {
    cursor::check(db, DOING, "SELECT id FROM dead_letters WHERE id = $1", page).await?;
    let mut conditions = conditions(filter);
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

pub(super) async fn count(db: &Db, filter: &LetterFilter) -> Stored<u64> {
    let (conditions, values) = conditions(filter).into_parts();
    let sql = format!("SELECT count(*) AS letters FROM dead_letters {conditions}");
    let row = db.one(DOING, &sql, values).await?;
    let count: Option<i64> =
        row.map(|row| column(&row, "letters")).transpose().map_err(|error| store_error(DOING, &error))?;
    Ok(u64::try_from(count.unwrap_or(0)).unwrap_or(0))
}

pub(super) async fn summary(db: &Db, by: &[GroupBy], filter: &LetterFilter) -> Stored<Vec<Group>> {
    let columns: Vec<&str> = by.iter().map(|by| column_of(*by)).collect();
    let (named, grouped) = match columns.join(", ") {
        none if none.is_empty() => (String::new(), String::new()),
        columns => (format!("{columns}, "), format!("GROUP BY {columns}")),
    };
    let (conditions, values) = conditions(filter).into_parts();
    let sql = format!(
        "SELECT {named}count(*) AS letters, min(created_at) AS oldest, max(created_at) AS newest FROM dead_letters
            {conditions} {grouped} ORDER BY letters DESC, newest DESC"
    );
    let rows = db.all(DOING, &sql, values).await?;
    let group = |row: &QueryResult| {
        let value = |by: &GroupBy| match by {
            GroupBy::Code => Ok(column::<Option<i64>>(row, "code")?.into()),
            by => Ok(column::<Option<String>>(row, column_of(*by))?.into()),
        };
        Ok(Group {
            values: by.iter().map(value).collect::<Result<_, DbErr>>()?,
            count: u64::try_from(column::<i64>(row, "letters")?).unwrap_or(0),
            oldest: Timestamp(column::<Option<i64>>(row, "oldest")?.unwrap_or(0)),
            newest: Timestamp(column::<Option<i64>>(row, "newest")?.unwrap_or(0)),
        })
    };
    let groups: Result<Vec<Group>, DbErr> = rows.iter().map(group).collect();
    let mut groups = groups.map_err(|error| store_error(DOING, &error))?;
    groups.retain(|group| group.count > 0);
    Ok(groups)
}

fn column_of(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Reason => "reason",
        GroupBy::Code => "code",
        GroupBy::Flow => "flow_id",
        GroupBy::Step => "step_id",
    }
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
