//! The vocabulary that gateway, worker and sender share, and the ports behind which queues, caches and databases stand.
//!
//! Nothing here knows lapin, redis, sea-orm, axum or reqwest: those live in `backends` and in the services.

pub mod backoff;
pub mod clock;
pub mod error_table;
pub mod event;
pub mod failpoint;
pub mod fate;
pub mod group_commit;
pub mod http;
pub mod ids;
pub mod job;
pub mod operator;
pub mod partition;
pub mod ports;
pub mod runner;
pub mod settings;
pub mod sharing;
pub mod shutdown;
pub mod tally;
pub mod telemetry;

pub use clock::{Clock, SystemClock};
pub use flow_engine::Timestamp;
