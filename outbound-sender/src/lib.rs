//! The outbound sender: each job is claimed in the ledger, sent once within Meta's limits, and settled there.
//!
//! A business number has one *desk*: it keeps the number's lanes and limits in memory. The queue only rings its bell;
//! what a job's state is, and whose turn it is in a lane, only the ledger says.

mod attempt;
mod bell;
mod breaker;
mod desk;
mod desks;
mod floor;
mod host;
mod inbound;
mod lane;
pub mod limits;
mod rules;
mod sender;
mod start;
mod unknown;
pub mod whatsapp;

pub use sender::{Ports, Sender, SenderSettings};
pub use start::start;
