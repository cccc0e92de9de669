//! A message that nobody wrote, from here on like any other.

use super::{accepted, admin::Admin};
use crate::{Gateway, meta, problem::Problem, request::sent};
use axum::{
    extract::{Request, State},
    response::Response,
};
use serde_json::{Value, json};
use shared::{
    event::{Event, OPERATOR_WAMID},
    ids,
    operator::{Operator, OperatorError},
    ports::accounts::PhoneNumber,
};
use std::sync::Arc;

/// `POST {phoneNumberId, from, text}`.
pub(super) async fn post(
    State(gateway): State<Arc<Gateway>>,
    admin: Admin,
    request: Request,
) -> Result<Response, Problem> {
    let fields = sent(&gateway, request).await?;
    let text = |name: &str| {
        let text = fields.get(name).and_then(Value::as_str);
        text.ok_or_else(|| Problem::fault(&format!("/{name}"), "missing", format!("{name} must be a text")))
    };
    let (number, from, text) = (text("phoneNumberId")?, text("from")?, text("text")?);
    Ok(accepted(process(&admin.ops.operator, &admin.who, number, from, text).await?))
}

/// Publishes the event that the gateway would make of this text: as if that person had written it to that number. Its
/// `eventId`.
pub async fn process(
    operator: &Operator,
    who: &str,
    number: &str,
    from: &str,
    text: &str,
) -> Result<Value, OperatorError> {
    let Some(number) = operator.accounts.phone_number(&number.into()).await? else {
        let why = format!("there is no number {number}; `flow-runner numbers add {number} --account ID` adds it");
        return Err(OperatorError::NotFound(why));
    };
    let event = event(operator, &number, from, text);
    let Some(Event::Message(message)) = &event else {
        let why =
            format!("{from:?} is neither a phone with country code nor a user id such as US.13491208655302741918");
        return Err(OperatorError::Invalid(why));
    };
    let answer = json!({ "eventId": message.event_id });
    operator.note(who, "events.post", message.event_id.as_str(), json!({ "phoneNumberId": number.id })).await?;
    operator.publish(event.into_iter().collect(), Event::into_publish).await?;
    Ok(answer)
}

/// By way of Meta's own words, so that it is read as theirs are.
fn event(operator: &Operator, number: &PhoneNumber, from: &str, text: &str) -> Option<Event> {
    let now = operator.clock.now();
    let message = json!({
        "from": from,
        "id": format!("{OPERATOR_WAMID}{}", ids::fresh()),
        "timestamp": (now.0 / 1000).to_string(),
        "type": "text",
        "text": { "body": text },
    });
    let value = json!({ "metadata": { "phone_number_id": number.id }, "messages": [message] });
    let body = json!({ "entry": [{ "changes": [{ "field": "messages", "value": value }] }] });
    meta::cut(body.to_string().as_bytes(), now, &mut || ids::fresh().into()).into_iter().next()
}
