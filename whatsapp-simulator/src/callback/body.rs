//! Bodies of callbacks, as pure functions.
//!
//! Meta escapes everything beyond ASCII, and `/` and `@`, in what it sends and signs; so do these bodies, so that a
//! webhook which verifies re-serialised JSON instead of the bytes it got is found out.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use crate::config::PhoneNumber;
use crate::errors::known_error;
use crate::log::Status;
use crate::user::{User, UserMessage};

/// One status of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusUpdate {
    /// The message's id.
    pub wamid: String,
    /// What became of it.
    pub status: Status,
    /// When, in seconds since the Unix epoch.
    pub timestamp: u64,
    /// The user's phone, digits only.
    pub recipient_id: Option<String>,
    /// The user's business-scoped id.
    pub recipient_user_id: Option<String>,
    /// What the send carried.
    pub biz_opaque_callback_data: Option<String>,
    /// For `failed`: the error code.
    pub error: Option<i64>,
}

#[derive(Serialize)]
struct Callback<T> {
    object: &'static str,
    entry: Vec<EntryJson<T>>,
}

#[derive(Serialize)]
struct EntryJson<T> {
    id: String,
    changes: Vec<Change<T>>,
}

#[derive(Serialize)]
struct Change<T> {
    value: T,
    field: &'static str,
}

#[derive(Serialize)]
struct Metadata<'a> {
    display_phone_number: &'a str,
    phone_number_id: &'a str,
}

#[derive(Serialize)]
struct MessageValue<'a> {
    messaging_product: &'static str,
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contacts: Option<[Value; 1]>,
    messages: [Value; 1],
}

#[derive(Serialize)]
struct StatusValue<'a> {
    messaging_product: &'static str,
    metadata: Metadata<'a>,
    statuses: Vec<StatusJson<'a>>,
}

#[derive(Serialize)]
struct StatusJson<'a> {
    id: &'a str,
    status: Status,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    biz_opaque_callback_data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing: Option<Pricing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<[Value; 1]>,
}

/// On `sent` only: Meta puts it on one status of a message, not on all.
#[derive(Serialize)]
struct Pricing {
    billable: bool,
    pricing_model: &'static str,
    category: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl<'a> Metadata<'a> {
    fn of(number: &'a PhoneNumber) -> Self {
        Self { display_phone_number: &number.display, phone_number_id: &number.id }
    }
}

/// The callback about one message of a user. `timestamp` is in seconds since the Unix epoch.
#[must_use]
pub fn message_body(number: &PhoneNumber, from: &User, what: &UserMessage, wamid: &str, timestamp: u64) -> String {
    let phone = from.phone_digits();
    let mut contact = json!({"profile": {"name": from.name}});
    let mut message = what.fields(from, &number.display);
    // What WhatsApp itself says of a user comes without contacts, and names the user by phone or inside.
    let is_system = message.get("type").is_some_and(|kind| kind == "system");
    let mut fill = |key: &str, value: Value| {
        message.entry(key).or_insert(value);
    };
    if let Some(phone) = phone {
        contact["wa_id"] = json!(phone);
        fill("from", json!(phone));
    }
    if let Some(bsuid) = &from.bsuid {
        contact["user_id"] = json!(bsuid);
        if !is_system {
            fill("from_user_id", json!(bsuid));
        }
    }
    fill("id", json!(wamid));
    fill("timestamp", json!(timestamp.to_string()));
    let value = MessageValue {
        messaging_product: "whatsapp",
        metadata: Metadata::of(number),
        contacts: (!is_system).then_some([contact]),
        messages: [Value::Object(message)],
    };
    let change = Change { value, field: "messages" };
    escaped(&Callback {
        object: "whatsapp_business_account",
        entry: vec![EntryJson { id: number.waba_id.clone(), changes: vec![change] }],
    })
}

/// One callback about many statuses: an entry for each business account, a change for each number, in the order given.
#[must_use]
pub fn status_body(statuses: &[(PhoneNumber, StatusUpdate)]) -> String {
    let mut entries: Vec<EntryJson<StatusValue<'_>>> = Vec::new();
    for (number, update) in statuses {
        let at = entries.iter().position(|entry| entry.id == number.waba_id).unwrap_or_else(|| {
            entries.push(EntryJson { id: number.waba_id.clone(), changes: Vec::new() });
            entries.len() - 1
        });
        let changes = &mut entries[at].changes;
        let at =
            changes.iter().position(|change| change.value.metadata.phone_number_id == number.id).unwrap_or_else(|| {
                let value =
                    StatusValue { messaging_product: "whatsapp", metadata: Metadata::of(number), statuses: Vec::new() };
                changes.push(Change { value, field: "messages" });
                changes.len() - 1
            });
        changes[at].value.statuses.push(status_json(update));
    }
    escaped(&Callback { object: "whatsapp_business_account", entry: entries })
}

fn status_json(update: &StatusUpdate) -> StatusJson<'_> {
    let pricing = (update.status == Status::Sent).then_some(Pricing {
        billable: true,
        pricing_model: "PMP",
        category: "service",
        kind: "regular",
    });
    StatusJson {
        id: &update.wamid,
        status: update.status,
        timestamp: update.timestamp.to_string(),
        recipient_id: update.recipient_id.as_deref(),
        recipient_user_id: update.recipient_user_id.as_deref(),
        biz_opaque_callback_data: update.biz_opaque_callback_data.as_deref(),
        pricing,
        errors: update.error.map(|code| {
            let known = known_error(code);
            [json!({
                "code": code,
                "title": known.message,
                "message": known.message,
                "error_data": {"details": "Injected by the simulator"},
                "href": "/documentation/business-messaging/whatsapp/support/error-codes/",
            })]
        }),
    }
}

