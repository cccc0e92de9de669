//! Events that are neither messages nor statuses of ours.

use crate::sql::{
    db::{Db, Transaction},
    rows::insert,
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr};
use shared::{event::KeptEvent, ports::Stored};

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
        insert(tx, "kept_events", &columns, rows.collect(), "ON CONFLICT (event_id) DO NOTHING").await.map(drop)
    }
}

pub(super) async fn keep(db: &Db, events: Vec<KeptEvent>) -> Stored<()> {
    db.write(Keep(events)).await
}
