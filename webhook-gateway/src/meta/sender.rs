//! Who wrote a message. Since April 2026 a phone may be missing, and a business-scoped user id stands in its place
//! (Meta's page on business-scoped user ids, June 2026).

use super::json::Fields;
use serde_json::value::RawValue;
use shared::ids::Identities;
use std::sync::Arc;

/// Digits of a phone at most. E.164 has 15; a little more does no harm.
const MAX_DIGITS: usize = 20;

/// The people whom a change speaks of.
#[derive(Debug)]
pub(super) struct Contacts<'a>(Vec<Contact<'a>>);

#[derive(Debug)]
struct Contact<'a> {
    phone: Option<Arc<str>>,
    bsuid: Option<Arc<str>>,
    fields: Fields<'a>,
}

impl<'a> Contacts<'a> {
    /// Reads `contacts[]`; what is no object is left out.
    pub(super) fn parse(items: Vec<&'a RawValue>) -> Self {
        let contacts = items.into_iter().filter_map(|item| {
            let fields = Fields::parse(item)?;
            Some(Contact { phone: phone(&fields, "wa_id"), bsuid: bsuid(&fields, "user_id"), fields })
        });
        Self(contacts.collect())
    }

    /// The contact with one of these ids. Without a phone to go by, the only contact there is, unless it is someone
    /// else.
    fn find(&self, phone: Option<&Arc<str>>, bsuid: Option<&Arc<str>>) -> Option<&Contact<'a>> {
        let same = |known: &Option<Arc<str>>, given: Option<&Arc<str>>| given.is_some() && known.as_ref() == given;
        let by_id = self
            .0
            .iter()
            .find(|contact| same(&contact.phone, phone))
            .or_else(|| self.0.iter().find(|contact| same(&contact.bsuid, bsuid)));
        let only = match self.0.as_slice() {
            [only] if phone.is_none() && (bsuid.is_none() || only.bsuid.is_none()) => Some(only),
            _ => None,
        };
        by_id.or(only)
    }
}

/// Who wrote this message, and the name they show. `None` where nothing tells.
pub(super) fn of(message: &Fields<'_>, contacts: &Contacts<'_>) -> Option<(Identities, Option<String>)> {
    let own = stated(message);
    let contact = contacts.find(own.phone.as_ref(), own.bsuid.as_ref());
    let name = contact.and_then(|contact| contact.fields.object("profile")?.text("name")).map(|name| name.into_owned());
    let identities = Identities {
        bsuid: own.bsuid.or_else(|| contact?.bsuid.clone()),
        phone: own.phone.or_else(|| contact?.phone.clone()),
    };
    if identities.lane_key().is_some() {
        return Some((identities, name));
    }
    // A change of identity may come without `from` and without contacts. It is the old identity that has a history.
    let system = message.object("system")?;
    let bsuid = bsuid(&system, "previous_user_id").or_else(|| bsuid(&system, "user_id"))?;
    Some((Identities { bsuid: Some(bsuid), phone: None }, None))
}

/// The ids of its writer that the message itself states.
pub(super) fn stated(message: &Fields<'_>) -> Identities {
    let from = message.text("from").filter(|text| is_bsuid(text));
    Identities {
        bsuid: bsuid(message, "from_user_id").or_else(|| from.map(|text| Arc::from(text.trim()))),
        phone: phone(message, "from"),
    }
}

