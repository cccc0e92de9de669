//! How single values are read. Every error says what would be right.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, de::Error};
use std::{fmt, str::FromStr, time::Duration};

/// Keys of the ops API and API keys given by hand.
const SHORTEST_KEY: usize = 16;
/// A longer one is not even looked at where it is given.
const LONGEST_KEY: usize = 512;
/// Shorter pauses order nothing at the phone.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
/// More partitions than this cost the broker more than they give.
const MOST_PARTITIONS: u16 = 256;

/// Origins as a browser tells them (RFC 6454, 6.2): scheme and host, nothing behind; or `*` alone.
pub(super) fn origins<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let text = String::deserialize(from)?;
    let origins: Vec<String> =
        text.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(str::to_owned).collect();
    let is_origin = |origin: &String| {
        let host = ["https://", "http://"].iter().find_map(|scheme| origin.strip_prefix(scheme));
        host.is_some_and(|host| {
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
        })
    };
    match origins.iter().find(|origin| !is_origin(origin) && (*origin != "*" || origins.len() > 1)) {
        None => Ok(origins),
        Some(wrong) => {
            let due = "origins are like https://builder.example.com, with nothing behind the host; or * alone";
            Err(D::Error::custom(format!("{wrong:?} is no origin: {due}")))
        }
    }
}

/// Which reading of Meta's pair limit is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairRate {
    /// 1 per 6 s, burst 45.
    On,
    /// A burst of N is followed by 6N s of silence.
    Strict,
    /// For load tests.
    Off,
}

/// What happens to a send whose outcome stays unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownOutcomePolicy {
    /// It is sent once more.
    Resend,
    /// It is dead-lettered at once.
    Hold,
}

/// Pauses inside a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// None.
    Off,
    /// So long after each message.
    Pause(Duration),
    /// Until each message is delivered.
    Delivered,
    /// Until each picture, video, sound or document is delivered.
    Media,
}

impl<'de> Deserialize<'de> for Pacing {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match text.as_str() {
            "off" => return Ok(Self::Off),
            "delivered" => return Ok(Self::Delivered),
            "media" => return Ok(Self::Media),
            _ => {}
        }
        match humantime::parse_duration(&text) {
            Ok(pause) if pause >= SHORTEST_PAUSE => Ok(Self::Pause(pause)),
            _ => {
                Err(D::Error::custom(format!("{text:?} is none of off, delivered, media, or a pause of 500ms or more")))
            }
        }
    }
}

/// The ring of keys that access tokens are encrypted with; the first encrypts, all decrypt.
#[derive(Clone)]
pub struct EncryptionKeys(pub Vec<[u8; 32]>);

impl fmt::Debug for EncryptionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKeys({})", self.0.len())
    }
}

impl FromStr for EncryptionKeys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let keys = text
            .split(',')
            .map(|key| {
                let bytes = STANDARD.decode(key.trim()).map_err(|_| "not base64".to_owned())?;
                <[u8; 32]>::try_from(bytes).map_err(|bytes| format!("{} bytes, but a key has 32", bytes.len()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self(keys))
    }
}

pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    Ok((!text.is_empty()).then_some(text))
}

pub(super) fn optional<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    text(from)?.map(|text| text.parse().map_err(|error| D::Error::custom(format!("{text:?}: {error}")))).transpose()
}

pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Ok(text(from)?.map(SecretString::from))
}

pub(super) fn secrets<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SecretString>, D::Error> {
    let text = text(from)?.unwrap_or_default();
    Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(SecretString::from).collect())
}

pub(super) fn key<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    let key = secret(from)?;
    match &key {
        Some(key) if !(SHORTEST_KEY..=LONGEST_KEY).contains(&key.expose_secret().chars().count()) => {
            Err(D::Error::custom(format!("a key needs {SHORTEST_KEY} to {LONGEST_KEY} characters")))
        }
        _ => Ok(key),
    }
}

pub(super) fn encryption_keys<'de, D: Deserializer<'de>>(from: D) -> Result<Option<EncryptionKeys>, D::Error> {
    text(from)?.map(|text| text.parse().map_err(D::Error::custom)).transpose()
}

pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    humantime::parse_duration(&text).map_err(|error| D::Error::custom(format!("{text:?}: {error} (try 24h or 500ms)")))
}

pub(super) fn on_off<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    match String::deserialize(from)?.to_ascii_lowercase().as_str() {
        "on" | "true" | "1" => Ok(true),
        "off" | "false" | "0" => Ok(false),
        other => Err(D::Error::custom(format!("{other:?} is neither on nor off"))),
    }
}

/// A number of things that there must be at least one of.
pub(super) fn at_least_one<'de, D: Deserializer<'de>, T: Deserialize<'de> + From<u8> + PartialOrd>(
    from: D,
) -> Result<T, D::Error> {
    let count = T::deserialize(from)?;
    if count >= T::from(1) { Ok(count) } else { Err(D::Error::custom("must be 1 or more")) }
}

pub(super) fn partitions<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    let count = u16::deserialize(from)?;
    match count {
        1..=MOST_PARTITIONS => Ok(count),
        _ => Err(D::Error::custom(format!("{count} is not between 1 and {MOST_PARTITIONS}"))),
    }
}

pub(super) fn base_url<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let url = String::deserialize(from)?;
    if url.starts_with("https://") || url.starts_with("http://") {
        Ok(url.trim_end_matches('/').to_owned())
    } else {
        Err(D::Error::custom(format!("{url:?} is no http(s) address")))
    }
}

pub(super) fn api_version<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let version = String::deserialize(from)?;
    let number = version.strip_prefix('v').unwrap_or_default();
    if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        Ok(version)
    } else {
        Err(D::Error::custom(format!("{version:?} is no version such as v26.0")))
    }
}
