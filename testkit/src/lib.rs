//! For tests only: clocks, builders, conformance suites.

pub mod conformance;
