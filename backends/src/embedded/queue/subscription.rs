//! One subscription: a task that hands messages out, and what settles them.

use super::{line::Line, queue_error, tables};
use crate::{
    embedded::writer::{GroupWriter, QueueWrite},
    sql::Db,
};
use async_trait::async_trait;
use shared::{
    Clock as _, SystemClock,
    ports::{
        Stored,
        queue::{Delivery, QueueError, Settle, Subscription, Tag},
    },
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How far ahead the database is told what will be handed out: one write for so many messages.
const RESERVE: i64 = 1024;
/// After a database error.
const RETRY: Duration = Duration::from_millis(500);

/// Begins to hand out from the first line; what is rejected goes to the second.
pub(super) fn start(
    db: Db,
    writer: Arc<GroupWriter>,
    [line, dead]: [Arc<Line>; 2],
    prefetch: u16,
    tasks: &TaskTracker,
) -> Subscription {
    let (out, deliveries) = mpsc::channel(usize::from(prefetch).max(1));
    let channel = Arc::new(Channel {
        db,
        writer,
        subscriber: line.join(),
        line,
        dead,
        prefetch: usize::from(prefetch).max(1),
        open: Mutex::default(),
        freed: Notify::new(),
        closed: CancellationToken::new(),
        done: CancellationToken::new(),
    });
    tasks.spawn(channel.clone().feed(out));
    Subscription { deliveries, settle: channel }
}

/// What was handed out and not settled.
#[derive(Debug, Default)]
struct Open {
    last_tag: Tag,
    ids: BTreeMap<Tag, i64>,
}

#[derive(Debug)]
struct Channel {
    db: Db,
    writer: Arc<GroupWriter>,
    line: Arc<Line>,
    /// The queue `dead-letters`.
    dead: Arc<Line>,
    subscriber: u64,
    prefetch: usize,
    open: Mutex<Open>,
    freed: Notify,
    closed: CancellationToken,
    /// Cancelled once the place is given up.
    done: CancellationToken,
}

impl Channel {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out until closed, then gives back what is open.
    async fn feed(self: Arc<Self>, out: mpsc::Sender<Delivery>) {
        loop {
            // Taken before looking: a change between looking and waiting is not missed.
            let changed = self.line.changed();
            let freed = self.freed.notified();
            let handed = tokio::select! {
                biased;
                () = self.closed.cancelled() => break,
                () = out.closed() => break,
                handed = self.hand_out(&out) => handed,
            };
            match handed {
                Ok(0) => tokio::select! {
                    () = self.closed.cancelled() => break,
                    () = out.closed() => break,
                    () = changed => {}
                    () = freed => {}
                },
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(queue = %self.line.name, %error, "can't hand messages out");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
        self.end().await;
    }

    /// Hands out what there is and fits; how many.
    async fn hand_out(&self, out: &mpsc::Sender<Delivery>) -> Stored<usize> {
        let room = self.prefetch.saturating_sub(self.open().ids.len());
        if room == 0 || !self.line.serves(self.subscriber) {
            return Ok(0);
        }
        let known = self.line.lock().reserved;
        if known.is_none() {
            let before = self.db.write(tables::CountHandedOut { queue: self.line.name.clone() }).await?;
            self.line.lock().reserved = Some(before);
        }
        let returned: Vec<i64> = self.line.lock().returned.iter().copied().take(room).collect();
        let rows = if returned.is_empty() {
            let cursor = self.line.lock().cursor;
            let rows = tables::after(&self.db, &self.line.name, cursor, room).await?;
            self.reserve(rows.last().map_or(0, |row| row.id)).await?;
            rows
        } else {
            tables::these(&self.db, &returned).await?
        };
        let count = rows.len().max(returned.len());
        {
            let mut state = self.line.lock();
            if let Some(last) = rows.last() {
                state.cursor = state.cursor.max(last.id);
            }
            for id in &returned {
                state.returned.remove(id);
            }
        }
        let mut rows = rows.into_iter();
        while let Some(row) = rows.next() {
            let tag = {
                let mut open = self.open();
                open.last_tag += 1;
                let tag = open.last_tag;
                open.ids.insert(tag, row.id);
                tag
            };
            // The channel has room for a whole prefetch: this only fails once the receiver is gone. What is open then
            // goes back at the end, and what was not handed out at once.
            let delivery = Delivery { tag, message: row.message, delivery_count: row.deliveries, death: row.death };
            if out.try_send(delivery).is_err() {
                self.line.give_back(&rows.map(|row| row.id).collect::<Vec<_>>());
                break;
            }
        }
        Ok(count)
    }

    async fn reserve(&self, last: i64) -> Stored<()> {
        let reserved = self.line.lock().reserved.unwrap_or(0);
        if last > reserved {
            let up_to = last + RESERVE;
            self.db.write(tables::Reserve { queue: self.line.name.clone(), up_to }).await?;
            self.line.lock().reserved = Some(up_to);
        }
        Ok(())
    }

    async fn end(&self) {
        let open: Vec<i64> = std::mem::take(&mut self.open().ids).into_values().collect();
        if !open.is_empty()
            && let Err(error) = self.writer.queue(QueueWrite::Count(open.clone())).await
        {
            tracing::warn!(queue = %self.line.name, %error, "deliveries not counted");
        }
        self.line.leave(self.subscriber, open);
        self.done.cancel();
    }

    /// Takes tags out of the open ones; a tag of no open delivery is a bug of ours.
    fn take(&self, tags: &[Tag]) -> Result<Vec<i64>, QueueError> {
        self.each(tags, |open, tag| open.ids.remove(&tag))
    }

    /// What open tags stand for.
    fn look(&self, tags: &[Tag]) -> Result<Vec<i64>, QueueError> {
        self.each(tags, |open, tag| open.ids.get(&tag).copied())
    }

    fn each(&self, tags: &[Tag], id: impl Fn(&mut Open, Tag) -> Option<i64>) -> Result<Vec<i64>, QueueError> {
        let mut open = self.open();
        if self.closed.is_cancelled() {
            return Err(self.error("settling", "the channel is closed"));
        }
        let missing = |tag: &Tag| self.error("settling", format!("tag {tag} is not open"));
        tags.iter().map(|tag| id(&mut open, *tag).ok_or_else(|| missing(tag))).collect()
    }

    fn error(&self, doing: &'static str, reason: impl ToString) -> QueueError {
        queue_error(&self.line.name, doing, reason)
    }
}

#[async_trait]
impl Settle for Channel {
    async fn ack(&self, tags: &[Tag]) -> Result<(), QueueError> {
        let ids = self.take(tags)?;
        self.freed.notify_one();
        if let Err(error) = self.writer.queue(QueueWrite::Ack(ids.clone())).await {
            // Not gone: it comes again.
            self.line.give_back(&ids);
            return Err(self.error("acknowledging", error));
        }
        Ok(())
    }

    async fn give_back(&self, tags: &[Tag]) -> Result<(), QueueError> {
        let ids = self.look(tags)?;
        let counted = self.writer.queue(QueueWrite::Count(ids.clone())).await;
        // Back in line before their room is free: later messages would take it.
        self.line.give_back(&ids);
        self.take(tags)?;
        self.freed.notify_one();
        counted.map_err(|error| self.error("giving back", error))
    }

    async fn reject(&self, tags: &[Tag]) -> Result<(), QueueError> {
        let ids = self.take(tags)?;
        let now = SystemClock::default().now();
        if let Err(error) = self.db.write(tables::Reject { ids: ids.clone(), now }).await {
            self.line.give_back(&ids);
            return Err(self.error("rejecting", error));
        }
        self.freed.notify_one();
        self.dead.wake();
        Ok(())
    }

    async fn close(&self) {
        self.closed.cancel();
        self.done.cancelled().await;
    }

    async fn lost(&self) {
        self.done.cancelled().await;
    }
}
