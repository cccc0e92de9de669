//! The adapters behind the ports of `shared`: one folder a system. Drivers are named nowhere else.

mod checks;
mod connect;
pub mod embedded;
mod process;
pub mod program;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
#[cfg(feature = "redis")]
pub mod redis;
pub mod schema;
pub mod sql;

pub use connect::{Backends, ConnectError, connect, embeds_anything};
pub use process::Process;
