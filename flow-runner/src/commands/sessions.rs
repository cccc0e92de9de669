//! `sessions list|show|set|delete`.

use crate::{
    cli::{Sessions, SessionsArgs, SetArgs, SettingsArgs},
    operator::{Operation, operate},
    output::{Output, field, fields, more, table},
};
use anyhow::Context;
use backends::program::WrongUsage;
use serde_json::Value;
use shared::{ids::RowVersion, operator::Place};
use std::io::Read as _;

const COLUMNS: [&str; 8] =
    ["recipient", "recipientId", "accountId", "flowId", "currentStepId", "phoneNumberId", "updatedAt", "expiresAt"];

pub async fn run(settings: &SettingsArgs, args: SessionsArgs, output: Output) -> anyhow::Result<()> {
    let settings = settings.load()?;
    shared::telemetry::install_log("warn");
    let account = args.account;
    match args.what {
        Sessions::List { list } => {
            let sessions = operate(&settings, Operation::SessionsList { account, page: list.page() }).await?;
            output.print(&sessions, |sessions| table(sessions, &COLUMNS))?;
            more(output, &sessions);
            Ok(())
        }
        Sessions::Show { recipient } => {
            let session = operate(&settings, Operation::SessionsShow { account, recipient }).await?;
            output.print(&session, people)
        }
        Sessions::Set(set) => {
            let place = place(&set)?;
            let (recipient, ttl) = (set.recipient, settings.session.ttl);
            let operation = Operation::SessionsSet { account, recipient, place, ttl };
            output.print(&operate(&settings, operation).await?, people)
        }
        Sessions::Delete { recipient } => {
            let ended = operate(&settings, Operation::SessionsDelete { account, recipient }).await?;
            output.print(&ended, |ended| format!("ended the session of {}", field(ended, "recipientId")))
        }
    }
}

/// A session with a line for the flows that go on when this one ends, the next one first.
fn people(session: &Value) -> String {
    let frames = session["stack"].as_array().into_iter().flatten().rev();
    let waiting: Vec<String> =
        frames.map(|frame| format!("{} after its step {}", field(frame, "flowId"), field(frame, "step"))).collect();
    let mut session = session.clone();
    session["stack"] = if waiting.is_empty() { Value::Null } else { waiting.join(", then ").into() };
    fields(&session)
}

/// From the flags, else from standard input.
fn place(args: &SetArgs) -> anyhow::Result<Place> {
    if let (Some(flow), Some(step)) = (&args.flow, &args.step) {
        return Ok(Place {
            flow_id: flow.clone(),
            flow_version: None,
            current_step_id: step.clone(),
            phone_number_id: args.number.clone(),
            row_version: args.row_version.map(RowVersion),
        });
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("can't read standard input")?;
    let wrong = |error| {
        WrongUsage(format!(
            "standard input holds no session ({error}); give --flow and --step, or JSON with flowId and currentStepId"
        ))
    };
    Ok(serde_json::from_str(&text).map_err(wrong)?)
}
