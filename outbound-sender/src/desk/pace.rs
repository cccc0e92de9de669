//! Pauses inside a conversation. Meta promises no order between two messages, even one after the other; who needs it waits
//! until the first is on the phone.

use super::{
    Desk,
    turns::{Done, Work},
};
use crate::lane::Phase;
use shared::{
    ids::{JobId, RecipientId},
    ports::Stored,
    settings::Pacing,
};
use std::time::Duration;

/// How long a message's delivery is waited for: a phone may be switched off.
const DELIVERY: Duration = Duration::from_secs(20);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(250);

/// What the next message of a conversation waits for.
#[derive(Debug)]
pub(super) struct Pace {
    /// No longer than until then.
    pub until: Duration,
    /// For this one to be delivered.
    delivery_of: Option<JobId>,
}

impl Desk {
    /// A message was sent, which the next one may have to keep a distance to.
    pub(super) fn keep_distance(&mut self, recipient: &RecipientId, media: bool) {
        let Some(lane) = self.lanes.get(recipient) else { return };
        let (now, job) = (self.now(), lane.head.job_id.clone());
        let pace = match self.shared.pacing {
            Pacing::Pause(pause) => Pace { until: now + pause, delivery_of: None },
            Pacing::Delivered => Pace { until: now + DELIVERY, delivery_of: Some(job) },
            Pacing::Media if media => Pace { until: now + DELIVERY, delivery_of: Some(job) },
            Pacing::Off | Pacing::Media => return,
        };
        self.paces.insert(recipient.clone(), pace);
    }

    /// Whether a lane must keep its distance still; then it is looked at again.
    pub(super) fn keeps_distance(&mut self, recipient: &RecipientId, now: Duration) -> bool {
        let Some(pace) = self.paces.get(recipient) else { return false };
        if pace.until <= now {
            self.paces.remove(recipient);
            return false;
        }
        match pace.delivery_of.clone() {
            None => {
                let until = pace.until;
                self.set_phase(recipient, Phase::Waits(until));
            }
            Some(job) => {
                let (shared, to) = (self.shared.clone(), recipient.clone());
                self.set_phase(recipient, Phase::Busy);
                self.work(Work::Lane(recipient.clone()), async move {
                    let delivered = shared.ledger.is_delivered(&job).await;
                    Done::Delivered(to, delivered)
                });
            }
        }
        true
    }

    /// Whether the message before is on the phone.
    pub(super) fn delivered(&mut self, recipient: &RecipientId, delivered: Stored<bool>) {
        let now = self.now();
        let again = match delivered {
            Ok(true) => {
                self.paces.remove(recipient);
                now
            }
            Ok(false) => now + LOOK,
            Err(error) => {
                tracing::warn!(%error, number = %self.number, "can't see whether a message was delivered");
                now + LOOK
            }
        };
        self.set_phase(recipient, Phase::Waits(again));
        self.look_at(recipient);
    }
}
