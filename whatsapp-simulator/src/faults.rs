//! Misbehaviour on order: what to do wrong, to which requests, how often.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::random;
use crate::user::digits;
use crate::world::lock;

/// Names an injected fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub u64);

/// What to do wrong, and when. Faults are asked in the order of their injection; of those that spoil the answer only the
/// first that strikes does so, those that concern callbacks add up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// Only requests of this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number_id: Option<String>,
    /// Only messages for this user (phone or business-scoped id).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// Which requests.
    #[serde(default)]
    pub scope: Scope,
    /// Begin with the nth request that matches, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// Strike with this probability (0 to 1), by seeded dice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Strike at most so often; without it for ever, or once if `nth` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// What to do.
    #[serde(flatten)]
    pub kind: FaultKind,
}

impl Fault {
    /// A fault that strikes every send until it is removed.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            phone_number_id: None,
            recipient: None,
            scope: Scope::Sends,
            nth: None,
            probability: None,
            count: None,
            kind,
        }
    }

    /// A fault that strikes once.
    #[must_use]
    pub fn once(kind: FaultKind) -> Self {
        Self { count: Some(1), ..Self::new(kind) }
    }

    fn limit(&self) -> Option<u64> {
        self.count.or(self.nth.map(|_| 1))
    }
}

/// Which requests a fault concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Sends of messages.
    #[default]
    Sends,
    /// Reads of a number's data (`GET /{version}/{phone_number_id}`).
    Reads,
    /// Both.
    All,
}

/// What a fault does. Those about the answer come first, those about callbacks last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum FaultKind {
    /// Refuses with one of Meta's error codes.
    Error {
        /// The code.
        code: i64,
        /// HTTP status; without it that of the table.
        #[serde(default)]
        http_status: Option<u16>,
        /// For `error_data.details`; without it a text of the simulator's.
        #[serde(default)]
        details: Option<String>,
        /// Additional headers, such as `Retry-After` or `x-business-use-case-usage`.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// HTTP 429 that isn't JSON, as a proxy in front of Meta would answer.
    TooManyRequests {
        /// Seconds, for `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// A 5xx that isn't JSON.
    ServerError {
        /// HTTP status.
        http_status: u16,
        /// Whether the message was accepted all the same.
        #[serde(default)]
        accepted: bool,
    },
    /// The answer comes late; the message is accepted, and its statuses go out, at once.
    Delay {
        /// How late, in milliseconds.
        ms: u64,
    },
    /// Never answers, and didn't accept.
    TimeoutBefore,
    /// Accepts, never answers.
    TimeoutAfter {
        /// Whether the statuses come.
        #[serde(default = "yes")]
        statuses: bool,
    },
    /// Resets the connection without accepting.
    ResetBefore,
    /// Accepts, then resets the connection.
    ResetAfter {
        /// Whether the statuses come.
        #[serde(default = "yes")]
        statuses: bool,
    },
    /// HTTP 200 with a body that is no JSON; accepted.
    Garbled,
    /// HTTP 200 whose body ends in the middle, as does the connection; accepted.
    Truncated,
    /// The answer comes one byte each second or so; accepted.
    Drip {
        /// Pause between two bytes, in milliseconds.
        ms: u64,
    },
    /// Each callback about a message is made again, word for word.
    DuplicateCallbacks {
        /// How many more times.
        times: u32,
    },
    /// The statuses of a message come in reverse: `read`, `delivered`, `sent`.
    ReorderStatuses,
    /// Statuses wait until this many can go out in one callback, or the fault is removed.
    BatchStatuses {
        /// How many.
        size: usize,
    },
    /// No statuses come.
    DropStatuses,
    /// Statuses are kept back until the fault is removed.
    HoldStatuses,
    /// Instead of its statuses the message gets `failed` with this code.
    FailStatuses {
        /// The code, for `statuses[].errors`.
        code: i64,
    },
}

fn yes() -> bool {
    true
}

impl FaultKind {
    fn is_about_callbacks(&self) -> bool {
        matches!(
            self,
            Self::DuplicateCallbacks { .. }
                | Self::ReorderStatuses
                | Self::BatchStatuses { .. }
                | Self::DropStatuses
                | Self::HoldStatuses
                | Self::FailStatuses { .. }
        )
    }
}

/// What the faults in force make of one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// What happens to the answer.
    pub(crate) answer: Option<FaultKind>,
    /// What happens to the callbacks.
    pub(crate) callbacks: CallbackPlan,
}

