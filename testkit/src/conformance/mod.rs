//! Suites that every backend of a port must pass, whatever stands behind it.

pub mod accounts;
pub mod burial;
pub mod by_hand;
pub mod conversations;
pub mod dead_letters;
pub mod flows;
pub mod installation;
pub mod ledger;
pub mod members;
pub mod messages;
pub mod queue;
pub mod recipients;
pub mod record;
pub mod replays;
pub mod sessions;
pub mod status_clock;
pub mod statuses;
pub mod suspects;
pub mod traces;
