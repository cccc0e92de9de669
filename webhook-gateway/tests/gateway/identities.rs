//! Who writes: by phone, by business-scoped user id, and what a change of either says.

use crate::{
    fixtures::{BSUID, NUMBER, PHONE, envelope, message, messages, text},
    words::became,
    world::World,
};
use serde_json::{Value, json};
use shared::{event::InboundMessage, partition, ports::queue::QueueName};

const NEW_BSUID: &str = "US.99887766554433221100";
const NEW_PHONE: &str = "12195555358";

/// A callback with these contacts and this message.
fn between(contacts: &Value, message: &Value) -> String {
    let mut body = messages(std::slice::from_ref(message));
    body["entry"][0]["changes"][0]["value"]["contacts"] = contacts.clone();
    body.to_string()
}

/// A text of somebody who shows a username and no phone.
fn text_without_phone(wamid: &str, body: &str) -> Value {
    let mut message = text(wamid, body);
    message.as_object_mut().unwrap().remove("from");
    message["from_user_id"] = json!(BSUID);
    message["from_parent_user_id"] = json!("US.ENT.11815799212886844830");
    message
}

fn contact_without_phone() -> Value {
    json!([{"profile": {"name": "Sheena", "username": "@sheena"}, "user_id": BSUID}])
}

/// A `system` message, which comes without contacts.
fn system(from: Option<&str>, mut says: Value) -> String {
    says["body"] = json!("Sheena Nelson changed from 15550000001 to 15550000002");
    let mut message = message("wamid.S", "system", says);
    message["from"] = json!(from);
    let value = json!({"messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": NUMBER}, "messages": [message]});
    envelope("messages", &value).to_string()
}

#[tokio::test]
async fn somebody_without_a_phone_is_their_user_id() {
    let world = World::new();
    let taken = world.kept(between(&contact_without_phone(), &text_without_phone("wamid.A", "Hi"))).await;
    assert_eq!(taken[0].queue, QueueName::Inbound(partition::of(BSUID, 16)));
    let read: InboundMessage = serde_json::from_value(taken[0].body.clone()).unwrap();
    assert_eq!((read.sender.bsuid.as_deref(), read.sender.phone.as_deref()), (Some(BSUID), None));
    assert_eq!((read.profile_name.as_deref(), read.previously), (Some("Sheena"), None));
}

#[tokio::test]
async fn with_and_without_a_phone_one_person_has_one_lane() {
    let world = World::new();
    let with_phone = messages(&[text("wamid.A", "Hi")]).to_string();
    let lane = world.kept(with_phone).await[0].queue;
    let without = text_without_phone("wamid.B", "Hi");
    for contacts in [contact_without_phone(), json!([]), json!(null)] {
        assert_eq!(world.kept(between(&contacts, &without)).await[0].queue, lane, "{contacts}");
    }
    // Where only the contact tells who it is.
    let mut nameless = without;
    nameless.as_object_mut().unwrap().remove("from_user_id");
    assert_eq!(world.kept(between(&contact_without_phone(), &nameless)).await[0].queue, lane);
}

#[tokio::test]
async fn two_people_in_one_callback_are_not_mixed_up() {
    let world = World::new();
    let mut other = text("wamid.B", "Ho");
    other["from"] = json!("447700900001");
    let mut body = messages(&[text_without_phone("wamid.A", "Hi"), other]);
    body["entry"][0]["changes"][0]["value"]["contacts"] =
        json!([{"wa_id": "447700900001", "user_id": "GB.1"}, {"user_id": BSUID, "profile": {"name": "Sheena"}}]);
    let expected = [format!("text from {BSUID}: says Hi"), "text from GB.1, 447700900001: says Ho".to_owned()];
    assert_eq!(became(&world, body.to_string()).await, expected);
}

#[tokio::test]
async fn another_phone_says_whose_it_was() {
    let world = World::new();
    let expected = format!("system from {NEW_PHONE}, before {PHONE}: no reply");
    for name in ["wa_id", "new_wa_id"] {
        let sent = system(Some(PHONE), json!({"type": "user_changed_number", name: NEW_PHONE}));
        assert_eq!(became(&world, sent).await, [expected.as_str()]);
    }
    let says = json!({"type": "user_changed_number", "wa_id": NEW_PHONE,
        "previous_user_id": BSUID, "previous_parent_user_id": "US.ENT.1", "user_id": NEW_BSUID});
    let expected = format!("system from {NEW_BSUID}, {NEW_PHONE}, before {BSUID}, {PHONE}: no reply");
    assert_eq!(became(&world, system(Some(PHONE), says)).await, [expected]);
}

#[tokio::test]
async fn another_user_id_says_which_it_was_and_the_phone_stays() {
    let world = World::new();
    let says = json!({"type": "user_changed_user_id", "previous_user_id": BSUID, "user_id": NEW_BSUID});
    let with_phone = format!("system from {NEW_BSUID}, {PHONE}, before {BSUID}: no reply");
    assert_eq!(became(&world, system(Some(PHONE), says.clone())).await, [with_phone.as_str()]);
    let without = format!("system from {NEW_BSUID}, before {BSUID}: no reply");
    assert_eq!(became(&world, system(None, says.clone())).await, [without]);
    let mut by_contact_id = says;
    by_contact_id["wa_id"] = json!(PHONE);
    assert_eq!(became(&world, system(None, by_contact_id)).await, [with_phone]);
}

#[tokio::test]
async fn a_change_that_names_only_one_side_stays_with_the_old_one() {
    let world = World::new();
    for (from, says, expected) in [
        (Some(PHONE), json!({"type": "user_changed_number"}), PHONE),
        (Some(PHONE), json!({"type": "user_changed_user_id", "user_id": NEW_BSUID}), PHONE),
        (None, json!({"type": "user_changed_user_id", "previous_user_id": BSUID}), BSUID),
        (Some(PHONE), json!({"type": "customer_identity_changed", "wa_id": NEW_PHONE}), PHONE),
        (Some(PHONE), json!({"type": "of next year", "wa_id": NEW_PHONE, "user_id": NEW_BSUID}), PHONE),
    ] {
        let expected = format!("system from {expected}: no reply");
        assert_eq!(became(&world, system(from, says.clone())).await, [expected], "{says}");
    }
}