/// What happens to the callbacks about one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallbackPlan {
    pub(crate) duplicates: u32,
    pub(crate) reversed: bool,
    pub(crate) dropped: bool,
    /// Held until that fault is removed, or until so many are held by it.
    pub(crate) held: Option<(FaultId, usize)>,
    pub(crate) failed: Option<i64>,
}

/// The faults in force.
#[derive(Default)]
pub(crate) struct Faults {
    active: Mutex<Vec<Active>>,
    /// Spares the lock while there are none, which is nearly always.
    any: AtomicBool,
    next: AtomicU64,
}

struct Active {
    id: FaultId,
    fault: Fault,
    recipient: Option<String>,
    seed: u64,
    matched: u64,
    struck: u64,
}

impl Active {
    fn concerns(&self, number: &str, recipient: Option<&str>, scope: Scope) -> bool {
        (self.fault.scope == Scope::All || self.fault.scope == scope)
            && self.fault.phone_number_id.as_deref().is_none_or(|wanted| wanted == number)
            && self.recipient.as_deref().is_none_or(|wanted| Some(wanted) == recipient)
    }

    /// Counts a request that it concerns and says whether to strike.
    fn strikes(&mut self) -> bool {
        self.matched += 1;
        let strikes = self.fault.nth.is_none_or(|nth| self.matched >= nth)
            && self.fault.limit().is_none_or(|limit| self.struck < limit)
            && self.fault.probability.is_none_or(|wanted| random::unit(self.seed, self.matched) < wanted);
        self.struck += u64::from(strikes);
        strikes
    }
}

impl Faults {
    /// Puts a fault in force.
    pub(crate) fn inject(&self, fault: Fault, seed: u64) -> FaultId {
        let id = FaultId(self.next.fetch_add(1, Ordering::Relaxed) + 1);
        let recipient = fault.recipient.as_deref().map(canonical);
        let active = Active { id, fault, recipient, seed: random::mix(seed, id.0), matched: 0, struck: 0 };
        lock(&self.active).push(active);
        self.any.store(true, Ordering::Release);
        id
    }

    /// Removes one fault; says whether it was there.
    pub(crate) fn remove(&self, id: FaultId) -> bool {
        let mut active = lock(&self.active);
        let before = active.len();
        active.retain(|fault| fault.id != id);
        self.any.store(!active.is_empty(), Ordering::Release);
        active.len() < before
    }

    /// Removes all faults and says which there were.
    pub(crate) fn clear(&self) -> Vec<FaultId> {
        let mut active = lock(&self.active);
        self.any.store(false, Ordering::Release);
        active.drain(..).map(|fault| fault.id).collect()
    }

    /// The faults in force, each with how often it struck.
    pub(crate) fn list(&self) -> Vec<(FaultId, Fault, u64)> {
        lock(&self.active).iter().map(|active| (active.id, active.fault.clone(), active.struck)).collect()
    }

    /// What the faults make of a request; `recipient` is digits or a business-scoped id.
    pub(crate) fn plan(&self, number: &str, recipient: Option<&str>, scope: Scope) -> Plan {
        let mut plan = Plan::default();
        if !self.any.load(Ordering::Acquire) {
            return plan;
        }
        for active in lock(&self.active).iter_mut() {
            if !active.concerns(number, recipient, scope) {
                continue;
            }
            if active.fault.kind.is_about_callbacks() {
                if active.strikes() {
                    plan.callbacks.add(active.id, &active.fault.kind);
                }
            } else if plan.answer.is_some() {
                active.matched += 1;
            } else if active.strikes() {
                plan.answer = Some(active.fault.kind.clone());
            }
        }
        plan
    }

