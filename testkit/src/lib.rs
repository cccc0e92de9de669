//! For tests only: clocks, builders, conformance suites.
