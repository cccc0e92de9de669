//! The fields that a request gives, and what they change.

use flow_engine::validate::Given;
use shared::ports::flows::FlowRecord;

/// Puts what is given over what is there.
pub(super) fn apply(given: &Given, record: &mut FlowRecord) {
    replace(&mut record.name, &given.name);
    replace(&mut record.trigger, &given.trigger);
    replace(&mut record.automation, &given.automation);
    replace(&mut record.recipients, &given.recipients);
    replace(&mut record.status, &given.status);
}

fn replace<T: Clone>(place: &mut T, given: &Option<T>) {
    if let Some(given) = given {
        place.clone_from(given);
    }
}
