//! Reading JSON that may be anything: shallowly, one level at a time and without a copy, so that a fault in one place
//! costs only that place, and so that every piece can be kept exactly as it was sent.

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// Bytes of an id at most. Meta's longest have about 150; what is longer fits no index and is none.
const MAX_ID: usize = 512;
/// Characters of a word such as a message's `type`.
const MAX_LABEL: usize = 64;

/// The items of a list.
pub(super) fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// A text; a number counts as its digits, because Meta sends numbers where it documents strings.
pub(super) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    match raw.get().as_bytes().first()? {
        b'"' => serde_json::from_str::<Text<'_>>(raw.get()).ok().map(|text| text.0),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(raw.get())),
        _ => None,
    }
}

/// The fields of an object, each unread. A field that is null is not there; of two with one name the last counts.
#[derive(Debug)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// The fields of the object that this text is.
    pub(super) fn from_text(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The fields of this value, if it is an object.
    pub(super) fn parse(raw: &'a RawValue) -> Option<Self> {
        Self::from_text(raw.get())
    }

    /// All fields that are not null, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().filter(|(_, raw)| raw.get() != "null").map(|(name, raw)| (name.as_ref(), *raw))
    }

    /// A field, unread.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rfind(|(known, _)| known == name).map(|(_, raw)| *raw).filter(|raw| raw.get() != "null")
    }

    /// A field that is an object.
    pub(super) fn object(&self, name: &str) -> Option<Fields<'a>> {
        Fields::parse(self.get(name)?)
    }

    /// A field that is a list.
    pub(super) fn list(&self, name: &str) -> Option<Vec<&'a RawValue>> {
        list(self.get(name)?)
    }

    /// A field that is a text or a number.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        text(self.get(name)?)
    }

    /// A field that can be an id: it becomes part of keys, so it must be short and printable.
    pub(super) fn id<T: From<String>>(&self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        let usable = !text.trim().is_empty() && text.len() <= MAX_ID && !text.contains(char::is_control);
        usable.then(|| T::from(text.into_owned()))
    }

    /// A field that names a kind of something; cut to what a column and a log line bear.
    pub(super) fn label(&self, name: &str) -> Option<String> {
        let label: String = self.text(name)?.chars().filter(|c| !c.is_control()).take(MAX_LABEL).collect();
        (!label.is_empty()).then_some(label)
    }

    /// A field that is a whole number, or a text of one.
    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((Text(name), raw)) = map.next_entry()? {
                    fields.push((name, raw));
                }
                Ok(Fields(fields))
            }
        }

        from.deserialize_map(FieldsVisitor)
    }
}

/// A JSON string, read as bytes: that way half a surrogate pair, which people do paste into names and texts, becomes
/// U+FFFD instead of an error.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Text(String::from_utf8_lossy(bytes)))
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(String::from_utf8_lossy(bytes).into_owned())))
            }
        }

        from.deserialize_bytes(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_one_by_one() {
        let json = r#"{"a":"x","a":"y","n":12,"big":1e999,"null":null,"half":"a\ud83d!","\ud83d":1,"o":{"p":[1]}}"#;
        let fields = Fields::from_text(json).unwrap();
        assert_eq!(fields.text("a").unwrap(), "y");
        assert_eq!(fields.text("n").unwrap(), "12");
        assert_eq!(fields.text("big").unwrap(), "1e999");
        assert!(fields.get("null").is_none() && fields.text("o").is_none() && fields.object("a").is_none());
        assert!(fields.text("half").unwrap().starts_with("a\u{fffd}"));
        assert_eq!(fields.object("o").unwrap().list("p").unwrap().len(), 1);
    }

    #[test]
    fn an_id_is_short_and_printable() {
        let json = format!(r#"{{"a":"x","nul":"x\u0000","blank":" ","long":"{}"}}"#, "x".repeat(MAX_ID + 1));
        let fields = Fields::from_text(&json).unwrap();
        assert_eq!(fields.id::<String>("a").unwrap(), "x");
        for name in ["nul", "blank", "long", "missing"] {
            assert!(fields.id::<String>(name).is_none(), "{name}");
        }
    }
}
