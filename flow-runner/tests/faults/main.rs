//! What must be survived, row by row: real processes and servers, real signals, and the same question each time, whether
//! everybody got exactly what the flow says.
//!
//! `./dev faults` runs all of it and prints a table; `./dev test` runs those that take seconds. A test that is marked as
//! ignored takes longer, or does something to the machine.

mod figures;
mod private;
mod rows;
mod scene;
#[path = "../support/mod.rs"]
mod support;
