//! Finding the recipient that identities belong to.

use crate::sql::{
    clean::clean,
    db::Db,
    rows::{column, corrupt},
    store_error,
};
use sea_orm::{DbErr, QueryResult};
use shared::{
    Timestamp,
    ids::{AccountId, Identities, RowVersion},
    ports::{Stored, conversations::RecipientRow},
};

const DOING: &str = "finding a recipient";
const SELECT: &str = "SELECT i.kind, r.id, r.phone, r.bsuid, r.conversation, r.version, r.created_at
    FROM identities i JOIN recipients r ON r.id = i.recipient_id
    WHERE i.account_id = $1 AND ((i.kind = 'bsuid' AND i.value = $2) OR (i.kind = 'phone' AND i.value = $3))";

pub(super) async fn find(db: &Db, account: &AccountId, who: &Identities) -> Stored<Vec<RecipientRow>> {
    let bsuid = who.bsuid.as_deref().unwrap_or_default();
    let phone = who.phone.as_deref().unwrap_or_default();
    let values = vec![account.as_str().into(), bsuid.into(), phone.into()];
    let rows = db.all(DOING, SELECT, values).await?;
    choose(&rows, who).map_err(|error| store_error(DOING, &error))
}

/// By business-scoped id first; a phone counts only if its recipient has no such id or the same one, because phones
/// are recycled and nobody may open a stranger's session. Beside a former id it is as old as that and counts for nothing.
fn choose(rows: &[QueryResult], who: &Identities) -> Result<Vec<RecipientRow>, DbErr> {
    let (mut by_bsuid, mut by_phone) = (None, None);
    for row in rows {
        let found = if column::<String>(row, "kind")? == "bsuid" { &mut by_bsuid } else { &mut by_phone };
        *found = Some(recipient(row)?);
    }
    let given = who.bsuid.as_deref().map(clean);
    let is_another = |row: &RecipientRow| matches!((row.identities.bsuid.as_deref(), given.as_deref()), (Some(known), Some(given)) if known != given);
    let former = by_bsuid.as_ref().is_some_and(is_another);
    let same = |row: &RecipientRow| by_bsuid.as_ref().is_some_and(|first: &RecipientRow| first.id == row.id);
    let by_phone = by_phone.filter(|row| !former && !is_another(row) && !same(row));
    Ok(by_bsuid.into_iter().chain(by_phone).collect())
}

fn recipient(row: &QueryResult) -> Result<RecipientRow, DbErr> {
    let conversation: String = column(row, "conversation")?;
    let identity = |name| Ok::<_, DbErr>(column::<Option<String>>(row, name)?.map(Into::into));
    Ok(RecipientRow {
        id: column::<String>(row, "id")?.into(),
        identities: Identities { bsuid: identity("bsuid")?, phone: identity("phone")? },
        conversation: serde_json::from_str(&conversation).map_err(|error| corrupt("a conversation", error))?,
        version: RowVersion(column(row, "version")?),
        created_at: Timestamp(column(row, "created_at")?),
    })
}
