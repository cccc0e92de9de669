//! A message that nobody wrote, from here on like any other.

use super::queues;
use anyhow::{Context, bail};
use backends::Backends;
use serde_json::{Value, json};
use shared::{
    event::{Event, OPERATOR_WAMID},
    ids,
    ports::accounts::PhoneNumber,
};

/// Publishes the event that the gateway would make of this text.
pub async fn process(backends: &Backends, number: &str, from: &str, text: &str) -> anyhow::Result<Value> {
    let Some(number) = backends.accounts.phone_number(&number.into()).await? else {
        bail!("there is no number {number}; `flow-runner numbers add {number} --account ID` adds it");
    };
    let event = event(backends, &number, from, text)?;
    let Event::Message(message) = &event else {
        bail!("{from:?} is neither a phone with country code nor a user id such as US.13491208655302741918");
    };
    let event_id = message.event_id.clone();
    let publish = event.into_publish(queues(backends).await?)?;
    backends.publisher.publish(vec![publish]).await.context("the event is not taken; nothing happened, try again")?;
    Ok(json!({ "eventId": event_id }))
}

/// By way of Meta's own words, so that it is read as theirs are.
fn event(backends: &Backends, number: &PhoneNumber, from: &str, text: &str) -> anyhow::Result<Event> {
    let now = backends.clock.now();
    let message = json!({
        "from": from,
        "id": format!("{OPERATOR_WAMID}{}", ids::fresh()),
        "timestamp": (now.0 / 1000).to_string(),
        "type": "text",
        "text": { "body": text },
    });
    let value = json!({ "metadata": { "phone_number_id": number.id }, "messages": [message] });
    let body = json!({ "entry": [{ "changes": [{ "field": "messages", "value": value }] }] });
    let events = webhook_gateway::meta::cut(body.to_string().as_bytes(), now, &mut || ids::fresh().into());
    events.into_iter().next().context("a callback without an event")
}
