//! How the sender behaves, whatever WhatsApp does: the program itself against a simulated WhatsApp, everything embedded.

mod durable;
mod ending;
mod failed_statuses;
mod flows;
mod limits;
mod one_process;
mod pausing;
mod refusals;
mod settings;
mod step_types;
#[path = "../support/mod.rs"]
mod support;
mod unknown;
