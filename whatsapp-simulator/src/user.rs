//! The people who write to a business, and what they can write.

use serde_json::{Map, Value, json};

/// A WhatsApp user. At least one of phone and business-scoped id should be there; Meta leaves the phone out for users
/// who hide it behind a username.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The phone number; `+`, blanks and dashes are dropped.
    pub phone: Option<String>,
    /// The business-scoped user id (`US.13491208655302741918`).
    pub bsuid: Option<String>,
    /// The name in the user's profile.
    pub name: String,
}

impl User {
    /// A user known by phone.
    #[must_use]
    pub fn phone(phone: &str) -> Self {
        Self { phone: Some(phone.to_owned()), bsuid: None, name: "Kim Example".to_owned() }
    }

    /// A user known by business-scoped id only.
    #[must_use]
    pub fn bsuid(bsuid: &str) -> Self {
        Self { phone: None, bsuid: Some(bsuid.to_owned()), name: "Kim Example".to_owned() }
    }

    /// A user known by whichever of the two this is.
    #[must_use]
    pub fn from_id(id: &str) -> Self {
        if is_bsuid(id) { Self::bsuid(id) } else { Self::phone(id) }
    }

    /// The phone as Meta writes it in `from` and `wa_id`.
    #[must_use]
    pub fn phone_digits(&self) -> Option<String> {
        self.phone.as_deref().map(digits)
    }
}

/// Only the digits of a phone number.
pub(crate) fn digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}

/// Whether this has the form of a business-scoped user id: `CC.` or `CC.ENT.`, then up to 128 letters and digits.
pub(crate) fn is_bsuid(id: &str) -> bool {
    let Some((country, rest)) = id.split_once('.') else { return false };
    let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && (1..=128).contains(&rest.len())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A medium that a user sent, as the callback describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// The id under which it could be fetched.
    pub id: String,
    /// Such as `image/jpeg`.
    pub mime_type: String,
    /// Caption (image, video, document).
    pub caption: Option<String>,
    /// File name (document).
    pub filename: Option<String>,
}

impl Media {
    /// A medium without caption or file name.
    #[must_use]
    pub fn new(id: &str, mime_type: &str) -> Self {
        Self { id: id.to_owned(), mime_type: mime_type.to_owned(), caption: None, filename: None }
    }

    fn to_json(&self, extra: Option<(&str, Value)>) -> Value {
        // No file stands behind the id; the hash only has the right form.
        let mut fields = Map::from_iter([
            ("id".to_owned(), json!(self.id)),
            ("mime_type".to_owned(), json!(self.mime_type)),
            ("sha256".to_owned(), json!("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")),
        ]);
        for (key, value) in [("caption", &self.caption), ("filename", &self.filename)] {
            if let Some(value) = value {
                fields.insert(key.to_owned(), json!(value));
            }
        }
        if let Some((key, value)) = extra {
            fields.insert(key.to_owned(), value);
        }
        Value::Object(fields)
    }
}

/// Something a user can do in a chat.
#[derive(Clone, Debug, PartialEq)]
pub enum UserMessage {
    /// Writes a text.
    Text(String),
    /// Taps a reply button.
    ButtonTap {
        /// The button's id.
        id: String,
        /// The button's title.
        title: String,
        /// The message that bears the button.
        context: Option<String>,
    },
    /// Picks a row of a list.
    ListTap {
        /// The row's id.
        id: String,
        /// The row's title.
        title: String,
        /// The row's description.
        description: Option<String>,
        /// The message that bears the list.
        context: Option<String>,
    },
    /// Taps a template's quick reply. Meta sometimes leaves the context out.
    QuickReply {
        /// What the business put behind the button.
        payload: String,
        /// What the button says.
        text: String,
        /// The message that bears the button.
        context: Option<String>,
    },
    /// Sends a picture.
    Image(Media),
    /// Sends a video.
    Video(Media),
    /// Sends a sound file.
    Audio(Media),
    /// Sends a voice message.
    Voice(Media),
    /// Sends a file.
    Document(Media),
    /// Sends a sticker.
    Sticker(Media),
    /// Sends a place.
    Location {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// What the place is called.
        name: Option<String>,
        /// Where it is.
        address: Option<String>,
    },
    /// Sends contacts: the array of Meta's shape.
    Contacts(Value),
    /// Orders from a catalogue: the `order` object of Meta's shape.
    Order(Value),
    /// Reacts to a message.
    Reaction {
        /// The message.
        message_id: String,
        /// With what; `None` takes the reaction back.
        emoji: Option<String>,
    },
    /// Changes the words of a text written before.
    Edit {
        /// The text's message.
        message_id: String,
        /// What it says now.
        text: String,
    },
    /// Opens the chat for the first time, without a word.
    RequestWelcome,
    /// Moves to another phone number; the user's business-scoped id is then another one too. From whom this comes is
    /// who the user was before.
    ChangeNumber {
        /// The new phone.
        phone: String,
        /// The new business-scoped id.
        bsuid: Option<String>,
    },
    /// Gets another business-scoped id. From whom this comes is who the user was before.
    ChangeUserId {
        /// The new id.
        bsuid: String,
    },
    /// Any message object. `id`, `from`, `timestamp` are filled in where they are missing.
    Raw(Value),
}

