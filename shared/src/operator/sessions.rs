//! Where recipients stand.

use super::{Answer, Operator, OperatorError, iso};
use crate::{
    ids::{AccountId, PhoneNumberId, RowVersion},
    ports::{listing::Page, recipients::Recipient},
};
use flow_engine::{Conversation, FlowId, FlowVersion, Session, VersionId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// Where somebody is to be put: the fields of a shown session that can be chosen.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The flow.
    pub flow_id: String,
    /// Its version; the newest without it.
    #[serde(default)]
    pub flow_version: Option<VersionId>,
    /// The step whose answer is awaited.
    pub current_step_id: String,
    /// The business number; the session's own or the account's only one without it.
    #[serde(default)]
    pub phone_number_id: Option<String>,
    /// The version of the row that this was decided on; whatever is there without it.
    #[serde(default)]
    pub row_version: Option<RowVersion>,
}

impl Operator {
    /// Who is in a session.
    pub async fn sessions(&self, account: Option<&str>, page: &Page) -> Answer {
        let account = self.account(account).await?;
        let listed = self.recipients.in_session(account.as_ref(), self.clock.now(), page).await?;
        let items: Vec<Value> = listed.items.iter().filter_map(shown).collect();
        Ok(json!({ "items": items, "nextCursor": listed.next }))
    }

    /// Where somebody stands.
    pub async fn session(&self, account: Option<&str>, who: &str) -> Answer {
        let recipient = self.recipient(account, who).await?;
        self.in_session(&recipient, who)?;
        shown(&recipient).ok_or_else(|| OperatorError::NotFound(format!("{who} is in no session")))
    }

    /// Puts somebody at a step, as if it had just been asked there. Where that is where they are, only times change.
    pub async fn set_session(
        &self,
        by: &str,
        account: Option<&str>,
        who: &str,
        place: &Place,
        ttl: Duration,
    ) -> Answer {
        let recipient = self.recipient(account, who).await?;
        let version = self.version(&recipient.account_id, place).await?;
        if version.index_of(&place.current_step_id).is_none() {
            return Err(OperatorError::Invalid(format!(
                "flow {} has no step {} in that version; `flow-runner flows show {}` shows its newest",
                place.flow_id, place.current_step_id, place.flow_id
            )));
        }
        let now = self.clock.now();
        let before = recipient.conversation.session.as_ref();
        let same_flow = before.filter(|session| session.flow_id == version.flow_id);
        let same_run = same_flow.filter(|session| session.flow_version == version.id);
        let same_step = same_run.filter(|session| *session.current_step_id.0 == *place.current_step_id);
        let session = Session {
            flow_id: version.flow_id.clone(),
            flow_version: version.id,
            current_step_id: place.current_step_id.as_str().into(),
            phone_number_id: self.number_of(&recipient, place).await?.to_string(),
            created_at: same_flow.map_or(now, |session| session.created_at),
            updated_at: now,
            expires_at: now.plus(ttl),
            asked_at: now,
            misses: same_step.map_or(0, |session| session.misses),
            // The flows that wait for this run still do; for another flow or version none waits.
            stack: same_run.map_or_else(Vec::new, |session| session.stack.clone()),
        };
        let details = json!({ "flowId": place.flow_id, "currentStepId": place.current_step_id });
        self.note(by, "sessions.set", recipient.id.as_str(), details).await?;
        self.put(recipient, Some(session), place.row_version).await
    }

    /// Ends somebody's session.
    pub async fn delete_session(&self, by: &str, account: Option<&str>, who: &str) -> Answer {
        let recipient = self.recipient(account, who).await?;
        self.in_session(&recipient, who)?;
        let ended = json!({ "accountId": recipient.account_id, "recipientId": recipient.id });
        self.note(by, "sessions.delete", recipient.id.as_str(), json!({})).await?;
        self.put(recipient, None, None).await?;
        Ok(ended)
    }

    /// Writes the row, then forgets the cached session: workers see the change at their next event.
    async fn put(&self, mut recipient: Recipient, session: Option<Session>, expected: Option<RowVersion>) -> Answer {
        let expected = expected.unwrap_or(recipient.version);
        recipient.conversation = Conversation { session, ..recipient.conversation };
        let (id, now) = (&recipient.id, self.clock.now());
        match self.recipients.place(id, expected, &recipient.conversation, now).await? {
            Some(version) => recipient.version = version,
            None => {
                let why =
                    format!("recipient {id} has moved meanwhile; look again with `flow-runner sessions show {id}`");
                return Err(OperatorError::Conflict(why));
            }
        }
        if let Err(error) = self.sessions.delete(&recipient.account_id, &recipient.id).await {
            // A worker that finds the stale copy finds its version stale too, and reads the row.
            tracing::warn!(%error, "the cached session could not be deleted");
        }
        Ok(shown(&recipient).unwrap_or(Value::Null))
    }

