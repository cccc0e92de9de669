//! `completions`, `man`: what is known of the command line, for shells and for people.

use crate::{
    cli::{Cli, CompletionsArgs, ManArgs},
    output::Output,
};
use anyhow::Context;
use clap::CommandFactory;
use serde_json::json;
use std::io::Write as _;

const NAME: &str = "flow-runner";

/// Prints completions.
pub fn completions(args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut script);
    // Whoever reads it may have seen enough.
    drop(std::io::stdout().write_all(&script));
    Ok(())
}

/// Writes a page for each command; which.
pub fn man(args: &ManArgs, output: Output) -> anyhow::Result<()> {
    let directory = &args.directory;
    std::fs::create_dir_all(directory).with_context(|| format!("can't make {}", directory.display()))?;
    clap_mangen::generate_to(Cli::command(), directory)
        .with_context(|| format!("can't write manual pages to {}", directory.display()))?;
    let mut pages: Vec<String> = std::fs::read_dir(directory)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(NAME))
        .collect();
    pages.sort();
    output.print(&json!({ "pages": pages }), |_| {
        format!(
            "{} pages in {}; read one with: man -l {}/{NAME}.1\n",
            pages.len(),
            directory.display(),
            directory.display()
        )
    })
}
