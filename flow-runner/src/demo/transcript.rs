//! The conversation as it happens: both sides, with ticks.

use owo_colors::OwoColorize;
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use whatsapp_simulator::{Happening, SentMessage, Status, User, UserMessage};

/// How wide names are printed.
const NAME: usize = 8;

/// Prints happenings.
#[derive(Debug, Clone, Copy)]
pub struct Transcript;

/// Prints until told to finish.
#[derive(Debug)]
pub struct Printing {
    finish: CancellationToken,
    task: JoinHandle<()>,
}

impl Printing {
    /// Prints what has happened so far, and ends.
    pub async fn finish(self) {
        self.finish.cancel();
        // The task only prints; were it to panic, nothing is lost but lines.
        drop(self.task.await);
    }
}

impl Transcript {
    pub fn new() -> Self {
        Self
    }

    pub fn heading(self, text: &str) {
        anstream::println!("\n{}", text.bold());
    }

    /// Prints all that happens from now on.
    pub fn follow(self, mut happenings: Receiver<Happening>) -> Printing {
        let finish = CancellationToken::new();
        let finished = finish.clone();
        let task = tokio::spawn(async move {
            let mut people = People::default();
            loop {
                tokio::select! {
                    biased;
                    happening = happenings.recv() => match happening {
                        Ok(happening) => people.print(happening),
                        Err(RecvError::Lagged(count)) => anstream::println!("  … {count} more"),
                        Err(RecvError::Closed) => return,
                    },
                    () = finished.cancelled() => return,
                }
            }
        });
        Printing { finish, task }
    }
}

/// Who is who, by phone or user id.
#[derive(Default)]
struct People {
    names: HashMap<String, String>,
    last: Option<String>,
    ticks: HashMap<Arc<str>, String>,
}

impl People {
    fn print(&mut self, happening: Happening) {
        match happening {
            Happening::UserWrote { from, what, .. } => self.user(&from, &what),
            Happening::Sent(sent) => self.business(&sent),
            Happening::Status { wamid, status, .. } => self.status(&wamid, status),
            Happening::Refused(refusal) => {
                let text = format!("refused: {} {}", refusal.code, refusal.details);
                anstream::println!("  {:NAME$}   {}", "", text.red());
            }
            _ => {}
        }
    }

    fn user(&mut self, from: &User, what: &UserMessage) {
        for id in from.phone.iter().chain(&from.bsuid) {
            self.names.insert(id.clone(), from.name.clone());
        }
        let text = match what {
            UserMessage::Text(text) => text.clone(),
            UserMessage::ButtonTap { title, .. } | UserMessage::ListTap { title, .. } => format!("taps [{title}]"),
            UserMessage::QuickReply { text, .. } => format!("taps [{text}]"),
            UserMessage::Image(_) => "sends a picture".to_owned(),
            UserMessage::Video(_) => "sends a video".to_owned(),
            UserMessage::Audio(_) | UserMessage::Voice(_) => "sends a sound".to_owned(),
            UserMessage::Document(_) => "sends a document".to_owned(),
            UserMessage::Sticker(_) => "sends a sticker".to_owned(),
            UserMessage::Location { .. } => "sends a location".to_owned(),
            _ => "sends something else".to_owned(),
        };
        if self.last.as_ref().is_some_and(|last| *last != from.name) {
            anstream::println!();
        }
        self.last = Some(from.name.clone());
        anstream::println!("  {:>NAME$} › {text}", from.name.cyan());
    }

    fn business(&mut self, sent: &SentMessage) {
        let to = self.names.get(sent.to_whom().trim_start_matches('+')).cloned().unwrap_or_default();
        self.ticks.insert(sent.wamid.clone(), to);
        for (index, line) in lines(sent).into_iter().enumerate() {
            let who = if index == 0 { "business" } else { "" };
            anstream::println!("  {:>NAME$} ‹ {line}", who.green());
        }
    }

    fn status(&mut self, wamid: &Arc<str>, status: Status) {
        let to = self.ticks.get(wamid).cloned().unwrap_or_default();
        let text = match status {
            Status::Sent => "✓ sent".to_owned(),
            Status::Delivered => "✓✓ delivered".to_owned(),
            Status::Read => format!("✓✓ read by {to}"),
            Status::Failed => "✗ failed".to_owned(),
        };
        anstream::println!("  {:NAME$}   {}", "", text.dimmed());
        if status == Status::Read {
            self.ticks.remove(wamid);
        }
    }
}

/// What the recipient sees.
fn lines(sent: &SentMessage) -> Vec<String> {
    let body = sent.body();
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let titles = |pointer: &str, title: &str| {
        let items = body.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|item| Some(format!("[{}]", item.pointer(title)?.as_str()?))).collect::<Vec<_>>().join(" ")
    };
    let mut lines = Vec::new();
    for (kind, sign) in [("image", "🖼"), ("video", "🎬"), ("audio", "🔊"), ("document", "📄")] {
        let field = |name: &str| text(&format!("/{kind}/{name}"));
        if let Some(file) = field("filename").or_else(|| field("link")).or_else(|| field("id")) {
            lines.push(format!("{sign}  {file}"));
            lines.extend(field("caption"));
        }
    }
    lines.extend(text("/template/name").map(|name| format!("template {name}")));
    lines.extend(text("/text/body"));
    lines.extend(text("/interactive/body/text"));
    lines.extend(text("/interactive/footer/text").map(|footer| format!("({footer})")));
    let buttons = titles("/interactive/action/buttons", "/reply/title");
    if !buttons.is_empty() {
        lines.push(buttons);
    }
    if let Some(open) = text("/interactive/action/button") {
        lines.push(format!("{open}: {}", titles("/interactive/action/sections/0/rows", "/title")));
    }
    lines
}
