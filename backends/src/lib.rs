//! The adapters behind the ports of `shared`: one folder a system. Drivers are named nowhere else.

mod connect;
pub mod embedded;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
#[cfg(feature = "redis")]
pub mod redis;
pub mod schema;
pub mod sql;

pub use connect::{Backends, ConnectError, connect, embeds_anything};
