//! Whose share a queue is, as the tally shows it.

use super::Duty;
use crate::{ports::queue::QueueName, tally::Tally};
use std::pin::pin;
use tokio::sync::watch;

/// Serves a queue, and has the tally know meanwhile whether it is this process's share or whether it merely stands by.
pub async fn counted(
    tally: &Tally,
    queue: QueueName,
    mut duty: watch::Receiver<Duty>,
    serving: impl Future<Output = ()>,
) {
    let mut serving = pin!(serving);
    loop {
        tally.owned(queue, *duty.borrow_and_update() == Duty::Owner);
        tokio::select! {
            biased;
            () = &mut serving => break,
            // Nobody changes it any more: only its end is waited for.
            Ok(()) = duty.changed() => {}
        }
    }
    tally.owned(queue, false);
}
