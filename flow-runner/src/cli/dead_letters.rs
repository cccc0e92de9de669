//! `dead-letters list|show|summary|replay|discard`.

use super::ListArgs;
use clap::{ArgGroup, Args, Subcommand, ValueEnum, builder::PossibleValuesParser};
use flow_engine::Timestamp;
use shared::{
    operator::Moment,
    ports::dead_letters::{GroupBy, LetterFilter, LetterKind, LetterState},
};

/// Why a letter may have been written.
const REASONS: [&str; 12] = [
    "permanent_error",
    "attempts_exhausted",
    "unknown_outcome",
    "window_closed",
    "send_cap",
    "too_old",
    "run_limit",
    "unknown_phone_number",
    "kills_consumer",
    "delivery_limit",
    "undecodable",
    "rejected_by_database",
];

#[derive(Debug, Args)]
#[command(after_help = "Example: flow-runner dead-letters replay --reason attempts_exhausted --since 2h --dry-run")]
pub struct DeadLettersArgs {
    #[command(subcommand)]
    pub what: DeadLetters,
}

#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// Show letters, oldest first
    #[command(after_help = "Example: flow-runner dead-letters list --code 131026 --since 7d")]
    List {
        #[command(flatten)]
        filter: LetterFilterArgs,
        /// What became of them
        #[arg(long, value_enum, default_value = "open")]
        state: ListedState,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show one letter with all that was tried
    #[command(after_help = "Example: flow-runner dead-letters show 0199b1f4-5a3c-7c1e-9f5e-2b7c3d1a4e6f")]
    Show {
        /// The letter's id
        id: String,
    },
    /// Count letters by why they were written, by error code, flow and step, the largest group first
    #[command(after_help = "Example: flow-runner dead-letters summary --by reason,code --since 24h")]
    Summary {
        /// What they are grouped by
        #[arg(long, value_delimiter = ',', value_enum, default_values_t = [By::Reason, By::Code, By::Flow, By::Step])]
        by: Vec<By>,
        #[command(flatten)]
        filter: LetterFilterArgs,
        /// What became of them
        #[arg(long, value_enum, default_value = "open")]
        state: ListedState,
    },
    /// Put what open letters stand for back in motion
    ///
    /// Only what harms nobody is replayed. What was sent after all, may have arrived, has been left behind by its
    /// conversation, lies outside the 24-hour window or waits for a number stays as it is, and is counted.
    ///
    /// It may be broken off and run again: nothing is replayed twice. Where a gateway is up, it goes on without you.
    #[command(after_help = "Example: flow-runner dead-letters replay --reason unknown_phone_number --yes")]
    Replay(ReplayArgs),
    /// Close open letters: nothing is to be done about what they stand for
    #[command(after_help = "Example: flow-runner dead-letters discard --reason window_closed --until 7d --yes")]
    Discard(DiscardArgs),
}

/// What letters are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Why they were written
    Reason,
    /// Meta's error code
    Code,
    /// The flow
    Flow,
    /// The step
    Step,
}

impl From<By> for GroupBy {
    fn from(by: By) -> Self {
        match by {
            By::Reason => Self::Reason,
            By::Code => Self::Code,
            By::Flow => Self::Flow,
            By::Step => Self::Step,
        }
    }
}

#[derive(Debug, Args)]
pub struct LetterFilterArgs {
    /// Why it was written
    #[arg(long, value_parser = PossibleValuesParser::new(REASONS), hide_possible_values = true)]
    pub reason: Option<String>,
    /// Meta's error code
    #[arg(long)]
    pub code: Option<i64>,
    /// The flow it comes from
    #[arg(long, value_name = "ID")]
    pub flow: Option<String>,
    /// The step it comes from
    #[arg(long, value_name = "ID")]
    pub step: Option<String>,
    /// Whose it is
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// The business number
    #[arg(long, value_name = "ID")]
    pub number: Option<String>,
    /// What they stand for
    #[arg(long, value_enum)]
    pub kind: Option<Kind>,
    /// The recipient: a phone, a user id (CC.…), or a recipient id
    #[arg(long, value_name = "WHO")]
    pub recipient: Option<String>,
    /// A text in ids, recipient, attempts or content
    #[arg(long, short = 'q', value_name = "TEXT")]
    pub text: Option<String>,
    /// Not written before: 2h, 7d, 2026-11-22, 2026-11-22T08:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,
    /// Not written after
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
}

/// What a letter stands for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Kind {
    /// A message that came in
    Event,
    /// A message to send
    Job,
}

impl LetterFilterArgs {
    /// The same as the ports take it, for letters in this state.
    pub fn filter(&self, state: Option<LetterState>, now: Timestamp) -> LetterFilter {
        LetterFilter {
            kind: self.kind.map(|kind| match kind {
                Kind::Event => LetterKind::Event,
                Kind::Job => LetterKind::Job,
            }),
            state,
            reason: self.reason.clone(),
            code: self.code,
            account: self.account.as_deref().map(Into::into),
            number: self.number.as_deref().map(Into::into),
            flow: self.flow.as_deref().map(Into::into),
            step: self.step.as_deref().map(Into::into),
            recipient: self.recipient.as_deref().map(|who| who.trim().trim_start_matches('+').to_owned()),
            text: self.text.clone(),
            since: self.since.map(|since| since.seen_from(now)),
            until: self.until.map(|until| until.seen_from(now)),
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ListedState {
    /// Somebody should look at it
    Open,
    /// Put back in motion
    Replayed,
    /// It turned out to have arrived
    Settled,
    /// Somebody decided that nothing is to be done
    Discarded,
    /// Whatever became of it
    All,
}

impl ListedState {
    /// The one state that is meant, if it is one.
    pub fn only(self) -> Option<LetterState> {
        Some(match self {
            Self::Open => LetterState::Open,
            Self::Replayed => LetterState::Replayed,
            Self::Settled => LetterState::Settled,
            Self::Discarded => LetterState::Discarded,
            Self::All => return None,
        })
    }
}

/// Which letters something is done with.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true)
    .args(["ids", "all", "reason", "code", "flow", "step", "account", "number", "kind", "recipient", "text", "since", "until"]))]
pub struct ChosenArgs {
    /// Letters by their ids
    #[arg(value_name = "ID", conflicts_with_all = ["all", "reason", "code", "flow", "step", "account", "number", "kind",
        "recipient", "text", "since", "until"])]
    pub ids: Vec<String>,
    #[command(flatten)]
    pub filter: LetterFilterArgs,
    /// All open letters
    #[arg(long)]
    pub all: bool,
    /// Only say what would happen
    #[arg(long)]
    pub dry_run: bool,
    /// Letters a second at most
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    pub chosen: ChosenArgs,
    /// Also what may have arrived: it may be sent twice
    #[arg(long)]
    pub may_duplicate: bool,
    /// Also what the conversation has left behind
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct DiscardArgs {
    #[command(flatten)]
    pub chosen: ChosenArgs,
}
