//! `dead-letters replay`: batch by batch, with a look ahead before anything is done.

use crate::{
    cli::ReplayArgs,
    operator::{Batch, Chosen, Operation, operate},
    output::Output,
};
use anyhow::{Context, bail};
use backends::program::WrongUsage;
use serde_json::{Map, Value, json};
use shared::{
    Clock as _, SystemClock,
    ids::DeadLetterId,
    ports::{
        dead_letters::{Allowed, LetterFilter, LetterState, Prospect},
        listing::Page,
    },
    settings::Settings,
};
use std::{
    collections::BTreeMap,
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

/// Letters in one transaction.
const BATCH: u32 = 200;
/// How often it is said how far things are, where nobody looks at a terminal.
const NOW_AND_THEN: Duration = Duration::from_secs(5);

pub async fn run(settings: &Settings, args: &ReplayArgs, output: Output) -> anyhow::Result<()> {
    // What dies again meanwhile is not replayed again.
    let now = SystemClock::default().now();
    let filter = LetterFilter { until: Some(now), ..args.filter.filter(Some(LetterState::Open), now) };
    let replay = Replaying { settings, args, filter };
    if args.dry_run {
        let counts = replay.all(true).await?;
        let result = json!({ "total": total(&counts), "outcomes": words(&counts, &Prospect::ALL) });
        return output.print(&result, |_| lines(&counts, "would_send"));
    }
    if args.ids.is_empty() && !args.yes {
        replay.ask().await?;
    }
    let counts = replay.all(false).await?;
    let replayed = counts.get(&Prospect::WouldSend).copied().unwrap_or_default();
    let skipped = words(&counts, &Prospect::ALL[1..]);
    let result = json!({ "total": total(&counts), "replayed": replayed, "skipped": skipped });
    output.print(&result, |_| lines(&counts, "replayed"))?;
    if !output.json {
        hints(&counts);
    }
    Ok(())
}

type Counts = BTreeMap<Prospect, u64>;

struct Replaying<'a> {
    settings: &'a Settings,
    args: &'a ReplayArgs,
    filter: LetterFilter,
}

impl Replaying<'_> {
    /// Whether it is meant: a question on a terminal, where there is something to do; wrong usage elsewhere.
    async fn ask(&self) -> anyhow::Result<()> {
        if !std::io::stdin().is_terminal() {
            let hint = "nobody is here to be asked: look with --dry-run first, then say --yes, or name the letters";
            return Err(WrongUsage(hint.into()).into());
        }
        let counts = self.all(true).await?;
        let replayed = counts.get(&Prospect::WouldSend).copied().unwrap_or_default();
        if replayed == 0 {
            return Ok(());
        }
        anstream::eprint!("Replay {replayed} of {} dead letters? [y/N] ", total(&counts));
        std::io::stderr().flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).context("can't read the answer")?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => bail!("nothing was replayed"),
        }
    }

    /// All batches.
    async fn all(&self, dry_run: bool) -> anyhow::Result<Counts> {
        let mut counts = Counts::new();
        let mut progress = Progress::new(dry_run);
        let named: Vec<DeadLetterId> = self.args.ids.iter().map(|id| id.as_str().into()).collect();
        for ids in named.chunks(BATCH as usize) {
            self.batch(Chosen::Ids(ids.to_vec()), dry_run, &mut counts).await?;
            progress.show(&counts);
        }
        let mut page = named.is_empty().then_some(Page { limit: BATCH, after: None });
        while let Some(this) = page {
            let next = self.batch(Chosen::Page(self.filter.clone(), this), dry_run, &mut counts).await?;
            page = next.map(|after| Page { limit: BATCH, after: Some(after) });
            progress.show(&counts);
        }
        progress.end();
        Ok(counts)
    }

    /// One batch; where the next one goes on.
    async fn batch(&self, chosen: Chosen, dry_run: bool, counts: &mut Counts) -> anyhow::Result<Option<String>> {
        let allowed = Allowed { may_duplicate: self.args.may_duplicate, force: self.args.force };
        let operation = Operation::DeadLettersReplay(Batch { chosen, allowed, dry_run });
        let answer = operate(self.settings, operation).await?;
        for prospect in Prospect::ALL {
            let count = answer["outcomes"][prospect.as_str()].as_u64().unwrap_or_default();
            *counts.entry(prospect).or_default() += count;
        }
        Ok(answer["nextCursor"].as_str().map(str::to_owned))
    }
}

fn total(counts: &Counts) -> u64 {
    counts.values().sum()
}

fn words(counts: &Counts, which: &[Prospect]) -> Map<String, Value> {
    let word =
        |prospect: &Prospect| (prospect.as_str().to_owned(), json!(counts.get(prospect).copied().unwrap_or_default()));
    which.iter().map(word).collect()
}

/// The counts that are not nothing, the first of them under the name `first`.
fn lines(counts: &Counts, first: &str) -> String {
    let name = |prospect: Prospect| if prospect == Prospect::WouldSend { first } else { prospect.as_str() };
    let mut text = format!("{:<18}  {}\n", "total", total(counts));
    for (prospect, count) in counts.iter().filter(|(_, count)| **count > 0) {
        text.push_str(&format!("{:<18}  {count}\n", name(*prospect)));
    }
    text
}

/// How what was left can be replayed.
fn hints(counts: &Counts) {
    for (prospect, hint) in [
        (Prospect::MayDuplicate, "may have arrived; --may-duplicate sends them all the same"),
        (Prospect::SessionMovedOn, "were left behind by their conversation; --force sends them all the same"),
        (
            Prospect::WindowClosed,
            "lie outside WhatsApp's 24-hour window; they can go out once the person writes again, then with --force",
        ),
        (Prospect::NumberUnavailable, "wait for their number: `flow-runner numbers add` or `resume`"),
    ] {
        match counts.get(&prospect) {
            Some(count) if *count > 0 => anstream::eprintln!("{count} {hint}"),
            _ => {}
        }
    }
}

/// How far things are: one line on a terminal, a line now and then elsewhere.
struct Progress {
    dry_run: bool,
    clock: SystemClock,
    shown: Duration,
    terminal: bool,
}

impl Progress {
    fn new(dry_run: bool) -> Self {
        let clock = SystemClock::default();
        Self { dry_run, shown: clock.boot(), clock, terminal: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, counts: &Counts) {
        let replayed = counts.get(&Prospect::WouldSend).copied().unwrap_or_default();
        let line = || match self.dry_run {
            true => format!("looked at {}", total(counts)),
            false => format!("looked at {}, replayed {replayed}", total(counts)),
        };
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
