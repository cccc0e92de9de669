//! Whether there is room for a message: the number's rate, a place among the requests under way, an API that answers. What
//! finds none waits in line; the line moves when a request ends, a slot comes, or the API answers again.

use super::{
    Desk, HORIZON,
    turns::{Done, Work},
};
use crate::{
    host,
    lane::{Lane, Phase},
};
use shared::{
    ids::RecipientId,
    tally::{BreakerState, ServedNumber},
};
use std::time::Duration;

impl Desk {
    /// What a lane waits for besides the pair's limit: when there is room, or `None` while only an event can make some.
    fn room_at(&self, now: Duration) -> Option<Duration> {
        let places = self.breaker.room().min(self.shared.concurrency);
        if self.under_way >= places || !self.shared.host.has_room() {
            return None;
        }
        Some(self.limits.number_slot(now).max(self.held_until()))
    }

    /// How long the API asks this number, or its account, to wait.
    fn held_until(&self) -> Duration {
        self.shared.host.held_until(&self.number, self.account.as_ref())
    }

    fn has_room(&self, now: Duration) -> bool {
        self.room_at(now).is_some_and(|at| at <= now + HORIZON)
    }

    /// A lane's head may go as far as the pair is concerned: it goes at once where nobody waits in line, else it waits too.
    pub(super) fn line_up(&mut self, recipient: &RecipientId, now: Duration) {
        self.set_phase(recipient, Phase::Ready);
        self.line.push_back((recipient.clone(), now));
        self.move_line();
    }

    /// Lets those go for whom there is room.
    pub(super) fn move_line(&mut self) {
        let now = self.now();
        self.doubts &= !self.answers();
        while !self.line.is_empty() && self.has_room(now) {
            let Some(next) = self.next_in_line() else { break };
            let Some((recipient, since)) = self.line.remove(next) else { break };
            if self.lanes.get(&recipient).is_none_or(|lane| lane.phase != Phase::Ready) {
                continue;
            }
            let pair = self.limits.pair_slot(&recipient, now);
            if pair > now + HORIZON {
                self.set_phase(&recipient, Phase::Waits(pair));
                continue;
            }
            if !self.shared.host.begins() {
                self.line.push_front((recipient, since));
                break;
            }
            let slot = self.limits.earliest(&recipient, now).max(self.held_until());
            self.limits.take(&recipient, slot);
            self.under_way += 1;
            let waited = slot.saturating_sub(since);
            metrics::histogram!("flow_runner_rate_limit_wait_seconds").record(waited.as_secs_f64());
            if slot > now {
                self.set_phase(&recipient, Phase::HasSlot(slot));
            } else {
                self.attempt(&recipient);
            }
        }
        self.tell_what_waits();
    }

    /// Half open, what was unknown doesn't go: it can be sent this once only.
    fn next_in_line(&self) -> Option<usize> {
        if self.is_closed() {
            (!self.line.is_empty()).then_some(0)
        } else {
            self.line.iter().position(|(recipient, _)| !self.is_resent(recipient))
        }
    }

    fn is_resent(&self, recipient: &RecipientId) -> bool {
        self.lanes.get(recipient).is_some_and(|lane| lane.resent)
    }

    fn is_closed(&self) -> bool {
        self.breaker.state() == BreakerState::Closed && self.shared.host.breaker() == BreakerState::Closed
    }

    /// Half open with nothing to show more by, what is precious may go.
    fn tell_what_waits(&mut self) {
        let waits = self.next_in_line().is_some();
        if self.under_way == 0 && !waits {
            self.breaker.nothing_waits();
        }
        let matters = self.shared.host.breaker() != BreakerState::Closed;
        if std::mem::replace(&mut self.told_waiting, waits && matters) != (waits && matters) || (matters && !waits) {
            self.shared.host.waits(&self.number, waits);
        }
    }

    /// Whether anything here waits for the API to answer.
    fn has_work(&self) -> bool {
        !self.line.is_empty() || self.doubts
    }

