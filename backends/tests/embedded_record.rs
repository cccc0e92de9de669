//! SQLite as the record: the conformance suite of records.

#[cfg(test)]
#[path = "embedded/installation.rs"]
mod installation;

use installation::Installation;

testkit::record_conformance!(Installation::fresh());
