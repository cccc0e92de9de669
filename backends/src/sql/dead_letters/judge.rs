//! What a replay of a letter would do, from the rows around it.

use super::{bury::Enclosed, column};
use crate::sql::rows::{corrupt, list};
use flow_engine::Content;
use sea_orm::{DbErr, QueryResult};
use shared::{
    Timestamp,
    event::{Event, InboundMessage},
    ids::{DeadLetterId, JobId},
    job::{JobState, LaneSeq},
    ports::dead_letters::{Facts, LetterKind, LetterState},
};
use std::time::Duration;

/// Meta's customer service window, from the person's last message.
const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// The reason of letters whose message may have arrived.
const UNKNOWN_OUTCOME: &str = "unknown_outcome";
/// And of those whose message killed whoever handled it.
const KILLS_CONSUMER: &str = "kills_consumer";

/// So many letters with their job or message, number and recipient, oldest first. Who wrote an event to a number that
/// nobody owned is known once somebody owns it.
pub(in crate::sql) fn select(count: usize) -> String {
    format!(
        "SELECT l.id, l.kind, l.state, l.reason, l.body, l.job_id, l.phone_number_id, j.state AS job_state, j.lane_seq, j.content,
            j.outside_window,
            n.id AS number, n.paused, r.counter, r.last_message_at, m.state AS message_state,
            m.received_at, l.created_at, (SELECT MAX(later.received_at) FROM messages later
                WHERE later.recipient_id = r.id AND later.state = 'handled') AS last_handled
            FROM dead_letters l
            LEFT JOIN jobs j ON j.id = l.job_id
            LEFT JOIN phone_numbers n ON n.id = l.phone_number_id
            LEFT JOIN recipients r ON r.id = COALESCE(l.recipient_id, (SELECT i.recipient_id FROM identities i
                WHERE i.account_id = n.account_id AND i.kind IN ('bsuid', 'phone') AND i.value = l.recipient LIMIT 1))
            LEFT JOIN messages m ON l.kind = 'event' AND m.event_id = l.event_id
            WHERE l.id IN ({}) ORDER BY l.created_at, l.id",
        list(count, 1)
    )
}

/// A letter, judged.
pub(in crate::sql) struct Judged {
    pub id: DeadLetterId,
    pub facts: Facts,
    pub subject: Subject,
}

/// What a letter stands for.
pub(in crate::sql) enum Subject {
    Job(JobId),
    Event(Event),
    /// Nothing that can be replayed: its facts say so.
    Nothing,
}

pub(in crate::sql) fn read(rows: &[QueryResult], now: Timestamp) -> Result<Vec<Judged>, DbErr> {
    rows.iter().map(|row| judged(row, now)).collect()
}

fn judged(row: &QueryResult, now: Timestamp) -> Result<Judged, DbErr> {
    let id = column::<String>(row, "id")?.into();
    let kind: String = column(row, "kind")?;
    match LetterKind::parse(&kind).ok_or_else(|| corrupt("dead_letters.kind", kind))? {
        LetterKind::Job => {
            let job = column::<Option<String>>(row, "job_id")?;
            let subject = job.map_or(Subject::Nothing, |job| Subject::Job(job.into()));
            Ok(Judged { id, facts: of_job(row, now)?, subject })
        }
        LetterKind::Event => {
            let event = event(&column::<String>(row, "body")?);
            let facts = match &event {
                Some(Event::Status(_) | Event::Kept(_)) => of_note(row)?,
                Some(Event::Message(message)) => of_message(row, Some(message), now)?,
                None => of_message(row, None, now)?,
            };
            Ok(Judged { id, facts, subject: event.map_or(Subject::Nothing, Subject::Event) })
        }
    }
}

/// The event of a letter: that of a queue's message, or a message as its conversation gave it up.
fn event(body: &str) -> Option<Event> {
    match serde_json::from_str::<Enclosed>(body) {
        Ok(message) => Event::read(&message.kind, message.body.as_bytes()).ok(),
        Err(_) => serde_json::from_str(body).ok().map(Event::Message),
    }
}

