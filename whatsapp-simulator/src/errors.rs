//! Meta's error codes: HTTP status and wording, after Meta's error-code page (the HTTP column after its January 2026
//! edition, the last that had one).

use http::StatusCode;

/// What Meta answers with for an error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownError {
    /// The code, as in `error.code`.
    pub code: i64,
    /// HTTP status of the answer.
    pub http_status: u16,
    /// Wording of `error.message`, without the `(#code)` in front.
    pub message: &'static str,
    /// Whether the answer says `is_transient: true`.
    pub is_transient: bool,
}

/// The entry of a code; a code that isn't in the table is answered with 400 and no special wording.
#[must_use]
pub fn known_error(code: i64) -> KnownError {
    let (http_status, message) = match code {
        10 | 200..=299 => (403, "Permission is either not granted or has been removed"),
        _ => TABLE
            .iter()
            .find(|(known, ..)| *known == code)
            .map_or((400, "An error occurred"), |(_, status, message)| (*status, *message)),
    };
    let is_transient =
        matches!(code, 1 | 2 | 4 | 17 | 341 | 613 | 80007 | 80008 | 130_429 | 131_016 | 131_056 | 131_057);
    KnownError { code, http_status, message, is_transient }
}

impl KnownError {
    /// The HTTP status, for the answer.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.http_status).unwrap_or(StatusCode::BAD_REQUEST)
    }

    /// `error.message` as Meta writes it.
    pub(crate) fn full_message(&self) -> String {
        match self.code {
            // Token errors come from the Graph layer, which doesn't repeat the code in the text.
            0 | 1 | 2 | 102 | 104 | 190 | 2500 => self.message.to_owned(),
            code => format!("(#{code}) {}", self.message),
        }
    }
}

const TABLE: &[(i64, u16, &str)] = &[
    (0, 401, "We were unable to authenticate the app user"),
    (1, 400, "Invalid request or possible server error"),
    (2, 503, "Temporary due to downtime or due to being overloaded"),
    (3, 500, "Capability or permissions issue"),
    (4, 400, "Application request limit reached"),
    (17, 400, "User request limit reached"),
    (33, 400, "Parameter value is not valid"),
    (100, 400, "Invalid parameter"),
    (102, 401, "Session has expired"),
    (104, 401, "An access token is required to request this resource"),
    (190, 401, "Invalid OAuth access token - Cannot parse access token"),
    (341, 400, "Application limit reached"),
    (368, 403, "Temporarily blocked for policies violations"),
    (613, 400, "Calls to this api have exceeded the rate limit"),
    (2500, 400, "Unknown path components"),
    (80_007, 400, "Rate limit issues"),
    (80_008, 400, "There have been too many calls to this WhatsApp Business account"),
    (130_403, 400, "You have blocked this user"),
    (130_429, 400, "Rate limit hit"),
    (130_472, 400, "User's number is part of an experiment"),
    (130_497, 403, "Business account is restricted from messaging users in this country"),
    (130_501, 400, "Message type is not supported in groups"),
    (131_000, 500, "Something went wrong"),
    (131_005, 403, "Access denied"),
    (131_008, 400, "Required parameter is missing"),
    (131_009, 400, "Parameter value is not valid"),
    (131_016, 500, "Service unavailable"),
    (131_021, 400, "Recipient cannot be sender"),
    (131_026, 400, "Message undeliverable"),
    (131_030, 400, "Recipient phone number not in allowed list"),
    (131_031, 403, "Account has been locked"),
    (131_037, 400, "WhatsApp provided number needs display name approval before message can be sent"),
    (131_042, 400, "Business eligibility payment issue"),
    (131_045, 500, "Incorrect certificate"),
    (131_047, 400, "Re-engagement message"),
    (131_048, 400, "Spam rate limit hit"),
    (131_049, 400, "This message was not delivered to maintain healthy ecosystem engagement"),
    (131_050, 400, "User has stopped marketing messages from this business"),
    (131_051, 400, "Unsupported message type"),
    (131_052, 400, "Media download error"),
    (131_053, 400, "Media upload error"),
    (131_055, 400, "Method not allowed"),
    (131_056, 400, "(Business Account, Consumer Account) pair rate limit hit"),
    (131_057, 500, "Account in maintenance mode"),
    (131_062, 400, "Business-scoped user id is not supported for this message"),
    (131_063, 400, "Marketing templates are not supported here"),
    (131_064, 400, "Message classification limit hit"),
    (132_000, 400, "Number of parameters does not match the expected number of params"),
    (132_001, 404, "Template name does not exist in the translation"),
    (132_005, 400, "Translated text too long"),
    (132_007, 400, "Template format character policy violated"),
    (132_008, 400, "Template parameter is invalid"),
    (132_012, 400, "Parameter format does not match format in the created template"),
    (132_015, 400, "Template is paused"),
    (132_016, 400, "Template is disabled"),
    (132_018, 400, "Template parameters are not valid"),
    (132_068, 400, "Flow is blocked"),
    (132_069, 400, "Flow is throttled"),
    (133_000, 400, "Incomplete deregistration"),
    (133_004, 503, "Server temporarily unavailable"),
    (133_005, 400, "Two step verification PIN mismatch"),
    (133_006, 400, "Phone number re-verification needed"),
    (133_008, 400, "Too many two step verification PIN guesses"),
    (133_009, 400, "Two step verification PIN guessed too fast"),
    (133_010, 400, "Phone number not registered"),
    (133_015, 400, "Please wait a few minutes before attempting to register this phone number"),
    (133_016, 400, "Too many registration attempts"),
    (134_011, 400, "WhatsApp Business payments terms of service not accepted"),
    (134_100, 400, "Only marketing messages are supported here"),
    (134_101, 400, "Template is syncing"),
    (134_102, 500, "Template is unavailable for use"),
    (135_000, 400, "Generic user error"),
    (137_000, 400, "Identity key hash does not match"),
    (2_494_100, 500, "Account in maintenance mode"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_metas_status() {
        for (code, status) in
            [(190, 401), (2, 503), (100, 400), (131_000, 500), (132_001, 404), (368, 403), (215, 403), (999_999, 400)]
        {
            assert_eq!(known_error(code).http_status, status, "code {code}");
        }
    }

    #[test]
    fn no_code_is_listed_twice() {
        for (index, (code, ..)) in TABLE.iter().enumerate() {
            assert!(TABLE[index + 1..].iter().all(|(other, ..)| other != code), "code {code} is listed twice");
        }
    }
}
