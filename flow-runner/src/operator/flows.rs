//! Flows of an account.

use super::accounts;
use crate::document::{self, Document};
use anyhow::{Context, bail};
use backends::Backends;
use flow_engine::{FlowId, FlowStatus, Timestamp, validate::Report};
use serde_json::{Value, json};
use shared::{
    ids::{self, AccountId},
    ports::flows::{FlowRecord, Saved},
};

/// The account that is meant: the one named, or the only one there is.
async fn account(backends: &Backends, named: Option<&str>) -> anyhow::Result<AccountId> {
    if let Some(account) = accounts::if_named(backends, named).await? {
        return Ok(account);
    }
    match backends.accounts.accounts().await?.as_slice() {
        [only] => Ok(only.id.clone()),
        [] => bail!("there is no account yet; `flow-runner accounts create NAME` makes one"),
        _ => bail!("there are several accounts; say which with --account ID"),
    }
}

pub async fn list(backends: &Backends, named: Option<&str>) -> anyhow::Result<Value> {
    let account = account(backends, named).await?;
    let flows = backends.flows.list(&account).await?;
    let items: Vec<Value> = flows
        .iter()
        .map(|flow| {
            json!({
                "id": flow.id, "name": flow.name, "status": flow.status, "version": flow.version,
                "trigger": flow.trigger, "steps": flow.automation.as_array().map_or(0, Vec::len),
                "updatedAt": document::iso(flow.updated_at),
            })
        })
        .collect();
    Ok(json!({ "items": items }))
}

pub async fn show(backends: &Backends, named: Option<&str>, id: &str) -> anyhow::Result<Value> {
    let account = account(backends, named).await?;
    let flow = backends.flows.get(&account, &FlowId::from(id)).await?;
    let flow = flow.with_context(|| format!("account {account} has no flow {id}"))?;
    Ok(document::of(&flow))
}

pub async fn export(backends: &Backends, named: Option<&str>) -> anyhow::Result<Value> {
    let account = account(backends, named).await?;
    Ok(backends.flows.list(&account).await?.iter().map(document::of).collect())
}

pub async fn delete(backends: &Backends, named: Option<&str>, id: &str) -> anyhow::Result<Value> {
    let account = account(backends, named).await?;
    if !backends.flows.delete(&account, &FlowId::from(id)).await? {
        bail!("account {account} has no flow {id}");
    }
    Ok(json!({ "id": id }))
}

/// Saves documents, each a new version of the flow with its id. What can't run comes in as `INACTIVE`, and says so.
pub async fn import(
    backends: &Backends,
    named: Option<&str>,
    documents: Vec<Document>,
    keep_recipients: bool,
) -> anyhow::Result<Value> {
    let account = account(backends, named).await?;
    let reports = document::check(&documents, &*backends.flows.catalog(&account).await?)?;
    let mut items = Vec::with_capacity(documents.len());
    for (document, report) in documents.into_iter().zip(reports) {
        items.push(import_one(backends, &account, document, report, keep_recipients).await?);
    }
    Ok(json!({ "items": items }))
}

async fn import_one(
    backends: &Backends,
    account: &AccountId,
    document: Document,
    report: Report,
    keep_recipients: bool,
) -> anyhow::Result<Value> {
    let wanted = document.status()?;
    let status = if report.errors.is_empty() { wanted } else { FlowStatus::Inactive };
    let recipients = document.recipients.clone().filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    let id: FlowId = document.id.as_deref().map_or_else(|| FlowId(ids::fresh()), FlowId::from);
    let before = backends.flows.get(account, &id).await?;
    let flow = FlowRecord {
        id: id.clone(),
        account_id: account.clone(),
        name: document.name,
        trigger: match document.triggers {
            Value::String(text) => text,
            other => other.to_string(),
        },
        automation: document.steps,
        recipients: recipients.clone().filter(|_| keep_recipients).unwrap_or_else(|| json!([])),
        status,
        version: before.as_ref().map_or(0, |flow| flow.version),
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    };
    let saved = match before {
        Some(_) => backends.flows.update(flow).await?,
        None => backends.flows.create(flow).await?,
    };
    match saved {
        Saved::Done(flow) => Ok(json!({
            "id": flow.id, "name": flow.name, "status": flow.status, "version": flow.version,
            "madeInactive": wanted != status,
            "recipientsLeftOut": recipients.is_some() && !keep_recipients,
            "errors": report.errors, "warnings": report.warnings,
        })),
        Saved::Conflict => bail!("the id {id} belongs to another account's flow"),
        Saved::Changed => bail!("flow {id} was saved by somebody else at the same moment; try again"),
    }
}
