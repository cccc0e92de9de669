//! Settings: defaults < file < environment < flags. Every key stands in `default.toml`; another key stops the start.

mod about;
mod near;
mod sources;
mod values;

pub use about::{About, Effective, about, effective, findings};
pub use near::{NearMiss, near_misses};
pub use sources::{Overrides, SettingsError};
pub use values::{EncryptionKeys, Pacing, PairRate, UnknownOutcomePolicy};

use secrecy::SecretString;
use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// The documented defaults.
pub const DEFAULT: &str = include_str!("default.toml");

/// All settings of a process. A process asks only for those it uses.
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// `DATABASE_URL`.
    #[serde(deserialize_with = "values::secret")]
    pub database_url: Option<SecretString>,
    /// `AMQP_URL`.
    #[serde(deserialize_with = "values::secret")]
    pub amqp_url: Option<SecretString>,
    /// `REDIS_URL`.
    #[serde(deserialize_with = "values::secret")]
    pub redis_url: Option<SecretString>,
    /// `FLOW_RUNNER_DATA_DIR`.
    pub data_dir: PathBuf,
    /// `FLOW_RUNNER_LISTEN`.
    pub listen: SocketAddr,
    /// `FLOW_RUNNER_OPS_LISTEN`.
    #[serde(deserialize_with = "values::optional")]
    pub ops_listen: Option<SocketAddr>,
    /// `FLOW_RUNNER_QUEUE_PREFIX`.
    pub queue_prefix: String,
    /// `FLOW_RUNNER_PARTITIONS`.
    #[serde(deserialize_with = "values::partitions")]
    pub partitions: u16,
    /// `FLOW_RUNNER_MIGRATE`.
    #[serde(deserialize_with = "values::on_off")]
    pub migrate: bool,
    /// `FLOW_RUNNER_ADMIN_KEY`.
    #[serde(deserialize_with = "values::key")]
    pub admin_key: Option<SecretString>,
    /// `FLOW_RUNNER_ENCRYPTION_KEY`.
    #[serde(deserialize_with = "values::encryption_keys")]
    pub encryption_key: Option<EncryptionKeys>,
    /// A PostgreSQL.
    pub database: Database,
    /// Meta's side.
    pub whatsapp: WhatsApp,
    /// Sessions.
    pub session: Session,
    /// Sending.
    pub send: Send,
    /// The gateway's limits.
    pub gateway: Gateway,
    /// The worker's sizes.
    pub worker: Worker,
}

/// A PostgreSQL.
#[derive(Debug, Clone, Deserialize)]
pub struct Database {
    /// Connections of a process at most.
    #[serde(deserialize_with = "values::at_least_one")]
    pub connections: u32,
}

/// Meta's side.
#[derive(Debug, Clone, Deserialize)]
pub struct WhatsApp {
    /// `WHATSAPP_WEBHOOK_VERIFY_TOKEN`.
    #[serde(deserialize_with = "values::secret")]
    pub verify_token: Option<SecretString>,
    /// `WHATSAPP_APP_SECRET`, one or more.
    #[serde(deserialize_with = "values::secrets")]
    pub app_secret: Vec<SecretString>,
    /// `WHATSAPP_API_BASE_URL`, without a slash at its end.
    #[serde(deserialize_with = "values::base_url")]
    pub api_base_url: String,
    /// `WHATSAPP_API_VERSION`.
    #[serde(deserialize_with = "values::api_version")]
    pub api_version: String,
    /// `WHATSAPP_PHONE_NUMBER_ID`.
    #[serde(deserialize_with = "values::text")]
    pub phone_number_id: Option<String>,
    /// `WHATSAPP_ACCESS_TOKEN`.
    #[serde(deserialize_with = "values::secret")]
    pub access_token: Option<SecretString>,
    /// `FLOW_RUNNER_API_KEY`.
    #[serde(deserialize_with = "values::key")]
    pub api_key: Option<SecretString>,
    /// `WHATSAPP_NUMBER_RATE`; 0 = no limit.
    pub number_rate: u32,
    /// `WHATSAPP_PAIR_RATE`.
    pub pair_rate: PairRate,
}

/// Sessions.
#[derive(Debug, Clone, Deserialize)]
pub struct Session {
    /// `SESSION_TTL`.
    #[serde(deserialize_with = "values::duration")]
    pub ttl: Duration,
}

/// Sending.
#[derive(Debug, Clone, Deserialize)]
pub struct Send {
    /// `SEND_ATTEMPTS`.
    #[serde(deserialize_with = "values::at_least_one")]
    pub attempts: u32,
    /// `SEND_MAX_AGE`.
    #[serde(deserialize_with = "values::duration")]
    pub max_age: Duration,
    /// `SEND_CAP_PER_HOUR`; 0 = no cap.
    pub cap_per_hour: u32,
    /// `SEND_PACING`.
    pub pacing: Pacing,
    /// `UNKNOWN_OUTCOME_POLICY`.
    pub unknown_outcome_policy: UnknownOutcomePolicy,
    /// How long an unknown outcome waits for its status.
    #[serde(deserialize_with = "values::duration")]
    pub unknown_wait: Duration,
    /// How long more when a callback was refused meanwhile.
    #[serde(deserialize_with = "values::duration")]
    pub unknown_wait_after_refusal: Duration,
    /// POSTs under way at a time, per number.
    #[serde(deserialize_with = "values::at_least_one")]
    pub concurrency: u32,
}

/// The gateway's limits.
#[derive(Debug, Clone, Deserialize)]
pub struct Gateway {
    /// Connections at a time.
    #[serde(deserialize_with = "values::at_least_one")]
    pub connections: usize,
    /// To the end of the headers.
    #[serde(deserialize_with = "values::duration")]
    pub header_timeout: Duration,
    /// From there to the end of the body.
    #[serde(deserialize_with = "values::duration")]
    pub body_timeout: Duration,
    /// Whose pages may use the flow API.
    #[serde(deserialize_with = "values::origins")]
    pub cors_origins: Vec<String>,
    /// For the broker's confirm.
    #[serde(deserialize_with = "values::duration")]
    pub publish_timeout: Duration,
}

/// The worker's sizes.
#[derive(Debug, Clone, Deserialize)]
pub struct Worker {
    /// Deliveries open at a time, per partition.
    #[serde(deserialize_with = "values::at_least_one")]
    pub prefetch: u16,
    /// Events in one transaction at most.
    #[serde(deserialize_with = "values::at_least_one")]
    pub batch: usize,
    /// How long a queue whose messages all wait for the database is held on to.
    #[serde(deserialize_with = "values::duration")]
    pub give_back_after: Duration,
}

impl Settings {
    /// Reads all sources. `overrides` are the flags.
    pub fn load(overrides: &Overrides) -> Result<Self, SettingsError> {
        sources::load(overrides)
    }

    /// The value of a setting that this process can't do without.
    pub fn required<'a, T>(
        value: Option<&'a T>,
        name: &'static str,
        why: &'static str,
    ) -> Result<&'a T, SettingsError> {
        value.ok_or(SettingsError::Missing { name, why })
    }
}
