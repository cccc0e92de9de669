//! Which letters are meant.

use crate::sql::conditions::Conditions;
use shared::ports::dead_letters::{LetterFilter, LetterKind, LetterState};

/// All that a filter asks for.
pub(in crate::sql) fn conditions(filter: &LetterFilter) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.and_if("state = ?", filter.state.map(LetterState::as_str));
    conditions.and_if("kind = ?", filter.kind.map(LetterKind::as_str));
    conditions.and_if("reason = ?", filter.reason.as_deref());
    conditions.and_if("code = ?", filter.code);
    conditions.and_if("account_id = ?", filter.account.as_ref().map(|id| id.as_str()));
    conditions.and_if("phone_number_id = ?", filter.number.as_ref().map(|id| id.as_str()));
    conditions.and_if("(recipient_id = ? OR recipient = ?)", filter.recipient.as_deref());
    conditions.and_if("flow_id = ?", filter.flow.as_ref().map(|id| id.0.as_ref()));
    conditions.and_if("step_id = ?", filter.step.as_ref().map(|id| id.0.as_ref()));
    conditions.and_if(
        "LOWER(id || ' ' || COALESCE(job_id, '') || ' ' || COALESCE(event_id, '') || ' ' || COALESCE(recipient, '')
            || ' ' || attempts || ' ' || body) LIKE ? ESCAPE '!'",
        filter.text.as_deref().map(pattern),
    );
    conditions.and_if("created_at >= ?", filter.since.map(|at| at.0));
    conditions.and_if("created_at <= ?", filter.until.map(|at| at.0));
    conditions
}

/// The text anywhere, as it is.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn what_is_searched_for_is_no_pattern() {
        assert_eq!(pattern("50%_A!"), "%50!%!_a!!%");
    }
}
