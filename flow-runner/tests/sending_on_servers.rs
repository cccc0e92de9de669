//! How the sender behaves, whatever WhatsApp does: the suite `sending` on RabbitMQ, Redis and PostgreSQL.
//!
//! Not here: what is written to a file of ours (`durable`), and that one process has such files (`one_process`).

#[path = "sending/ending.rs"]
mod ending;
#[path = "sending/failed_statuses.rs"]
mod failed_statuses;
#[path = "sending/flows.rs"]
mod flows;
#[path = "sending/guards.rs"]
mod guards;
#[path = "sending/limits.rs"]
mod limits;
#[path = "sending/outage.rs"]
mod outage;
#[path = "sending/pausing.rs"]
mod pausing;
#[path = "sending/refusals.rs"]
mod refusals;
#[path = "sending/settings.rs"]
mod settings;
#[path = "sending/step_types.rs"]
mod step_types;
mod support;
#[path = "sending/unknown.rs"]
mod unknown;
