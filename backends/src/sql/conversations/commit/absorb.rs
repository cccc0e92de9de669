//! What a change of identity moves: histories to the row that stays, and what is still to be sent to where its person is
//! reached now.

use super::{identities, plan::Written};
use crate::sql::{
    db::{all, execute, for_update},
    rows::list,
};
use sea_orm::{DatabaseTransaction, DbErr, Value};
use shared::{
    Timestamp,
    ids::{Identities, RecipientId, RowVersion},
    ports::conversations::Advance,
};
use std::collections::BTreeSet;

/// A recipient's jobs are those of its messages; no index leads to them otherwise, since each job would pay for it.
const OF_RECIPIENT: &str = "recipient_id = $1 AND event_id IN (SELECT event_id FROM messages WHERE recipient_id = $1)";

/// The jobs of recipients, by their messages.
fn lock_jobs(recipients: usize) -> String {
    format!(
        "SELECT id FROM jobs WHERE event_id IN (SELECT event_id FROM messages WHERE recipient_id IN ({})) ORDER BY id",
        list(recipients, 1)
    )
}

/// Hands jobs on: from, to, what moves them behind the others.
fn move_jobs() -> String {
    format!("UPDATE jobs SET recipient_id = $2, lane_seq = lane_seq + $3 WHERE {OF_RECIPIENT}")
}

/// Addresses anew whatever may be sent, a first time or again, which is all but what arrived: recipient, phone,
/// business-scoped id.
fn readdress_jobs() -> String {
    format!("UPDATE jobs SET phone = $2, bsuid = $3 WHERE {OF_RECIPIENT} AND (state <> 'sent' OR delivery < 2)")
}

/// Does what the steps of these events do beside their own rows.
pub(super) async fn move_on(tx: &DatabaseTransaction, written: &[Written<'_>], now: Timestamp) -> Result<(), DbErr> {
    lock(tx, written).await?;
    for entry in written {
        let (Some(advance), step) = (entry.advance(), entry.step) else { continue };
        for (other, shift) in &step.absorbs {
            absorb(tx, advance, other, *shift, now).await?;
        }
        for (recipient, who) in &step.readdressed {
            if *recipient == advance.recipient_id {
                identities::forget_phones(tx, recipient, who.phone.as_deref()).await?;
            } else {
                take_phone(tx, recipient, now).await?;
            }
            readdress(tx, recipient, who).await?;
        }
    }
    Ok(())
}

/// Takes the jobs in id order, where rows are locked one by one.
async fn lock(tx: &DatabaseTransaction, written: &[Written<'_>]) -> Result<(), DbErr> {
    let lock = for_update(tx);
    let steps = || written.iter().map(|written| written.step);
    let absorbed = steps().flat_map(|step| step.absorbs.iter().map(|(id, _)| id));
    let readdressed = steps().flat_map(|step| step.readdressed.iter().map(|(id, _)| id));
    let recipients: BTreeSet<&RecipientId> = absorbed.chain(readdressed).collect();
    if lock.is_empty() || recipients.is_empty() {
        return Ok(());
    }
    let sql = lock_jobs(recipients.len()) + lock;
    all(tx, &sql, recipients.into_iter().map(|id| id.as_str().into()).collect()).await.map(drop)
}

/// Makes one of two rows of a person: the other becomes a tombstone, whose version is drawn anew, so that whoever
/// remembers it loads again.
async fn absorb(
    tx: &DatabaseTransaction,
    advance: &Advance,
    other: &RecipientId,
    shift: i64,
    now: Timestamp,
) -> Result<(), DbErr> {
    let from_to = || -> Vec<Value> { vec![other.as_str().into(), advance.recipient_id.as_str().into()] };
    identities::hand_on(tx, other, &advance.recipient_id).await?;
    execute(tx, &move_jobs(), [from_to(), vec![shift.into()]].concat()).await?;
    // Jobs are found by their messages, which therefore come after them.
    execute(tx, "UPDATE messages SET recipient_id = $2 WHERE recipient_id = $1", from_to()).await?;
    execute(tx, "UPDATE dead_letters SET recipient_id = $2 WHERE recipient_id = $1", from_to()).await?;
    let both = "UPDATE recipients
        SET last_message_at = (SELECT MAX(b.last_message_at) FROM recipients b WHERE b.id IN ($1, $2)),
            profile_name = COALESCE(profile_name, (SELECT o.profile_name FROM recipients o WHERE o.id = $1))
        WHERE id = $2";
    execute(tx, both, from_to()).await?;
    let tombstone = "UPDATE recipients SET merged_into = $2, phone = NULL, bsuid = NULL, profile_name = NULL,
        conversation = '{}', version = $3, updated_at = $4 WHERE id = $1";
    let rest = vec![RowVersion::draw().0.into(), now.0.into()];
    execute(tx, tombstone, [from_to(), rest].concat()).await.map(drop)
}

/// Takes its phone from a recipient: it is another's now. Its version is drawn anew, so that what others remember of it is
/// stale.
async fn take_phone(tx: &DatabaseTransaction, recipient: &RecipientId, now: Timestamp) -> Result<(), DbErr> {
    let sql = "UPDATE recipients SET phone = NULL, version = $2, updated_at = $3 WHERE id = $1";
    execute(tx, sql, vec![recipient.as_str().into(), RowVersion::draw().0.into(), now.0.into()]).await.map(drop)
}

async fn readdress(tx: &DatabaseTransaction, recipient: &RecipientId, who: &Identities) -> Result<(), DbErr> {
    let values = vec![recipient.as_str().into(), who.phone.as_deref().into(), who.bsuid.as_deref().into()];
    execute(tx, &readdress_jobs(), values).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::plans::assert_uses;

    #[tokio::test]
    async fn the_jobs_of_a_recipient_are_found_by_its_messages() {
        for sql in [lock_jobs(2), move_jobs(), readdress_jobs()] {
            assert_uses(&sql, &["jobs_event", "messages_recipient"]).await;
        }
    }
}
