//! `flows list|show|import|export|lint|delete`.

use crate::{
    cli::{Flows, FlowsArgs, SettingsArgs},
    document,
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
        Flows::List => Operation::FlowsList { account },
        Flows::Show { id } => Operation::FlowsShow { account, id: id.clone() },
        Flows::Export => Operation::FlowsExport { account },
        Flows::Delete { id } => Operation::FlowsDelete { account, id: id.clone() },
        Flows::Import { files, keep_recipients } => {
            let mut documents = Vec::new();
            for file in files {
                documents.extend(document::read(file)?);
            }
            Operation::FlowsImport { account, documents, keep_recipients: *keep_recipients }
        }
    };
    let result = operate(&settings.load()?, operation).await?;
    output.print(&result, |result| match &args.what {
        Flows::List => table(result, &["id", "name", "status", "version", "trigger", "steps", "updatedAt"]),
        Flows::Import { .. } => imported(result),
        Flows::Delete { .. } => format!("deleted {}", field(result, "id")),
        // A document is meant to be kept in a file.
        _ => serde_json::to_string_pretty(result).unwrap_or_default(),
    })
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
    let (mut of, mut documents) = (Vec::new(), Vec::new());
    for file in files {
        documents.extend(document::read(file)?);
        of.resize(documents.len(), file);
    }
    let reports = document::check(&documents, &Catalog::default())?;
    let errors: usize = reports.iter().map(|report| report.errors.len()).sum();
    let findings_of = of.iter().zip(&documents).zip(&reports).map(|((file, flow), report)| {
        json!({ "file": file, "name": flow.name, "errors": report.errors, "warnings": report.warnings })
    });
    let checked: Vec<Value> = findings_of.collect();
    let result = json!({ "items": checked });
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
        bail!("{errors} errors: such a flow can be saved as a draft, but not made active");
    }
    Ok(())
}
