//! Redis: the fast copy of sessions, and who is alive. Whatever it does makes things slower, never wrong: sessions come
//! from SQL then, and members keep their last view.

mod members;
mod sessions;

pub use members::RedisMembers;
pub use sessions::RedisSessions;

use redis::{
    Client, IntoConnectionInfo, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig},
    io::tcp::TcpSettings,
};
use secrecy::{ExposeSecret, SecretString};
use shared::ports::StoreError;
use std::time::Duration;

/// A server that is there connects within this.
const CONNECT: Duration = Duration::from_secs(2);
/// And answers within this; whoever asks is often less patient.
const ANSWER: Duration = Duration::from_millis(500);
/// Between attempts to connect again.
const DELAYS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Attempts before those who wait are told; the next one who asks begins anew.
const ATTEMPTS: usize = 3;
/// What was written and not taken for so long means that nobody is there any more.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(8);

/// An URL that can't be used. Holds nothing of it: there may be a password in it.
#[derive(Debug, thiserror::Error)]
#[error("REDIS_URL: {0}")]
pub struct UrlError(&'static str);

/// One connection that heals itself, shared by all that is asked.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

impl Redis {
    /// Prepares the connection; it is made when something is asked, so a server that is away stops nobody.
    pub fn open(url: &SecretString) -> Result<Self, UrlError> {
        let url = url.expose_secret();
        if url.starts_with("rediss://") && !cfg!(feature = "redis-tls") {
            return Err(UrlError("rediss:// needs TLS, and this program was built without it (feature `redis-tls`)"));
        }
        const FORM: &str = "not understood; expected redis://user:password@host:6379/0";
        let info = url.into_connection_info().map_err(|_| UrlError(FORM))?;
        let tcp = TcpSettings::default().set_nodelay(true);
        #[cfg(target_os = "linux")]
        let tcp = tcp.set_user_timeout(UNACKNOWLEDGED);
        let client = Client::open(info.set_tcp_settings(tcp)).map_err(|_| UrlError(FORM))?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER))
            .set_min_delay(DELAYS.0)
            .set_max_delay(DELAYS.1)
            .set_number_of_retries(ATTEMPTS);
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(|_| UrlError(FORM))?;
        Ok(Self { connection })
    }
}

/// Nothing that Redis answers is the fault of what was asked.
fn unavailable(doing: &'static str) -> impl Fn(RedisError) -> StoreError {
    move |error| StoreError::Unavailable { doing, reason: error.to_string() }
}
