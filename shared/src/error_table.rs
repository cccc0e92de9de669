//! What to do about each error code of the Cloud API.
//!
//! Source: Meta's error code page (developers.facebook.com, WhatsApp, "Error codes", tables of January and September
//! 2026). Both the sender (answers) and the worker (failed statuses) read this table, and nothing else decides.

use Action::{Ambiguous, FailAndAlert, Pair, Pause, Permanent, RateLimited, Transient, WindowClosed};
use std::time::Duration;

/// What an error code asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Refused for a rate before anything was processed: whoever that rate is of waits, no attempt spent.
    RateLimited(Scope),
    /// The pair rate: wait 4^X s for that pair alone, no attempt spent.
    Pair,
    /// Try again with back-off; at least this long, at most so many tries where given.
    Transient {
        /// Wait at least this long.
        at_least: Duration,
        /// Tries for this code, where it has fewer than others.
        tries: Option<u32>,
    },
    /// May have been sent: wait for its status, never repeat blindly.
    Ambiguous,
    /// Never will be accepted: dead letter.
    Permanent,
    /// The number can't send at all: pause it and alert; the job waits.
    Pause,
    /// This message never will be accepted, and somebody must look at the account or its template: dead letter and alert. The
    /// number goes on: other messages have other templates and recipients.
    FailAndAlert,
    /// More than 24 hours since the person wrote: dead letter `window_closed`.
    WindowClosed,
}

/// Whose rate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This message alone waits.
    Message,
    /// The number's.
    Number,
    /// All numbers' of the account: its app's, or its WhatsApp Business Account's.
    Account,
}

const SOON: Action = Transient { at_least: Duration::ZERO, tries: None };

/// The action for `code`. `transient` is Meta's own `is_transient`, asked only for codes that the table lacks.
#[must_use]
pub fn action(code: i64, transient: bool) -> Action {
    match code {
        // Tokens and permissions.
        0 | 190 | 104 | 102 => Pause,
        3 | 10 | 200..=299 => Pause,
        33 => Pause,
        131005 => Pause,
        // Rates.
        4 | 17 | 341 | 613 => RateLimited(Scope::Account),
        80007 | 80008 => RateLimited(Scope::Account),
        130429 => RateLimited(Scope::Number),
        131056 => Pair,
        132069 => RateLimited(Scope::Message),
        // The service itself.
        1 | 2 | 131000 | 131016 => Ambiguous,
        131057 | 2494100 => Transient { at_least: Duration::from_secs(60), tries: None },
        133004 => SOON,
        134101 => Transient { at_least: Duration::from_secs(600), tries: None },
        // Policy, payment, registration.
        368 | 131031 => Pause,
        131037 | 131042 | 134011 => Pause,
        131045 | 133010 | 133006 => Pause,
        131048 | 131064 => Pause,
        132068 | 134102 => Pause,
        133000 | 133005 | 133008 | 133009 | 133015 | 133016 => Pause,
        // The message or its recipient.
        131047 => WindowClosed,
        100 | 130403 | 130472 | 130501 => Permanent,
        131008 | 131009 | 131021 | 131026 | 131030 => Permanent,
        131049 | 131050 | 131051 | 131062 => Permanent,
        132000 | 132008 | 132012 | 132018 => Permanent,
        135000 | 137000 => Permanent,
        131053 => Transient { at_least: Duration::ZERO, tries: Some(2) },
        130497 | 131055 | 131063 | 134100 => FailAndAlert,
        132001 | 132005 | 132007 | 132015 | 132016 => FailAndAlert,
        _ if transient => SOON,
        _ => Permanent,
    }
}

/// Whether the table names `code`: others are acted upon by default and should be reported.
#[must_use]
pub fn is_known(code: i64) -> bool {
    action(code, false) != Permanent || action(code, true) == Permanent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_is_permanent_unless_meta_calls_it_transient() {
        assert_eq!(action(424_242, false), Permanent);
        assert_eq!(action(424_242, true), SOON);
        assert!(!is_known(424_242));
        assert!(is_known(100) && is_known(131_047) && is_known(133_004));
    }

    #[test]
    fn what_is_safe_to_repeat_spends_no_attempt() {
        for (code, scope) in [(4, Scope::Account), (80007, Scope::Account), (130_429, Scope::Number)] {
            assert_eq!(action(code, false), RateLimited(scope), "{code}");
        }
        assert_eq!(action(131_056, false), Pair);
    }
}
