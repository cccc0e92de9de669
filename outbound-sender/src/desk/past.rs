//! What was sent from a number before this desk had it.

use super::Desk;
use crate::limits::{NumberLimits, PAIR_MEMORY, STRICT_FOR};
use shared::{
    Timestamp,
    ids::{PhoneNumberId, RecipientId},
    ports::Stored,
    settings::PairRate,
};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// After the ledger failed.
pub(super) const LEDGER_WAIT: Duration = Duration::from_secs(1);
/// After a number was taken: what the last owner sent in its last second is counted, but not what it was about to send.
const SETTLE_IN: Duration = Duration::from_secs(1);

/// What a number's limits are rebuilt from.
struct Past {
    rate: u32,
    sent: Vec<(RecipientId, Timestamp)>,
    pairs_refused: Vec<(RecipientId, Timestamp)>,
}

impl Desk {
    /// Counts what was sent from this number before this desk had it.
    pub(super) async fn rebuild_limits(&mut self, stop: &CancellationToken) {
        let clock = self.shared.clock.clone();
        loop {
            let (number, now, boot) = (&self.number, clock.now(), clock.boot());
            match self.past(number, now).await {
                Ok(Past { rate, sent, pairs_refused }) => {
                    self.limits = NumberLimits::new(rate, self.shared.pair_rate);
                    // Boot time of a moment before this process started is zero: as if it were its first.
                    let then = |at| boot.saturating_sub(now.since(at));
                    for (recipient, at) in sent {
                        if now.since(at) <= SETTLE_IN {
                            self.limits.take(&recipient, then(at));
                        } else {
                            self.limits.take_of_pair(&recipient, then(at));
                        }
                    }
                    pairs_refused.iter().for_each(|(recipient, at)| self.limits.read_strictly(recipient, then(*at)));
                    break;
                }
                Err(error) => tracing::warn!(%error, %number, "can't take the number yet"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LEDGER_WAIT) => {}
            }
        }
        if !self.shared.exclusive {
            tokio::time::sleep(SETTLE_IN).await;
        }
    }

    async fn past(&self, number: &PhoneNumberId, now: Timestamp) -> Stored<Past> {
        let rate = self.shared.accounts.phone_number(number).await?.and_then(|number| number.rate);
        let mut past = Past { rate: rate.unwrap_or(self.shared.rate), sent: Vec::new(), pairs_refused: Vec::new() };
        if self.shared.pair_rate != PairRate::Off {
            past.sent = self.shared.ledger.claimed_since(number, now.minus(PAIR_MEMORY)).await?;
            past.pairs_refused = self.shared.ledger.pairs_refused_since(number, now.minus(STRICT_FOR)).await?;
        }
        Ok(past)
    }
}
