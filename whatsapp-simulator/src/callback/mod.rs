//! Callbacks: their bodies, their signature, and getting them to the webhook.

mod body;
pub(crate) mod delivery;
pub(crate) mod poster;
mod repeats;
mod signature;

pub use body::{StatusUpdate, message_body, status_body};
pub use signature::sign;
