//! Sessions and members: in this process, or in a Redis.

use super::ConnectError;
use crate::embedded::{LocalMembers, LocalSessions};
use secrecy::SecretString;
use shared::{
    Clock,
    ports::{members::Members, sessions::SessionCache},
    settings::Settings,
};
use std::sync::Arc;

type Memory = (Arc<dyn SessionCache>, Arc<dyn Members>);

pub(super) fn open(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Memory, ConnectError> {
    match &settings.redis_url {
        Some(url) => in_redis(url, settings),
        None => Ok((Arc::new(LocalSessions::new(clock.clone())), Arc::new(LocalMembers::new(clock.clone())))),
    }
}

#[cfg(feature = "redis")]
fn in_redis(url: &SecretString, settings: &Settings) -> Result<Memory, ConnectError> {
    use crate::redis::{Redis, RedisMembers, RedisSessions};
    let redis = Redis::open(url).map_err(|error| ConnectError::Settings(error.to_string()))?;
    Ok((Arc::new(RedisSessions(redis.clone())), Arc::new(RedisMembers::new(redis, &settings.queue_prefix))))
}

#[cfg(not(feature = "redis"))]
fn in_redis(_: &SecretString, _: &Settings) -> Result<Memory, ConnectError> {
    Err(ConnectError::Settings("REDIS_URL is set, and this program was built without Redis (feature `redis`)".into()))
}