/// JSON as Meta writes it. Outside of strings JSON is plain ASCII without `/` and `@`, so characters can be replaced
/// without looking where they stand.
fn escaped(body: &impl Serialize) -> String {
    let plain = serde_json::to_string(body).unwrap_or_default();
    let mut escaped = String::with_capacity(plain.len() + plain.len() / 8);
    for character in plain.chars() {
        match character {
            '/' => escaped.push_str("\\/"),
            '@' => escaped.push_str("\\u0040"),
            ascii if ascii.is_ascii() => escaped.push(ascii),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    // Writing to a string can't fail.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &str) -> Value {
        serde_json::from_str(body).expect("JSON")
    }

    #[test]
    fn a_message_has_metas_envelope() {
        let from = User { phone: Some("+1 555 000 1111".into()), bsuid: Some("US.42".into()), name: "Kim".into() };
        let body = message_body(&PhoneNumber::made_up("100"), &from, &UserMessage::Text("hi".into()), "wamid.A", 7);
        assert_eq!(
            parsed(&body),
            json!({"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [{
                "field": "messages",
                "value": {
                    "messaging_product": "whatsapp",
                    "metadata": {"display_phone_number": "15550000100", "phone_number_id": "100"},
                    "contacts": [{"profile": {"name": "Kim"}, "wa_id": "15550001111", "user_id": "US.42"}],
                    "messages": [{"from": "15550001111", "from_user_id": "US.42", "id": "wamid.A", "timestamp": "7",
                        "type": "text", "text": {"body": "hi"}}],
                },
            }]}]})
        );
    }

    #[test]
    fn a_user_without_phone_has_no_from() {
        let body = message_body(
            &PhoneNumber::made_up("100"),
            &User::bsuid("US.42"),
            &UserMessage::Text("hi".into()),
            "wamid.A",
            7,
        );
        let value = &parsed(&body)["entry"][0]["changes"][0]["value"];
        assert_eq!(value["messages"][0].get("from"), None);
        assert_eq!(value["contacts"][0].get("wa_id"), None);
        assert_eq!(value["messages"][0]["from_user_id"], "US.42");
    }

    #[test]
    fn text_is_escaped_and_comes_back_whole() {
        let text = "a/b@c \\/ äöü 👍 \u{0} \"";
        let body = message_body(
            &PhoneNumber::made_up("100"),
            &User::phone("15"),
            &UserMessage::Text(text.into()),
            "wamid.A",
            7,
        );
        assert!(body.is_ascii());
        assert!(body.contains(r"a\/b\u0040c \\\/ \u00e4\u00f6\u00fc \ud83d\udc4d \u0000"), "{body}");
        assert_eq!(parsed(&body)["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"], text);
    }

    #[test]
    fn statuses_are_grouped_by_account_and_number() {
        let number = |id: &str, waba: &str| PhoneNumber { waba_id: waba.into(), ..PhoneNumber::made_up(id) };
        let update = |wamid: &str, status| StatusUpdate {
            wamid: wamid.into(),
            status,
            timestamp: 9,
            recipient_id: Some("15".into()),
            recipient_user_id: None,
            biz_opaque_callback_data: Some("job".into()),
            error: (status == Status::Failed).then_some(131_047),
        };
        let body = parsed(&status_body(&[
            (number("1", "A"), update("a", Status::Sent)),
            (number("2", "A"), update("b", Status::Delivered)),
            (number("3", "B"), update("c", Status::Failed)),
            (number("1", "A"), update("d", Status::Read)),
        ]));
        let change = |entry: usize, change: usize| body["entry"][entry]["changes"][change]["value"].clone();
        assert_eq!(body["entry"].as_array().map(Vec::len), Some(2));
        assert_eq!(change(0, 0)["statuses"][0]["id"], "a");
        assert_eq!(change(0, 0)["statuses"][0]["biz_opaque_callback_data"], "job");
        assert_eq!(change(0, 0)["statuses"][0]["pricing"]["pricing_model"], "PMP");
        assert_eq!(change(0, 0)["statuses"][1]["id"], "d");
        assert_eq!(change(0, 1)["metadata"]["phone_number_id"], "2");
        assert_eq!(change(1, 0)["statuses"][0]["errors"][0]["code"], 131_047);
        assert_eq!(change(1, 0)["statuses"][0]["status"], "failed");
    }
}
