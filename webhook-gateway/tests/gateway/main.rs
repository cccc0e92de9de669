//! The gateway over ports in memory: what Meta, the builder and a bad client see of it.
#![expect(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod callbacks;
mod connections;
mod damaged;
mod fixtures;
mod flow_api;
mod flow_checks;
mod identities;
mod ports;
mod recorded;
mod refusals;
mod sample_table;
mod samples;
mod statuses;
mod words;
mod world;
