//! One item of `statuses[]`.

use super::{Context, json::Fields};
use serde_json::value::RawValue;
use shared::{
    Timestamp,
    event::{DeliveryStatus, JobTag, StatusError, StatusUpdate},
    ids::{EventId, PhoneNumberId, Wamid},
};

/// Characters of an error's words that are kept.
const MAX_MESSAGE: usize = 1000;

/// A status, read.
pub(super) struct Read {
    phone_number_id: PhoneNumberId,
    wamid: Wamid,
    status: DeliveryStatus,
    at: i64,
    job: Option<JobTag>,
    error: Option<StatusError>,
}

/// Reads a status; `None` without an id, the number that sent, or a word that we know.
pub(super) fn read(raw: &RawValue, context: &Context<'_>) -> Option<Read> {
    let fields = Fields::parse(raw)?;
    Some(Read {
        phone_number_id: context.phone_number_id.clone()?,
        wamid: fields.id::<String>("id")?.into(),
        status: DeliveryStatus::parse(fields.text("status")?.as_ref())?,
        at: fields.integer("timestamp").unwrap_or(0),
        job: fields.text("biz_opaque_callback_data").and_then(|data| JobTag::parse(&data)),
        error: error(&fields),
    })
}

impl Read {
    /// The event it becomes.
    pub(super) fn into_event(self, event_id: EventId, received_at: Timestamp) -> StatusUpdate {
        StatusUpdate {
            event_id,
            received_at,
            phone_number_id: self.phone_number_id,
            wamid: self.wamid,
            status: self.status,
            at: self.at,
            job: self.job,
            error: self.error,
        }
    }
}

/// The first error that has a code. One without says nothing that could be acted on.
fn error(status: &Fields<'_>) -> Option<StatusError> {
    status.list("errors")?.into_iter().find_map(|item| {
        let fields = Fields::parse(item)?;
        let code = fields.integer("code")?;
        let what = fields.text("message").or_else(|| fields.text("title"));
        let details = fields.object("error_data").and_then(|data| data.text("details"));
        let words: Vec<_> = what.into_iter().chain(details).collect();
        Some(StatusError { code, message: words.join(": ").chars().take(MAX_MESSAGE).collect() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(errors: &str) -> Option<StatusError> {
        error(&Fields::from_text(&format!(r#"{{"errors":{errors}}}"#)).unwrap())
    }

    #[test]
    fn an_error_is_its_code_and_all_of_its_words() {
        let full = r#"[{"code":131053,"title":"Media upload error","message":"Media upload error","error_data":{"details":"Not a video"}}]"#;
        let expected = StatusError { code: 131_053, message: "Media upload error: Not a video".into() };
        assert_eq!(error_of(full), Some(expected));
        assert_eq!(
            error_of(r#"[{"code":"470","title":"Old"}]"#),
            Some(StatusError { code: 470, message: "Old".into() })
        );
        assert_eq!(error_of(r#"[7,{"title":"x"},{"code":1}]"#), Some(StatusError { code: 1, message: String::new() }));
        for nothing in ["null", "{}", "[]", r#"[{"code":"soon"}]"#, r#"[{"code":1.5}]"#] {
            assert_eq!(error_of(nothing), None, "{nothing}");
        }
    }
}
