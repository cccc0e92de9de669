//! Meta's side: callbacks and the verification of their address.

mod outcome;
mod receive;
mod refusals;
mod signature;
mod verify;

pub(crate) use refusals::Refusals;
pub(crate) use signature::Signatures;
pub(crate) use verify::VerifyToken;

use crate::Gateway;
use axum::{
    middleware,
    routing::{MethodRouter, get},
};
use std::sync::Arc;

/// What the address answers to.
pub(crate) fn routes(gateway: &Arc<Gateway>) -> MethodRouter<Arc<Gateway>> {
    let counted = middleware::from_fn_with_state(gateway.clone(), outcome::count);
    get(verify::verify).post(receive::receive).layer(counted)
}
