//! Which identities lead where. Each is written only as it was read: who found another owner repeats the batch.

use crate::sql::{
    clean::clean,
    db::{all, execute},
    error::expect_rows,
    rows::{column, insert, placeholders},
};
use sea_orm::{DatabaseTransaction, DbErr, Value};
use shared::{
    ids::{Identities, RecipientId},
    ports::conversations::Advance,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// What kind of identity a business-scoped id is.
const BSUID: &str = "bsuid";
/// What kind a phone is.
const PHONE: &str = "phone";
const COLUMNS: [&str; 4] = ["account_id", "kind", "value", "recipient_id"];

/// Something that leads to a recipient, as the database holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Identity {
    account: String,
    kind: &'static str,
    value: String,
}

impl Identity {
    pub fn is_phone(&self) -> bool {
        self.kind == PHONE
    }

    /// Whether it is among what a recipient's row knows.
    pub fn is_one_of(&self, known: &Identities) -> bool {
        let known = if self.is_phone() { &known.phone } else { &known.bsuid };
        known.as_deref() == Some(self.value.as_str())
    }

    fn values(&self) -> [Value; 3] {
        [self.account.as_str().into(), self.kind.into(), self.value.as_str().into()]
    }
}

/// An identity that leads to a recipient from now on.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Link {
    pub identity: Identity,
    pub to: RecipientId,
    /// Whom it led to.
    pub from: Option<RecipientId>,
}

/// Identities as the database holds them.
pub(super) fn cleaned(who: &Identities) -> Identities {
    let cleaned = |value: &Option<Arc<str>>| value.as_deref().map(|value| clean(value).into());
    Identities { bsuid: cleaned(&who.bsuid), phone: cleaned(&who.phone) }
}

/// What is to lead to an event's recipient.
pub(super) fn linked(advance: &Advance) -> BTreeSet<Identity> {
    let Identities { bsuid, phone } = &advance.identities;
    let said = [(BSUID, bsuid), (BSUID, &advance.formerly), (PHONE, phone)];
    let identity = |(kind, value): (&'static str, &Option<Arc<str>>)| {
        let value = clean(value.as_deref()?);
        Some(Identity { account: advance.account_id.to_string(), kind, value })
    };
    said.into_iter().filter(|_| advance.link).filter_map(identity).collect()
}

/// Whom the identities that these events speak of lead to now.
pub(super) async fn owners(
    tx: &DatabaseTransaction,
    advances: impl Iterator<Item = &Advance>,
) -> Result<HashMap<Identity, RecipientId>, DbErr> {
    let wanted: BTreeSet<Identity> = advances.flat_map(linked).collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT account_id, kind, value, recipient_id FROM identities WHERE (account_id, kind, value) IN (VALUES {})",
        placeholders(wanted.len(), 3, 1)
    );
    let rows = all(tx, &sql, wanted.iter().flat_map(Identity::values).collect()).await?;
    rows.iter()
        .map(|row| {
            let kind = if column::<String>(row, "kind")? == PHONE { PHONE } else { BSUID };
            let identity = Identity { account: column(row, "account_id")?, kind, value: column(row, "value")? };
            Ok((identity, column::<String>(row, "recipient_id")?.into()))
        })
        .collect()
}

/// Leads identities to their recipients: those that led nowhere, and recycled phones.
pub(super) async fn lead(tx: &DatabaseTransaction, mut links: Vec<&Link>) -> Result<(), DbErr> {
    links.sort();
    let (moved, new): (Vec<&Link>, Vec<&Link>) = links.into_iter().partition(|link| link.from.is_some());
    let count = new.len();
    let row = |link: &Link| link.identity.values().into_iter().chain([link.to.as_str().into()]).collect();
    let rows = new.into_iter().map(row).collect();
    expect_rows(insert(tx, "identities", &COLUMNS, rows, "ON CONFLICT DO NOTHING").await?, count)?;
    if moved.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE identities SET recipient_id = v.column5 FROM (VALUES {}) AS v
            WHERE identities.account_id = v.column1 AND identities.kind = v.column2 AND identities.value = v.column3
            AND identities.recipient_id = v.column4",
        placeholders(moved.len(), 5, 1)
    );
    let values = |link: &&Link| {
        let from = link.from.as_ref().map(|from| from.as_str()).into();
        link.identity.values().into_iter().chain([from, Value::from(link.to.as_str())]).collect::<Vec<_>>()
    };
    expect_rows(execute(tx, &sql, moved.iter().flat_map(values).collect()).await?, moved.len())
}

/// Leads all that led to one recipient to another.
pub(super) async fn hand_on(tx: &DatabaseTransaction, from: &RecipientId, to: &RecipientId) -> Result<(), DbErr> {
    let sql = "UPDATE identities SET recipient_id = $2 WHERE recipient_id = $1";
    execute(tx, sql, vec![from.as_str().into(), to.as_str().into()]).await.map(drop)
}

/// Phones that a recipient had before lead nowhere: whoever gets one next is somebody else.
pub(super) async fn forget_phones(
    tx: &DatabaseTransaction,
    recipient: &RecipientId,
    but: Option<&str>,
) -> Result<(), DbErr> {
    let sql = "DELETE FROM identities WHERE recipient_id = $1 AND kind = 'phone' AND value <> $2";
    execute(tx, sql, vec![recipient.as_str().into(), but.unwrap_or_default().into()]).await.map(drop)
}
