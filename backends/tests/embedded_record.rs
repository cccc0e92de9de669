//! SQLite as the record: the conformance suite of records, and what only SQLite can do to us.

#[cfg(test)]
#[path = "embedded/installation.rs"]
mod installation;
#[cfg(test)]
#[path = "embedded/sqlite.rs"]
mod sqlite;

use installation::Installation;

testkit::record_conformance!(Installation::fresh());
