//! The whole way of a message, with times.

use super::{Answer, Operator, OperatorError, dead_letters::dated, iso};
use crate::{
    Timestamp,
    ports::traces::{Traced, TracedJob, TracedLetter},
};
use serde_json::{Value, json};

impl Operator {
    /// By Meta's id of what came in or was sent, or by our id of an event, job or dead letter.
    pub async fn trace(&self, id: &str) -> Answer {
        match self.traces.trace(id).await? {
            Some(traced) => Ok(shown(&traced)),
            None => Err(OperatorError::NotFound(format!(
                "nothing is known of {id}; it may be pruned, or another installation's"
            ))),
        }
    }
}

fn shown(traced: &Traced) -> Value {
    let event = traced.event.as_ref().map(|found| {
        let entry = &found.entry;
        json!({
            "eventId": entry.event_id,
            "wamid": entry.wamid,
            "kind": entry.kind,
            "state": entry.state,
            "accountId": entry.account_id,
            "phoneNumberId": entry.phone_number_id,
            "recipientId": entry.recipient_id,
            "writtenAt": traced.written_at.map(iso),
            "receivedAt": iso(entry.received_at),
            "notes": found.notes,
        })
    });
    json!({
        "event": event,
        "jobs": traced.jobs.iter().map(job).collect::<Vec<_>>(),
        "deadLetters": traced.letters.iter().map(letter).collect::<Vec<_>>(),
        "timeline": timeline(traced),
    })
}

fn job(job: &TracedJob) -> Value {
    let statuses =
        [("sent", job.sent_at), ("delivered", job.delivered_at), ("read", job.read_at), ("failed", job.failed_at)];
    let statuses = statuses.into_iter().filter_map(|(status, at)| Some(json!({ "status": status, "at": iso(at?) })));
    json!({
        "jobId": job.id,
        "flowId": job.flow_id,
        "stepId": job.step_id,
        "phoneNumberId": job.phone_number_id,
        "recipientId": job.recipient_id,
        "state": job.state,
        "wamid": job.wamid,
        "claims": job.attempt,
        "spent": job.spent,
        "resends": job.resends,
        "attempts": dated(job.attempts.clone()),
        "createdAt": iso(job.created_at),
        "claimedAt": job.claimed_at.map(iso),
        "statuses": statuses.collect::<Vec<_>>(),
    })
}

fn letter(letter: &TracedLetter) -> Value {
    json!({
        "id": letter.id,
        "reason": letter.reason,
        "state": letter.state,
        "jobId": letter.job_id,
        "createdAt": iso(letter.created_at),
        "closedAt": letter.closed_at.map(iso),
    })
}

/// All of it in the order of time.
fn timeline(traced: &Traced) -> Vec<Value> {
    let mut moments: Vec<(Timestamp, String)> = Vec::new();
    let mut add = |at: Option<Timestamp>, what: String| moments.extend(at.map(|at| (at, what)));
    if let Some(found) = &traced.event {
        let entry = &found.entry;
        add(traced.written_at, format!("written to {}", entry.phone_number_id.as_ref().map_or("?", |id| id.as_str())));
        add(Some(entry.received_at), format!("callback received: {} {}", entry.kind, entry.event_id));
    }
    for job in &traced.jobs {
        let name = format!("job {} (step {})", job.id, job.step_id.0);
        add(Some(job.created_at), format!("{name} made"));
        for attempt in job.attempts.as_array().into_iter().flatten() {
            let at = attempt["at"].as_i64().map(Timestamp);
            let code = attempt["code"].as_i64().map_or(String::new(), |code| format!("{code}: "));
            add(at, format!("{name}: {code}{}", attempt["error"].as_str().unwrap_or_default()));
        }
        add(job.claimed_at, format!("{name} claimed, the {} time", nth(job.attempt)));
        add(job.sent_at, format!("{name} taken by WhatsApp"));
        add(job.delivered_at, format!("{name} delivered"));
        add(job.read_at, format!("{name} read"));
        add(job.failed_at, format!("{name} failed"));
    }
    for letter in &traced.letters {
        add(Some(letter.created_at), format!("dead letter {}: {}", letter.id, letter.reason));
        let closed = serde_json::to_value(letter.state).unwrap_or_default();
        add(letter.closed_at, format!("dead letter {} {}", letter.id, closed.as_str().unwrap_or_default()));
    }
    moments.sort_by_key(|(at, _)| *at);
    moments.into_iter().map(|(at, what)| json!({ "at": iso(at), "what": what })).collect()
}

fn nth(count: i32) -> String {
    let ending = match (count % 100, count % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{count}{ending}")
}
