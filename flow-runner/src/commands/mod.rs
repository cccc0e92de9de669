//! One command a file.

pub mod about;
pub mod accounts;
pub mod audit;
pub mod config;
pub mod dead_letters;
pub mod flows;
pub mod messages;
pub mod migrate;
pub mod numbers;
pub mod play;
pub mod process;
pub mod queues;
mod replay;
pub mod serve;
pub mod sessions;
pub mod trace;
