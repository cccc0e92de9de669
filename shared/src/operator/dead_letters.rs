//! Dead letters: found, grouped, looked at; what a replay would do with them.

use super::{Answer, Operator, OperatorError, iso};
use crate::{
    Timestamp,
    ids::DeadLetterId,
    ports::{
        dead_letters::{Allowed, DeadLetter, GroupBy, LetterFilter, LetterState, Prospect},
        listing::Page,
        replays::{Act, Chosen},
    },
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Letters that are judged at a time.
const BATCH: u32 = 500;

impl Operator {
    /// The letters, oldest first.
    pub async fn dead_letters(&self, filter: &LetterFilter, page: &Page) -> Answer {
        let listed = self.dead_letters.list(filter, page).await?;
        Ok(json!({ "items": listed.items.into_iter().map(shown).collect::<Vec<_>>(), "nextCursor": listed.next }))
    }

    /// One of them.
    pub async fn dead_letter(&self, id: &DeadLetterId) -> Answer {
        Ok(shown(self.letter(id).await?))
    }

    /// The letters in groups, the largest first.
    pub async fn dead_letters_summary(&self, by: &[GroupBy], filter: &LetterFilter) -> Answer {
        let groups = self.dead_letters.summary(by, filter).await?.into_iter().map(|group| {
            let mut shown: Map<String, Value> = by.iter().map(|by| by.as_str().to_owned()).zip(group.values).collect();
            shown.insert("count".into(), group.count.into());
            shown.insert("oldest".into(), iso(group.oldest).into());
            shown.insert("newest".into(), iso(group.newest).into());
            Value::Object(shown)
        });
        Ok(json!({ "items": groups.collect::<Vec<_>>() }))
    }

    /// What a replay, or a discard, would do with these letters now.
    pub async fn dry_run(&self, act: Act, chosen: &Chosen, allowed: Allowed) -> Answer {
        if act == Act::Discard {
            let total = self.open(chosen).await?;
            return Ok(json!({ "total": total, "outcomes": { "would_discard": total } }));
        }
        let mut outcomes: BTreeMap<&str, u64> = Prospect::ALL.iter().map(|prospect| (prospect.as_str(), 0)).collect();
        let mut total = 0_u64;
        let mut place = Some(Page { limit: BATCH, after: None });
        while let Some(page) = place {
            let (ids, next) = self.some_of(chosen, &page).await?;
            place = next.map(|after| Page { limit: BATCH, after: Some(after) });
            for (_, prospect) in self.dead_letters.prospects(&ids, allowed, self.clock.now()).await? {
                *outcomes.entry(prospect.as_str()).or_default() += 1;
                total += 1;
            }
        }
        Ok(json!({ "total": total, "outcomes": outcomes }))
    }

    /// A page of the chosen letters, and where the next one begins.
    async fn some_of(
        &self,
        chosen: &Chosen,
        page: &Page,
    ) -> Result<(Vec<DeadLetterId>, Option<String>), OperatorError> {
        match chosen {
            Chosen::Ids(ids) => Ok((ids.clone(), None)),
            Chosen::Matching(filter) => {
                let listed = self.dead_letters.list(&open_ones(filter), page).await?;
                Ok((listed.items.into_iter().map(|letter| letter.id).collect(), listed.next))
            }
        }
    }

    /// How many of the chosen letters are open.
    async fn open(&self, chosen: &Chosen) -> Result<u64, OperatorError> {
        match chosen {
            Chosen::Matching(filter) => Ok(self.dead_letters.count(&open_ones(filter)).await?),
            Chosen::Ids(ids) => {
                let mut open = 0;
                for id in ids {
                    open += u64::from(self.letter(id).await?.state == LetterState::Open);
                }
                Ok(open)
            }
        }
    }

    /// Each of these must be there.
    pub(super) async fn are_there(&self, ids: &[DeadLetterId]) -> Result<(), OperatorError> {
        for id in ids {
            self.letter(id).await?;
        }
        Ok(())
    }

    async fn letter(&self, id: &DeadLetterId) -> Result<DeadLetter, OperatorError> {
        let letter = self.dead_letters.get(id).await?;
        letter.ok_or_else(|| OperatorError::no("dead letter", id.as_str(), "flow-runner dead-letters list --state all"))
    }
}

fn open_ones(filter: &LetterFilter) -> LetterFilter {
    LetterFilter { state: Some(LetterState::Open), ..filter.clone() }
}

/// A letter as the contract has it: what is marked there with `?` may be missing.
fn shown(letter: DeadLetter) -> Value {
    let mut shown = Map::new();
    let mut always = |name: &str, value: Value| drop(shown.insert(name.to_owned(), value));
    always("id", json!(letter.id));
    always("kind", json!(letter.kind));
    always("state", json!(letter.state));
    always("reason", json!(letter.reason));
    always("accountId", json!(letter.account_id));
    always("phoneNumberId", json!(letter.phone_number_id));
    always("recipientId", json!(letter.recipient_id));
    always("recipient", json!(letter.recipient));
    always("attempts", dated(letter.attempts));
    always("body", letter.body);
    always("traceId", json!(letter.trace_id));
    always("createdAt", json!(iso(letter.created_at)));
    let known = [
        ("code", json!(letter.code)),
        ("flowId", json!(letter.flow_id)),
        ("stepId", json!(letter.step_id)),
        ("jobId", json!(letter.job_id)),
        ("eventId", json!(letter.event_id)),
    ];
    shown.extend(known.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)));
    Value::Object(shown)
}

/// Attempts with their times for people.
pub(super) fn dated(mut attempts: Value) -> Value {
    for attempt in attempts.as_array_mut().into_iter().flatten() {
        if let Some(at) = attempt.get("at").and_then(Value::as_i64) {
            attempt["at"] = json!(iso(Timestamp(at)));
        }
    }
    attempts
}
