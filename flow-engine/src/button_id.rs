//! The id that a sent button carries and a tap brings back.

use crate::ids::VersionId;
use std::{fmt, str::FromStr};

/// Names a flow version, a step in it and an option of that step: `{version row}.{step index}.{option}`, under 40
/// bytes (Meta allows 256 on a button and 200 on a list row). It needs no session to be understood, so a tap works on
/// an old message, after a title was shortened and after the session was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ButtonId {
    /// The flow version that was running when the button was sent.
    pub version: VersionId,
    /// Index of the step in that version, from 0.
    pub step: usize,
    /// Index of the option in that step's `buttons`, from 0.
    pub option: usize,
}

impl fmt::Display for ButtonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.version.0, self.step, self.option)
    }
}

/// The text is no id that this system made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a button id of ours")]
pub struct NotOurs;

impl FromStr for ButtonId {
    type Err = NotOurs;

    fn from_str(text: &str) -> Result<Self, NotOurs> {
        if text.len() >= 40 {
            return Err(NotOurs);
        }
        let mut parts = text.split('.');
        let (Some(version), Some(step), Some(option), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotOurs);
        };
        let id = Self {
            version: VersionId(version.parse().map_err(|_| NotOurs)?),
            step: step.parse().map_err(|_| NotOurs)?,
            option: option.parse().map_err(|_| NotOurs)?,
        };
        // One spelling only: "+1.0.0" or "01.0.0" never left this system.
        if id.version.0 > 0 && id.to_string() == text { Ok(id) } else { Err(NotOurs) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written_and_stays_under_40_bytes() {
        let id = ButtonId { version: VersionId(i64::MAX), step: 499, option: 9 };
        assert!(id.to_string().len() < 40);
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn what_others_wrote_is_not_ours() {
        for text in
            ["", "1", "1.2", "1.2.3.4", "-1.0.0", "0.0.0", "01.0.0", "+1.0.0", "a.b.c", "1.0.0 ", "cancel-button"]
        {
            assert_eq!(text.parse::<ButtonId>(), Err(NotOurs), "{text:?}");
        }
    }
}
