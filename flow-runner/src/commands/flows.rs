//! `flows list|show|import|export|lint|delete`.

use crate::{
    cli::{Flows, FlowsArgs, SettingsArgs},
    document::{self, Document, Refused},
    operator::{Operation, operate},
    output::{Output, field, table},
};
use anyhow::bail;
use flow_engine::Catalog;
use serde_json::{Value, json};
use std::path::PathBuf;

pub async fn run(settings: &SettingsArgs, args: &FlowsArgs, output: Output) -> anyhow::Result<()> {
    shared::telemetry::install_log("warn");
    let account = args.account.clone();
    let operation = match &args.what {
        Flows::Lint { files } => return lint(files, output),
        Flows::Import { files, keep_recipients } => {
            return import(settings, account, files, *keep_recipients, output).await;
        }
        Flows::List => Operation::FlowsList { account },
        Flows::Show { id } => Operation::FlowsShow { account, id: id.clone() },
        Flows::Export => Operation::FlowsExport { account },
        Flows::Delete { id } => Operation::FlowsDelete { account, id: id.clone() },
    };
    let result = operate(&settings.load()?, operation).await?;
    output.print(&result, |result| match &args.what {
        Flows::List => table(result, &["id", "name", "status", "version", "trigger", "steps", "updatedAt"]),
        Flows::Delete { .. } => format!("deleted {}", field(result, "id")),
        // A document is meant to be kept in a file.
        _ => serde_json::to_string_pretty(result).unwrap_or_default(),
    })
}

/// The flows of all files, and beside them what no flow can be made of.
fn read(files: &[PathBuf]) -> anyhow::Result<(Vec<Document>, Vec<Refused>)> {
    let (mut documents, mut refused) = (Vec::new(), Vec::new());
    for file in files {
        for flow in document::read(file)? {
            match flow {
                Ok(document) => documents.push(document),
                Err(fault) => refused.push(fault),
            }
        }
    }
    Ok((documents, refused))
}

/// Saves the flows of files. What was not saved is told after what was.
async fn import(
    settings: &SettingsArgs,
    account: Option<String>,
    files: &[PathBuf],
    keep_recipients: bool,
    output: Output,
) -> anyhow::Result<()> {
    let (documents, refused) = read(files)?;
    let operation = Operation::FlowsImport { account, documents, keep_recipients };
    let result = operate(&settings.load()?, operation).await?;
    let refused = refused.iter().map(|refused| {
        json!({
            "file": refused.file, "name": refused.name, "saved": false, "error": "no flow can be made of this",
            "errors": refused.faults,
        })
    });
    let mut items: Vec<Value> = items(&result).cloned().chain(refused).collect();
    // False before true: what failed stands last, where people look.
    items.sort_by_key(|item| item["saved"] != true);
    let failed = items.iter().filter(|item| item["saved"] != true).count();
    let count = items.len();
    output.print(&json!({ "items": items }), imported)?;
    if failed > 0 {
        bail!("{failed} of {count} flows were not saved");
    }
    Ok(())
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.get("items").and_then(Value::as_array).into_iter().flatten()
}

fn findings(of: &Value, name: &str) -> String {
    let list = of.get(name).and_then(Value::as_array).into_iter().flatten();
    list.map(|finding| {
        format!("    {} {}: {}\n", name.trim_end_matches('s'), field(finding, "path"), field(finding, "message"))
    })
    .collect()
}

fn imported(result: &Value) -> String {
    let flow = |flow: &Value| {
        if flow["saved"] != true {
            let [file, name, error] = ["file", "name", "error"].map(|name| field(flow, name));
            return format!("{file}  not saved ({name}): {error}\n") + &findings(flow, "errors");
        }
        let mut text = format!(
            "{}  {} version {} ({})\n",
            field(flow, "id"),
            field(flow, "status"),
            field(flow, "version"),
            field(flow, "name")
        );
        if flow["madeInactive"] == true {
            text.push_str("    it has errors and came in as INACTIVE\n");
        }
        if flow["recipientsLeftOut"] == true {
            text.push_str("    its recipients were left out (--keep-recipients keeps them): everyone may start it\n");
        }
        text + &findings(flow, "errors") + &findings(flow, "warnings")
    };
    items(result).map(flow).collect()
}

/// Checks files beside each other, without any data.
fn lint(files: &[PathBuf], output: Output) -> anyhow::Result<()> {
    let (documents, refused) = read(files)?;
    let reports = document::check(&documents, &Catalog::default());
    let errors = refused.iter().map(|refused| refused.faults.len()).sum::<usize>()
        + reports.iter().map(|report| report.errors.len()).sum::<usize>();
    let refused = refused
        .iter()
        .map(|refused| json!({ "file": refused.file, "name": refused.name, "errors": refused.faults, "warnings": [] }));
    let checked = documents.iter().zip(&reports).map(|(flow, report)| {
        json!({
            "file": flow.origin.file, "name": flow.name, "errors": report.errors, "warnings": report.warnings,
        })
    });
    let result = json!({ "items": checked.chain(refused).collect::<Vec<Value>>() });
    output.print(&result, |result| {
        items(result)
            .map(|flow| {
                let found = findings(flow, "errors") + &findings(flow, "warnings");
                format!(
                    "{} ({})\n{}",
                    field(flow, "file"),
                    field(flow, "name"),
                    if found.is_empty() { "    nothing to say\n".into() } else { found }
                )
            })
            .collect()
    })?;
    if errors > 0 {
        bail!("{errors} errors: such a flow can't be made active");
    }
    Ok(())
}
