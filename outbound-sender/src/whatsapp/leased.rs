//! A request's body that is handed out as long as its message may be sent, and no longer.
//!
//! Between the last look at the lease and the first byte on the wire a process may be frozen for minutes. By the time it thaws
//! somebody else has sent the message. The HTTP client asks for the body as it writes the request: a head without its body is
//! no message.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use shared::Clock;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// The time in which the message might be sent is over.
#[derive(Debug, thiserror::Error)]
#[error("the claim had run out before the request was written")]
pub(super) struct Over;

/// The body.
pub(super) struct Leased {
    bytes: Option<Bytes>,
    /// In boot time.
    not_after: Duration,
    clock: Arc<dyn Clock>,
}

impl Leased {
    /// These bytes, until that moment in boot time.
    pub fn new(bytes: Bytes, not_after: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { bytes: Some(bytes), not_after, clock }
    }
}

impl Body for Leased {
    type Data = Bytes;
    type Error = Over;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Over>>> {
        if self.bytes.is_some() && self.clock.boot() > self.not_after {
            return Poll::Ready(Some(Err(Over)));
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    /// Exact, so that the request has a `content-length`.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
