//! A delivery that came back so often that it may have killed whoever handled it.

use super::{
    Handler, Unreadable,
    handling::{Handling, Manner},
};
use crate::ports::{queue::Delivery, suspects::Noted};

/// A delivery that came back so often is a suspect: a crash brings back all that its process held, guilty or not.
pub(super) const SUSPECT: u32 = 3;
/// Tries noted and never struck out, after which it is the one: whoever handled it alone died of it.
const KILLED: u32 = 3;

/// How the handling of a suspect ended.
pub(super) enum Told {
    /// It may be acknowledged.
    Done,
    /// Its body is not what its type says.
    Undecodable(String),
    /// A newer program must take it.
    NewerSchema(u16),
    /// The process ends.
    Stopped,
}

impl<H: Handler> Handling<H> {
    /// Handles a suspect, if there is one, with nothing else under way in this process.
    pub async fn alone(&self, delivery: Option<&Delivery>) -> Option<Told> {
        Some(self.handle_suspect(delivery?).await)
    }

    /// Noted before, struck out after. What was noted three times and never struck out is given up without being looked
    /// into.
    async fn handle_suspect(&self, delivery: &Delivery) -> Told {
        let message = &delivery.message;
        let _floor = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Told::Stopped,
            floor = self.runner.floor.write() => floor,
        };
        let Some(noted) = self.noted(delivery).await else { return Told::Stopped };
        let open = match noted {
            Noted::GivenUp => return Told::Done,
            Noted::Open(open) => open,
        };
        tracing::warn!(queue = %self.queue, message.id = %message.id, deliveries = delivery.delivery_count, open,
            "a message that came back often is handled alone");
        if open >= KILLED {
            let mut tries = 0;
            while !self.give_up(message).await {
                self.held.held();
                tries += 1;
                if !self.wait(tries).await {
                    return Told::Stopped;
                }
            }
            return Told::Done;
        }
        let told = match self.handler.decode(message) {
            Err(Unreadable::Undecodable(why)) => Told::Undecodable(why),
            Err(Unreadable::NewerSchema(schema)) => Told::NewerSchema(schema),
            Ok((_, item)) if self.until_done(message, &item, Manner::Alone).await => Told::Done,
            Ok(_) => Told::Stopped,
        };
        // Nobody died of it. A note that can't be struck out makes it seem worse than it is, and no more.
        if let Err(error) = self.runner.suspects.strike_out(self.queue, message).await {
            tracing::warn!(queue = %self.queue, message.id = %message.id, %error, "a note could not be struck out");
        }
        told
    }

    /// Notes the try, for as long as that takes; `None` when the process ends first.
    async fn noted(&self, delivery: &Delivery) -> Option<Noted> {
        let mut tries = 0;
        loop {
            match self.runner.suspects.note(self.queue, &delivery.message, self.runner.clock.now()).await {
                Ok(noted) => return Some(noted),
                Err(error) => {
                    tracing::warn!(queue = %self.queue, %error, "a try could not be noted; holding the message")
                }
            }
            self.held.held();
            tries += 1;
            if !self.wait(tries).await {
                return None;
            }
        }
    }
}
