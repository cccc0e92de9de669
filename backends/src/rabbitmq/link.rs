//! One connection that comes back: its supervisor, and what others see of it.
//!
//! The driver's own recovery stays off. Any error of the connection ends it and every channel on it; the supervisor makes
//! a fresh one, for ever, with jittered waits.

use super::{
    error::{Failure, REPLY_TIMEOUT, within},
    socket::{Socket, connect},
};
use futures_util::StreamExt;
use lapin::{Channel, Connection, Event, uri::AMQPUri};
use shared::backoff::{Backoff, dice};
use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// Waits between tries. The longest keeps a broker that is back from standing idle for more than a few seconds.
const RECONNECT: Backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(5) };
/// A connection that lived this long was a good one: the next loss waits from the beginning.
const STABLE: Duration = Duration::from_secs(10);
/// How often the driver's view of the connection is read: not every way to die comes with an event.
const LOOK: Duration = Duration::from_millis(500);
/// Closing is a courtesy: a broker that doesn't answer is left.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection while it stands.
pub(super) struct Up {
    connection: Connection,
    lost: CancellationToken,
    blocked: watch::Sender<Option<Arc<str>>>,
}

impl Up {
    /// Cancelled when this connection is no longer to be used.
    pub(super) fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Why the broker takes nothing on this connection, while it doesn't.
    pub(super) fn blocked(&self) -> Option<Arc<str>> {
        let reason = self.blocked.borrow().clone();
        // The driver knows a moment before the event arrives here.
        reason.or_else(|| self.connection.status().blocked().then(|| "connection.blocked".into()))
    }

    /// Waits until the broker takes nothing, and says why.
    pub(super) async fn until_blocked(&self) -> Arc<str> {
        self.wait_until(Option::is_some).await.unwrap_or_default()
    }

    /// Waits until the broker takes messages again.
    pub(super) async fn until_unblocked(&self) {
        self.wait_until(Option::is_none).await;
    }

    async fn wait_until(&self, reached: impl Fn(&Option<Arc<str>>) -> bool) -> Option<Arc<str>> {
        let mut blocked = self.blocked.subscribe();
        // The sender is a field of this very object: it outlives the wait.
        blocked.wait_for(|reason| reached(reason)).await.ok().and_then(|reason| reason.clone())
    }

    /// Opens a channel.
    pub(super) async fn channel(&self) -> Result<Channel, Failure> {
        let opened = within(REPLY_TIMEOUT, self.connection.create_channel()).await;
        if let Err(Failure::Said(what)) = &opened {
            // A connection that can't give a channel is of no use to anybody. Mere silence is judged by the heartbeat.
            tracing::warn!(error = what, "no channel on this connection; taking a fresh one");
            self.lost.cancel();
        }
        opened
    }
}

/// What others see of a connection: up or not.
#[derive(Clone)]
pub(super) struct Link {
    up: watch::Receiver<Option<Arc<Up>>>,
    down: Arc<Mutex<Down>>,
}

/// Since when there is no connection, where there is none, and why.
struct Down {
    since: Instant,
    why: String,
}

impl Link {
    /// The connection, if it stands.
    pub(super) fn now(&self) -> Option<Arc<Up>> {
        self.up.borrow().clone().filter(|up| !up.lost.is_cancelled())
    }

    /// Why there is none, where there is none.
    pub(super) fn why(&self) -> String {
        self.down.lock().unwrap_or_else(PoisonError::into_inner).why.clone()
    }

    /// The connection; one that was lost is waited for until it has been away for `blip`. Of what lasts longer everybody is
    /// told at once.
    pub(super) async fn after_a_blip(&self, blip: Duration) -> Result<Arc<Up>, Failure> {
        let since = self.down.lock().unwrap_or_else(PoisonError::into_inner).since;
        self.within((since + blip).saturating_duration_since(Instant::now())).await
    }

