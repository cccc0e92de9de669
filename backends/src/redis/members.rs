//! Who is alive: a sorted set for each role, by the server's own time, so that no two clocks have to agree.

use super::{Redis, unavailable};
use async_trait::async_trait;
use redis::Script;
use shared::ports::{
    StoreError,
    members::{Members, Role},
};
use std::{sync::LazyLock, time::Duration};

/// Now, in milliseconds, and those whose time is over are gone.
const PRUNE: &str = "local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
";
static BEAT: LazyLock<Script> = LazyLock::new(|| {
    // The key goes with its last member, should nobody ask again.
    Script::new(&format!(
        "{PRUNE} redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
        redis.call('PEXPIRE', KEYS[1], ARGV[2] * 2)"
    ))
});
static ALIVE: LazyLock<Script> =
    LazyLock::new(|| Script::new(&format!("{PRUNE} return redis.call('ZRANGE', KEYS[1], 0, -1)")));
static LEAVE: LazyLock<Script> = LazyLock::new(|| Script::new("redis.call('ZREM', KEYS[1], ARGV[1])"));

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
}

#[async_trait]
impl Members for RedisMembers {
    async fn beat(&self, role: Role, member: &str, life: Duration) -> Result<(), StoreError> {
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        let mut script = BEAT.key(self.key(role));
        let asked = script.arg(member).arg(life);
        asked.invoke_async(&mut self.redis.connection.clone()).await.map_err(unavailable("saying who is alive"))
    }

    async fn alive(&self, role: Role) -> Result<Vec<String>, StoreError> {
        let asked = ALIVE.key(self.key(role));
        let found: redis::RedisResult<Vec<String>> = asked.invoke_async(&mut self.redis.connection.clone()).await;
        let mut members = found.map_err(unavailable("asking who is alive"))?;
        members.sort_unstable();
        Ok(members)
    }

    async fn leave(&self, role: Role, member: &str) -> Result<(), StoreError> {
        let mut script = LEAVE.key(self.key(role));
        let asked = script.arg(member);
        asked.invoke_async(&mut self.redis.connection.clone()).await.map_err(unavailable("leaving"))
    }
}
