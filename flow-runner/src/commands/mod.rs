//! One command a file.

pub mod accounts;
pub mod flows;
pub mod migrate;
pub mod numbers;
pub mod play;
pub mod serve;
