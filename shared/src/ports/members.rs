//! Which processes are alive, so that they can share the partitions out.

use super::StoreError;
use crate::{
    ids::PhoneNumberId,
    tally::{ServedNumber, ServedQueue, Tally},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Takes callbacks.
    Gateway,
    /// Advances conversations.
    Worker,
    /// Sends.
    Sender,
}

impl Role {
    /// The word in keys and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Worker => "worker",
            Self::Sender => "sender",
        }
    }
}

/// What a member tells of itself: for people to read, and for senders to leave room for what comes in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberReport {
    /// The machine it runs on.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// What its process serves; of all its roles, where it has several.
    pub queues: Vec<ServedQueue>,
    /// Messages a second that it handled lately, by the number they were written to.
    #[serde(default)]
    pub inbound: BTreeMap<PhoneNumberId, f64>,
    /// The numbers that it sends from.
    #[serde(default)]
    pub numbers: Vec<ServedNumber>,
}

/// This machine's name: a container has one of its own.
static HOST: LazyLock<String> = LazyLock::new(|| {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
});

impl MemberReport {
    /// What this process tells.
    #[must_use]
    pub fn of_this_process(tally: &Tally) -> Self {
        Self {
            host: HOST.clone(),
            pid: std::process::id(),
            queues: tally.served(),
            inbound: tally.inbound(),
            numbers: tally.numbers(),
        }
    }

    /// This machine's name.
    #[must_use]
    pub fn host() -> &'static str {
        &HOST
    }

    /// Whether this process told it.
    #[must_use]
    pub fn is_of_this_process(&self) -> bool {
        self.pid == std::process::id() && self.host == *HOST
    }
}

/// The members of each role.
#[async_trait]
pub trait Members: Send + Sync {
    /// Says that `member` is alive for `life` more.
    async fn beat(&self, role: Role, member: &str, life: Duration) -> Result<(), StoreError>;
    /// Who is alive, sorted.
    async fn alive(&self, role: Role) -> Result<Vec<String>, StoreError>;
    /// Keeps what `member` tells of itself for `life`, in place of what it told before. That says nothing of who is alive.
    async fn report(&self, role: Role, member: &str, report: &MemberReport, life: Duration) -> Result<(), StoreError>;
    /// What members told whose time is not over, sorted by member.
    async fn reports(&self, role: Role) -> Result<Vec<(String, MemberReport)>, StoreError>;
    /// Says that `member` is gone, and what it told with it.
    async fn leave(&self, role: Role, member: &str) -> Result<(), StoreError>;
}
