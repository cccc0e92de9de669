//! For tests only: clocks, builders, conformance suites.

pub mod clock;
pub mod conformance;
pub mod meta_api;
pub mod program;
pub mod proxy;