impl UserMessage {
    /// The fields of the callback's message object that depend on what it is; `from` writes it, to the number
    /// `business`.
    pub(crate) fn fields(&self, from: &User, business: &str) -> Map<String, Value> {
        let (kind, body) = match self {
            Self::Text(text) => ("text", json!({"body": text})),
            Self::ButtonTap { id, title, .. } => {
                ("interactive", json!({"type": "button_reply", "button_reply": {"id": id, "title": title}}))
            }
            Self::ListTap { id, title, description, .. } => {
                let reply = with(json!({"id": id, "title": title}), [("description", description)]);
                ("interactive", json!({"type": "list_reply", "list_reply": reply}))
            }
            Self::QuickReply { payload, text, .. } => ("button", json!({"payload": payload, "text": text})),
            Self::Image(media) => ("image", media.to_json(None)),
            Self::Video(media) => ("video", media.to_json(None)),
            Self::Audio(media) => ("audio", media.to_json(Some(("voice", json!(false))))),
            Self::Voice(media) => ("audio", media.to_json(Some(("voice", json!(true))))),
            Self::Document(media) => ("document", media.to_json(None)),
            Self::Sticker(media) => ("sticker", media.to_json(Some(("animated", json!(false))))),
            Self::Location { latitude, longitude, name, address } => {
                let place = json!({"latitude": latitude, "longitude": longitude});
                ("location", with(place, [("name", name), ("address", address)]))
            }
            Self::Contacts(contacts) => ("contacts", contacts.clone()),
            Self::Order(order) => ("order", order.clone()),
            Self::Reaction { message_id, emoji } => {
                ("reaction", with(json!({"message_id": message_id}), [("emoji", emoji)]))
            }
            Self::Edit { message_id, text } => (
                "edit",
                json!({"original_message_id": message_id, "message": {"type": "text", "text": {"body": text}}}),
            ),
            // There is no more to say of it than its type.
            Self::RequestWelcome => return Map::from_iter([("type".to_owned(), json!("request_welcome"))]),
            Self::ChangeNumber { phone, bsuid } => {
                ("system", changed(from, "user_changed_number", Some(&digits(phone)), bsuid.as_deref()))
            }
            Self::ChangeUserId { bsuid } => {
                ("system", changed(from, "user_changed_user_id", from.phone_digits().as_deref(), Some(bsuid)))
            }
            Self::Raw(message) => return message.as_object().cloned().unwrap_or_default(),
        };
        let mut fields = Map::new();
        if let Some(id) = self.context() {
            fields.insert("context".to_owned(), json!({"from": business, "id": id}));
        }
        fields.insert("type".to_owned(), json!(kind));
        fields.insert(kind.to_owned(), body);
        fields
    }

    /// The message that bears what was tapped.
    fn context(&self) -> Option<&str> {
        match self {
            Self::ButtonTap { context, .. } | Self::ListTap { context, .. } | Self::QuickReply { context, .. } => {
                context.as_deref()
            }
            _ => None,
        }
    }
}

/// The object with those of the fields that there are.
fn with<const N: usize>(mut object: Value, fields: [(&str, &Option<String>); N]) -> Value {
    for (key, value) in fields {
        if let Some(value) = value {
            object[key] = json!(value);
        }
    }
    object
}

/// What a system message says of a user who is now somebody else.
fn changed(before: &User, kind: &str, phone: Option<&str>, bsuid: Option<&str>) -> Value {
    let old = before.phone_digits().or_else(|| before.bsuid.clone()).unwrap_or_default();
    let new = if kind == "user_changed_number" { phone } else { bsuid }.unwrap_or_default();
    let mut system = json!({"body": format!("User {} changed from {old} to {new}", before.name), "type": kind});
    for (key, value) in [("wa_id", phone), ("user_id", bsuid), ("previous_user_id", before.bsuid.as_deref())] {
        if let Some(value) = value {
            system[key] = json!(value);
        }
    }
    system
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_business_scoped_id_is_told_from_a_phone() {
        for (id, expected) in [
            ("US.13491208655302741918", true),
            ("US.ENT.11815799212886844830", true),
            ("15550001111", false),
            ("+1.5550001111", false),
            ("US.", false),
            ("us.1", false),
            ("US.a-b", false),
        ] {
            assert_eq!(is_bsuid(id), expected, "{id}");
        }
    }

    #[test]
    fn a_tap_names_the_message_it_belongs_to() {
        let tap = UserMessage::ButtonTap { id: "1".into(), title: "Yes".into(), context: Some("wamid.A".into()) };
        assert_eq!(
            Value::Object(tap.fields(&User::default(), "15550783881")),
            json!({
                "context": {"from": "15550783881", "id": "wamid.A"},
                "type": "interactive",
                "interactive": {"type": "button_reply", "button_reply": {"id": "1", "title": "Yes"}},
            })
        );
    }
}
