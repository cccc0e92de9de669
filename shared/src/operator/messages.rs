//! What came in.

use super::{Answer, Operator, OperatorError, iso};
use crate::{
    Timestamp,
    ids::JobId,
    job::JobState,
    ports::{
        ledger::{Decided, Decision},
        listing::Page,
        messages::{Entry, MessageFilter},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Which messages are meant.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Wanted {
    /// Meta's type, or why an event was kept.
    pub kind: Option<String>,
    /// Who wrote it.
    pub recipient: Option<String>,
    /// Whose recipient.
    pub account: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
}

impl Operator {
    /// What came in, newest first.
    pub async fn messages(&self, wanted: Wanted, page: &Page) -> Answer {
        let recipient = match &wanted.recipient {
            Some(who) => Some(self.recipient(wanted.account.as_deref(), who).await?.id),
            None => None,
        };
        let filter = MessageFilter { kind: wanted.kind, recipient, since: wanted.since };
        let listed = self.messages.list(&filter, page).await?;
        Ok(json!({ "items": listed.items.iter().map(shown).collect::<Vec<_>>(), "nextCursor": listed.next }))
    }

    /// One of them, with its content and what was made of it.
    pub async fn message(&self, id: &str) -> Answer {
        let Some(found) = self.messages.get(id).await? else {
            let why = format!("no message has the id {id}; `flow-runner trace {id}` finds what we sent");
            return Err(OperatorError::NotFound(why));
        };
        let mut message = shown(&found.entry);
        message["notes"] = found.notes.unwrap_or(Value::Null);
        message["raw"] = serde_json::from_str(&found.raw).unwrap_or(Value::String(found.raw));
        Ok(message)
    }
}

impl Operator {
    /// Settles a send whose outcome nobody knows.
    pub async fn settle_job(&self, who: &str, id: &str, decision: Decision) -> Answer {
        let job = JobId::from(id);
        self.note(who, "jobs.settle", id, json!({ "as": decision })).await?;
        match self.ledger.decide(&job, decision, self.clock.now()).await? {
            Decided::Done => {
                if decision == Decision::Resend {
                    metrics::counter!("flow_runner_unknown_resent_total").increment(1);
                }
                self.trace(id).await
            }
            Decided::Stands(JobState::Dead) => Err(OperatorError::Conflict(format!(
                "job {id} is given up; `flow-runner trace {id}` shows its dead letter, which can be replayed or discarded"
            ))),
            Decided::Stands(state) => Err(OperatorError::Conflict(format!(
                "job {id} is {}: its outcome is not unknown, and nothing was changed",
                state.as_str()
            ))),
            Decided::NoSuchJob => Err(OperatorError::NotFound(format!(
                "there is no job {id}; `flow-runner trace ID` with a message's id shows the jobs that it made"
            ))),
        }
    }
}

fn shown(entry: &Entry) -> Value {
    json!({
        "eventId": entry.event_id,
        "receivedAt": iso(entry.received_at),
        "kind": entry.kind,
        "state": entry.state,
        "accountId": entry.account_id,
        "phoneNumberId": entry.phone_number_id,
        "recipientId": entry.recipient_id,
        "wamid": entry.wamid,
        "field": entry.field,
    })
}
