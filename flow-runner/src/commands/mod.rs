//! One command a file.

pub mod accounts;
pub mod migrate;
pub mod numbers;
pub mod serve;
