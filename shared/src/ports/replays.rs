//! Replays and discards of many dead letters, kept so that whoever is up goes on with them.

use super::{
    Stored,
    dead_letters::{Allowed, LetterFilter, Prospect},
};
use crate::{
    event::Event,
    ids::{DeadLetterId, ReplayId},
    job::JobRef,
};
use async_trait::async_trait;
use flow_engine::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// What is done with the letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Put back in motion what they stand for.
    Replay,
    /// Nothing is to be done: close them.
    Discard,
}

impl Act {
    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Discard => "discard",
        }
    }

    /// Reads the word in the table.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Replay, Self::Discard].into_iter().find(|act| act.as_str() == word)
    }
}

/// Which letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chosen {
    /// By name.
    Ids(Vec<DeadLetterId>),
    /// The open ones to which this applies, as far as they were written before.
    Matching(LetterFilter),
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What to do.
    pub act: Act,
    /// With which letters.
    pub chosen: Chosen,
    /// What a replay may do beyond what harms nobody.
    pub allowed: Allowed,
    /// Letters a second at most.
    pub rate: u32,
    /// Who asked.
    pub by: String,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Under way, or waiting for somebody who goes on with it.
    Running,
    /// Through.
    Done,
    /// Given up.
    Failed,
}

impl RunState {
    /// The word in the table and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Reads the word in the table.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Running, Self::Done, Self::Failed].into_iter().find(|state| state.as_str() == word)
    }
}

/// A replay or discard that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub id: ReplayId,
    /// What it does.
    pub act: Act,
    /// Letters a second at most.
    pub rate: u32,
    /// How far it is.
    pub state: RunState,
    /// Letters that were chosen when it began.
    pub total: u64,
    /// Replayed, or discarded, so far.
    pub replayed: u64,
    /// Left as they are, by what stood in the way.
    pub skipped: BTreeMap<Prospect, u64>,
    /// Who asked.
    pub by: String,
    /// Why it was given up.
    pub error: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// What one step did.
#[derive(Debug, Clone)]
pub struct Step {
    /// How far it is now.
    pub run: Run,
    /// These jobs are queued again; the sender's bell is to be rung.
    pub jobs: Vec<JobRef>,
    /// These events are to be published, and messages wait for theirs; then
    /// [`DeadLetters::published`](super::dead_letters::DeadLetters::published) closes the letters. Until then each further
    /// step gives them again, and does nothing else.
    pub events: Vec<(DeadLetterId, Event)>,
}

/// The replays of an installation.
#[async_trait]
pub trait Replays: Send + Sync {
    /// Begins one, which `owner` goes on with for `lease`, and records who asked.
    async fn begin(&self, order: &Order, owner: &str, now: Timestamp, lease: Duration) -> Stored<Run>;
    /// How far one is.
    async fn get(&self, id: &ReplayId) -> Stored<Option<Run>>;
    /// Takes over one that nobody goes on with, the oldest first.
    async fn take(&self, owner: &str, now: Timestamp, lease: Duration) -> Stored<Option<Run>>;
    /// Does the next `limit` letters in one transaction, with what it comes to, so that a step happens whole or not at all.
    /// `None`: it is not `owner`'s any more, or not running.
    async fn step(
        &self,
        id: &ReplayId,
        owner: &str,
        limit: u32,
        now: Timestamp,
        lease: Duration,
    ) -> Stored<Option<Step>>;
    /// Gives one up.
    async fn fail(&self, id: &ReplayId, why: &str, now: Timestamp) -> Stored<()>;
}
