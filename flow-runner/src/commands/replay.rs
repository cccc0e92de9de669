//! `dead-letters replay|discard`: step by step, with a look ahead before anything is done.

use crate::{
    cli::ChosenArgs,
    operator::{Operation, operate},
    output::Output,
};
use anyhow::{Context, bail};
use backends::program::WrongUsage;
use serde_json::{Map, Value};
use shared::{
    Clock as _, SystemClock, ids,
    ids::ReplayId,
    ports::{
        dead_letters::{Allowed, LetterState},
        replays::{Act, Chosen, Order},
    },
    settings::Settings,
};
use std::{
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

/// How often it is said how far things are, where nobody looks at a terminal.
const NOW_AND_THEN: Duration = Duration::from_secs(5);
/// What was left, and how it can be replayed.
const HINTS: [(&str, &str); 4] = [
    ("may_duplicate", "may have arrived; --may-duplicate sends them all the same"),
    ("session_moved_on", "were left behind by their conversation; --force sends them all the same"),
    (
        "window_closed",
        "lie outside WhatsApp's 24-hour window; they can go out once the person writes again, then with --force",
    ),
    ("number_unavailable", "wait for their number: `flow-runner numbers add` or `resume`"),
];

pub async fn run(
    settings: &Settings,
    act: Act,
    args: &ChosenArgs,
    allowed: Allowed,
    output: Output,
) -> anyhow::Result<()> {
    let chosen = match args.ids.as_slice() {
        [] => Chosen::Matching(args.filter.filter(Some(LetterState::Open), SystemClock::default().now())),
        ids => Chosen::Ids(ids.iter().map(|id| id.as_str().into()).collect()),
    };
    let replay = Replay { settings, act, chosen, allowed, rate: args.rate };
    if args.dry_run {
        let found = replay.dry_run().await?;
        return output.print(&found, |found| lines(found, &found["outcomes"]));
    }
    if args.ids.is_empty() && !args.yes {
        replay.ask().await?;
    }
    let done = replay.all().await?;
    if done["state"] == "failed" {
        bail!("it was given up: {}", done["error"].as_str().unwrap_or_default());
    }
    let name = if act == Act::Replay { "replayed" } else { "discarded" };
    output.print(&done, |done| {
        let mut outcomes = Map::from_iter([(name.to_owned(), done["replayed"].clone())]);
        outcomes.extend(done["skipped"].as_object().cloned().unwrap_or_default());
        lines(done, &Value::Object(outcomes))
    })?;
    if !output.json {
        hints(&done);
    }
    Ok(())
}

/// What is done with which letters.
struct Replay<'a> {
    settings: &'a Settings,
    act: Act,
    chosen: Chosen,
    allowed: Allowed,
    rate: u32,
}

impl Replay<'_> {
    async fn dry_run(&self) -> anyhow::Result<Value> {
        let operation = Operation::DryRun { act: self.act, chosen: self.chosen.clone(), allowed: self.allowed };
        operate(self.settings, operation).await
    }

    /// Whether it is meant: a question on a terminal, where there is something to do; wrong usage elsewhere.
    async fn ask(&self) -> anyhow::Result<()> {
        if !std::io::stdin().is_terminal() {
            let hint = "nobody is here to be asked: look with --dry-run first, then say --yes, or name the letters";
            return Err(WrongUsage(hint.into()).into());
        }
        let found = self.dry_run().await?;
        let (verb, outcome) = match self.act {
            Act::Replay => ("Replay", "would_send"),
            Act::Discard => ("Discard", "would_discard"),
        };
        let affected = found["outcomes"][outcome].as_u64().unwrap_or_default();
        if affected == 0 {
            return Ok(());
        }
        anstream::eprint!("{verb} {affected} of {} dead letters? [y/N] ", found["total"]);
        std::io::stderr().flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).context("can't read the answer")?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => bail!("nothing was done"),
        }
    }

    /// Begins it and goes through with it; how it ended.
    async fn all(&self) -> anyhow::Result<Value> {
        let owner = ids::fresh().to_string();
        let order = Order {
            act: self.act,
            chosen: self.chosen.clone(),
            allowed: self.allowed,
            rate: self.rate,
            by: crate::operator::who(),
        };
        let begun = operate(self.settings, Operation::ReplayBegin { order, owner: owner.clone() }).await?;
        let id: ReplayId = begun["id"].as_str().context("a replay has an id")?.into();
        let mut progress = Progress::new();
        loop {
            let step = Operation::ReplayStep { id: id.clone(), owner: owner.clone() };
            let run = operate(self.settings, step).await.with_context(|| {
                format!(
                    "replay {id} stands still; nothing is lost: a gateway goes on with it, or run the command again"
                )
            })?;
            progress.show(&run);
            if run["state"] != "running" {
                progress.end();
                return Ok(run);
            }
            tokio::time::sleep(Duration::from_millis(run["waitMillis"].as_u64().unwrap_or(1_000))).await;
        }
    }
}

/// The counts that are not nothing.
fn lines(found: &Value, outcomes: &Value) -> String {
    let mut text = format!("{:<18}  {}\n", "total", found["total"]);
    let counted = outcomes.as_object().into_iter().flatten();
    for (name, count) in counted.filter(|(_, count)| count.as_u64() != Some(0)) {
        text.push_str(&format!("{name:<18}  {count}\n"));
    }
    text
}

/// How what was left can be replayed.
fn hints(done: &Value) {
    for (prospect, hint) in HINTS {
        match done["skipped"][prospect].as_u64() {
            Some(count) if count > 0 => anstream::eprintln!("{count} {hint}"),
            _ => {}
        }
    }
}

/// How far things are: one line on a terminal, a line now and then elsewhere.
struct Progress {
    clock: SystemClock,
    shown: Duration,
    terminal: bool,
}

impl Progress {
    fn new() -> Self {
        let clock = SystemClock::default();
        Self { shown: clock.boot(), clock, terminal: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, run: &Value) {
        let skipped: u64 =
            run["skipped"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
        let done = run["replayed"].as_u64().unwrap_or_default();
        let line = || format!("{} of {}, {done} done, {skipped} left as they are", done + skipped, run["total"]);
        if self.terminal {
            anstream::eprint!("\r{}", line());
        } else if self.clock.boot() - self.shown >= NOW_AND_THEN {
            anstream::eprintln!("{}", line());
            self.shown = self.clock.boot();
        }
    }

    fn end(&self) {
        if self.terminal {
            anstream::eprint!("\r\x1b[K");
        }
    }
}
