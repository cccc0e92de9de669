//! What is recorded and moves nothing: what people do without replying, what they say to others, and what is new.

use crate::{
    fixtures::{BSUID, NUMBER, PHONE, envelope, every_type, message, messages, text},
    words::{became, in_words},
    world::World,
};
use serde_json::{Value, json};
use shared::{event::InboundMessage, ports::queue::QueueName};

/// Messages as Meta's pages of 2025 and 2026 describe them.
fn no_replies() -> Vec<Value> {
    let unsupported = json!([{"code": 131_051, "title": "Message type unknown", "message": "Message type unknown",
        "error_data": {"details": "Message type is currently not supported."}}]);
    let edited = json!({"original_message_id": "wamid.0",
        "message": {"context": {"id": "M0"}, "type": "text", "text": {"body": "yes"}}});
    let mut poll = message("wamid.A", "unsupported", json!({"type": "poll"}));
    poll["errors"] = unsupported.clone();
    let mut unknown = message("wamid.A", "unknown", Value::Null);
    unknown["errors"] = unsupported;
    let identity = json!({"type": "customer_identity_changed", "body": "Sheena's security code changed"});
    let mut identity = message("wamid.A", "system", identity);
    identity["identity"] = json!({"acknowledged": true, "created_timestamp": 1_750_269_000, "hash": "DF2lS5v2W6x="});
    vec![
        message("wamid.A", "edit", edited),
        message("wamid.A", "revoke", json!({"original_message_id": "wamid.0"})),
        message("wamid.A", "request_welcome", Value::Null),
        message("wamid.A", "reaction", json!({"message_id": "wamid.0", "emoji": "\u{1f44d}"})),
        // A reaction taken back has no emoji.
        message("wamid.A", "reaction", json!({"message_id": "wamid.0"})),
        poll,
        unknown,
        identity,
        message("wamid.A", "hologram", json!({"text": {"body": "yes"}, "depth": [1.5, null]})),
    ]
}

#[tokio::test]
async fn what_is_done_without_replying_is_a_message_and_no_reply() {
    let world = World::new();
    for sent in no_replies() {
        let taken = world.kept(messages(std::slice::from_ref(&sent)).to_string()).await;
        let read: InboundMessage = serde_json::from_value(taken[0].body.clone()).unwrap();
        assert_eq!(read.raw.get(), sent.to_string());
        let kind = sent["type"].as_str().unwrap();
        assert_eq!(in_words(&taken[0]), format!("{kind} from {BSUID}, {PHONE}: no reply"));
        assert_eq!(taken.len(), 1);
    }
}

#[tokio::test]
async fn in_a_group_nothing_is_a_reply() {
    let world = World::new();
    for sent in every_type().into_iter().map(|(sent, _)| sent).chain(no_replies()) {
        // Meta's own examples have it as a text and as a number.
        for group in [json!("Y2FwaV9ncm91cDo"), json!(120_363_i64)] {
            let mut sent = sent.clone();
            sent["group_id"] = group;
            let taken = world.kept(messages(&[sent]).to_string()).await;
            assert_eq!((taken.len(), &taken[0].body["reply"]["reply"]), (1, &json!("not_a_reply")));
        }
    }
}

#[tokio::test]
async fn a_message_without_a_type_is_unknown() {
    let world = World::new();
    let mut sent = text("wamid.A", "Hi");
    sent.as_object_mut().unwrap().remove("type");
    let words = became(&world, messages(&[sent]).to_string()).await;
    assert_eq!(words, [format!("unknown from {BSUID}, {PHONE}: no reply")]);
}

/// The value of a change, with this beside what all have.
fn value(name: &str, items: Value) -> Value {
    let mut value = json!({"messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": NUMBER}});
    value[name] = items;
    value
}

/// Changes of other fields than `messages`, some with messages of people in them.
fn other_fields() -> Vec<(&'static str, Value)> {
    let mut echo = text("wamid.E", "A person answers from the app");
    echo["from"] = json!("15550783881");
    echo["to"] = json!(PHONE);
    let standby = messages(&[text("wamid.A", "to the app that owns the thread")]);
    let standby = standby["entry"][0]["changes"][0]["value"].clone();
    let thread = json!({"id": PHONE, "messages": [text("wamid.H", "written last year")]});
    let history = json!([{"metadata": {"phase": 0, "chunk_order": 1, "progress": 55}, "threads": [thread]}]);
    let contact = json!({"type": "contact", "action": "add", "contact": {"full_name": "A", "phone_number": PHONE}});
    let call = json!({"id": "wacid.1", "from": PHONE, "event": "connect", "timestamp": "1750269342"});
    let preference = json!({"wa_id": PHONE, "category": "marketing_messages", "value": "stop", "timestamp": 1});
    vec![
        ("smb_message_echoes", value("message_echoes", json!([echo]))),
        ("standby", standby),
        ("history", value("history", history)),
        ("smb_app_state_sync", value("state_sync", json!([contact]))),
        ("calls", value("calls", json!([call]))),
        ("user_preferences", value("user_preferences", json!([preference]))),
        // Without a number, and of a portfolio.
        ("account_update", json!({"event": "PARTNER_ADDED", "waba_info": {"waba_id": "1"}})),
        ("of_next_year", json!(["anything", {"messages": [text("wamid.A", "Hi")]}])),
        ("without_a_value", Value::Null),
    ]
}

#[tokio::test]
async fn fields_that_are_none_of_ours_are_kept_whole_and_reach_no_flow() {
    let world = World::new();
    for (field, value) in other_fields() {
        let body = envelope(field, &value);
        let taken = world.kept(body.to_string()).await;
        assert_eq!((taken.len(), taken[0].queue), (1, QueueName::Inbound(0)));
        let kept: Value = serde_json::from_str(taken[0].body["body"].as_str().unwrap()).unwrap();
        assert_eq!(kept, body["entry"][0]["changes"][0]);
        assert_eq!(in_words(&taken[0]), format!("kept other {field}"));
    }
}

#[tokio::test]
async fn other_fields_hold_up_no_message_beside_them() {
    let world = World::new();
    let mut body = messages(&[text("wamid.A", "Hi")]);
    let others = other_fields();
    let changes = body["entry"][0]["changes"].as_array_mut().unwrap();
    for (field, value) in &others {
        changes.insert(0, json!({"field": field, "value": value}));
    }
    let words = became(&world, body.to_string()).await;
    assert_eq!(words.len(), others.len() + 1);
    assert_eq!(words[others.len()], format!("text from {BSUID}, {PHONE}: says Hi"));
}

#[tokio::test]
async fn new_things_in_a_message_change_nothing_of_it() {
    let world = World::new();
    let mut sent = text("wamid.A", "Hi");
    sent["from_logical_id"] = json!("131");
    sent["text"]["style"] = json!({"bold": [0, 2]});
    sent["of_next_year"] = json!({"a": [1, null]});
    let mut body = messages(std::slice::from_ref(&sent));
    body["of_next_year"] = json!(1);
    body["entry"][0]["changes"][0]["value"]["contacts"][0]["of_next_year"] = json!([]);
    let taken = world.kept(body.to_string()).await;
    let read: InboundMessage = serde_json::from_value(taken[0].body.clone()).unwrap();
    assert_eq!(read.raw.get(), sent.to_string());
    assert_eq!(in_words(&taken[0]), format!("text from {BSUID}, {PHONE}: says Hi"));
}
