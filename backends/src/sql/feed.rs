//! Changes of flows, numbers and keys: what this process changes it forgets at once, what others change within 2 s.

use super::db::{Db, execute, one};
use super::rows::{column, corrupt};
use sea_orm::{DatabaseTransaction, DbErr};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How often others' changes are asked for: twice within the promised 2 s.
const POLL: Duration = Duration::from_millis(900);

/// Something that remembers what stands in the database.
pub trait Forgets: Send + Sync {
    /// Forgets what it knows of `scope`: an account's flows (`flows/{account}`), or all numbers and keys (`accounts`).
    fn forget(&self, scope: &str);
    /// Forgets everything.
    fn forget_all(&self);
}

/// The scope of all accounts, numbers and keys.
pub const ACCOUNTS: &str = "accounts";

/// The scope of an account's flows.
pub fn flows_of(account: &str) -> String {
    format!("flows/{account}")
}

/// Notes a change, in the transaction that makes it. The counter's row lock puts all changes into one order.
pub(super) async fn note(tx: &DatabaseTransaction, scope: &str) -> Result<(), DbErr> {
    let row = one(tx, "UPDATE change_counter SET value = value + 1 WHERE id = 1 RETURNING value", vec![]).await?;
    let value: i64 = column(&row.ok_or_else(|| corrupt("change_counter", "no row"))?, "value")?;
    let sql = "INSERT INTO changes (scope, value) VALUES ($1, $2)
        ON CONFLICT (scope) DO UPDATE SET value = excluded.value";
    execute(tx, sql, vec![scope.into(), value.into()]).await.map(drop)
}

/// Follows the changes of all processes.
pub struct Feed {
    db: Db,
    seen: AtomicI64,
    caches: Vec<Arc<dyn Forgets>>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Feed {
    /// A feed that tells these caches.
    #[must_use]
    pub fn new(db: Db, caches: Vec<Arc<dyn Forgets>>) -> Self {
        Self { db, seen: AtomicI64::new(0), caches }
    }

    /// Polls until `stop`.
    pub async fn follow(self, stop: CancellationToken) {
        let mut away = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(POLL) => {}
            }
            match self.poll().await {
                Ok(()) => away = false,
                Err(error) => {
                    // What is remembered may be older than promised; better ask the database each time.
                    self.caches.iter().for_each(|cache| cache.forget_all());
                    if !away {
                        tracing::warn!(%error, "can't follow the changes of flows and numbers");
                    }
                    away = true;
                }
            }
        }
    }

    async fn poll(&self) -> shared::ports::Stored<()> {
        let sql = "SELECT scope, value FROM changes WHERE value > $1 ORDER BY value";
        let doing = "following changes";
        for row in self.db.all(doing, sql, vec![self.seen.load(Ordering::Relaxed).into()]).await? {
            let read = || Ok::<(String, i64), DbErr>((column(&row, "scope")?, column(&row, "value")?));
            let (scope, value) = read().map_err(|error| super::store_error(doing, &error))?;
            self.caches.iter().for_each(|cache| cache.forget(&scope));
            self.seen.store(value, Ordering::Relaxed);
        }
        Ok(())
    }
}