    /// The one recipient that is meant.
    pub(super) async fn recipient(&self, account: Option<&str>, who: &str) -> Result<Recipient, OperatorError> {
        let account = self.account(account).await?;
        let mut found = self.recipients.named(account.as_ref(), &identity(who)).await?;
        match (found.pop(), found.len()) {
            (Some(recipient), 0) => Ok(recipient),
            (Some(_), _) => {
                let why = format!("several accounts know {who}; say which is meant with --account ID");
                Err(OperatorError::Invalid(why))
            }
            (None, _) => Err(OperatorError::NotFound(format!("nobody known as {who} has written yet"))),
        }
    }

    fn in_session(&self, recipient: &Recipient, who: &str) -> Result<(), OperatorError> {
        match &recipient.conversation.session {
            Some(session) if session.expires_at > self.clock.now() => Ok(()),
            Some(session) => {
                let expired = iso(session.expires_at);
                Err(OperatorError::NotFound(format!("{who} is in no session; the last one expired at {expired}")))
            }
            None => Err(OperatorError::NotFound(format!("{who} is in no session"))),
        }
    }

    async fn version(&self, account: &AccountId, place: &Place) -> Result<Arc<FlowVersion>, OperatorError> {
        let id = FlowId::from(place.flow_id.as_str());
        let catalog = self.flows.catalog(account).await?;
        let Some(flow) = catalog.flow(&id) else {
            return Err(OperatorError::Invalid(format!(
                "account {account} has no flow {id}; `flow-runner flows list --account {account}` shows those there are"
            )));
        };
        let Some(wanted) = place.flow_version else { return Ok(flow.version.clone()) };
        let version = self.flows.version(account, wanted).await?.filter(|version| version.flow_id == id);
        version.ok_or_else(|| {
            let why = format!("flow {id} has no version {}; leave flowVersion out for its newest", wanted.0);
            OperatorError::Invalid(why)
        })
    }

    /// A number of the recipient's account: the one named, the session's, or the only one.
    async fn number_of(&self, recipient: &Recipient, place: &Place) -> Result<PhoneNumberId, OperatorError> {
        let account = &recipient.account_id;
        let numbers = self.accounts.phone_numbers().await?;
        let mut own = numbers.iter().filter(|number| number.account_id == *account);
        let before = recipient.conversation.session.as_ref().map(|session| session.phone_number_id.as_str());
        let no = |why: String| Err(OperatorError::Invalid(why));
        match (place.phone_number_id.as_deref().or(before), own.next(), own.next()) {
            (Some(id), _, _) => match numbers.iter().find(|number| number.id.as_str() == id) {
                Some(number) if number.account_id == *account => Ok(number.id.clone()),
                _ => no(format!(
                    "account {account} has no number {id}; `flow-runner numbers list` shows those there are"
                )),
            },
            (None, Some(only), None) => Ok(only.id.clone()),
            (None, None, _) => no(format!("account {account} has no number; `flow-runner numbers add` adds one")),
            (None, Some(_), Some(_)) => {
                no(format!("account {account} has several numbers; say which with --number ID"))
            }
        }
    }
}

/// A phone as its digits, however it is typed; anything with letters in it as it is.
fn identity(who: &str) -> String {
    let who = who.trim();
    if who.contains(char::is_alphabetic) { who.to_owned() } else { who.chars().filter(char::is_ascii_digit).collect() }
}

/// A session as people see it; `set` takes the same.
fn shown(recipient: &Recipient) -> Option<Value> {
    let session = recipient.conversation.session.as_ref()?;
    Some(json!({
        "accountId": recipient.account_id,
        "recipientId": recipient.id,
        "recipient": recipient.identities.phone.as_ref().or(recipient.identities.bsuid.as_ref()),
        "identities": recipient.identities,
        "name": recipient.profile_name,
        "flowId": session.flow_id,
        "flowVersion": session.flow_version,
        "currentStepId": session.current_step_id,
        "phoneNumberId": session.phone_number_id,
        "createdAt": iso(session.created_at),
        "updatedAt": iso(session.updated_at),
        "expiresAt": iso(session.expires_at),
        "askedAt": iso(session.asked_at),
        "misses": session.misses,
        "stack": session.stack,
        "lastMessageAt": recipient.last_message_at.map(iso),
        "rowVersion": recipient.version,
    }))
}
