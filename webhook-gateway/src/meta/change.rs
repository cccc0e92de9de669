//! A `system` message that says its sender has another phone or user id from now on (Meta's page on business-scoped
//! user ids, June 2026). Its `body` says so too, in words for people; those are not read.

use super::{json::Fields, sender};
use shared::ids::Identities;

/// Who somebody was and who they are from now on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// What is theirs no more: never an id that `now` has too.
    pub(super) previously: Identities,
    /// What is theirs from now on, as far as the message tells.
    pub(super) now: Identities,
}

/// The change that a message of this `type` speaks of; `None` where it doesn't tell both who and who from now on.
pub(super) fn of(message_type: &str, message: &Fields<'_>) -> Option<Change> {
    if message_type != "system" {
        return None;
    }
    let system = message.object("system")?;
    let stated = sender::stated(message);
    let staying_phone = match system.text("type")?.as_ref() {
        // The phone of the message is the one they gave up: somebody else may have it tomorrow.
        "user_changed_number" => None,
        "user_changed_user_id" => stated.phone.clone(),
        _ => return None,
    };
    let named = Identities {
        bsuid: sender::bsuid(&system, "user_id"),
        // Its name in Meta's older pages is `new_wa_id`.
        phone: sender::phone(&system, "wa_id").or_else(|| sender::phone(&system, "new_wa_id")),
    };
    named.lane_key()?;
    let now = Identities { bsuid: named.bsuid.or_else(|| stated.bsuid.clone()), phone: named.phone.or(staying_phone) };
    let was = Identities { bsuid: sender::bsuid(&system, "previous_user_id").or(stated.bsuid), phone: stated.phone };
    let previously = Identities {
        bsuid: was.bsuid.filter(|id| now.bsuid.as_ref() != Some(id)),
        phone: was.phone.filter(|phone| now.phone.as_ref() != Some(phone)),
    };
    previously.lane_key()?;
    Some(Change { previously, now })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NUMBER: &str = "user_changed_number";
    const USER_ID: &str = "user_changed_user_id";

    fn ids(bsuid: Option<&str>, phone: Option<&str>) -> Identities {
        Identities { bsuid: bsuid.map(Into::into), phone: phone.map(Into::into) }
    }

    /// What comes out of a message with these ids beside it and this in it.
    fn change(mut message: Value, kind: &str, mut system: Value) -> Option<(Identities, Identities)> {
        system["type"] = json!(kind);
        message["system"] = system;
        let text = message.to_string();
        of("system", &Fields::from_text(&text).unwrap()).map(|change| (change.previously, change.now))
    }

    #[test]
    fn another_phone() {
        let from = || json!({"from": "111"});
        let expected = Some((ids(None, Some("111")), ids(None, Some("222"))));
        assert_eq!(change(from(), NUMBER, json!({"wa_id": "222"})), expected);
        assert_eq!(change(from(), NUMBER, json!({"new_wa_id": "222"})), expected);
        assert_eq!(change(from(), NUMBER, json!({"wa_id": 222, "body": "from 333 to 444"})), expected);
        let both = json!({"wa_id": "222", "previous_user_id": "US.1", "user_id": "US.2"});
        let expected = Some((ids(Some("US.1"), Some("111")), ids(Some("US.2"), Some("222"))));
        assert_eq!(change(from(), NUMBER, both.clone()), expected);
        assert_eq!(change(json!({"from": "111", "from_user_id": "US.1"}), NUMBER, both.clone()), expected);
        assert_eq!(change(json!({"from": "111", "from_user_id": "US.2"}), NUMBER, both.clone()), expected);
        let expected = Some((ids(Some("US.1"), None), ids(Some("US.2"), Some("222"))));
        assert_eq!(change(json!({}), NUMBER, both), expected);
    }

    #[test]
    fn the_phone_given_up_is_nobodys_from_now_on() {
        let message = json!({"from": "111", "from_user_id": "US.1"});
        let expected = Some((ids(Some("US.1"), Some("111")), ids(Some("US.2"), None)));
        assert_eq!(change(message, NUMBER, json!({"user_id": "US.2"})), expected);
    }

    #[test]
    fn a_user_id_of_which_nothing_is_said_stays() {
        let message = json!({"from": "111", "from_user_id": "US.1"});
        let expected = Some((ids(None, Some("111")), ids(Some("US.1"), Some("222"))));
        assert_eq!(change(message, NUMBER, json!({"wa_id": "222"})), expected);
    }

    #[test]
    fn another_user_id() {
        let system = json!({"previous_user_id": "US.1", "user_id": "US.2"});
        let expected = Some((ids(Some("US.1"), None), ids(Some("US.2"), Some("111"))));
        assert_eq!(change(json!({"from": "111"}), USER_ID, system.clone()), expected);
        let with_phone = json!({"previous_user_id": "US.1", "user_id": "US.2", "wa_id": "111"});
        assert_eq!(change(json!({"from": "111"}), USER_ID, with_phone.clone()), expected);
        assert_eq!(change(json!({}), USER_ID, with_phone), expected);
        let without_phone = Some((ids(Some("US.1"), None), ids(Some("US.2"), None)));
        assert_eq!(change(json!({}), USER_ID, system), without_phone);
        assert_eq!(change(json!({"from_user_id": "US.1"}), USER_ID, json!({"user_id": "US.2"})), without_phone);
        assert_eq!(change(json!({"from": "US.1"}), USER_ID, json!({"user_id": "US.2"})), without_phone);
    }

    #[test]
    fn half_a_change_is_none() {
        for (message, kind, system) in [
            (json!({"from": "111"}), NUMBER, json!({"body": "changed from 111 to 222"})),
            (json!({"from": "111"}), NUMBER, json!({"wa_id": "111"})),
            (json!({"from": "111"}), NUMBER, json!({"wa_id": "PHONE_NUMBER"})),
            (json!({"from": "PHONE_NUMBER"}), NUMBER, json!({"wa_id": "222"})),
            (json!({}), NUMBER, json!({"wa_id": "222"})),
            (json!({"from": "111"}), USER_ID, json!({"previous_user_id": "US.1"})),
            (json!({"from": "111"}), USER_ID, json!({"user_id": "US.2"})),
            (json!({"from_user_id": "US.2"}), USER_ID, json!({"user_id": "US.2"})),
            (json!({}), USER_ID, json!({"user_id": ["US.2"], "previous_user_id": {}})),
        ] {
            assert_eq!(change(message.clone(), kind, system.clone()), None, "{kind} {message} {system}");
        }
    }

    #[test]
    fn no_other_message_changes_who_somebody_is() {
        let full = || json!({"wa_id": "222", "previous_user_id": "US.1", "user_id": "US.2"});
        for kind in ["customer_identity_changed", "of next year", ""] {
            assert_eq!(change(json!({"from": "111"}), kind, full()), None, "{kind}");
        }
        let text = json!({"from": "111", "system": {"type": NUMBER, "wa_id": "222"}}).to_string();
        let message = Fields::from_text(&text).unwrap();
        assert!(of("text", &message).is_none() && of("system", &message).is_some());
    }
}
