//! Reading a request's body within bounds of size, of time, and of memory for all bodies together.

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of one body. Meta's callbacks have up to 3 MB (its webhook pages, September 2026).
pub const MAX_BODY: usize = 4 * 1024 * 1024;
/// Bytes of all bodies that are being read or handled, in each of two shares: one for what every body begins with, one
/// for what large ones have beyond that. So a few large bodies that never end take nothing from the small ones, which
/// nearly all callbacks are. Normal load (3,300 callbacks a second of 1 KiB, 5 s each at the very most) needs a quarter
/// of a share; beyond it a callback is refused before memory runs out.
pub(crate) const MAX_BUFFERED: usize = 64 * 1024 * 1024;
/// Where a body begins to be large.
const SMALL: usize = 64 * 1024;
/// The budget is counted in blocks of this size.
const BLOCK: usize = 1024;
/// What is reserved ahead at most: a length that is merely announced costs nothing.
const RESERVE: usize = 16 * 1024;

/// What one body may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// Bytes.
    pub(crate) bytes: usize,
    /// From the end of the headers to the end of the body.
    pub(crate) time: Duration,
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// Over the limit.
    TooLarge,
    /// Not whole in time, or broken off.
    Incomplete,
    /// All memory for bodies is in use.
    Overloaded,
}

/// The memory for all bodies: a share for small ones (and the beginnings of large ones), and one for the rest of these.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// What one body holds of the budget.
#[derive(Debug, Default)]
struct Held {
    small: Option<OwnedSemaphorePermit>,
    large: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// A budget with this many bytes in each share.
    pub(crate) fn new(bytes: usize) -> Self {
        let share = || Arc::new(Semaphore::new(bytes / BLOCK));
        Self { small: share(), large: share() }
    }

    /// Makes `held` cover a body of `bytes`. Only what has come in is counted, so slow senders hold little.
    fn cover(&self, held: &mut Held, bytes: usize) -> Result<(), BodyError> {
        take(&self.small, &mut held.small, bytes.min(SMALL))?;
        take(&self.large, &mut held.large, bytes.saturating_sub(SMALL))
    }
}

/// Takes what is missing to cover `bytes`.
fn take(share: &Arc<Semaphore>, held: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), BodyError> {
    let have = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    let missing = bytes.div_ceil(BLOCK).saturating_sub(have);
    if missing == 0 {
        return Ok(());
    }
    let missing = u32::try_from(missing).map_err(|_| BodyError::Overloaded)?;
    let more = share.clone().try_acquire_many_owned(missing).map_err(|_| BodyError::Overloaded)?;
    match held {
        Some(permit) => permit.merge(more),
        None => *held = Some(more),
    }
    Ok(())
}

/// A body, with its share of the budget; drop it when the request is done.
#[derive(Debug)]
pub(crate) struct Received {
    /// Its bytes.
    pub(crate) bytes: Bytes,
    _held: Held,
}

/// Reads a body. One that announces too many bytes is refused before a byte is read.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    limits: BodyLimits,
    budget: &Budget,
) -> Result<Received, BodyError> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let announced = announced.unwrap_or(0).max(body.size_hint().lower());
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > limits.bytes {
        return Err(BodyError::TooLarge);
    }
    let reading = collect(body, announced.min(RESERVE), limits.bytes, budget);
    tokio::time::timeout(limits.time, reading).await.unwrap_or(Err(BodyError::Incomplete))
}

async fn collect(mut body: Body, reserve: usize, limit: usize, budget: &Budget) -> Result<Received, BodyError> {
    let mut bytes = BytesMut::with_capacity(reserve);
    let mut held = Held::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Incomplete)?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(BodyError::TooLarge);
        }
        budget.cover(&mut held, bytes.len() + data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok(Received { bytes: bytes.freeze(), _held: held })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BodyLimits = BodyLimits { bytes: 3 * SMALL, time: Duration::from_secs(5) };

    async fn read_one(size: usize, budget: &Budget) -> Result<Received, BodyError> {
        read(&HeaderMap::new(), Body::from(vec![b'x'; size]), LIMITS, budget).await
    }

    #[tokio::test]
    async fn bodies_share_a_budget_and_give_it_back() {
        let budget = Budget::new(4 * BLOCK);
        let first = read_one(3 * BLOCK - 1, &budget).await.unwrap();
        assert_eq!(first.bytes.len(), 3 * BLOCK - 1);
        assert_eq!(read_one(2 * BLOCK, &budget).await.unwrap_err(), BodyError::Overloaded);
        let second = read_one(BLOCK, &budget).await.unwrap();
        assert_eq!(read_one(1, &budget).await.unwrap_err(), BodyError::Overloaded);
        drop((first, second));
        assert!(read_one(4 * BLOCK, &budget).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_at_the_limit_is_read_and_one_byte_more_is_not() {
        let budget = Budget::new(LIMITS.bytes);
        assert!(read_one(LIMITS.bytes, &budget).await.is_ok());
        assert_eq!(read_one(LIMITS.bytes + 1, &budget).await.unwrap_err(), BodyError::TooLarge);
    }

    #[tokio::test]
    async fn large_bodies_leave_the_small_ones_their_share() {
        let budget = Budget::new(2 * SMALL);
        let large = read_one(3 * SMALL, &budget).await.unwrap();
        assert_eq!(read_one(SMALL + 1, &budget).await.unwrap_err(), BodyError::Overloaded);
        assert!(read_one(SMALL, &budget).await.is_ok());
        drop(large);
        assert!(read_one(3 * SMALL, &budget).await.is_ok());
    }
}
