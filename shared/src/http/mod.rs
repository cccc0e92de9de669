//! Serving HTTP with limits that hold: the services bring a `tower` service, this brings connections.

mod ops;
mod server;

pub use ops::{Check, Need, OpsService, Readiness, respond_ops};
pub use server::{ServerLimits, bind, serve};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;

/// A response body.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;
