//! The table `dead_letters`: written by whoever gives something up, read and emptied by operators.

mod bury;
pub(super) mod filter;
pub(super) mod judge;
mod list;
pub(super) mod replay;
mod write;

pub(super) use bury::Enclosed;
pub(super) use write::{Letter, settle, write};

use super::{db::Db, rows::column, store_error};
use async_trait::async_trait;
use sea_orm::Value;
use shared::{
    Timestamp,
    ids::DeadLetterId,
    ports::{
        Stored,
        dead_letters::{
            Allowed, Burial, Buried, DeadLetter, DeadLetters, Group, GroupBy, LetterFilter, Prospect, Replay,
        },
        listing::{Listed, Page},
    },
};

/// The letters of an installation.
#[derive(Debug)]
pub struct SqlDeadLetters(pub Db);

/// Ids as bound values.
fn values(ids: &[DeadLetterId]) -> Vec<Value> {
    ids.iter().map(|id| id.as_str().into()).collect()
}

#[async_trait]
impl Burial for SqlDeadLetters {
    async fn bury(&self, buried: &[Buried], now: Timestamp) -> Stored<Vec<bool>> {
        self.0.write(bury::Bury { buried: buried.to_vec(), now }).await
    }
}

#[async_trait]
impl DeadLetters for SqlDeadLetters {
    async fn list(&self, filter: &LetterFilter, page: &Page) -> Stored<Listed<DeadLetter>> {
        list::list(&self.0, filter, page).await
    }

    async fn count(&self, filter: &LetterFilter) -> Stored<u64> {
        list::count(&self.0, filter).await
    }

    async fn summary(&self, by: &[GroupBy], filter: &LetterFilter) -> Stored<Vec<Group>> {
        list::summary(&self.0, by, filter).await
    }

    async fn get(&self, id: &DeadLetterId) -> Stored<Option<DeadLetter>> {
        list::get(&self.0, id).await
    }

    async fn prospects(
        &self,
        ids: &[DeadLetterId],
        allowed: Allowed,
        now: Timestamp,
    ) -> Stored<Vec<(DeadLetterId, Prospect)>> {
        const DOING: &str = "judging dead letters";
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.0.all(DOING, &judge::select(ids.len()), values(ids)).await?;
        let judged = judge::read(&rows, now).map_err(|error| store_error(DOING, &error))?;
        Ok(judged.into_iter().map(|judged| (judged.id, judged.facts.prospect(allowed))).collect())
    }

    async fn replay(
        &self,
        ids: &[DeadLetterId],
        allowed: Allowed,
        now: Timestamp,
    ) -> Stored<Vec<(DeadLetterId, Replay)>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.0.write(replay::ReplayLetters { ids: ids.to_vec(), allowed, now, of: None }).await
    }

    async fn discard(&self, ids: &[DeadLetterId], now: Timestamp) -> Stored<Vec<DeadLetterId>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.0.write(replay::Discard { ids: ids.to_vec(), now }).await
    }

    async fn published(&self, ids: &[DeadLetterId], now: Timestamp) -> Stored<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.0.write(replay::Close { ids: ids.to_vec(), now }).await
    }
}
