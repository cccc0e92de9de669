//! One partition of this process's: when it begins, comes in again, and is let go.

use super::{
    Served,
    assignment::{Duty, Place},
};
use std::time::Duration;
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// After a change who stands by comes in (again) this late: behind the owner, who may have seen the change half a second
/// later.
const STAND_BY_AFTER: Duration = Duration::from_secs(1);
/// And who is to let go does so this late: whoever is to come next is in line by then.
const LET_GO_AFTER: Duration = Duration::from_secs(2);
/// Who stands by comes in again this often: should it be served although the owner is alive, whose connection was lost for a
/// moment, then the owner is next in line.
const STAND_BY_ANEW: Duration = Duration::from_secs(30);

/// What is going to happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    /// Begin, or end and begin again at the end of the line.
    ComeIn,
    /// End.
    LetGo,
}

/// A partition that this process serves, stands by for, or is letting go.
pub(super) struct Partition {
    number: u16,
    owner: String,
    duty: watch::Sender<Duty>,
    planned: Option<(Instant, Move)>,
    running: Option<Running>,
}

struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Partition {
    /// An owner begins at once.
    pub fn begin<F, S>(number: u16, place: Place, now: Instant, serve_one: &F) -> Self
    where
        F: Fn(Served) -> S + Clone + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let delay = if place.duty == Duty::Owner { Duration::ZERO } else { STAND_BY_AFTER };
        let mut partition = Self {
            number,
            owner: place.owner,
            duty: watch::Sender::new(place.duty),
            planned: Some((now + delay, Move::ComeIn)),
            running: None,
        };
        partition.move_on(now, serve_one);
        partition
    }

    pub fn duty(&self) -> Duty {
        *self.duty.borrow()
    }

    /// The list of members gives it this place now, or none.
    pub fn becomes(&mut self, place: Option<Place>, now: Instant) {
        let Some(Place { duty, owner }) = place else {
            self.owner.clear();
            self.duty.send_replace(Duty::Standby);
            if !matches!(self.planned, Some((_, Move::LetGo))) {
                // What was let go already only has to end.
                self.planned = self.is_in_line().then_some((now + LET_GO_AFTER, Move::LetGo));
            }
            return;
        };
        if self.owner == owner {
            return;
        }
        let before = self.duty.send_replace(duty);
        self.owner = owner;
        self.planned = match (before, duty) {
            // It is in line already, or about to be: nothing can be sooner.
            (_, Duty::Owner) if self.is_in_line() => None,
            (_, Duty::Owner) => Some((now, Move::ComeIn)),
            (Duty::Owner, Duty::Standby) => Some((now + LET_GO_AFTER, Move::ComeIn)),
            (Duty::Standby, Duty::Standby) => Some((now + STAND_BY_AFTER, Move::ComeIn)),
        };
    }

    fn is_in_line(&self) -> bool {
        self.running.as_ref().is_some_and(|running| !running.stop.is_cancelled())
    }

    /// When something is to be done.
    pub fn due(&self) -> Option<Instant> {
        self.planned.map(|(at, _)| at)
    }

    /// Does what is due.
    pub fn move_on<F, S>(&mut self, now: Instant, serve_one: &F)
    where
        F: Fn(Served) -> S + Clone + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let Some((_, what)) = self.planned.filter(|(at, _)| *at <= now) else { return };
        self.planned = None;
        let before = self.running.take();
        if let Some(running) = &before {
            running.stop.cancel();
        }
        let stop = CancellationToken::new();
        let (serve_one, served) = (serve_one.clone(), (self.number, self.duty.subscribe(), stop.clone()));
        let task = tokio::spawn(async move {
            // What runs is finished and acknowledged first.
            if let Some(Running { task, .. }) = before
                && let Err(error) = task.await
            {
                std::panic::resume_unwind(error.into_panic());
            }
            if what == Move::ComeIn {
                serve_one(served).await;
            }
        });
        match what {
            Move::LetGo => stop.cancel(),
            Move::ComeIn if self.duty() == Duty::Standby => self.planned = Some((now + STAND_BY_ANEW, Move::ComeIn)),
            Move::ComeIn => {}
        }
        self.running = Some(Running { stop, task });
    }

    pub fn stop(&self) {
        if let Some(running) = &self.running {
            running.stop.cancel();
        }
    }

    /// Whether it was let go, and nothing of it runs any more.
    pub fn is_over(&self) -> bool {
        let over = |running: &Running| running.stop.is_cancelled() && running.task.is_finished();
        self.owner.is_empty() && self.planned.is_none() && self.running.as_ref().is_none_or(over)
    }

    /// Whether its task ended although nobody told it to.
    pub fn ended_badly(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.task.is_finished() && !running.stop.is_cancelled())
    }

    /// Waits until it has ended.
    pub async fn ended(self) {
        if let Some(Running { task, .. }) = self.running
            && let Err(error) = task.await
        {
            tracing::error!(%error, partition = self.number, "a partition's task ended badly");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves until it is told to stop.
    async fn serve_one((_, _, stop): Served) {
        stop.cancelled().await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_let_go_is_over_however_often_one_looks() {
        let mine = Place { duty: Duty::Owner, owner: "me".into() };
        let mut partition = Partition::begin(3, mine, Instant::now(), &serve_one);
        partition.becomes(None, Instant::now());
        assert!(!partition.is_over(), "it is served until it is let go");
        tokio::time::advance(LET_GO_AFTER).await;
        partition.move_on(Instant::now(), &serve_one);
        // Looking again plans nothing more.
        partition.becomes(None, Instant::now());
        assert_eq!(partition.due(), None);
        while !partition.is_over() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_let_go_begins_anew_once_it_is_owned_again() {
        let mine = || Place { duty: Duty::Owner, owner: "me".into() };
        let mut partition = Partition::begin(3, mine(), Instant::now(), &serve_one);
        partition.becomes(None, Instant::now());
        tokio::time::advance(LET_GO_AFTER).await;
        partition.move_on(Instant::now(), &serve_one);
        partition.becomes(Some(mine()), Instant::now());
        partition.move_on(Instant::now(), &serve_one);
        assert!(partition.is_in_line() && !partition.is_over());
        partition.stop();
        partition.ended().await;
    }
}
