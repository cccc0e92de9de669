//! Environment names that are nearly one of ours: most likely a slip, which would go unnoticed as an unknown name.

use super::{
    Overrides,
    sources::{FIXED, environment, is_secret},
};
use std::fmt;

/// Letters that a slip changes, adds or leaves out at most.
const SLIP: usize = 2;
/// Names up to this length have close neighbours of other programs (`REDIS_SSL`): there one letter is a slip.
const SHORT: usize = 12;

/// A variable that is set and means nothing here, but nearly does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// As it is set.
    pub name: String,
    /// The name it is near to.
    pub meant: String,
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is set and has no effect; is {} meant?", self.name, self.meant)
    }
}

/// The near misses in the environment.
#[must_use]
pub fn near_misses(overrides: &Overrides) -> Vec<NearMiss> {
    let files = FIXED.iter().filter(|(_, key)| is_secret(key)).map(|(name, _)| format!("{name}_FILE"));
    let fixed: Vec<String> = FIXED.iter().map(|(name, _)| (*name).to_owned()).chain(files).collect();
    let set = environment(overrides).into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name);
    set.filter(|name| !fixed.contains(name))
        .filter_map(|name| {
            let meant = fixed.iter().find(|meant| is_near(&name, meant))?.clone();
            Some(NearMiss { name, meant })
        })
        .collect()
}

/// Whether a slip makes one of the other. The first word must be right: other words belong to other programs.
fn is_near(name: &str, meant: &str) -> bool {
    let first = |name: &str| name.split_once('_').map(|(word, _)| word.to_owned());
    let slip = if meant.len() <= SHORT { 1 } else { SLIP };
    first(name) == first(meant) && name.len().abs_diff(meant.len()) <= slip && distance(name, meant) <= slip
}

/// Letters to change, add or leave out (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], above + 1);
        for (at, to) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(letter != to);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(names: &[&str]) -> Vec<String> {
        let environment = names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        let overrides = Overrides { environment: Some(environment), no_file: true, ..Overrides::default() };
        near_misses(&overrides).into_iter().map(|near| near.meant).collect()
    }

    #[test]
    fn a_slip_is_told_with_the_name_that_is_meant() {
        for (slip, meant) in [
            ("FLOW_RUNNER_LISTN", "FLOW_RUNNER_LISTEN"),
            ("FLOW_RUNNER_OPS_LISTNE", "FLOW_RUNNER_OPS_LISTEN"),
            ("WHATSAPP_PHONE_NUMBR_ID", "WHATSAPP_PHONE_NUMBER_ID"),
            ("WHATSAPP_APP_SECRETS_FILE", "WHATSAPP_APP_SECRET_FILE"),
            ("SEND_ATTEMPT", "SEND_ATTEMPTS"),
            ("SESSION_TL", "SESSION_TTL"),
            ("DATABASE_URI", "DATABASE_URL"),
        ] {
            assert_eq!(near(&[slip]), [meant], "{slip}");
        }
    }

    #[test]
    fn what_is_right_or_somebody_elses_is_not_spoken_of() {
        let right = FIXED.map(|(name, _)| name);
        let others = [
            "WHATSAPP_APP_SECRET_FILE",
            "FLOW_RUNNER__SESSION__TTL",
            "FLOW_RUNNER_SERVICE_HOST",
            "FLOW_RUNNER_SERVICE_PORT",
            "FLOW_RUNNER_PORT",
            "FLOW_RUNNER_PORT_8080_TCP",
            "FLOW_RUNNER_PORT_8080_TCP_ADDR",
            "REDIS_SSL",
            "REDIS_PORT",
            "SEND_CAP_PER_HOUR",
            "PATH",
            "",
        ];
        assert_eq!(near(&[&right[..], &others].concat()), [""; 0]);
    }
}