    /// The connection, waiting at most `limit` for it.
    pub(super) async fn within(&self, limit: Duration) -> Result<Arc<Up>, Failure> {
        let mut up = self.up.clone();
        let stands = |up: &Option<Arc<Up>>| up.as_ref().is_some_and(|up| !up.lost.is_cancelled());
        match timeout(limit, up.wait_for(stands)).await {
            Ok(Ok(up)) => up.clone().ok_or_else(|| Failure::Said("not connected".to_owned())),
            Ok(Err(_)) => Err(Failure::Said("shutting down".to_owned())),
            Err(_) => Err(Failure::Said("not connected; trying to connect".to_owned())),
        }
    }
}

/// Keeps one connection up until `shutdown`.
pub(super) struct Supervisor {
    uri: AMQPUri,
    name: String,
    up: watch::Sender<Option<Arc<Up>>>,
    down: Arc<Mutex<Down>>,
    shutdown: CancellationToken,
}

impl Supervisor {
    /// A supervisor and the link it keeps. `name` is what the broker's list of connections shows.
    pub(super) fn new(uri: AMQPUri, name: String, shutdown: CancellationToken) -> (Self, Link) {
        let (up, seen) = watch::channel(None);
        let down = Arc::new(Mutex::new(Down { since: Instant::now(), why: "connecting".to_owned() }));
        (Self { uri, name, up, down: down.clone(), shutdown }, Link { up: seen, down })
    }

    /// Connects, watches, reconnects.
    pub(super) async fn run(self) {
        let mut failures = 0_u32;
        while !self.shutdown.is_cancelled() {
            let began = Instant::now();
            let connected = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                connected = connect(self.uri.clone(), &self.name) => connected,
            };
            let why = match connected {
                Ok((connection, socket)) => self.serve(connection, socket).await,
                Err(failure) => failure.to_string(),
            };
            if self.shutdown.is_cancelled() {
                return;
            }
            self.down.lock().unwrap_or_else(PoisonError::into_inner).why.clone_from(&why);
            failures = if began.elapsed() > STABLE { 1 } else { failures.saturating_add(1) };
            let wait = RECONNECT.jittered(failures, dice());
            tracing::warn!(
                connection = self.name,
                host = self.uri.authority.host,
                port = self.uri.authority.port,
                error = why,
                failures,
                wait_ms = wait.as_millis(),
                "no connection to the broker; trying again"
            );
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// Offers a connection while it stands; says why it no longer does.
    async fn serve(&self, connection: Connection, socket: Socket) -> String {
        // Listened to before anybody can use the connection, so that no event is missed.
        let events = connection.events_listener();
        let (blocked, _) = watch::channel(None);
        let up = Arc::new(Up { connection, lost: CancellationToken::new(), blocked });
        self.up.send_replace(Some(up.clone()));
        tracing::info!(connection = self.name, host = self.uri.authority.host, "connected to the broker");
        let why = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => "shutting down".to_owned(),
            () = up.lost.cancelled() => "given up by its user".to_owned(),
            why = watch_over(&up, events) => why,
        };
        self.down.lock().unwrap_or_else(PoisonError::into_inner).since = Instant::now();
        self.up.send_replace(None);
        up.lost.cancel();
        // Fails at once where the connection is dead already.
        let closing = up.connection.close(200, "OK".into());
        if let Err(failure) = within(CLOSE_TIMEOUT, closing).await {
            tracing::debug!(connection = self.name, error = %failure, "connection not closed in order");
        }
        drop(socket);
        why
    }
}

/// Follows a connection until it is dead; says what it died of.
async fn watch_over(up: &Up, events: impl futures_util::Stream<Item = Event>) -> String {
    let mut events = pin!(events);
    let mut look = tokio::time::interval(LOOK);
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = look.tick() => {
                if !up.connection.status().connected() {
                    return "the driver says it is closed".to_owned();
                }
                continue;
            }
        };
        match event {
            Some(Event::ConnectionBlocked(reason)) => {
                tracing::error!(reason, "the broker takes no messages: a memory or disk alarm");
                up.blocked.send_replace(Some(reason.into()));
            }
            Some(Event::ConnectionUnblocked) => {
                tracing::info!("the broker takes messages again");
                up.blocked.send_replace(None);
            }
            // An error of one channel comes this way too: only what ended the connection counts here.
            Some(Event::Error(error)) if !up.connection.status().connected() => return error.to_string(),
            Some(_) => {}
            None => return "the driver ended".to_owned(),
        }
    }
}
