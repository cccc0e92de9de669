//! The rows, by what is hit.

mod api;
mod broker;
mod embedded;
mod gateway;
mod operators;
mod process;
mod record;
mod scale;
mod sender;
mod sessions;
mod worker;
