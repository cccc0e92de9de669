//! What was sent, and what was refused.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::log::SentMessage;
use crate::user::User;
use crate::world::{World, lock};

/// Sends in one answer where no limit is asked for.
const PAGE: usize = 1_000;

/// Which sends to show.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    /// Only those to this phone or business-scoped id.
    to: Option<String>,
    /// Only those of this number.
    phone_number_id: Option<String>,
    /// From this index on.
    #[serde(default)]
    since: u64,
    /// At most so many.
    limit: Option<usize>,
}

/// `{items, next, total}`; `next` is what to give as `since` to get the rest.
pub(super) async fn sends(State(world): State<Arc<World>>, Query(filter): Query<Filter>) -> Json<Value> {
    let user = filter.to.as_deref().map(User::from_id);
    let (entries, total) = {
        let log = lock(&world.log);
        (log.since(filter.since), log.accepted())
    };
    let mut next = total.max(filter.since);
    let mut items = Vec::new();
    for entry in entries {
        let message = &entry.message;
        let is_wanted = user.as_ref().is_none_or(|user| message.is_for(user))
            && filter.phone_number_id.as_deref().is_none_or(|number| number == &*message.phone_number_id);
        if !is_wanted {
            continue;
        }
        if items.len() == filter.limit.unwrap_or(PAGE) {
            next = message.index;
            break;
        }
        items.push(item(&entry.snapshot()));
    }
    Json(json!({"items": items, "next": next, "total": total}))
}

fn item(message: &SentMessage) -> Value {
    json!({
        "index": message.index,
        "phoneNumberId": *message.phone_number_id,
        "to": message.to.as_deref(),
        "recipient": message.recipient.as_deref(),
        "type": message.kind,
        "body": message.body(),
        "wamid": *message.wamid,
        "bizOpaqueCallbackData": message.biz_opaque_callback_data.as_deref(),
        "acceptedAt": message.accepted_at,
        "answered": message.answered,
    })
}

/// `{items}`, oldest first.
pub(super) async fn refusals(State(world): State<Arc<World>>) -> Json<Value> {
    let refusals = lock(&world.log).refusals();
    Json(json!({"items": refusals}))
}

/// Forgets everything that happened.
pub(super) async fn reset(State(world): State<Arc<World>>) -> StatusCode {
    world.reset();
    StatusCode::NO_CONTENT
}
