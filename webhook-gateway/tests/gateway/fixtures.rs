//! Callbacks as Meta's reference describes them.

use serde_json::{Value, json};

pub const NUMBER: &str = "106540352242922";
pub const PHONE: &str = "16505551234";
pub const BSUID: &str = "US.13491208655302741918";

pub fn envelope(field: &str, value: &Value) -> Value {
    json!({"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "time": 1_750_269_342,
        "changes": [{"field": field, "value": value}]}]})
}

/// A callback with these messages, from one person.
pub fn messages(items: &[Value]) -> Value {
    envelope(
        "messages",
        &json!({"messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15550783881", "phone_number_id": NUMBER},
            "contacts": [{"profile": {"name": "Sheena"}, "wa_id": PHONE, "user_id": BSUID}],
            "messages": items}),
    )
}

pub fn statuses(items: &[Value]) -> Value {
    envelope(
        "messages",
        &json!({"messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15550783881", "phone_number_id": NUMBER},
            "statuses": items}),
    )
}

/// A message of this type with this body.
pub fn message(wamid: &str, kind: &str, body: Value) -> Value {
    let mut message = json!({"from": PHONE, "id": wamid, "timestamp": "1750269342", "type": kind});
    message[kind] = body;
    message
}

pub fn text(wamid: &str, body: &str) -> Value {
    message(wamid, "text", json!({"body": body}))
}

pub fn status(word: &str, tag: &str) -> Value {
    json!({"id": "wamid.OUT", "status": word, "timestamp": "1750269343", "recipient_id": PHONE,
        "biz_opaque_callback_data": tag,
        "conversation": {"id": "c", "origin": {"type": "service"}},
        "pricing": {"billable": true, "pricing_model": "PMP", "category": "service"}})
}

pub fn failed(tag: &str) -> Value {
    json!({"id": "wamid.OUT", "status": "failed", "timestamp": 1_750_269_343, "recipient_id": PHONE,
        "biz_opaque_callback_data": tag,
        "errors": [{"code": 131_047, "title": "Re-engagement message", "message": "Re-engagement message",
            "error_data": {"details": "More than 24 hours have passed"}, "href": "/docs"}]})
}

/// One message of each type, with the reply that flows see of it.
pub fn every_type() -> Vec<(Value, &'static str)> {
    let media = json!({"id": "1", "mime_type": "x/y", "sha256": "z", "caption": "c"});
    let tap = |kind: &str| json!({"type": kind, kind: {"id": "12.0.1", "title": "Yes"}});
    let mut all = vec![
        (text("wamid.1", "Hello"), "text"),
        (message("wamid.1", "interactive", tap("button_reply")), "tap"),
        (message("wamid.1", "interactive", tap("list_reply")), "tap"),
        (
            message("wamid.1", "interactive", json!({"type": "nfm_reply", "nfm_reply": {"response_json": "[]"}})),
            "wordless",
        ),
        (
            message(
                "wamid.1",
                "interactive",
                json!({"type": "call_permission_reply",
                "call_permission_reply": {"response": "accept", "expiration_timestamp": 1_750_269_342}}),
            ),
            "wordless",
        ),
        (
            message(
                "wamid.1",
                "interactive",
                json!({"type": "payment_method",
                "payment_method": {"payment_method": "pix", "reference_id": "1"}}),
            ),
            "wordless",
        ),
        (message("wamid.1", "interactive", Value::Null), "wordless"),
        (message("wamid.1", "button", json!({"payload": "p", "text": "Yes"})), "quick_reply"),
        (message("wamid.1", "location", json!({"latitude": 1.5, "longitude": -2})), "wordless"),
        (
            message("wamid.1", "contacts", json!([{"name": {"formatted_name": "A"}, "phones": [{"phone": "+1"}]}])),
            "wordless",
        ),
        (message("wamid.1", "order", json!({"catalog_id": "1", "product_items": [{"quantity": 1}]})), "wordless"),
        (message("wamid.1", "reaction", json!({"message_id": "wamid.0", "emoji": "👍"})), "not_a_reply"),
        (
            message("wamid.1", "system", json!({"type": "user_changed_number", "wa_id": "1", "body": "b"})),
            "not_a_reply",
        ),
        (message("wamid.1", "unsupported", json!({"type": "poll"})), "not_a_reply"),
        (message("wamid.1", "edit", json!({"message": {"type": "text"}})), "not_a_reply"),
        (message("wamid.1", "revoke", json!({"original_message_id": "wamid.0"})), "not_a_reply"),
        (message("wamid.1", "request_welcome", Value::Null), "not_a_reply"),
        (message("wamid.1", "of next year", json!({"a": [1]})), "not_a_reply"),
    ];
    for kind in ["image", "video", "audio", "voice", "document", "sticker"] {
        all.push((message("wamid.1", kind, media.clone()), "wordless"));
    }
    all
}