fn of_job(row: &QueryResult, now: Timestamp) -> Result<Facts, DbErr> {
    let state: Option<String> = column(row, "job_state")?;
    let made_by: Option<i64> = column::<Option<i64>>(row, "lane_seq")?.map(|seq| LaneSeq(seq).counter());
    let counter: Option<i64> = column(row, "counter")?;
    Ok(Facts {
        dead: is_open(row)? && state.as_deref() == Some(JobState::Dead.as_str()),
        number: has_number(row)?,
        // What the sender tries too: a template, and what Meta alone can decide on.
        window: is_template(row)? || last_message(row)?.is_none_or(|last| in_window(Some(last), now)),
        unknown: column::<String>(row, "reason")? == UNKNOWN_OUTCOME,
        moved_on: counter > made_by,
    })
}

/// What sends nothing: whatever it says is noted once, whenever it comes. One that killed those who handled it comes again by
/// force only.
fn of_note(row: &QueryResult) -> Result<Facts, DbErr> {
    let kills = column::<String>(row, "reason")? == KILLS_CONSUMER;
    Ok(Facts { dead: is_open(row)?, number: true, window: true, unknown: false, moved_on: kills })
}

/// Without an event that can be read nobody knows which number it was for.
fn of_message(row: &QueryResult, event: Option<&InboundMessage>, now: Timestamp) -> Result<Facts, DbErr> {
    let state: Option<String> = column(row, "message_state")?;
    // A letter that was written unparsed names neither number nor recipient. Whether the number is known shows when its event
    // is handled; what came after it nobody knows, so it is replayed by force only.
    let unparsed = column::<Option<String>>(row, "phone_number_id")?.is_none();
    // The row of a message that its conversation gave up; what a queue gave up may have none.
    let received_at = column::<Option<i64>>(row, "received_at")?.or(event.map(|event| event.received_at.0));
    let received_at = received_at.map_or_else(|| column(row, "created_at"), Ok)?;
    let own = event.map(|event| Timestamp(event.sent_at.saturating_mul(1000)));
    Ok(Facts {
        dead: is_open(row)? && state.as_deref() != Some("handled"),
        number: event.is_some() && (unparsed || has_number(row)?),
        window: in_window(last_message(row)?.max(own), now),
        unknown: false,
        moved_on: unparsed || column::<Option<i64>>(row, "last_handled")? > Some(received_at),
    })
}

/// A template may be sent at any time, and one may stand in for anything else.
fn is_template(row: &QueryResult) -> Result<bool, DbErr> {
    if column::<Option<String>>(row, "outside_window")?.is_some() {
        return Ok(true);
    }
    let content: Option<String> = column(row, "content")?;
    let content = content.and_then(|json| serde_json::from_str::<Content>(&json).ok());
    Ok(matches!(content, Some(Content::Template { .. })))
}

fn is_open(row: &QueryResult) -> Result<bool, DbErr> {
    Ok(column::<String>(row, "state")? == LetterState::Open.as_str())
}

fn has_number(row: &QueryResult) -> Result<bool, DbErr> {
    Ok(column::<Option<String>>(row, "number")?.is_some() && column::<Option<String>>(row, "paused")?.is_none())
}

fn last_message(row: &QueryResult) -> Result<Option<Timestamp>, DbErr> {
    Ok(column::<Option<i64>>(row, "last_message_at")?.map(Timestamp))
}

fn in_window(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_some_and(|last| now.since(last) < WINDOW)
}

#[cfg(test)]
mod tests {
    use crate::sql::plans::assert_uses;

    #[tokio::test]
    async fn a_letter_is_judged_from_indexes() {
        assert_uses(&super::select(3), &["messages_event", "messages_recipient"]).await;
    }
}
