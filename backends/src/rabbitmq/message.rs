//! A message of the port as AMQP properties and back.

use bytes::Bytes;
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use shared::{
    Timestamp,
    ports::queue::{Death, Delivery, Message},
};

/// Survives a restart of the broker.
const PERSISTENT: u8 = 2;
/// The version of the body's schema.
const SCHEMA: &str = "x-schema";
/// W3C trace context.
const TRACEPARENT: &str = "traceparent";
/// Set by quorum queues from the second delivery on: how often the message came back.
const DELIVERY_COUNT: &str = "x-delivery-count";
/// Set by RabbitMQ 4.3 and later, where `x-delivery-count` leaves out what was given back by `basic.nack`.
const ACQUIRED_COUNT: &str = "x-acquired-count";
/// How often, where and why a message was dead-lettered: an array of tables, the last death first.
/// Source: <https://www.rabbitmq.com/docs/dlx#effects>
const X_DEATH: &str = "x-death";

/// The properties a message is published with. Fails where AMQP has no room for it.
pub(super) fn properties(message: &Message) -> Result<BasicProperties, String> {
    let mut headers = FieldTable::default();
    headers.insert(SCHEMA.into(), AMQPValue::LongInt(i32::from(message.schema)));
    if let Some(traceparent) = &message.traceparent {
        headers.insert(TRACEPARENT.into(), AMQPValue::LongString(traceparent.as_str().into()));
    }
    Ok(BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(short("message_id", &message.id)?)
        .with_type(short("type", &message.kind)?)
        .with_headers(headers))
}

fn short(what: &str, text: &str) -> Result<ShortString, String> {
    ShortString::try_new(text).map_err(|_| format!("a {what} of {} bytes; AMQP takes 255", text.len()))
}

/// A delivery as the port has it. What a foreign publisher left out comes back empty: whoever decodes the body decides.
pub(super) fn delivery(arrived: lapin::message::Delivery) -> Delivery {
    let properties = &arrived.properties;
    let headers = properties.headers().as_ref();
    let number = |name: &str| headers.and_then(|table| table.inner().get(name)).and_then(integer).unwrap_or(0);
    let traceparent = match headers.and_then(|table| table.inner().get(TRACEPARENT)) {
        Some(AMQPValue::LongString(text)) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        Some(AMQPValue::ShortString(text)) => Some(text.to_string()),
        _ => None,
    };
    let text = |property: &Option<ShortString>| property.as_ref().map_or(String::new(), ToString::to_string);
    let came_back = number(DELIVERY_COUNT).max(number(ACQUIRED_COUNT));
    let message = Message {
        id: text(properties.message_id()).into(),
        kind: text(properties.kind()).into(),
        schema: u16::try_from(number(SCHEMA)).unwrap_or(0),
        traceparent,
        body: Bytes::from(arrived.data),
    };
    let delivery_count = u32::try_from(came_back).unwrap_or(u32::MAX);
    Delivery { tag: arrived.delivery_tag, message, delivery_count, death: headers.and_then(death) }
}

/// The last death.
fn death(headers: &FieldTable) -> Option<Death> {
    let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get(X_DEATH) else { return None };
    let Some(AMQPValue::FieldTable(last)) = deaths.as_slice().first() else { return None };
    let text = |name: &str| match last.inner().get(name) {
        Some(AMQPValue::LongString(text)) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        _ => String::new(),
    };
    let seconds = match last.inner().get("time") {
        Some(AMQPValue::Timestamp(seconds)) => i64::try_from(*seconds).unwrap_or(i64::MAX),
        _ => 0,
    };
    Some(Death { queue: text("queue"), reason: text("reason"), at: Timestamp(seconds.saturating_mul(1000)) })
}

/// A number whatever its width: brokers and other clients choose their own.
fn integer(value: &AMQPValue) -> Option<u64> {
    match *value {
        AMQPValue::ShortShortInt(n) => u64::try_from(n).ok(),
        AMQPValue::ShortShortUInt(n) => Some(n.into()),
        AMQPValue::ShortInt(n) => u64::try_from(n).ok(),
        AMQPValue::ShortUInt(n) => Some(n.into()),
        AMQPValue::LongInt(n) => u64::try_from(n).ok(),
        AMQPValue::LongUInt(n) => Some(n.into()),
        AMQPValue::LongLongInt(n) => u64::try_from(n).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_was() {
        let message = Message {
            id: "id-1".into(),
            kind: "inbound".into(),
            schema: u16::MAX,
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            body: Bytes::from_static(b"{}"),
        };
        let mut arrived = lapin::message::Delivery::mock(7, "".into(), "".into(), false, b"{}".to_vec());
        arrived.properties = properties(&message).unwrap();
        let back = delivery(arrived);
        assert_eq!((back.tag, back.delivery_count), (7, 0));
        assert_eq!(back.message, message);
    }

    #[test]
    fn the_larger_of_the_two_counts_tells_how_often_it_came_back() {
        let mut headers = FieldTable::default();
        headers.insert(DELIVERY_COUNT.into(), AMQPValue::LongLongInt(1));
        headers.insert(ACQUIRED_COUNT.into(), AMQPValue::LongInt(4));
        let mut arrived = lapin::message::Delivery::mock(1, "".into(), "".into(), true, Vec::new());
        arrived.properties = BasicProperties::default().with_headers(headers);
        let back = delivery(arrived);
        assert_eq!(back.delivery_count, 4);
        assert_eq!((&*back.message.id, &*back.message.kind, back.message.schema), ("", "", 0));
    }

    #[test]
    fn what_amqp_has_no_room_for_is_refused_before_it_is_sent() {
        let id = "x".repeat(256);
        let message = Message { id: id.into(), kind: "k".into(), schema: 1, traceparent: None, body: Bytes::new() };
        assert!(properties(&message).unwrap_err().contains("message_id"));
    }
}