    /// Whether what can be sent only once more may be risked: the API is known to answer.
    pub(super) fn answers(&self) -> bool {
        self.breaker.answers() && self.shared.host.breaker() == BreakerState::Closed
    }

    /// Something precious waits for the API to be known to answer.
    pub(super) fn doubt(&mut self) {
        self.doubts = true;
        self.breaker.doubt(self.now());
    }

    /// When the line is to be moved, or the API to be asked.
    pub(super) fn moves_at(&self, now: Duration) -> Option<Duration> {
        if !self.has_work() {
            return None;
        }
        match (self.shared.host.breaker(), self.breaker.state()) {
            (BreakerState::Open, _) => self.shared.host.asks_at(),
            (_, BreakerState::Open) => self.breaker.asks_at(),
            _ => {
                let room = self.room_at(now).filter(|_| !self.line.is_empty());
                let doubt = self.breaker.asks_at().filter(|_| self.doubts);
                [room.map(|at| at.saturating_sub(HORIZON).max(now)), doubt].into_iter().flatten().min()
            }
        }
    }

    /// Asks whether the API answers, if it is time to.
    pub(super) fn ask(&mut self) {
        let now = self.now();
        if !self.has_work() {
            return;
        }
        let Some(account) = self.account.clone() else { return };
        let of_host = self.shared.host.breaker() == BreakerState::Open;
        if of_host {
            if !self.shared.host.asks(&account, now) {
                return;
            }
            self.asks_host = true;
        } else {
            if self.breaker.asks_at().is_none_or(|at| at > now) {
                return;
            }
            if let Err(at) = self.shared.host.may_ask(&account, now) {
                return self.breaker.put_off(at);
            }
            self.breaker.asking();
        }
        let (shared, number) = (self.shared.clone(), self.number.clone());
        self.work(Work::Asking { of_host }, async move {
            Done::Asked { of_host, answered: shared.attempts.api_answers(&number).await }
        });
    }

    /// Whether the API answered.
    pub(super) fn asked(&mut self, of_host: bool, answered: bool) {
        let now = self.now();
        if of_host {
            self.asks_host = false;
            self.shared.host.asked(now, answered);
        } else {
            let (before, waits) = (self.breaker.state(), self.next_in_line().is_some());
            self.breaker.asked(now, answered, waits);
            self.say(before);
        }
        tracing::info!(number = %self.number, of_host, answered, "asked whether the API answers");
        self.move_line();
    }

    /// Nobody knows of a number without a desk that it can't be reached.
    pub(super) fn say_closed(&self) {
        if self.breaker.state() != BreakerState::Closed {
            metrics::gauge!("flow_runner_breaker_state", "scope" => "number", "number" => self.number.to_string())
                .set(0.0);
        }
    }

    /// Tells whoever is on call, if the breaker has changed.
    pub(super) fn say(&self, before: BreakerState) {
        let now = self.breaker.state();
        if before != now {
            host::say("number", self.number.as_str(), before, now);
        }
    }

    /// What operators see of this number.
    pub(super) fn tell(&mut self) {
        let now = self.now();
        // What was doubted may have been settled by its status.
        let unknown = |lane: &Lane| matches!(lane.phase, Phase::Unknown { .. } | Phase::Settling { .. });
        self.doubts &= self.lanes.values().any(unknown);
        let held = self.held_until().saturating_sub(now);
        let open = [self.breaker.state(), self.shared.host.breaker()];
        let breaker = open.into_iter().max_by_key(|state| *state as u8).unwrap_or(BreakerState::Closed);
        self.shared.tally.sends_from(ServedNumber {
            phone_number_id: self.number.clone(),
            breaker,
            rate: self.limits.rate(now),
            held_millis: u64::try_from(held.as_millis()).unwrap_or(u64::MAX),
            lanes: self.lanes.len() as u64,
            under_way: self.under_way as u64,
        });
    }
}
