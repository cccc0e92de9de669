//! The rows, by what is hit.

mod broker;
mod embedded;
mod gateway;
mod process;
mod record;
mod scale;
mod sessions;
mod worker;
