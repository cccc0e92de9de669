//! What happens, as it happens: what the chat page lives on.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::journal::Line;
use crate::log::{Happening, SentMessage};
use crate::user::{User, UserMessage};
use crate::world::{World, lock};

/// Events in one answer.
const PAGE: usize = 500;
/// Whoever watches asks again after this; proxies end what is silent for a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// From where on, and how long to wait for something new.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct From {
    #[serde(default)]
    since: u64,
    #[serde(default)]
    wait_ms: u64,
}

/// `{run, items, next}`: the events from `since` on, oldest first; `next` is what to give as `since` for those after
/// them. Without any the answer waits `waitMs` (30 s at most) for one. `run` is another one after a restart, when the
/// numbers have begun anew.
pub(super) async fn events(State(world): State<Arc<World>>, Query(from): Query<From>) -> Json<Value> {
    let deadline = Instant::now() + Duration::from_millis(from.wait_ms).min(LONGEST_WAIT);
    let (mut lines, mut next);
    loop {
        let bell = world.bell.notified();
        (lines, next) = lock(&world.journal).since(from.since, PAGE);
        // Beyond the end there is nothing to wait for: that number is of another run.
        if !lines.is_empty() || from.since > next {
            break;
        }
        let is_news = tokio::select! {
            () = bell => true,
            () = tokio::time::sleep_until(deadline) => false,
            () = world.stop.cancelled() => false,
        };
        if !is_news {
            break;
        }
    }
    let items: Vec<Value> = lines.iter().map(|line| item(&world, line)).collect();
    Json(json!({"run": world.started, "items": items, "next": next}))
}

fn item(world: &World, line: &Line) -> Value {
    let mut item = match &line.happening {
        Happening::Sent(message) => sent(message),
        Happening::UserWrote { phone_number_id, from, what, wamid } => {
            wrote(&world.number(phone_number_id).display, phone_number_id, from, what, wamid)
        }
        Happening::Status { wamid, status, error, .. } => {
            json!({"kind": "status", "wamid": **wamid, "status": status, "code": error})
        }
        Happening::Refused(refusal) => json!({"kind": "refused", "refusal": refusal}),
        Happening::Callback { status_code, .. } => json!({"kind": "callback", "statusCode": status_code}),
        Happening::Reset => json!({"kind": "reset"}),
    };
    item["index"] = json!(line.index);
    item["at"] = json!(line.at);
    item
}

/// The message as it was sent, without the envelope.
fn sent(message: &SentMessage) -> Value {
    let mut body = message.body();
    let mut content = json!({"type": message.kind, message.kind: body[message.kind].take()});
    if body["context"].is_object() {
        content["context"] = body["context"].take();
    }
    json!({
        "kind": "sent",
        "phoneNumberId": *message.phone_number_id,
        "to": message.to.as_deref(),
        "recipient": message.recipient.as_deref(),
        "wamid": *message.wamid,
        "message": content,
    })
}

/// The message as the callback has it, without what it has in common with all others.
fn wrote(display: &str, phone_number_id: &str, from: &User, what: &UserMessage, wamid: &str) -> Value {
    json!({
        "kind": "wrote",
        "phoneNumberId": phone_number_id,
        "from": {"phone": from.phone_digits(), "bsuid": from.bsuid, "name": from.name},
        "wamid": wamid,
        "message": what.fields(from, display),
    })
}