    /// How often a user's message is to be repeated.
    pub(crate) fn duplicates_of_message(&self, number: &str, from: &str) -> u32 {
        if !self.any.load(Ordering::Acquire) {
            return 0;
        }
        let mut duplicates = 0;
        for active in lock(&self.active).iter_mut() {
            if let FaultKind::DuplicateCallbacks { times } = active.fault.kind
                && active.concerns(number, Some(from), Scope::Sends)
                && active.strikes()
            {
                duplicates += times;
            }
        }
        duplicates
    }
}

impl CallbackPlan {
    fn add(&mut self, id: FaultId, kind: &FaultKind) {
        match *kind {
            FaultKind::DuplicateCallbacks { times } => self.duplicates += times,
            FaultKind::ReorderStatuses => self.reversed = true,
            FaultKind::BatchStatuses { size } => self.held = Some((id, size.max(1))),
            FaultKind::HoldStatuses => self.held = Some((id, usize::MAX)),
            FaultKind::DropStatuses => self.dropped = true,
            FaultKind::FailStatuses { code } => self.failed = Some(code),
            _ => {}
        }
    }
}

/// How recipients are compared.
fn canonical(recipient: &str) -> String {
    if crate::user::is_bsuid(recipient) { recipient.to_owned() } else { digits(recipient) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(fault: Fault, requests: u64) -> Vec<u64> {
        let faults = Faults::default();
        faults.inject(fault, 42);
        (1..=requests).filter(|_| faults.plan("1", Some("15"), Scope::Sends).answer.is_some()).collect()
    }

    #[test]
    fn nth_and_count_choose_the_requests() {
        let kind = || FaultKind::Garbled;
        assert_eq!(strikes(Fault::new(kind()), 3), [1, 2, 3]);
        assert_eq!(strikes(Fault::once(kind()), 3), [1]);
        assert_eq!(strikes(Fault { nth: Some(3), ..Fault::new(kind()) }, 5), [3]);
        assert_eq!(strikes(Fault { nth: Some(2), count: Some(2), ..Fault::new(kind()) }, 5), [2, 3]);
    }

    #[test]
    fn the_dice_fall_the_same_way_each_time() {
        let fault = Fault { probability: Some(0.25), ..Fault::new(FaultKind::Garbled) };
        let first = strikes(fault.clone(), 1_000);
        assert!((200..300).contains(&first.len()), "{} of 1000", first.len());
        assert_eq!(first, strikes(fault, 1_000));
    }

    #[test]
    fn number_recipient_and_scope_narrow_it_down() {
        let faults = Faults::default();
        let fault = Fault {
            phone_number_id: Some("1".into()),
            recipient: Some("+1 5".into()),
            ..Fault::new(FaultKind::Garbled)
        };
        let id = faults.inject(fault, 0);
        let hit = |number, recipient, scope| faults.plan(number, Some(recipient), scope).answer.is_some();
        assert!(hit("1", "15", Scope::Sends));
        assert!(!hit("2", "15", Scope::Sends));
        assert!(!hit("1", "16", Scope::Sends));
        assert!(!hit("1", "15", Scope::Reads));
        assert!(faults.remove(id));
        assert!(!faults.remove(id));
        assert!(!hit("1", "15", Scope::Sends));
    }

    #[test]
    fn faults_read_as_json() {
        let fault: Fault = serde_json::from_str(
            r#"{"kind":"error","code":131056,"nth":2,"phoneNumberId":"1","headers":{"Retry-After":"2"}}"#,
        )
        .expect("a fault");
        assert_eq!(fault.nth, Some(2));
        assert!(matches!(fault.kind, FaultKind::Error { code: 131_056, http_status: None, .. }));
        let fault: Fault = serde_json::from_str(r#"{"kind":"timeoutAfter"}"#).expect("a fault");
        assert_eq!(fault.kind, FaultKind::TimeoutAfter { statuses: true });
    }
}
