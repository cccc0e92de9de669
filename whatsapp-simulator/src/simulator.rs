//! The handle of a running simulator.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::callback::{delivery, message_body, sign, status_body};
use crate::chat;
use crate::config::Config;
use crate::control;
use crate::faults::{Fault, FaultId};
use crate::graph;
use crate::inbound::{self, Inbound};
use crate::log::{Happening, Refusal, SentMessage};
use crate::server;
use crate::user::{User, UserMessage};
use crate::world::{World, lock};
use crate::{PairLimit, StatusUpdate, Statuses};

/// A running simulator. Dropping it ends it too; [`stop`](Self::stop) also waits until it has ended.
pub struct Simulator {
    world: Arc<World>,
    addr: SocketAddr,
    tasks: TaskTracker,
    _stop: DropGuard,
}

impl Simulator {
    /// Binds the address and serves on it. Port 0 takes any free port.
    ///
    /// # Errors
    /// When the address can't be bound.
    pub async fn start(listen: SocketAddr, config: Config) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen).await.with_context(|| format!("listening on {listen}"))?;
        let addr = listener.local_addr().context("reading the address that was bound")?;
        let stop = CancellationToken::new();
        let world = Arc::new(World::new(config, stop.clone())?);
        let tasks = TaskTracker::new();
        let router = graph::router(&world).merge(control::router(&world)).merge(chat::router());
        tasks.spawn(server::serve(listener, router, tasks.clone(), stop.clone()));
        delivery::spawn(&world, &tasks);
        Ok(Self { world, addr, tasks, _stop: stop.drop_guard() })
    }

    /// The address that was bound.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What to put in the place of `https://graph.facebook.com`.
    #[must_use]
    pub fn url(&self) -> String {
        let mut addr = self.addr;
        if addr.ip().is_unspecified() {
            addr.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        format!("http://{addr}")
    }

    /// Sets where callbacks go from now on.
    pub fn set_webhook_url(&self, url: &str) {
        self.world.configure(|config| config.webhook_url = Some(url.to_owned()));
    }

    /// Sets the limits in force from now on.
    pub fn set_limits(&self, number_rate: u32, pair_limit: PairLimit) {
        self.world.configure(|config| {
            config.number_rate = number_rate;
            config.pair_limit = pair_limit;
        });
    }

    /// Sets the only bearer token that is taken from now on: the one before has expired.
    pub fn set_access_token(&self, token: &str) {
        self.world.configure(|config| config.access_token = Some(token.to_owned()));
    }

    /// Sets how far messages accepted from now on get.
    pub fn set_statuses(&self, statuses: Statuses) {
        self.world.configure(|config| config.statuses = statuses);
    }

    /// The sends accepted so far, in the order of acceptance.
    #[must_use]
    pub fn sends(&self) -> Vec<SentMessage> {
        self.sends_since(0)
    }

    /// The accepted sends whose index is this or higher.
    #[must_use]
    pub fn sends_since(&self, index: u64) -> Vec<SentMessage> {
        let entries = lock(&self.world.log).since(index);
        entries.iter().map(|entry| entry.snapshot()).collect()
    }

    /// How many sends were accepted, those that have left the log included.
    #[must_use]
    pub fn sends_count(&self) -> u64 {
        lock(&self.world.log).accepted()
    }

    /// The requests refused so far, oldest first.
    #[must_use]
    pub fn refusals(&self) -> Vec<Refusal> {
        lock(&self.world.log).refusals()
    }

    /// Everything that happens from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Happening> {
        self.world.subscribe()
    }

    /// Has a user write to a number: makes the signed callback once and returns what the webhook answered.
    ///
    /// # Errors
    /// When there is no such number, no webhook URL, or the webhook didn't answer.
    pub async fn user_writes(&self, phone_number_id: &str, from: &User, what: UserMessage) -> anyhow::Result<Inbound> {
        inbound::write(&self.world, phone_number_id, from, what).await
    }

    /// Has a user tap the button, or pick the row, of this title on the last interactive message they got.
    ///
    /// # Errors
    /// As [`user_writes`](Self::user_writes), and when there is nothing of that title.
    pub async fn tap(&self, phone_number_id: &str, from: &User, title: &str) -> anyhow::Result<Inbound> {
        inbound::tap(&self.world, phone_number_id, from, title).await
    }

    /// The body of the callback that [`user_writes`](Self::user_writes) would make, for tests that post it themselves.
    #[must_use]
    pub fn callback_body(&self, phone_number_id: &str, from: &User, what: &UserMessage, wamid: &str) -> String {
        let now = self.world.config().clock.now().as_secs();
        message_body(&self.world.number(phone_number_id), from, what, wamid, now)
    }

    /// The body of a callback with these statuses of one number.
    #[must_use]
    pub fn status_callback_body(&self, phone_number_id: &str, statuses: &[StatusUpdate]) -> String {
        let number = self.world.number(phone_number_id);
        let statuses: Vec<_> = statuses.iter().map(|status| (number.clone(), status.clone())).collect();
        status_body(&statuses)
    }

    /// The signature of a body under this simulator's app secret.
    #[must_use]
    pub fn sign(&self, body: &str) -> String {
        sign(&self.world.config().app_secret, body)
    }

    /// A message id not used before.
    #[must_use]
    pub fn next_wamid(&self, user: &User) -> String {
        let who = user.phone_digits().or_else(|| user.bsuid.clone()).unwrap_or_default();
        self.world.next_wamid(&who)
    }

    /// Puts a fault in force.
    pub fn inject(&self, fault: Fault) -> FaultId {
        self.world.faults.inject(fault, self.world.config().seed)
    }

    /// Removes one fault, letting go what it kept back; says whether it was in force.
    pub fn remove_fault(&self, id: FaultId) -> bool {
        self.world.remove_fault(id)
    }

    /// Removes all faults, letting go what they kept back.
    pub fn clear_faults(&self) {
        self.world.clear_faults();
    }

    /// Forgets sends, refusals, faults, the state of the limits and the statuses still to come. Settings stay, and ids
    /// go on, so that a message id is never given twice.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Stops everything and waits for it; callbacks that have not gone out are lost.
    pub async fn stop(self) {
        self.world.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
