//! Meta's side of a send: the request as Meta wants it, and what its answer means.

mod answer;
mod api;
mod client;
mod leased;
mod request;

pub use answer::{Answer, Reply, read_answer};
pub use api::Api;
pub(crate) use client::POST_TIME;
pub use client::{Client, ClientError};
pub use request::request;
