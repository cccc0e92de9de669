//! Notes on the statuses' clock that callbacks were refused: at most one a second, and never in a callback's way.

use shared::{Timestamp, ports::status_clock::StatusClock};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio_util::task::TaskTracker;

/// From one note to the next, and from a failed one to its repetition.
const PAUSE: Duration = Duration::from_secs(1);
/// For one note.
const NOTE_TIME: Duration = Duration::from_secs(5);
/// How long the end of the process waits for the last note.
const LAST_NOTE: Duration = Duration::from_secs(3);

/// Refused callbacks, on their way to the clock. One task at a time writes them, and ends when there is none.
pub(crate) struct Refusals {
    clock: Arc<dyn StatusClock>,
    state: Arc<Mutex<State>>,
    tasks: TaskTracker,
}

#[derive(Debug, Default)]
struct State {
    /// The newest refusal that is not written yet, and why.
    pending: Option<(Timestamp, &'static str)>,
    /// Whether a task is at it.
    writing: bool,
}

impl Refusals {
    /// Notes go to this clock.
    pub(crate) fn new(clock: Arc<dyn StatusClock>) -> Self {
        Self { clock, state: Arc::default(), tasks: TaskTracker::new() }
    }

    /// Has a refusal noted, as soon as that can be done.
    pub(crate) fn note(&self, at: Timestamp, reason: &'static str) {
        let mut state = lock(&self.state);
        state.pending = Some((at, reason));
        if !state.writing {
            state.writing = true;
            self.tasks.spawn(write(self.clock.clone(), self.state.clone()));
        }
    }

    /// Waits a little for what is still to be written.
    pub(crate) async fn finish(&self) {
        self.tasks.close();
        if tokio::time::timeout(LAST_NOTE, self.tasks.wait()).await.is_err() {
            tracing::warn!("the last refused callback could not be noted on the statuses' clock");
        }
    }
}

async fn write(clock: Arc<dyn StatusClock>, state: Arc<Mutex<State>>) {
    while let Some((at, reason)) = next(&state) {
        tracing::warn!(reason, "callbacks are refused; Meta sends them again");
        let written = tokio::time::timeout(NOTE_TIME, clock.refused(at)).await;
        let error = match written {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {NOTE_TIME:?}")),
        };
        if let Some(error) = error {
            tracing::warn!(error, "a refused callback is not noted yet on the statuses' clock");
            lock(&state).pending.get_or_insert((at, reason));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The refusal to write next; with none the task says that it ends.
fn next(state: &Mutex<State>) -> Option<(Timestamp, &'static str)> {
    let mut state = lock(state);
    let pending = state.pending.take();
    state.writing = pending.is_some();
    pending
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
