//! How the sender behaves, whatever WhatsApp does: the program itself, embedded, against a simulated WhatsApp.

mod durable;
mod ending;
mod failed_statuses;
mod flows;
mod guards;
mod limits;
mod one_process;
mod outage;
mod pausing;
mod refusals;
mod settings;
mod step_types;
#[path = "../support/mod.rs"]
mod support;
mod unknown;
