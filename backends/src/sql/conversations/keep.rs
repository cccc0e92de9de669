//! Events that are neither messages nor statuses of ours; and calls, which open the window.

use crate::sql::{
    db::{Db, Transaction, execute},
    rows::insert,
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr};
use shared::{
    event::{KeptEvent, PersonsCall},
    ports::Stored,
};

/// The last message's time of whoever these identities are, to a number of whose account: number, bsuid, phone, time. Phones are
/// recycled: one counts for nobody who is known to have another user id.
const CALLED: &str = "UPDATE recipients SET last_message_at = $4
    WHERE (last_message_at IS NULL OR last_message_at < $4) AND id IN (SELECT i.recipient_id FROM identities i
        JOIN phone_numbers n ON n.account_id = i.account_id
        WHERE n.id = $1 AND ((i.kind = 'bsuid' AND i.value = $2) OR (i.kind = 'phone' AND i.value = $3)))
    AND (bsuid IS NULL OR $2 = '' OR bsuid = $2)";

struct Keep(Vec<KeptEvent>);

#[async_trait]
impl Transaction for Keep {
    type Output = ();
    const DOING: &'static str = "keeping events";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        let columns = ["event_id", "kind", "field", "body", "received_at"];
        let rows = self.0.iter().map(|event| {
            vec![
                event.event_id.as_str().into(),
                event.kind.as_str().into(),
                event.field.as_deref().into(),
                event.body.as_str().into(),
                event.received_at.0.into(),
            ]
        });
        insert(tx, "kept_events", &columns, rows.collect(), "ON CONFLICT (event_id) DO NOTHING").await?;
        for call in self.0.iter().flat_map(|event| &event.calls) {
            called(tx, call).await?;
        }
        Ok(())
    }
}

/// Somebody who is known called. Of whoever is not, nobody knows the window.
async fn called(tx: &DatabaseTransaction, call: &PersonsCall) -> Result<(), DbErr> {
    let values = vec![
        call.phone_number_id.as_str().into(),
        call.caller.bsuid.as_deref().unwrap_or_default().into(),
        call.caller.phone.as_deref().unwrap_or_default().into(),
        call.at.saturating_mul(1000).into(),
    ];
    execute(tx, CALLED, values).await.map(drop)
}

pub(super) async fn keep(db: &Db, events: Vec<KeptEvent>) -> Stored<()> {
    db.write(Keep(events)).await
}