/// A phone as its digits. Anything with letters in it is no phone: its digits alone could be somebody else's.
pub(super) fn phone(fields: &Fields<'_>, name: &str) -> Option<Arc<str>> {
    let formatting = |c: char| matches!(c, '+' | '-' | '(' | ')' | ' ');
    let digits: String = fields.text(name)?.chars().filter(|c| !formatting(*c)).collect();
    let usable = (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    usable.then(|| Arc::from(digits))
}

/// A business-scoped user id.
pub(super) fn bsuid(fields: &Fields<'_>, name: &str) -> Option<Arc<str>> {
    let id: String = fields.id(name)?;
    Some(Arc::from(id.trim()))
}

/// Whether a text looks like a business-scoped user id, `CC.…`: a country, a dot, letters and digits.
fn is_bsuid(text: &str) -> bool {
    let parts = text.trim().split_once('.');
    parts.is_some_and(|(country, rest)| {
        let letters = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
        let id = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        letters && id && (1..=160).contains(&rest.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: &str = "US.13491208655302741918";

    /// The two ids and the name that come out of a message and its contacts.
    fn who(message: &str, contacts: &str) -> Option<(Option<String>, Option<String>, Option<String>)> {
        let list: Vec<&RawValue> = serde_json::from_str(contacts).unwrap();
        let (who, name) = of(&Fields::from_text(message).unwrap(), &Contacts::parse(list))?;
        Some((who.bsuid.map(|id| id.to_string()), who.phone.map(|id| id.to_string()), name))
    }

    fn ids(
        bsuid: Option<&str>,
        phone: Option<&str>,
        name: Option<&str>,
    ) -> Option<(Option<String>, Option<String>, Option<String>)> {
        Some((bsuid.map(str::to_owned), phone.map(str::to_owned), name.map(str::to_owned)))
    }

    #[test]
    fn by_what_the_message_says() {
        assert_eq!(who(r#"{"from":"16505551234"}"#, "[]"), ids(None, Some("16505551234"), None));
        assert_eq!(who(r#"{"from":16505551234}"#, "[]"), ids(None, Some("16505551234"), None));
        assert_eq!(who(r#"{"from":"+1 (650) 555-1234"}"#, "[]"), ids(None, Some("16505551234"), None));
        assert_eq!(who(&format!(r#"{{"from_user_id":"{US}"}}"#), "[]"), ids(Some(US), None, None));
        assert_eq!(who(&format!(r#"{{"from":"{US}"}}"#), "[]"), ids(Some(US), None, None));
    }

    #[test]
    fn by_the_contact_with_the_same_phone() {
        let contacts = format!(
            r#"[{{"wa_id":"1","user_id":"XX.1"}},{{"wa_id":"16505551234","user_id":"{US}","profile":{{"name":"Ann"}}}}]"#
        );
        assert_eq!(who(r#"{"from":"16505551234"}"#, &contacts), ids(Some(US), Some("16505551234"), Some("Ann")));
        // Somebody whom no contact speaks of gets nobody's id.
        assert_eq!(who(r#"{"from":"777"}"#, &contacts), ids(None, Some("777"), None));
        assert_eq!(who(r#"{"from":"777"}"#, r#"[{"user_id":"XX.1"}]"#), ids(None, Some("777"), None));
    }

    #[test]
    fn by_the_contact_with_the_same_user_id() {
        let contacts = format!(r#"[{{"wa_id":"16505551234","user_id":"{US}","profile":{{"name":"Ann"}}}}]"#);
        let message = format!(r#"{{"from_user_id":"{US}"}}"#);
        assert_eq!(who(&message, &contacts), ids(Some(US), Some("16505551234"), Some("Ann")));
        assert_eq!(who(r#"{"from_user_id":"XX.9"}"#, &contacts), ids(Some("XX.9"), None, None));
    }

    #[test]
    fn by_the_only_contact_where_the_message_says_nothing() {
        let one = format!(r#"[{{"user_id":"{US}"}}]"#);
        assert_eq!(who("{}", &one), ids(Some(US), None, None));
        assert_eq!(who(r#"{"from":{"a":1}}"#, &one), ids(Some(US), None, None));
        assert_eq!(who("{}", r#"[{"user_id":"XX.1"},{"user_id":"XX.2"}]"#), None);
        assert_eq!(who("{}", "[]"), None);
        assert_eq!(who("{}", r#"[7,null,"x",{}]"#), None);
    }

    #[test]
    fn letters_make_no_phone() {
        assert_eq!(who(r#"{"from":"PHONE 123"}"#, "[]"), None);
        assert_eq!(who(r#"{"from":"1e3"}"#, "[]"), None);
        assert_eq!(who(r#"{"from":""}"#, "[]"), None);
        assert_eq!(who(r#"{"from":"123456789012345678901"}"#, "[]"), None);
        assert_eq!(who(r#"{"from":"٣٤٥"}"#, "[]"), None);
    }

    #[test]
    fn a_system_message_belongs_to_whom_it_speaks_of_and_rather_to_the_old_id() {
        let message = r#"{"system":{"type":"user_changed_user_id","previous_user_id":"US.1","user_id":"US.2"}}"#;
        assert_eq!(who(message, "[]"), ids(Some("US.1"), None, None));
        assert_eq!(who(r#"{"system":{"user_id":"US.2"}}"#, "[]"), ids(Some("US.2"), None, None));
    }
}
