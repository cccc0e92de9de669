//! The rows of a batch.

use super::plan::Written;
use crate::sql::{
    db::all,
    dead_letters::Letter,
    rows::{column, insert, list},
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use shared::{
    Timestamp,
    event::InboundMessage,
    job::{JobRef, LaneSeq},
    ports::conversations::{Advance, Effect, EventCommit},
};
use std::collections::HashMap;

/// The version of a recipient's row between its insertion and its first commit.
pub(super) const JUST_MADE: i64 = 0;
/// A message whose effect stands.
const HANDLED: &str = "handled";
/// A message that ended in a dead letter.
const DEAD: &str = "dead";
/// A message that was dead-lettered and is being replayed: the next event of it is handled.
pub(super) const PENDING: &str = "pending";

/// The step of a conversation that an event is, if it is one.
pub(super) fn advance(event: &EventCommit) -> Option<&Advance> {
    match &event.effect {
        Effect::Advance(advance) => Some(advance),
        Effect::UnknownNumber => None,
    }
}

/// Makes the rows of new recipients, in id order, so that they can be locked like the others.
pub(super) async fn make_recipients(
    tx: &DatabaseTransaction,
    events: &[EventCommit],
    now: Timestamp,
) -> Result<(), DbErr> {
    let mut new: Vec<&Advance> =
        events.iter().filter_map(advance).filter(|advance| advance.expected.is_none()).collect();
    new.sort_by(|a, b| a.recipient_id.cmp(&b.recipient_id));
    new.dedup_by(|a, b| a.recipient_id == b.recipient_id);
    let columns = ["id", "account_id", "conversation", "version", "counter", "created_at", "updated_at"];
    let row = |advance: &Advance| -> Vec<Value> {
        vec![
            advance.recipient_id.as_str().into(),
            advance.account_id.as_str().into(),
            "{}".into(),
            JUST_MADE.into(),
            0_i64.into(),
            now.0.into(),
            now.0.into(),
        ]
    };
    let rows = new.into_iter().map(row).collect();
    insert(tx, "recipients", &columns, rows, "ON CONFLICT (id) DO NOTHING").await.map(drop)
}

/// Writes the messages; those that wait for their replay are taken over.
pub(super) async fn write_messages(
    tx: &DatabaseTransaction,
    events: impl Iterator<Item = &EventCommit>,
) -> Result<u64, DbErr> {
    let columns = [
        "phone_number_id",
        "wamid",
        "sent_at",
        "event_id",
        "account_id",
        "recipient_id",
        "kind",
        "state",
        "raw",
        "notes",
        "received_at",
    ];
    let tail = format!(
        "ON CONFLICT (phone_number_id, wamid, sent_at) DO UPDATE SET event_id = excluded.event_id,
            account_id = excluded.account_id, recipient_id = excluded.recipient_id, state = excluded.state,
            notes = excluded.notes WHERE messages.state = '{PENDING}'"
    );
    let row = |event: &EventCommit| -> Vec<Value> {
        let InboundMessage { phone_number_id, wamid, sent_at, event_id, message_type, raw, received_at, .. } =
            &event.message;
        let advance = advance(event);
        vec![
            phone_number_id.as_str().into(),
            wamid.as_str().into(),
            (*sent_at).into(),
            event_id.as_str().into(),
            advance.map(|advance| advance.account_id.as_str()).into(),
            advance.map(|advance| advance.recipient_id.as_str()).into(),
            message_type.as_str().into(),
            if advance.is_some() { HANDLED } else { DEAD }.into(),
            raw.get().into(),
            advance.map(|advance| advance.notes.as_str()).into(),
            received_at.0.into(),
        ]
    };
    let mut events: Vec<&EventCommit> = events.collect();
    events.sort_by_key(|event| (&event.message.phone_number_id, &event.message.wamid, event.message.sent_at));
    insert(tx, "messages", &columns, events.into_iter().map(row).collect(), &tail).await
}

/// Writes where the recipients stand now.
pub(super) async fn write_recipients(
    tx: &DatabaseTransaction,
    written: &[Written<'_>],
    now: Timestamp,
) -> Result<(), DbErr> {
    let columns = [
        "id",
        "account_id",
        "phone",
        "bsuid",
        "profile_name",
        "conversation",
        "version",
        "counter",
        "last_message_at",
        "created_at",
        "updated_at",
    ];
    let tail = "ON CONFLICT (id) DO UPDATE SET phone = excluded.phone, bsuid = excluded.bsuid,
        profile_name = COALESCE(excluded.profile_name, recipients.profile_name), conversation = excluded.conversation,
        version = excluded.version, counter = excluded.counter,
        last_message_at = CASE
            WHEN excluded.last_message_at IS NULL OR recipients.last_message_at > excluded.last_message_at
            THEN recipients.last_message_at ELSE excluded.last_message_at END,
        updated_at = excluded.updated_at";
    let mut rows = Vec::with_capacity(written.len());
    for Written { event, step } in written {
        let Some(advance) = advance(event) else { continue };
        let conversation =
            serde_json::to_string(&advance.conversation).map_err(|error| DbErr::Custom(error.to_string()))?;
        let row: Vec<Value> = vec![
            advance.recipient_id.as_str().into(),
            advance.account_id.as_str().into(),
            advance.identities.phone.as_deref().into(),
            advance.identities.bsuid.as_deref().into(),
            event.message.profile_name.as_deref().into(),
            conversation.into(),
            advance.version.0.into(),
            step.counter.into(),
            event.message.opens_window().then(|| event.message.sent_at.saturating_mul(1000)).into(),
            now.0.into(),
            now.0.into(),
        ];
        rows.push((advance.recipient_id.clone(), row));
    }
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    insert(tx, "recipients", &columns, rows, tail).await.map(drop)
}

const JOB_COLUMNS: [&str; 21] = [
    "id",
    "account_id",
    "phone_number_id",
    "recipient_id",
    "lane_seq",
    "event_id",
    "flow_id",
    "flow_version",
    "step_id",
    "phone",
    "bsuid",
    "content",
    "outside_window",
    "state",
    "attempt",
    "spent",
    "resends",
    "due_at",
    "delivery",
    "created_at",
    "updated_at",
];

pub(super) fn job_rows(written: &[Written<'_>], now: Timestamp) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for Written { event, step } in written {
        let Some(advance) = advance(event) else { continue };
        for (ordinal, job) in advance.jobs.iter().enumerate() {
            // Content is our own type: it always has a JSON form.
            let content = serde_json::to_string(&job.content).unwrap_or_default();
            rows.push(vec![
                job.id.as_str().into(),
                advance.account_id.as_str().into(),
                event.message.phone_number_id.as_str().into(),
                advance.recipient_id.as_str().into(),
                LaneSeq::new(step.counter, ordinal).0.into(),
                event.message.event_id.as_str().into(),
                job.flow_id.0.as_ref().into(),
                job.flow_version.0.into(),
                job.step_id.0.as_ref().into(),
                advance.identities.phone.as_deref().into(),
                advance.identities.bsuid.as_deref().into(),
                content.into(),
                job.outside_window.as_ref().and_then(|instead| serde_json::to_string(instead).ok()).into(),
                "queued".into(),
                0_i32.into(),
                0_i32.into(),
                0_i32.into(),
                now.0.into(),
                0_i32.into(),
                now.0.into(),
                now.0.into(),
            ]);
        }
    }
    rows
}

pub(super) async fn write_jobs(tx: &DatabaseTransaction, rows: Vec<Vec<Value>>) -> Result<u64, DbErr> {
    insert(tx, "jobs", &JOB_COLUMNS, rows, "").await
}

/// The dead letter that an event ends in, if it does.
pub(super) fn letter(event: &EventCommit) -> Option<Letter> {
    let (reason, advance) = match &event.effect {
        Effect::UnknownNumber => ("unknown_phone_number", None),
        Effect::Advance(advance) if advance.run_limit => ("run_limit", Some(advance)),
        Effect::Advance(_) => return None,
    };
    Some(Letter {
        account_id: advance.map(|advance| advance.account_id.to_string()),
        recipient_id: advance.map(|advance| advance.recipient_id.to_string()),
        ..event_letter(event, reason)
    })
}

/// A letter about an event, without what only its conversation knows.
pub(super) fn event_letter(event: &EventCommit, reason: &'static str) -> Letter {
    let message = &event.message;
    Letter {
        kind: "event",
        reason,
        phone_number_id: Some(message.phone_number_id.to_string()),
        recipient: message.sender.lane_key().map(|key| key.to_string()),
        event_id: Some(message.event_id.to_string()),
        // The whole event: a replay publishes it again.
        body: serde_json::to_string(message).unwrap_or_default(),
        ..Letter::default()
    }
}

/// Of the jobs that these events made, those that nobody has claimed yet.
pub(super) async fn queued_jobs(
    tx: &DatabaseTransaction,
    events: &[&str],
) -> Result<HashMap<String, Vec<JobRef>>, DbErr> {
    let mut found: HashMap<String, Vec<JobRef>> = HashMap::new();
    if events.is_empty() {
        return Ok(found);
    }
    let sql = format!(
        "SELECT event_id, id, phone_number_id, recipient_id, lane_seq FROM jobs
            WHERE event_id IN ({}) AND state = 'queued' ORDER BY lane_seq",
        list(events.len(), 1)
    );
    for row in all(tx, &sql, events.iter().map(|id| (*id).into()).collect()).await? {
        found.entry(column(&row, "event_id")?).or_default().push(JobRef {
            job_id: column::<String>(&row, "id")?.into(),
            phone_number_id: column::<String>(&row, "phone_number_id")?.into(),
            recipient_id: column::<String>(&row, "recipient_id")?.into(),
            lane_seq: LaneSeq(column(&row, "lane_seq")?),
        });
    }
    Ok(found)
}

/// Notes a message as dead, whatever its effect would have been; 0 when it is handled or dead already.
pub(super) async fn write_dead_message<C: ConnectionTrait>(tx: &C, event: &EventCommit) -> Result<u64, DbErr> {
    let message = &event.message;
    let columns = ["phone_number_id", "wamid", "sent_at", "event_id", "kind", "state", "raw", "received_at"];
    let row = vec![
        message.phone_number_id.as_str().into(),
        message.wamid.as_str().into(),
        message.sent_at.into(),
        message.event_id.as_str().into(),
        message.message_type.as_str().into(),
        DEAD.into(),
        message.raw.get().into(),
        message.received_at.0.into(),
    ];
    let tail = format!(
        "ON CONFLICT (phone_number_id, wamid, sent_at) DO UPDATE SET event_id = excluded.event_id,
            state = excluded.state WHERE messages.state = '{PENDING}'"
    );
    insert(tx, "messages", &columns, vec![row], &tail).await
}
