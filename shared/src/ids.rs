//! One type for each kind of id, so that none is taken for another.

use flow_engine::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};
use uuid::Uuid;

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<Arc<str>>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

string_id!(
    /// A tenant: the original's `userId` and `accountId`.
    AccountId
);
string_id!(
    /// A WhatsApp business number, by Meta's `phone_number_id`.
    PhoneNumberId
);
string_id!(
    /// A WhatsApp user as one account knows it: a keyed hash of (account, first identity seen), 32 hex digits; drawn where
    /// that is somebody else's already.
    RecipientId
);
string_id!(
    /// An inbound event: a UUID of version 7.
    EventId
);
string_id!(
    /// A send job: a UUID of version 7.
    JobId
);
string_id!(
    /// A replay or discard of dead letters: a UUID of version 7.
    ReplayId
);
string_id!(
    /// A dead letter: a UUID of version 7.
    DeadLetterId
);
string_id!(
    /// Meta's id of a message, `wamid.…`.
    Wamid
);

/// A fresh id: time-ordered, so that rows written together lie together.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where ids are drawn")]
pub fn fresh() -> Arc<str> {
    Uuid::now_v7().to_string().into()
}

/// When an id that [`fresh`] gave was drawn; `None` for an id of another form.
#[must_use]
pub fn drawn_at(id: &str) -> Option<Timestamp> {
    let id = Uuid::try_parse(id).ok().filter(|id| id.get_version_num() == 7)?;
    // Version 7 begins with 48 bits of milliseconds since 1970.
    i64::try_from(id.as_u128() >> 80).ok().map(Timestamp)
}

/// The version of a recipient's row, drawn anew at random by each commit: two workers can't draw the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowVersion(pub i64);

impl RowVersion {
    /// Draws one. Positive, and within what a JSON number keeps exactly.
    #[must_use]
    pub fn draw() -> Self {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        Self((u64::from_le_bytes(bytes) >> 12) as i64)
    }
}

/// Who wrote: at least one of the two ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Identities {
    /// The business-scoped user id, `CC.…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bsuid: Option<Arc<str>>,
    /// The phone, as digits with country code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Arc<str>>,
}

impl Identities {
    /// The id that names the lane: the business-scoped one, else the phone.
    #[must_use]
    pub fn lane_key(&self) -> Option<&Arc<str>> {
        self.bsuid.as_ref().or(self.phone.as_ref())
    }
}

/// A phone or user id as it may stand in a log: its last two characters.
#[must_use]
pub fn masked(identity: &str) -> String {
    let tail: Vec<char> = identity.chars().rev().take(2).collect();
    format!("…{}", tail.into_iter().rev().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, SystemClock};

    #[test]
    fn an_id_tells_when_it_was_drawn() {
        let clock = SystemClock::default();
        let (before, id, after) = (clock.now(), fresh(), clock.now());
        let drawn = drawn_at(&id).unwrap();
        assert!(before <= drawn && drawn <= after, "{id}: {drawn:?}");
        for other in ["", "wamid.x", "f47ac10b-58cc-4372-a567-0e02b2c3d479"] {
            assert_eq!(drawn_at(other), None);
        }
    }
}
