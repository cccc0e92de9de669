//! Meta's callbacks in, events out; and the API under which the builder saves flows.
//!
//! ```text
//! POST callback ──limit, verify──> meta::cut ──> Publisher, confirmed ──> 200
//! flow API      ──key──> ApiKeys ──> validate ──> FlowStore
//! ops API       ──admin key──> Operator
//! ```
//! Nothing here knows a broker or a database: all of that comes through the ports of [`shared`]; `start` brings the two
//! together.

mod body;
mod callback;
mod cors;
mod depth;
mod flows;
mod gateway;
mod headers;
pub mod meta;
mod ops;
mod problem;
mod request;
mod routes;
mod start;

pub use body::MAX_BODY;
pub use gateway::{Gateway, Ports};
pub use ops::process;
pub use routes::router;
pub use start::start;

use shared::{
    http::{ServerLimits, serve},
    settings,
};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Where Meta calls back.
pub const CALLBACK_PATH: &str = "/api/whatsapp/messages/webhook";
/// Where flows are saved.
pub const FLOW_PATH: &str = "/api/whatsapp/flow";
/// Below which operators work.
pub const OPS_PATH: &str = "/api/ops";

/// Serves the gateway on `listener` until `stop`; open requests may then finish.
pub async fn run(gateway: Arc<Gateway>, listener: TcpListener, settings: &settings::Gateway, stop: CancellationToken) {
    let limits = ServerLimits {
        connections: settings.connections,
        header_read: settings.header_timeout,
        ..ServerLimits::default()
    };
    serve(listener, router(gateway.clone()), limits, stop).await;
    gateway.finish().await;
}
