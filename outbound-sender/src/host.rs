//! What all desks of a process share: whether the API's host answers, and which accounts it asked to wait.

use crate::{
    breaker::{Breaker, WINDOW},
    limits::{Rate, next_slot},
};
use shared::{
    backoff::Backoff,
    ids::{AccountId, PhoneNumberId},
    tally::BreakerState,
};
use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// Questions whether the API answers, an account: 60 an hour, and a few at once. Meta allows 200 calls an hour.
const QUESTIONS: Rate = Rate { spacing: Duration::from_secs(60), burst: 7 };
/// How long an account waits that was refused for its rate and not told how long.
const REFUSED: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(60) };

/// The host.
#[derive(Debug)]
pub(crate) struct Host {
    state: Mutex<State>,
    changed: watch::Sender<BreakerState>,
    holds: Mutex<HashMap<Held, Hold>>,
    questions: Mutex<HashMap<AccountId, Duration>>,
}

#[derive(Debug)]
struct State {
    breaker: Breaker,
    /// How each number's last call ended, and when.
    last: HashMap<PhoneNumberId, (Duration, bool)>,
    /// Requests that are about to be made or under way.
    under_way: usize,
    /// Numbers that have a message in line which may show whether the host answers.
    waiting: HashSet<PhoneNumberId>,
}

/// Who is to wait.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Held {
    Number(PhoneNumberId),
    Account(AccountId),
}

#[derive(Debug, Clone, Copy, Default)]
struct Hold {
    until: Duration,
    /// Refusals in a row.
    refusals: u32,
}

