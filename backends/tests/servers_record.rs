//! PostgreSQL as the record, and Redis beside it: the conformance suite of records over servers.

#[cfg(test)]
#[path = "servers/installation.rs"]
mod installation;

use installation::Installation;

testkit::record_conformance!(Installation::fresh());
