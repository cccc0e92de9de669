//! What an answer means for the job.

use serde_json::Value;
use shared::error_table::{self, Action};
use std::{collections::HashMap, time::Duration};

/// How much of Meta's words is kept.
const MESSAGE_LENGTH: usize = 300;
/// What a 429 without a body stands for: an application rate.
const APP_RATE: i64 = 4;

/// Meta's longest window is an hour; what asks for more is no answer of Meta's.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// The meaning of an answer, or of its absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Meta took the message.
    Accepted {
        /// Meta's id of it.
        wamid: String,
    },
    /// Meta refused it.
    Refused {
        /// A code of the error table.
        code: i64,
        /// Meta's `is_transient`.
        transient: bool,
        /// What `Retry-After` asks for.
        retry_after: Option<Duration>,
        /// Meta's words.
        message: String,
    },
    /// It never left: no connection, no address, no TLS.
    NotSent(String),
    /// It may have been processed.
    Ambiguous(String),
}

impl Answer {
    /// Whether the API answered: it took the message, or refused it for a reason.
    #[must_use]
    pub fn is_definite(&self) -> bool {
        match self {
            Self::Accepted { .. } => true,
            Self::Refused { code, transient, .. } => error_table::action(*code, *transient) != Action::Ambiguous,
            Self::NotSent(_) | Self::Ambiguous(_) => false,
        }
    }
}

/// An answer with what came around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What it means for the message.
    pub answer: Answer,
    /// How long the account is to wait, as `x-business-use-case-usage` has it.
    pub account_waits: Option<Duration>,
}

/// Whether the API answered a question that is no message: with what it was asked for, or with a reason why not.
#[must_use]
pub fn is_definite(status: u16, body: &[u8]) -> bool {
    let has_id = || serde_json::from_slice::<Value>(body).is_ok_and(|json| json.get("id").is_some());
    (status == 200 && has_id()) || read_answer(status, None, body).is_definite()
}

/// The longest `estimated_time_to_regain_access` (minutes) of the header `x-business-use-case-usage`, a JSON object of
/// arrays, one for each business.
#[must_use]
pub fn time_to_regain_access(header: &str) -> Option<Duration> {
    let usage: HashMap<String, Vec<Value>> = serde_json::from_str(header).ok()?;
    let minutes = usage.values().flatten().filter_map(|use_case| use_case["estimated_time_to_regain_access"].as_u64());
    let wait = Duration::from_secs(minutes.max()?.saturating_mul(60)).min(LONGEST_RETRY_AFTER);
    (!wait.is_zero()).then_some(wait)
}

/// Reads a whole answer.
#[must_use]
pub fn read_answer(status: u16, retry_after: Option<&str>, body: &[u8]) -> Answer {
    let retry_after = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let retry_after = retry_after.map(|asked| asked.min(LONGEST_RETRY_AFTER));
    let json: Option<Value> = serde_json::from_slice(body).ok();
    if let Some(error) = json.as_ref().and_then(|json| json.get("error")) {
        return refusal(status, retry_after, error);
    }
    if status == 429 {
        let message = "429 without a reason".to_owned();
        return Answer::Refused { code: APP_RATE, transient: true, retry_after, message };
    }
    let wamid = json.as_ref().and_then(|json| json.pointer("/messages/0/id")).and_then(Value::as_str);
    match wamid {
        Some(wamid) if (200..300).contains(&status) => Answer::Accepted { wamid: wamid.to_owned() },
        _ => Answer::Ambiguous(format!("HTTP {status} with a body that is no answer")),
    }
}

fn refusal(status: u16, retry_after: Option<Duration>, error: &Value) -> Answer {
    let code = error.get("code").and_then(Value::as_i64);
    let details = error.pointer("/error_data/details").and_then(Value::as_str);
    let message = details.or_else(|| error.get("message").and_then(Value::as_str)).unwrap_or("no message");
    let message: String = message.chars().take(MESSAGE_LENGTH).collect();
    match code {
        Some(code) if status < 500 || error_table::is_known(code) => {
            let transient = error.get("is_transient").and_then(Value::as_bool).unwrap_or(false);
            Answer::Refused { code, transient, retry_after, message }
        }
        // A server error that the table doesn't know may have come after the message went out.
        Some(code) => Answer::Ambiguous(format!("HTTP {status}, code {code}: {message}")),
        None => Answer::Ambiguous(format!("HTTP {status} with an error without a code")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_success_is_accepted() {
        let ok =
            br#"{"messaging_product":"whatsapp","contacts":[{"input":"1","wa_id":"1"}],"messages":[{"id":"wamid.1"}]}"#;
        assert_eq!(read_answer(200, None, ok), Answer::Accepted { wamid: "wamid.1".into() });
        for (status, body) in [(200, &ok[..40]), (200, b"{}".as_slice()), (500, b"oops"), (502, b""), (404, b"<html>")]
        {
            assert!(matches!(read_answer(status, None, body), Answer::Ambiguous(_)), "{status} {body:?}");
        }
    }

    #[test]
    fn a_refusal_is_read_by_its_code() {
        let body =
            br#"{"error":{"message":"m","type":"OAuthException","code":131056,"error_data":{"details":"too fast"}}}"#;
        let expected = Answer::Refused {
            code: 131_056,
            transient: false,
            retry_after: Some(Duration::from_secs(7)),
            message: "too fast".into(),
        };
        assert_eq!(read_answer(400, Some("7"), body), expected);
        assert!(matches!(read_answer(429, None, b"slow down"), Answer::Refused { code: 4, .. }));
    }

    #[test]
    fn a_question_is_answered_by_what_was_asked_for_or_by_a_reason() {
        let refused = |code: i64| format!(r#"{{"error":{{"message":"m","code":{code}}}}}"#);
        for (status, body, definite) in [
            (200, r#"{"id":"1"}"#, true),
            (200, "<html>", false),
            (200, "{}", false),
            (401, &refused(190), true),
            (500, &refused(131_000), false),
            (503, "", false),
        ] {
            assert_eq!(is_definite(status, body.as_bytes()), definite, "{status} {body}");
        }
    }

    #[test]
    fn the_account_waits_as_long_as_the_usage_header_says() {
        let usage = |minutes: &str| {
            time_to_regain_access(&format!(
                r#"{{"1":[{{"type":"whatsapp","call_count":100,"estimated_time_to_regain_access":{minutes}}},{{}}],"2":[]}}"#
            ))
        };
        assert_eq!(usage("0"), None);
        assert_eq!(usage("3"), Some(Duration::from_secs(180)));
        assert_eq!(usage("18446744073709551615"), Some(LONGEST_RETRY_AFTER));
        assert_eq!(usage("\"3\""), None);
        assert_eq!(time_to_regain_access("?"), None);
    }

    #[test]
    fn a_server_error_of_an_unknown_code_is_ambiguous() {
        let body = br#"{"error":{"message":"m","code":424242}}"#;
        assert!(matches!(read_answer(500, None, body), Answer::Ambiguous(_)));
        assert!(matches!(read_answer(400, None, body), Answer::Refused { code: 424_242, .. }));
    }
}