/// Tells whoever is on call that a breaker changed.
pub(crate) fn say(scope: &'static str, number: &str, before: BreakerState, now: BreakerState) {
    if now == BreakerState::Open {
        tracing::error!(scope, number, "WhatsApp doesn't answer: what is to be sent waits until it does");
    } else if (before, now) != (BreakerState::Open, BreakerState::HalfOpen) {
        tracing::warn!(scope, number, "WhatsApp answers again");
    }
    metrics::gauge!("flow_runner_breaker_state", "scope" => scope, "number" => number.to_owned())
        .set(f64::from(now as u8));
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State {
                breaker: Breaker::closed(),
                last: HashMap::new(),
                under_way: 0,
                waiting: HashSet::new(),
            }),
            changed: watch::Sender::new(BreakerState::Closed),
            holds: Mutex::default(),
            questions: Mutex::default(),
        }
    }

    /// Changes its breaker, and tells everybody who waits for that.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.state);
        let changed = change(&mut state);
        let now = state.breaker.state();
        // Half open, each call that ends lets the next one go.
        self.changed.send_if_modified(|told| {
            let before = std::mem::replace(told, now);
            if before != now {
                say("host", "", before, now);
            }
            before != now || now == BreakerState::HalfOpen
        });
        changed
    }

    pub fn changes(&self) -> watch::Receiver<BreakerState> {
        self.changed.subscribe()
    }

    pub fn breaker(&self) -> BreakerState {
        lock(&self.state).breaker.state()
    }

    pub fn has_room(&self) -> bool {
        let state = lock(&self.state);
        state.breaker.room() > state.under_way
    }

    /// A request is about to be made; false where there is no room for it.
    pub fn begins(&self) -> bool {
        let mut state = lock(&self.state);
        let room = state.breaker.room() > state.under_way;
        state.under_way += usize::from(room);
        room
    }

    /// It came to no call.
    pub fn ended(&self) {
        self.change(|state| state.under_way = state.under_way.saturating_sub(1));
    }

    /// It has ended: when it began, and whether it was answered. The host is to blame only where most numbers fail: one that
    /// fails alone has a breaker of its own, and holds up no other.
    pub fn called(&self, number: &PhoneNumberId, began: Duration, now: Duration, answered: bool) {
        self.change(|state| {
            state.under_way = state.under_way.saturating_sub(1);
            state.last.insert(number.clone(), (now, answered));
            let last = &mut state.last;
            state.breaker.called_among(began, now, answered, || {
                last.retain(|_, (at, _)| *at + WINDOW >= now);
                let failing = last.values().filter(|(_, answered)| !answered).count();
                failing * 2 > last.len()
            });
        });
    }

    pub fn asks_at(&self) -> Option<Duration> {
        lock(&self.state).breaker.asks_at()
    }

    /// Whether the caller is the one to ask whether the host answers, now.
    pub fn asks(&self, account: &AccountId, now: Duration) -> bool {
        let mut state = lock(&self.state);
        if state.breaker.asks_at().is_none_or(|at| at > now) {
            return false;
        }
        match self.may_ask(account, now) {
            Ok(()) => state.breaker.asking(),
            Err(at) => state.breaker.put_off(at),
        }
        state.breaker.asks_at().is_none()
    }

    /// Whether it answered.
    pub fn asked(&self, now: Duration, answered: bool) {
        self.change(|state| state.breaker.asked(now, answered, !state.waiting.is_empty()));
    }

    /// Whether a number has a message in line that may go first. Half open with none of any number, nothing more can be shown.
    pub fn waits(&self, number: &PhoneNumberId, waits: bool) {
        self.change(|state| {
            if waits {
                state.waiting.insert(number.clone());
            } else {
                state.waiting.remove(number);
            }
            if state.waiting.is_empty() && state.under_way == 0 {
                state.breaker.nothing_waits();
            }
        });
    }

    /// Takes one of an account's questions, or says when there is one.
    pub fn may_ask(&self, account: &AccountId, now: Duration) -> Result<(), Duration> {
        let mut questions = lock(&self.questions);
        let tat = questions.entry(account.clone()).or_default();
        let (slot, left) = next_slot(QUESTIONS, *tat, now);
        if slot > now {
            return Err(slot);
        }
        *tat = left;
        Ok(())
    }

    /// The API asked for a wait: for `asked`, or for ever longer ones where it didn't say.
    pub fn hold(&self, held: Held, now: Duration, asked: Duration) {
        let mut holds = lock(&self.holds);
        let hold = holds.entry(held).or_default();
        if hold.until <= now {
            hold.refusals = hold.refusals.saturating_add(1);
            hold.until = now + REFUSED.ceiling(hold.refusals);
        }
        hold.until = hold.until.max(now + asked);
    }

    /// A message of this number was taken: the waits are over that were.
    pub fn was_taken(&self, number: &PhoneNumberId, account: &AccountId, now: Duration) {
        let mut holds = lock(&self.holds);
        if holds.is_empty() {
            return;
        }
        for held in [Held::Number(number.clone()), Held::Account(account.clone())] {
            if holds.get(&held).is_some_and(|hold| hold.until <= now) {
                holds.remove(&held);
            }
        }
    }

    /// Until when nothing is to be sent from a number.
    pub fn held_until(&self, number: &PhoneNumberId, account: Option<&AccountId>) -> Duration {
        let holds = lock(&self.holds);
        if holds.is_empty() {
            return Duration::ZERO;
        }
        let of = |held: Held| holds.get(&held).map_or(Duration::ZERO, |hold| hold.until);
        let account = account.map_or(Duration::ZERO, |account| of(Held::Account(account.clone())));
        of(Held::Number(number.clone())).max(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);
    const SECOND: Duration = Duration::from_secs(1);

    fn opened() -> Host {
        let host = Host::new();
        for _ in 0..20 {
            assert!(host.begins());
            host.called(&"1".into(), NOW, NOW, false);
        }
        host
    }

    #[test]
    fn one_desk_asks_for_all_and_one_message_goes_for_all() {
        let host = opened();
        let (ann, ben) = (AccountId::from("ann"), AccountId::from("ben"));
        assert!(!host.has_room() && !host.asks(&ann, NOW));
        let later = NOW + SECOND;
        assert!(host.asks(&ann, later));
        assert!(!host.asks(&ben, later));
        host.waits(&"1".into(), true);
        host.waits(&"2".into(), true);
        host.asked(later, true);
        assert!(host.begins());
        assert!(!host.begins());
        host.called(&"1".into(), later, later, true);
        assert!(host.has_room());
        assert_eq!(host.breaker(), BreakerState::HalfOpen);
        host.waits(&"1".into(), false);
        assert_eq!(host.breaker(), BreakerState::HalfOpen, "the other number has one");
        host.waits(&"2".into(), false);
        assert_eq!(host.breaker(), BreakerState::Closed);
    }

    #[test]
    fn a_number_that_fails_alone_is_not_the_hosts_fault() {
        let host = Host::new();
        let call = |number: &str, answered| {
            assert!(host.begins());
            host.called(&number.into(), NOW, NOW, answered);
        };
        call("good", true);
        (0..200).for_each(|_| call("bad", false));
        assert_eq!(host.breaker(), BreakerState::Closed);
        call("good", false);
        assert_eq!(host.breaker(), BreakerState::Open, "now all of them fail");
    }

    #[test]
    fn whoever_waits_is_told() {
        let host = Host::new();
        let mut changes = host.changes();
        for _ in 0..20 {
            assert!(host.begins());
            host.called(&"1".into(), NOW, NOW, false);
        }
        assert!(changes.has_changed().expect("there"));
        assert_eq!(*changes.borrow_and_update(), BreakerState::Open);
    }

    #[test]
    fn an_account_asks_sixty_times_an_hour() {
        let (host, ann) = (Host::new(), AccountId::from("ann"));
        let seconds = 0..3 * 3600;
        let asked = seconds.filter(|second| host.may_ask(&ann, NOW + SECOND * *second).is_ok()).count();
        assert_eq!(asked, 3 * 60 + 6);
        assert_eq!(host.may_ask(&"ben".into(), NOW), Ok(()));
    }

    #[test]
    fn waits_grow_with_refusals_until_a_message_is_taken() {
        let (host, number, ann) = (Host::new(), PhoneNumberId::from("1"), AccountId::from("ann"));
        let until = |host: &Host| host.held_until(&number, Some(&ann));
        let held = Held::Account(ann.clone());
        assert_eq!(until(&host), Duration::ZERO);
        host.hold(held.clone(), NOW, Duration::ZERO);
        host.hold(held.clone(), NOW, Duration::ZERO);
        assert_eq!(until(&host), NOW + SECOND, "two refusals of one moment are one");
        host.hold(held.clone(), NOW + SECOND, Duration::ZERO);
        assert_eq!(until(&host), NOW + SECOND * 3);
        host.was_taken(&number, &ann, NOW + SECOND * 2);
        assert_eq!(until(&host), NOW + SECOND * 3, "what was under way says nothing");
        host.was_taken(&number, &ann, NOW + SECOND * 3);
        host.hold(held, NOW + SECOND * 4, SECOND * 30);
        assert_eq!(until(&host), NOW + SECOND * 34);
        assert_eq!(host.held_until(&"2".into(), Some(&"ben".into())), Duration::ZERO);
    }
}
