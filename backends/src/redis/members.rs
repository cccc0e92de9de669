//! Who is alive: a sorted set for each role, by the server's own time, so that no two clocks have to agree. What members
//! tell of themselves: a hash for each role, each report behind the end of its time.

use super::{Redis, unavailable};
use async_trait::async_trait;
use redis::Script;
use shared::ports::{
    StoreError,
    members::{MemberReport, Members, Role},
};
use std::{sync::LazyLock, time::Duration};

/// Now, in milliseconds.
const NOW: &str = "local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
";
/// Those whose time is over are gone.
const PRUNE: &str = "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
";
/// What those told whose time is not over; what others told is gone.
const TOLD: &str = "local told = redis.call('HGETALL', KEYS[1])
    local reports = {}
    for at = 1, #told, 2 do
        local over, report = string.match(told[at + 1], '^(%d+) (.*)$')
        if over and tonumber(over) > now then
            table.insert(reports, told[at])
            table.insert(reports, report)
        else
            redis.call('HDEL', KEYS[1], told[at])
        end
    end
";
static BEAT: LazyLock<Script> = LazyLock::new(|| {
    // The key goes with its last member, should nobody ask again.
    Script::new(&format!(
        "{NOW} {PRUNE} redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
        redis.call('PEXPIRE', KEYS[1], ARGV[2] * 2)"
    ))
});
static ALIVE: LazyLock<Script> =
    LazyLock::new(|| Script::new(&format!("{NOW} {PRUNE} return redis.call('ZRANGE', KEYS[1], 0, -1)")));
static REPORT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{NOW} {TOLD} redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', now + ARGV[2]) .. ARGV[3])
        redis.call('PEXPIRE', KEYS[1], ARGV[2] * 2)"
    ))
});
/// Member and report by turns.
static REPORTS: LazyLock<Script> = LazyLock::new(|| Script::new(&format!("{NOW} {TOLD} return reports")));
static LEAVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('ZREM', KEYS[1], ARGV[1])
        redis.call('HDEL', KEYS[2], ARGV[1])",
    )
});

/// The members of one installation.
#[derive(Debug, Clone)]
pub struct RedisMembers {
    redis: Redis,
    /// `FLOW_RUNNER_QUEUE_PREFIX`: installations that share a Redis are told apart by it, as on the broker.
    prefix: String,
}

impl RedisMembers {
    /// The members of the installation with this prefix.
    #[must_use]
    pub fn new(redis: Redis, prefix: &str) -> Self {
        Self { redis, prefix: prefix.to_owned() }
    }

    fn key(&self, role: Role) -> String {
        format!("flow_runner:{}:members:{}", self.prefix, role.as_str())
    }

    fn reports_key(&self, role: Role) -> String {
        format!("flow_runner:{}:reports:{}", self.prefix, role.as_str())
    }
}

/// As Redis takes it.
fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX)
}

#[async_trait]
impl Members for RedisMembers {
    async fn beat(&self, role: Role, member: &str, life: Duration) -> Result<(), StoreError> {
        let mut script = BEAT.key(self.key(role));
        let asked = script.arg(member).arg(millis(life));
        asked.invoke_async(&mut self.redis.connection.clone()).await.map_err(unavailable("saying who is alive"))
    }

    async fn alive(&self, role: Role) -> Result<Vec<String>, StoreError> {
        let asked = ALIVE.key(self.key(role));
        let found: redis::RedisResult<Vec<String>> = asked.invoke_async(&mut self.redis.connection.clone()).await;
        let mut members = found.map_err(unavailable("asking who is alive"))?;
        members.sort_unstable();
        Ok(members)
    }

    async fn report(&self, role: Role, member: &str, report: &MemberReport, life: Duration) -> Result<(), StoreError> {
        // Our own type: it always has a JSON form.
        let report = serde_json::to_vec(report).unwrap_or_default();
        let mut script = REPORT.key(self.reports_key(role));
        let asked = script.arg(member).arg(millis(life)).arg(report);
        asked.invoke_async(&mut self.redis.connection.clone()).await.map_err(unavailable("telling what is served"))
    }

    async fn reports(&self, role: Role) -> Result<Vec<(String, MemberReport)>, StoreError> {
        let asked = REPORTS.key(self.reports_key(role));
        let found: redis::RedisResult<Vec<String>> = asked.invoke_async(&mut self.redis.connection.clone()).await;
        let found = found.map_err(unavailable("asking what is served"))?;
        // A member of another version may tell what this program can't read.
        let read =
            |[member, report]: &[String; 2]| Some((member.clone(), serde_json::from_str::<MemberReport>(report).ok()?));
        let mut reports: Vec<(String, MemberReport)> = found.as_chunks().0.iter().filter_map(read).collect();
        reports.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(reports)
    }

    async fn leave(&self, role: Role, member: &str) -> Result<(), StoreError> {
        let mut script = LEAVE.key(self.key(role));
        let asked = script.key(self.reports_key(role)).arg(member);
        asked.invoke_async(&mut self.redis.connection.clone()).await.map_err(unavailable("leaving"))
    }
}
