//! Everything the parts of a simulator share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use crate::callback::delivery::Delivery;
use crate::config::{Config, PhoneNumber};
use crate::faults::{CallbackPlan, FaultId, Faults};
use crate::graph::check::Outgoing;
use crate::journal::Journal;
use crate::limits::{Exceeded, Limits};
use crate::log::{Entry, Happening, Log, Refusal, SentMessage};
use crate::random;

/// Happenings a slow watcher may lag behind before it misses some.
const HAPPENINGS: usize = 16_384;

/// Takes a lock whose holder may have panicked: what it guards is only ever changed in one step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shared state of one simulator.
pub(crate) struct World {
    config: RwLock<Arc<Config>>,
    /// When it was made, in milliseconds since the Unix epoch: tells one run from the next.
    pub(crate) started: u64,
    pub(crate) log: Mutex<Log>,
    pub(crate) journal: Mutex<Journal>,
    /// Rings when something was added to the journal.
    pub(crate) bell: Notify,
    pub(crate) limits: Mutex<Limits>,
    pub(crate) faults: Faults,
    pub(crate) delivery: Delivery,
    pub(crate) stop: CancellationToken,
    happenings: broadcast::Sender<Happening>,
    wamids: AtomicU64,
    traces: AtomicU64,
}

impl World {
    pub(crate) fn new(config: Config, stop: CancellationToken) -> anyhow::Result<Self> {
        Ok(Self {
            started: millis(config.clock.now()),
            config: RwLock::new(Arc::new(config)),
            log: Mutex::default(),
            journal: Mutex::default(),
            bell: Notify::new(),
            limits: Mutex::default(),
            faults: Faults::default(),
            delivery: Delivery::new()?,
            stop,
            happenings: broadcast::channel(HAPPENINGS).0,
            wamids: AtomicU64::new(0),
            traces: AtomicU64::new(0),
        })
    }

    /// The settings in force.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes settings; requests already under way keep the old ones.
    pub(crate) fn configure(&self, change: impl FnOnce(&mut Config)) {
        let mut config = self.config.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut config));
    }

    /// The number of this id, made up where none are configured.
    pub(crate) fn number(&self, id: &str) -> PhoneNumber {
        self.config().number(id).map_or_else(|| PhoneNumber::made_up(id), std::borrow::Cow::into_owned)
    }

    /// Writes down what happened, and tells those who watch.
    pub(crate) fn tell(&self, happening: Happening) {
        lock(&self.journal).add(self.now_ms(), &happening);
        self.bell.notify_waiters();
        // It fails only when nobody watches.
        let _ = self.happenings.send(happening);
    }

    /// A new watcher.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Happening> {
        self.happenings.subscribe()
    }

    /// Counts a send against the limits.
    pub(crate) fn take_from_limits(&self, number: &str, recipient: &str) -> Result<(), Exceeded> {
        let config = self.config();
        lock(&self.limits).take(config.clock.now(), number, recipient, config.number_rate, config.pair_limit)
    }

    /// Accepts a send: gives it an id, logs it, and has its statuses sent (unless `plan` is `None`).
    pub(crate) fn accept(&self, number: &str, send: &Outgoing, raw: &[u8], plan: Option<CallbackPlan>) -> Arc<Entry> {
        let config = self.config();
        let entry = {
            // Ids are drawn under the lock, so that they follow the order of acceptance.
            let mut log = lock(&self.log);
            let message = SentMessage {
                index: 0,
                phone_number_id: log.shared_id(number),
                to: send.to.as_deref().map(Into::into),
                recipient: send.recipient.as_deref().map(Into::into),
                kind: send.kind,
                // A copy of the right size: the request's own buffer may be much larger than the body.
                raw: bytes::Bytes::copy_from_slice(raw),
                wamid: self.next_wamid(send.to_whom()).into(),
                biz_opaque_callback_data: send.callback_data.as_deref().map(Into::into),
                accepted_at: millis(config.clock.now()),
                answered: false,
            };
            log.accept(message, config.log_limit)
        };
        self.tell(Happening::Sent(entry.snapshot()));
        if let Some(plan) = plan {
            self.delivery.schedule(&config, &entry, plan);
        }
        entry
    }

    /// Logs a refusal.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.tell(Happening::Refused(refusal.clone()));
        lock(&self.log).refuse(refusal, self.config().log_limit);
    }

    /// The next message id: in Meta's form, unique in this simulator, and the same in each run with the same seed.
    pub(crate) fn next_wamid(&self, whose: &str) -> String {
        let serial = random::mix(self.config().seed, self.wamids.fetch_add(1, Ordering::Relaxed));
        let mut inner = Vec::with_capacity(64);
        inner.extend([0x1C, 0x18, u8::try_from(whose.len()).unwrap_or(u8::MAX)]);
        inner.extend(whose.as_bytes());
        inner.extend([0x15, 0x02, 0x00, 0x11, 0x18, 0x10]);
        inner.extend(format!("{serial:016X}").as_bytes());
        inner.push(0);
        format!("wamid.{}", STANDARD.encode(inner))
    }

    /// The next value for `fbtrace_id`.
    pub(crate) fn next_trace(&self) -> String {
        let serial = random::mix(!self.config().seed, self.traces.fetch_add(1, Ordering::Relaxed));
        format!("A{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(serial.to_be_bytes()))
    }

    /// Now, in milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        millis(self.config().clock.now())
    }

    /// Removes a fault and lets go what it kept back; says whether it was in force.
    pub(crate) fn remove_fault(&self, id: FaultId) -> bool {
        let was_there = self.faults.remove(id);
        if was_there {
            self.delivery.release(id);
        }
        was_there
    }

    /// Removes all faults and lets go what they kept back.
    pub(crate) fn clear_faults(&self) {
        self.faults.clear().into_iter().for_each(|id| self.delivery.release(id));
    }

    /// Forgets what happened: log, faults, limits and statuses still to come. Settings stay, ids go on.
    pub(crate) fn reset(&self) {
        self.clear_faults();
        self.delivery.clear();
        lock(&self.limits).clear();
        lock(&self.log).clear();
        lock(&self.journal).clear();
        self.tell(Happening::Reset);
    }
}

/// Whole milliseconds.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
