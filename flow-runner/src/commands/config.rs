//! `config show|check|env`: nothing but settings, so nothing else is needed.

use crate::{
    cli::{ConfigArgs, ConfigCommand, SettingsArgs},
    output::{Output, table},
};
use backends::program::WrongUsage;
use serde_json::{Value, json};
use shared::settings::{self, About};

pub fn run(args: &SettingsArgs, command: &ConfigArgs, output: Output) -> anyhow::Result<()> {
    match command.what {
        ConfigCommand::Show { sources } => show(args, sources, output),
        ConfigCommand::Check => check(args, output),
        ConfigCommand::Env => output.print(&environment(), |_| example()),
    }
}

fn show(args: &SettingsArgs, sources: bool, output: Output) -> anyhow::Result<()> {
    let columns: &[&str] = if sources { &["key", "value", "source"] } else { &["key", "value"] };
    let item = |setting: settings::Effective| {
        let mut item = json!({ "key": setting.key, "value": setting.value });
        if sources {
            item["source"] = setting.source.into();
        }
        item
    };
    let items: Vec<Value> = settings::effective(&args.overrides())?.into_iter().map(item).collect();
    output.print(&json!({ "items": items }), |items| table(items, columns))
}

fn check(args: &SettingsArgs, output: Output) -> anyhow::Result<()> {
    let findings: Vec<String> = settings::findings(&args.overrides()).iter().map(ToString::to_string).collect();
    let warnings: Vec<String> = settings::near_misses(&args.overrides()).iter().map(ToString::to_string).collect();
    output.print(&json!({ "findings": findings, "warnings": warnings }), |_| {
        let warnings = warnings.iter().map(|warning| format!("\nwarning: {warning}")).collect::<String>();
        match findings.as_slice() {
            [] => format!("nothing is wrong with the settings{warnings}"),
            findings => findings.join("\n") + &warnings,
        }
    })?;
    match findings.len() {
        0 => Ok(()),
        count => Err(WrongUsage(format!("{count} findings; `serve` would not start with these settings")).into()),
    }
}

fn environment() -> Value {
    let item = |about: About| {
        json!({
            "variable": about.variable, "key": about.key, "default": about.default, "secret": about.secret,
            "about": about.about.join(" "),
        })
    };
    json!({ "items": settings::about().into_iter().map(item).collect::<Vec<_>>() })
}

/// All of it as a file of variables. An empty one counts as not set.
fn example() -> String {
    let mut text = String::new();
    for about in settings::about() {
        for line in &about.about {
            text.push_str(&format!("# {line}\n"));
        }
        if about.secret {
            text.push_str(&format!("# Or the file that holds it: {}_FILE\n", about.variable));
        }
        text.push_str(&format!("{}={}\n", about.variable, about.default));
    }
    text
}
