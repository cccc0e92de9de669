//! What an answer means for the job.

use serde_json::Value;
use shared::error_table;
use std::time::Duration;

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
    fn a_server_error_of_an_unknown_code_is_ambiguous() {
        let body = br#"{"error":{"message":"m","code":424242}}"#;
        assert!(matches!(read_answer(500, None, body), Answer::Ambiguous(_)));
        assert!(matches!(read_answer(400, None, body), Answer::Refused { code: 424_242, .. }));
    }
}
