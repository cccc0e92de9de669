//! What a simulator can be told at its start; most of it can be changed while it runs.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// Settings of a [`Simulator`](crate::Simulator).
#[derive(Clone, Debug)]
pub struct Config {
    /// The Meta app's secret; callbacks are signed with it.
    pub app_secret: String,
    /// The only bearer token that is taken; with `None` any non-empty one is.
    pub access_token: Option<String>,
    /// Where callbacks go; with `None` there are none.
    pub webhook_url: Option<String>,
    /// The business numbers that exist; when empty any id is accepted.
    pub phone_numbers: Vec<PhoneNumber>,
    /// Messages per second and number; 0 = no limit. Meta's default is 80.
    pub number_rate: u32,
    /// Which reading of the pair limit is enforced.
    pub pair_limit: PairLimit,
    /// How far each accepted message gets.
    pub statuses: Statuses,
    /// Time from acceptance to `sent`, from `sent` to `delivered`, and from that to `read`.
    pub status_delay: Duration,
    /// Most statuses put into one callback. Meta says at most 1,000.
    pub statuses_per_callback: usize,
    /// How long a send is kept waiting for its answer (it is accepted at once).
    pub answer_delay: Duration,
    /// Whether a user's message that the webhook didn't answer with 200 is repeated as a status would be.
    pub repeat_user_messages: bool,
    /// First pause of the repeats, after the one that follows at once; doubles up to sixty times this.
    pub repeat_pause: Duration,
    /// Source of message ids, trace ids and dice.
    pub seed: u64,
    /// Most sends kept in the log; the oldest leave first. Refusals are kept in the same number at most.
    pub log_limit: usize,
    /// What limits and timestamps are measured with.
    pub clock: Clock,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            app_secret: "simulator-app-secret".into(),
            access_token: None,
            webhook_url: None,
            phone_numbers: Vec::new(),
            number_rate: 80,
            pair_limit: PairLimit::Mild,
            statuses: Statuses::Read,
            status_delay: Duration::from_millis(50),
            statuses_per_callback: 100,
            answer_delay: Duration::ZERO,
            repeat_user_messages: false,
            repeat_pause: Duration::from_secs(1),
            seed: 0,
            log_limit: 1_000_000,
            clock: Clock::default(),
        }
    }
}

impl Config {
    /// The number of this id; one is made up when none are configured.
    pub(crate) fn number(&self, id: &str) -> Option<Cow<'_, PhoneNumber>> {
        if self.phone_numbers.is_empty() {
            return (!id.is_empty()).then(|| Cow::Owned(PhoneNumber::made_up(id)));
        }
        self.phone_numbers.iter().find(|number| number.id == id).map(Cow::Borrowed)
    }
}

/// A business phone number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhoneNumber {
    /// Meta's `phone_number_id`, as in the path of a send.
    pub id: String,
    /// The number itself, digits only, as in `metadata.display_phone_number`.
    pub display: String,
    /// The WhatsApp Business Account it belongs to, as in `entry[].id`.
    pub waba_id: String,
}

impl PhoneNumber {
    /// A number whose display number and account are derived from its id.
    #[must_use]
    pub fn made_up(id: &str) -> Self {
        let digits: String = id.chars().filter(char::is_ascii_digit).collect();
        let tail = &digits[digits.len().saturating_sub(7)..];
        Self { id: id.to_owned(), display: format!("1555{tail:0>7}"), waba_id: "102290129340398".to_owned() }
    }
}

/// The limit on one number writing to one user (error 131056).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum PairLimit {
    /// Not enforced; for load tests.
    Off,
    /// A bucket of 45 that refills by one each 6 s.
    Mild,
    /// Meta's words to the letter: after a burst of N within 6 s (45 at most) nothing for 6N s.
    Strict,
}

/// How far an accepted message gets, each step reported by a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Statuses {
    /// No status callbacks.
    None,
    /// `sent`.
    Sent,
    /// `sent`, `delivered`.
    Delivered,
    /// `sent`, `delivered`, `read`.
    Read,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_configured_numbers_any_id_is_one() {
        let config = Config::default();
        assert_eq!(config.number("100200300").map(|number| number.display.clone()), Some("15550200300".into()));
        assert_eq!(config.number("7").map(|number| number.display.clone()), Some("15550000007".into()));
        assert!(config.number("").is_none());
    }

    #[test]
    fn with_configured_numbers_only_those_exist() {
        let config = Config { phone_numbers: vec![PhoneNumber::made_up("1")], ..Config::default() };
        assert!(config.number("1").is_some());
        assert!(config.number("2").is_none());
    }
}
