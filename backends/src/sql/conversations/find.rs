//! Finding the recipient that identities belong to.

use crate::sql::{
    db::Db,
    rows::{column, corrupt},
    store_error,
};
use sea_orm::{DbErr, QueryResult};
use shared::{
    ids::{AccountId, Identities, RowVersion},
    ports::{Stored, conversations::RecipientRow},
};

const DOING: &str = "finding a recipient";
const SELECT: &str = "SELECT i.kind, r.id, r.phone, r.bsuid, r.conversation, r.version
    FROM identities i JOIN recipients r ON r.id = i.recipient_id
    WHERE i.account_id = $1 AND ((i.kind = 'bsuid' AND i.value = $2) OR (i.kind = 'phone' AND i.value = $3))";

pub(super) async fn find(db: &Db, account: &AccountId, who: &Identities) -> Stored<Option<RecipientRow>> {
    let bsuid = who.bsuid.as_deref().unwrap_or_default();
    let phone = who.phone.as_deref().unwrap_or_default();
    let values = vec![account.as_str().into(), bsuid.into(), phone.into()];
    let rows = db.all(DOING, SELECT, values).await?;
    choose(&rows, who).map_err(|error| store_error(DOING, &error))
}

/// By business-scoped id first; a phone counts only if its recipient has no such id or the same one, because phones
/// are recycled and nobody may open a stranger's session.
fn choose(rows: &[QueryResult], who: &Identities) -> Result<Option<RecipientRow>, DbErr> {
    let mut by_phone = None;
    for row in rows {
        let recipient = recipient(row)?;
        if column::<String>(row, "kind")? == "bsuid" {
            return Ok(Some(recipient));
        }
        let stranger =
            matches!((&recipient.identities.bsuid, &who.bsuid), (Some(known), Some(given)) if known != given);
        if !stranger {
            by_phone = Some(recipient);
        }
    }
    Ok(by_phone)
}

fn recipient(row: &QueryResult) -> Result<RecipientRow, DbErr> {
    let conversation: String = column(row, "conversation")?;
    let identity = |name| Ok::<_, DbErr>(column::<Option<String>>(row, name)?.map(Into::into));
    Ok(RecipientRow {
        id: column::<String>(row, "id")?.into(),
        identities: Identities { bsuid: identity("bsuid")?, phone: identity("phone")? },
        conversation: serde_json::from_str(&conversation).map_err(|error| corrupt("a conversation", error))?,
        version: RowVersion(column(row, "version")?),
    })
}
