//! Where recipients stand.

use super::accounts;
use crate::document::iso;
use anyhow::{Context, bail};
use backends::Backends;
use flow_engine::{Conversation, FlowId, FlowVersion, Session, VersionId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    ids::{AccountId, PhoneNumberId, RowVersion},
    ports::{listing::Page, recipients::Recipient},
};
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

pub async fn list(backends: &Backends, account: Option<&str>, page: &Page) -> anyhow::Result<Value> {
    let account = accounts::if_named(backends, account).await?;
    let listed = backends.recipients.in_session(account.as_ref(), backends.clock.now(), page).await?;
    let items: Vec<Value> = listed.items.iter().filter_map(shown).collect();
    Ok(json!({ "items": items, "nextCursor": listed.next }))
}

pub async fn show(backends: &Backends, account: Option<&str>, who: &str) -> anyhow::Result<Value> {
    let recipient = recipient(backends, account, who).await?;
    in_session(backends, &recipient, who)?;
    shown(&recipient).with_context(|| format!("{who} is in no session"))
}

/// Puts somebody at a step, as if it had just been asked there. Where that is where they are, only times change.
pub async fn set(
    backends: &Backends,
    account: Option<&str>,
    who: &str,
    place: &Place,
    ttl: Duration,
) -> anyhow::Result<Value> {
    let recipient = recipient(backends, account, who).await?;
    let version = version(backends, &recipient.account_id, place).await?;
    if version.index_of(&place.current_step_id).is_none() {
        bail!(
            "flow {} has no step {} in that version; `flow-runner flows show {}` shows its newest",
            place.flow_id,
            place.current_step_id,
            place.flow_id
        );
    }
    let now = backends.clock.now();
    let before = recipient.conversation.session.as_ref();
    let same_flow = before.filter(|session| session.flow_id == version.flow_id);
    let same_run = same_flow.filter(|session| session.flow_version == version.id);
    let same_step = same_run.filter(|session| *session.current_step_id.0 == *place.current_step_id);
    let session = Session {
        flow_id: version.flow_id.clone(),
        flow_version: version.id,
        current_step_id: place.current_step_id.as_str().into(),
        phone_number_id: number(backends, &recipient, place).await?.to_string(),
        created_at: same_flow.map_or(now, |session| session.created_at),
        updated_at: now,
        expires_at: now.plus(ttl),
        asked_at: now,
        misses: same_step.map_or(0, |session| session.misses),
        // The flows that wait for this run still do; for another flow or version none waits.
        stack: same_run.map_or_else(Vec::new, |session| session.stack.clone()),
    };
    put(backends, recipient, Some(session), place.row_version).await
}

pub async fn delete(backends: &Backends, account: Option<&str>, who: &str) -> anyhow::Result<Value> {
    let recipient = recipient(backends, account, who).await?;
    in_session(backends, &recipient, who)?;
    let ended = json!({ "accountId": recipient.account_id, "recipientId": recipient.id });
    put(backends, recipient, None, None).await?;
    Ok(ended)
}

/// Writes the row, then forgets the cached session: workers see the change at their next event.
async fn put(
    backends: &Backends,
    mut recipient: Recipient,
    session: Option<Session>,
    expected: Option<RowVersion>,
) -> anyhow::Result<Value> {
    let expected = expected.unwrap_or(recipient.version);
    recipient.conversation = Conversation { session, ..recipient.conversation };
    let (id, now) = (&recipient.id, backends.clock.now());
    match backends.recipients.place(id, expected, &recipient.conversation, now).await? {
        Some(version) => recipient.version = version,
        None => bail!("recipient {id} has moved meanwhile; look again with `flow-runner sessions show {id}`"),
    }
    if let Err(error) = backends.sessions.delete(&recipient.account_id, &recipient.id).await {
        // A worker that finds the stale copy finds its version stale too, and reads the row.
        tracing::warn!(%error, "the cached session could not be deleted");
    }
    Ok(shown(&recipient).unwrap_or(Value::Null))
}

/// The one recipient that is meant.
pub async fn recipient(backends: &Backends, account: Option<&str>, who: &str) -> anyhow::Result<Recipient> {
    let account = accounts::if_named(backends, account).await?;
    let mut found = backends.recipients.named(account.as_ref(), &identity(who)).await?;
    match (found.pop(), found.len()) {
        (Some(recipient), 0) => Ok(recipient),
        (Some(_), _) => bail!("several accounts know {who}; say which is meant with --account ID"),
        (None, _) => bail!("nobody known as {who} has written yet"),
    }
}

/// A phone as its digits, however it is typed; anything with letters in it as it is.
fn identity(who: &str) -> String {
    let who = who.trim();
    if who.contains(char::is_alphabetic) { who.to_owned() } else { who.chars().filter(char::is_ascii_digit).collect() }
}

fn in_session(backends: &Backends, recipient: &Recipient, who: &str) -> anyhow::Result<()> {
    match &recipient.conversation.session {
        Some(session) if session.expires_at > backends.clock.now() => Ok(()),
        Some(session) => bail!("{who} is in no session; the last one expired at {}", iso(session.expires_at)),
        None => bail!("{who} is in no session"),
    }
}

async fn version(backends: &Backends, account: &AccountId, place: &Place) -> anyhow::Result<Arc<FlowVersion>> {
    let id = FlowId::from(place.flow_id.as_str());
    let catalog = backends.flows.catalog(account).await?;
    let Some(flow) = catalog.flow(&id) else {
        bail!("account {account} has no flow {id}; `flow-runner flows list --account {account}` shows those there are");
    };
    let Some(wanted) = place.flow_version else { return Ok(flow.version.clone()) };
    let version = backends.flows.version(account, wanted).await?.filter(|version| version.flow_id == id);
    version.with_context(|| format!("flow {id} has no version {}; leave flowVersion out for its newest", wanted.0))
}

/// A number of the recipient's account: the one named, the session's, or the only one.
async fn number(backends: &Backends, recipient: &Recipient, place: &Place) -> anyhow::Result<PhoneNumberId> {
    let account = &recipient.account_id;
    let numbers = backends.accounts.phone_numbers().await?;
    let mut own = numbers.iter().filter(|number| number.account_id == *account);
    let before = recipient.conversation.session.as_ref().map(|session| session.phone_number_id.as_str());
    match (place.phone_number_id.as_deref().or(before), own.next(), own.next()) {
        (Some(id), _, _) => match numbers.iter().find(|number| number.id.as_str() == id) {
            Some(number) if number.account_id == *account => Ok(number.id.clone()),
            _ => bail!("account {account} has no number {id}; `flow-runner numbers list` shows those there are"),
        },
        (None, Some(only), None) => Ok(only.id.clone()),
        (None, None, _) => bail!("account {account} has no number; `flow-runner numbers add` adds one"),
        (None, Some(_), Some(_)) => bail!("account {account} has several numbers; say which with --number ID"),
    }
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
