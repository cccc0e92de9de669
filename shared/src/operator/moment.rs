//! Moments as people type them.

use crate::Timestamp;
use chrono::{DateTime, NaiveDate};
use std::{str::FromStr, time::Duration};

/// A moment, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// That very moment.
    At(Timestamp),
    /// So long ago.
    Ago(Duration),
}

impl Moment {
    /// The moment, seen from `now`.
    #[must_use]
    pub fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.minus(ago),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no time; try 2h, 7d, 2026-11-22 or 2026-11-22T08:00:00Z");
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(Timestamp(time.timestamp_millis())));
        }
        if let Ok(day) = text.parse::<NaiveDate>() {
            return Ok(Self::At(Timestamp(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis())));
        }
        let unit = text.chars().last().ok_or_else(wrong)?;
        let count: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        Ok(Self::Ago(Duration::from_secs(count.saturating_mul(seconds))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_say_when_in_several_ways() {
        assert_eq!("90m".parse(), Ok(Moment::Ago(Duration::from_secs(5_400))));
        assert_eq!("7d".parse(), Ok(Moment::Ago(Duration::from_secs(604_800))));
        assert_eq!("1970-01-02".parse(), Ok(Moment::At(Timestamp(86_400_000))));
        assert_eq!("1970-01-01T01:00:00+01:00".parse(), Ok(Moment::At(Timestamp(0))));
        for wrong in ["", "h", "2", "2w", "-1h", "yesterday", "2026-13-01", "5ü"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }
}
