//! Flows of an account.

use super::accounts;
use crate::document::{self, Document};
use anyhow::{Context, bail};
use backends::Backends;
use flow_engine::{FlowId, FlowStatus, Timestamp, validate::Report};
use serde_json::{Value, json};
use shared::{
    ids::{self, AccountId},
    operator::iso,
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
                "updatedAt": iso(flow.updated_at),
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

/// Saves documents, each a new version of the flow with its id. What can't run comes in as `INACTIVE`, and says so;
/// what can't be saved says why and holds up no other.
pub async fn import(
    backends: &Backends,
    named: Option<&str>,
    mut documents: Vec<Document>,
    keep_recipients: bool,
) -> anyhow::Result<Value> {
    let account = account(backends, named).await?;
    let is_for_some = |list: Value| list.as_array().is_some_and(|list| !list.is_empty());
    let left_out: Vec<bool> = documents
        .iter_mut()
        .map(|document| document.recipients.take_if(|_| !keep_recipients).is_some_and(is_for_some))
        .collect();
    let reports = document::check(&documents, &*backends.flows.catalog(&account).await?);
    let mut items = Vec::with_capacity(documents.len());
    for ((document, report), recipients_left_out) in documents.into_iter().zip(reports).zip(left_out) {
        let mut item = json!({
            "file": document.origin.file, "id": document.id, "name": document.name, "saved": false,
            "recipientsLeftOut": recipients_left_out, "errors": report.errors, "warnings": report.warnings,
        });
        let wanted = document.status;
        match import_one(backends, &account, document, &report).await {
            Ok(flow) => {
                item["saved"] = true.into();
                item["id"] = json!(flow.id);
                item["status"] = json!(flow.status);
                item["version"] = flow.version.into();
                item["madeInactive"] = (flow.status != wanted).into();
            }
            Err(error) => item["error"] = format!("{error:#}").into(),
        }
        items.push(item);
    }
    Ok(json!({ "items": items }))
}

async fn import_one(
    backends: &Backends,
    account: &AccountId,
    document: Document,
    report: &Report,
) -> anyhow::Result<FlowRecord> {
    let status = if report.errors.is_empty() { document.status } else { FlowStatus::Inactive };
    let id: FlowId = document.id.as_deref().map_or_else(|| FlowId(ids::fresh()), FlowId::from);
    let before = backends.flows.get(account, &id).await?;
    let flow = FlowRecord {
        id: id.clone(),
        account_id: account.clone(),
        name: document.name,
        trigger: document.trigger,
        automation: document.steps,
        recipients: document.recipients.unwrap_or_else(|| json!([])),
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
        Saved::Done(flow) => Ok(*flow),
        Saved::Conflict => bail!("the id {id} belongs to another account's flow"),
        Saved::Changed => bail!("flow {id} was saved by somebody else at the same moment; try again"),
    }
}
