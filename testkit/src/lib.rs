//! For tests only: conformance suites, a flow with known answers, programs run to their end, a network that can be cut.

pub mod clock;
pub mod conformance;
pub mod jobs;
pub mod meta_api;
pub mod program;
pub mod proxy;
pub mod questions;
