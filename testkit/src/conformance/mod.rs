//! Suites that every backend of a port must pass, whatever stands behind it.

pub mod queue;
