//! `play FILE`: a conversation with a flow, in the terminal. Nothing is sent.

use crate::{
    cli::PlayArgs,
    document::{self, Document},
};
use anyhow::{Context, bail};
use flow_engine::{Catalog, Content, Conversation, FlowStatus, Flows, Input, MediaSource, Note, Reply, Rules, advance};
use owo_colors::OwoColorize;
use shared::{Clock, SystemClock};
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

const NUMBER: &str = "play";

pub fn run(args: &PlayArgs) -> anyhow::Result<()> {
    let catalog = catalog(args)?;
    let clock = SystemClock::default();
    let mut conversation = Conversation::default();
    let mut last: Option<Content> = None;
    let prompt = io::stdin().is_terminal();
    if prompt {
        anstream::println!(
            "Write as the recipient. `/1` taps the first button of the last question, `/image` sends a picture, Ctrl-D ends."
        );
    }
    let mut lines = io::stdin().lock().lines();
    loop {
        if prompt {
            anstream::print!("{} ", "›".cyan());
            io::stdout().flush()?;
        }
        let Some(line) = lines.next() else { return Ok(()) };
        let line = line.context("can't read what was typed")?;
        if !prompt {
            anstream::println!("{} {line}", "›".cyan());
        }
        let reply = reply(&line, last.as_ref());
        let input = Input {
            phone_number_id: NUMBER.into(),
            sender: vec![args.from.clone()],
            context_id: None,
            reply,
            at: clock.now(),
        };
        let flows = Flows { catalog: &catalog, pinned: &[] };
        let transition = advance(&conversation, &input, flows, Rules::default());
        for send in &transition.sends {
            anstream::println!("{} {}", "‹".green(), shown(&send.content));
            last = Some(send.content.clone());
        }
        for note in &transition.notes {
            if let Some(text) = told(note) {
                anstream::println!("  {}", text.dimmed());
            }
        }
        conversation = transition.conversation;
    }
}

/// The file's flows, all of them active.
fn catalog(args: &PlayArgs) -> anyhow::Result<Catalog> {
    let documents: Vec<Document> = document::read(&args.file)?.into_iter().collect::<Result<_, _>>()?;
    if documents.is_empty() {
        bail!("{} holds no flow", args.file.display());
    }
    let flows = documents.iter().enumerate().map(|(row, document)| document.flow(row + 1, FlowStatus::Active));
    Ok(Catalog::new(flows.collect()))
}

/// What a line stands for: a command, else what it says. A flow may have the trigger `/start`.
fn reply(line: &str, last: Option<&Content>) -> Reply {
    if line == "/image" {
        return Reply::Wordless;
    }
    let choices = match last {
        Some(Content::Buttons { buttons: choices, .. } | Content::List { rows: choices, .. }) => choices.as_slice(),
        _ => &[],
    };
    let number = line.strip_prefix('/').and_then(|number| number.parse::<usize>().ok());
    match number.and_then(|number| choices.get(number.checked_sub(1)?)) {
        Some(choice) => Reply::Tap { id: choice.id.clone(), title: choice.title.clone() },
        None => Reply::Text(line.to_owned()),
    }
}

fn shown(content: &Content) -> String {
    let titles = |choices: &[flow_engine::Choice]| {
        choices.iter().map(|choice| format!("[{}]", choice.title)).collect::<Vec<_>>().join(" ")
    };
    match content {
        Content::Text { body } => body.clone(),
        Content::Buttons { header, body, footer, buttons } => {
            format!("{}\n  {}", framed(header.as_deref(), body, footer.as_deref()), titles(buttons))
        }
        Content::List { header, body, footer, open, rows } => {
            format!("{}\n  {open}: {}", framed(header.as_deref(), body, footer.as_deref()), titles(rows))
        }
        Content::Image { source, caption } => file("🖼", source, caption.as_deref()),
        Content::Video { source, caption } => file("🎬", source, caption.as_deref()),
        Content::Audio { source } => file("🔊", source, None),
        Content::Document { source, caption, filename } => {
            let named = filename.as_deref().map(|name| format!("{name}  ")).unwrap_or_default();
            format!("📄 {named}{}", file("", source, caption.as_deref()).trim_start())
        }
        Content::Template { name, language, components } => {
            let components = components.iter().map(|component| format!("\n  {component}"));
            format!("template {name} ({language}){}", components.collect::<String>())
        }
    }
}

/// A body between its header and its footer, where it has them.
fn framed(header: Option<&str>, body: &str, footer: Option<&str>) -> String {
    [header, Some(body), footer].into_iter().flatten().collect::<Vec<_>>().join("\n  ")
}

fn file(kind: &str, source: &MediaSource, caption: Option<&str>) -> String {
    let (MediaSource::Link(at) | MediaSource::Id(at)) = source;
    let caption = caption.map(|text| format!("\n  {text}")).unwrap_or_default();
    format!("{kind}  {at}{caption}")
}

/// Notes that a person who writes a flow wants to see.
fn told(note: &Note) -> Option<String> {
    match note {
        Note::Started { flow, by } => Some(format!("flow {flow} begins ({by})")),
        Note::Ended { flow } => Some(format!("flow {flow} ends")),
        Note::NoFlow => Some("no flow takes this".into()),
        Note::Skipped { step, why } => Some(format!("step {step} skipped: {why}")),
        Note::Shortened { step, what: "label" } => {
            Some(format!("step {step}: a label was shortened, or numbered because two are alike"))
        }
        Note::Shortened { step, what: "buttons" } => Some(format!("step {step}: some buttons were left out")),
        Note::Shortened { step, what } => Some(format!("step {step}: {what} is over WhatsApp's length")),
        Note::MissedTooSoon => Some("recorded, not answered: less than 2 s after the question".into()),
        Note::GaveUp { step } => Some(format!("too many misses at step {step}: the session ends")),
        Note::DoubleTap => Some("a double tap does nothing".into()),
        Note::TapAsText { why } => Some(format!("the button counts as its title: {why}")),
        Note::SessionOver { why } => Some(format!("the session is over: {why}")),
        Note::Connected { flow, .. } => Some(format!("flow {flow} begins (connected)")),
        Note::Returned { flow } => Some(format!("back in flow {flow}")),
        Note::FrameDropped { flow, why } => Some(format!("no way back to flow {flow}: {why}")),
        Note::RunLimit => Some("cut off: too many steps in one go".into()),
        _ => None,
    }
}
