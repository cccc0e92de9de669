//! Calls that people made, in a change of the field `calls` (Meta's page on the calling API's webhooks).

use super::{Context, json::Fields, sender};
use shared::event::PersonsCall;

/// The field whose changes are calls.
pub(super) const CALLS: &str = "calls";
/// Meta's `direction` of a call that a person made.
const BY_PERSON: &str = "USER_INITIATED";
/// Meta's `event` of a call that begins.
const BEGINS: &str = "connect";

/// Those that begin; what can't be read of the others is nobody's loss, since the whole change is kept.
pub(super) fn read(value: &Fields<'_>) -> Vec<PersonsCall> {
    let context = Context::of(value);
    let Some(number) = &context.phone_number_id else { return Vec::new() };
    let begun = value.list("calls").unwrap_or_default().into_iter().filter_map(|item| {
        let call = Fields::parse(item)?;
        let is = |name: &str, word: &str| call.text(name).is_some_and(|text| text == word);
        if !is("direction", BY_PERSON) || !is("event", BEGINS) {
            return None;
        }
        let (caller, _) = sender::of(&call, &context.contacts)?;
        Some(PersonsCall { phone_number_id: number.clone(), caller, at: call.integer("timestamp")? })
    });
    begun.collect()
}
