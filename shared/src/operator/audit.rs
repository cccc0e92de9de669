//! Who did what when.

use super::{Answer, Operator, OperatorError, iso};
use crate::ports::{audit::Entry, listing::Page};
use serde_json::{Value, json};

impl Operator {
    /// What was done, newest first.
    pub async fn audit(&self, page: &Page) -> Answer {
        let listed = self.audit.list(page).await?;
        Ok(json!({ "items": listed.items.iter().map(shown).collect::<Vec<_>>(), "nextCursor": listed.next }))
    }

    /// Records an act that is about to be done.
    pub async fn note(&self, who: &str, act: &str, subject: &str, details: Value) -> Result<(), OperatorError> {
        Ok(self.audit.note(who, act, subject, &details, self.clock.now()).await?)
    }
}

fn shown(entry: &Entry) -> Value {
    json!({
        "at": iso(entry.at),
        "who": entry.who,
        "act": entry.act,
        "subject": entry.subject,
        "details": entry.details,
    })
}
