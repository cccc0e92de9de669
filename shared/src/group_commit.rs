//! Group commit: what is ready at the same time shares a transaction.

use crate::ports::{StoreError, Stored};
use futures_util::future::BoxFuture;
use std::fmt;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// Items that may wait beside the batch that is being written.
const WAITING: usize = 1024;

type Waiting<T, R> = (T, oneshot::Sender<Stored<R>>);

/// Gathers items while the batch before is being written, and writes them together.
pub struct Committer<T, R> {
    items: mpsc::Sender<Waiting<T, R>>,
    /// Ends by itself once the last handle is gone and what was sent is written.
    _task: JoinHandle<()>,
}

impl<T, R> fmt::Debug for Committer<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer").finish_non_exhaustive()
    }
}

impl<T: Send + 'static, R: Send + 'static> Committer<T, R> {
    /// Writes batches of at most `most` items with `write`, which gives one outcome for each, in order.
    pub fn start(
        most: usize,
        what: &'static str,
        write: impl Fn(Vec<T>) -> BoxFuture<'static, Stored<Vec<R>>> + Send + 'static,
    ) -> Self {
        let (items, mut waiting) = mpsc::channel::<Waiting<T, R>>(WAITING);
        let task = tokio::spawn(async move {
            let mut batch = Vec::with_capacity(most);
            while waiting.recv_many(&mut batch, most).await > 0 {
                metrics::histogram!("flow_runner_commit_batch", "what" => what).record(batch.len() as f64);
                let (items, answers): (Vec<T>, Vec<_>) = std::mem::take(&mut batch).into_iter().unzip();
                answer(answers, write(items).await);
            }
        });
        Self { items, _task: task }
    }

    /// Commits one item with whatever others are ready.
    pub async fn commit(&self, item: T) -> Stored<R> {
        let ended = || StoreError::Unavailable { doing: "committing", reason: "the committer has ended".into() };
        let (answer, answered) = oneshot::channel();
        self.items.send((item, answer)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

fn answer<R>(answers: Vec<oneshot::Sender<Stored<R>>>, outcomes: Stored<Vec<R>>) {
    match outcomes {
        Ok(outcomes) => {
            debug_assert_eq!(answers.len(), outcomes.len(), "one outcome for each item");
            for (answer, outcome) in answers.into_iter().zip(outcomes) {
                // Who asked may have been given up on; its effect stands and is found on redelivery.
                drop(answer.send(Ok(outcome)));
            }
        }
        Err(error) => {
            for answer in answers {
                drop(answer.send(Err(error.clone())));
            }
        }
    }
}
