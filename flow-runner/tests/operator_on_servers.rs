//! Operator commands on RabbitMQ, Redis and PostgreSQL, on which each works by itself: the same beside a serving
//! process and without one.
//!
//! Not here: the `socket`, which there is where a process has a data directory; `config` and `play`, which look at
//! nothing but settings and files.

#[path = "operator/about.rs"]
mod about;
#[path = "operator/api.rs"]
mod api;
#[path = "operator/beside.rs"]
mod beside;
#[path = "operator/commands.rs"]
mod commands;
#[path = "operator/dead_letters.rs"]
mod dead_letters;
#[path = "operator/flows.rs"]
mod flows;
#[path = "operator/messages.rs"]
mod messages;
#[path = "operator/on_call.rs"]
mod on_call;
#[path = "operator/process.rs"]
mod process;
#[path = "operator/queues.rs"]
mod queues;
#[path = "operator/sessions.rs"]
mod sessions;
#[path = "operator/settle.rs"]
mod settle;
#[path = "operator/shapes.rs"]
mod shapes;
#[path = "operator/sink.rs"]
mod sink;
mod support;
#[path = "operator/tenants.rs"]
mod tenants;

use commands::{done, items, output, refused, run, shown};
