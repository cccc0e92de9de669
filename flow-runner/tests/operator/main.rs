//! Operator commands on a data directory: the same beside a serving process, over its socket, and without one.

mod about;
mod api;
mod beside;
mod commands;
mod config;
mod dead_letters;
mod flows;
mod messages;
mod on_call;
mod play;
mod process;
mod queues;
mod sessions;
mod settle;
mod shapes;
mod sink;
mod socket;
#[path = "../support/mod.rs"]
mod support;
mod tenants;

use commands::{done, items, output, refused, run, shown};
