//! Settings that can be changed while the simulator runs.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Failure;
use crate::config::{Config, PairLimit, Statuses};
use crate::world::{World, millis};

/// Only what is given changes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Change {
    webhook_url: Option<String>,
    number_rate: Option<u32>,
    pair_limit: Option<PairLimit>,
    statuses: Option<Statuses>,
    status_delay_ms: Option<u64>,
    answer_delay_ms: Option<u64>,
    statuses_per_callback: Option<usize>,
    repeat_user_messages: Option<bool>,
    repeat_pause_ms: Option<u64>,
}

/// The settings in force; the secrets are not shown.
pub(super) async fn show(State(world): State<Arc<World>>) -> Json<Value> {
    Json(shown(&world.config()))
}

/// Changes settings; answers with all of them.
pub(super) async fn change(
    State(world): State<Arc<World>>,
    body: Result<Json<Change>, JsonRejection>,
) -> Result<Json<Value>, Failure> {
    let Json(change) = body.map_err(Failure::unprocessable)?;
    world.configure(|config| change.apply(config));
    Ok(Json(shown(&world.config())))
}

impl Change {
    fn apply(self, config: &mut Config) {
        fn set<T>(target: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *target = value;
            }
        }
        if self.webhook_url.is_some() {
            // An empty URL switches callbacks off.
            config.webhook_url = self.webhook_url.filter(|url| !url.is_empty());
        }
        set(&mut config.number_rate, self.number_rate);
        set(&mut config.pair_limit, self.pair_limit);
        set(&mut config.statuses, self.statuses);
        set(&mut config.status_delay, self.status_delay_ms.map(Duration::from_millis));
        set(&mut config.answer_delay, self.answer_delay_ms.map(Duration::from_millis));
        set(&mut config.statuses_per_callback, self.statuses_per_callback);
        set(&mut config.repeat_user_messages, self.repeat_user_messages);
        set(&mut config.repeat_pause, self.repeat_pause_ms.map(Duration::from_millis));
    }
}

fn shown(config: &Config) -> Value {
    json!({
        "webhookUrl": config.webhook_url,
        "phoneNumbers": config.phone_numbers,
        "numberRate": config.number_rate,
        "pairLimit": config.pair_limit,
        "statuses": config.statuses,
        "statusDelayMs": millis(config.status_delay),
        "answerDelayMs": millis(config.answer_delay),
        "statusesPerCallback": config.statuses_per_callback,
        "repeatUserMessages": config.repeat_user_messages,
        "repeatPauseMs": millis(config.repeat_pause),
        "seed": config.seed,
    })
}
