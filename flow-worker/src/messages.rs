//! Inbound messages: one conversation step each.

use crate::{
    hand_over::HandOver,
    kept,
    load::{Loaded, Sources},
    recipient::RecipientIds,
    session_cache::PatientCache,
};
use async_trait::async_trait;
use flow_engine::{Flows, Input, Rules, Transition, advance, versions_needed};
use shared::{
    Clock,
    event::{self, InboundMessage, KeptEvent},
    failpoint,
    group_commit::Committer,
    ids::{self, AccountId, RowVersion},
    job::NewJob,
    ports::{
        StoreError, Stored,
        accounts::Accounts,
        conversations::{Advance, CommitOutcome, Conversations, Effect, EventCommit},
        flows::FlowStore,
        queue::Delivery,
        sessions::SessionRecord,
    },
    runner::{Handler, Unreadable, Verdict},
    tally::Tally,
};
use std::sync::Arc;

/// How often an event is loaded again because others moved its recipient meanwhile, before it is held for a moment.
const STALE_TRIES: u32 = 8;

/// What lies in an inbound queue.
#[derive(Debug)]
pub(crate) enum Inbound {
    Message(Box<InboundMessage>),
    Kept(KeptEvent),
}

/// Handles the inbound queues.
pub(crate) struct Messages {
    pub accounts: Arc<dyn Accounts>,
    pub flows: Arc<dyn FlowStore>,
    pub record: Arc<dyn Conversations>,
    pub cache: PatientCache,
    pub committer: Committer<EventCommit, CommitOutcome>,
    pub hand_over: HandOver,
    pub ids: RecipientIds,
    pub rules: Rules,
    pub tally: Arc<Tally>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler for Messages {
    type Item = Inbound;

    fn decode(&self, delivery: &Delivery) -> Result<(String, Inbound), Unreadable> {
        let message = &delivery.message;
        failpoint::reached_with("worker.decode", &message.body);
        if message.schema > event::SCHEMA {
            return Err(Unreadable::NewerSchema(message.schema));
        }
        let undecodable = |error: serde_json::Error| Unreadable::Undecodable(error.to_string());
        match message.kind.as_ref() {
            event::MESSAGE => {
                let inbound: Box<InboundMessage> = serde_json::from_slice(&message.body).map_err(undecodable)?;
                let lane = inbound.sender.lane_key().ok_or_else(|| Unreadable::Undecodable("no sender".into()))?;
                Ok((lane.to_string(), Inbound::Message(inbound)))
            }
            event::KEPT => {
                let kept: KeptEvent = serde_json::from_slice(&message.body).map_err(undecodable)?;
                Ok((kept.event_id.to_string(), Inbound::Kept(kept)))
            }
            other => Err(Unreadable::Undecodable(format!("unknown type {other:?}"))),
        }
    }

    async fn handle(&self, item: &Inbound) -> Verdict {
        match item {
            Inbound::Message(message) => match self.message(message).await {
                Ok(verdict) => verdict,
                // What the record refuses by itself it will always refuse: holding it would hold its lane for ever.
                Err(StoreError::Refused { reason, .. }) => self.give_up(message, &reason).await,
                Err(error) => {
                    tracing::warn!(%error, event.id = %message.event_id, "an event could not be handled; holding it");
                    Verdict::Hold
                }
            },
            Inbound::Kept(event) => kept::keep(&*self.record, event).await,
        }
    }
}

impl Messages {
    async fn give_up(&self, message: &InboundMessage, reason: &str) -> Verdict {
        tracing::error!(event.id = %message.event_id, reason, "an event can't be handled: dead-lettered");
        match self.record.give_up(message.clone(), reason).await {
            Ok(()) => Verdict::Done,
            Err(error) => {
                tracing::warn!(%error, event.id = %message.event_id, "an event could not be dead-lettered; holding it");
                Verdict::Hold
            }
        }
    }

    async fn message(&self, message: &InboundMessage) -> Stored<Verdict> {
        let Some(number) = self.accounts.phone_number(&message.phone_number_id).await? else {
            let commit = EventCommit { message: message.clone(), effect: Effect::UnknownNumber };
            self.committer.commit(commit).await?;
            tracing::warn!(event.id = %message.event_id, number = %message.phone_number_id, "unknown phone number: dead-lettered");
            return Ok(Verdict::Done);
        };
        let account = &number.account_id;
        let sources = Sources { ids: &self.ids, cache: &self.cache, record: &*self.record };
        for tries in 0..STALE_TRIES {
            let loaded = sources.load(account, message, tries == 0).await?;
            let transition = self.transition(account, message, &loaded).await?;
            let advance = self.effect(account, &loaded, &transition);
            let version = advance.version;
            let commit = EventCommit { message: message.clone(), effect: Effect::Advance(Box::new(advance)) };
            failpoint::reached("worker.before_commit");
            match self.committer.commit(commit).await? {
                CommitOutcome::Committed(jobs) => {
                    failpoint::reached("worker.after_commit");
                    self.record_advance(message, &loaded, &transition);
                    self.hand_over.publish(&jobs).await;
                    self.forget_others(account, message, &loaded).await;
                    self.cache(account, loaded, transition, version).await;
                    return Ok(Verdict::Done);
                }
                CommitOutcome::AlreadyHandled(jobs) => {
                    metrics::counter!("flow_runner_events_total", "result" => "duplicate").increment(1);
                    self.hand_over.publish(&jobs).await;
                    self.forget_others(account, message, &loaded).await;
                    self.cache.delete(account, &loaded.recipient_id).await;
                    return Ok(Verdict::Done);
                }
                CommitOutcome::Stale => {
                    metrics::counter!("flow_runner_events_total", "result" => "stale").increment(1);
                    self.cache.delete(account, &loaded.recipient_id).await;
                }
                CommitOutcome::Refused(_) => {
                    metrics::counter!("flow_runner_events_total", "result" => "refused").increment(1);
                    return Ok(Verdict::Done);
                }
            }
        }
        Ok(Verdict::Hold)
    }

    /// Step 2: pure, but for the flow versions it asks for.
    async fn transition(&self, account: &AccountId, message: &InboundMessage, loaded: &Loaded) -> Stored<Transition> {
        let who = &loaded.identities;
        let input = Input {
            phone_number_id: message.phone_number_id.as_str().to_owned(),
            sender: who.phone.iter().chain(&who.bsuid).map(|id| id.to_string()).collect(),
            context_id: message.context_id.clone(),
            reply: message.reply.clone(),
            at: message.received_at,
        };
        let catalog = self.flows.catalog(account).await?;
        let mut pinned = Vec::new();
        for version in versions_needed(&loaded.conversation, &input) {
            if catalog.newest(version).is_none()
                && let Some(version) = self.flows.version(account, version).await?
            {
                pinned.push(version);
            }
        }
        let flows = Flows { catalog: &catalog, pinned: &pinned };
        Ok(advance(&loaded.conversation, &input, flows, self.rules))
    }

    fn effect(&self, account: &AccountId, loaded: &Loaded, transition: &Transition) -> Advance {
        let jobs = transition.sends.iter().map(|send| NewJob {
            id: ids::fresh().into(),
            flow_id: send.flow_id.clone(),
            flow_version: send.flow_version,
            step_id: send.step_id.clone(),
            content: send.content.clone(),
            outside_window: send.outside_window.clone(),
        });
        Advance {
            account_id: account.clone(),
            recipient_id: loaded.recipient_id.clone(),
            expected: loaded.expected,
            version: RowVersion::draw(),
            identities: loaded.identities.clone(),
            link: loaded.link,
            formerly: loaded.formerly.clone(),
            absorbs: loaded.absorbs.clone(),
            conversation: transition.conversation.clone(),
            jobs: jobs.collect(),
            // Notes are our own types: they always have a JSON form.
            notes: serde_json::to_string(&transition.notes).unwrap_or_default(),
            run_limit: transition.run_limit,
        }
    }

    fn record_advance(&self, message: &InboundMessage, loaded: &Loaded, transition: &Transition) {
        metrics::counter!("flow_runner_events_total", "result" => "committed").increment(1);
        self.tally.came_in(&message.phone_number_id);
        let late = self.clock.now().since(message.received_at);
        metrics::histogram!("flow_runner_event_seconds").record(late.as_secs_f64());
        tracing::debug!(
            event.id = %message.event_id,
            message.id = %message.wamid,
            recipient.id = %loaded.recipient_id,
            step = transition.conversation.session.as_ref().map(|session| session.current_step_id.0.as_ref()),
            sends = transition.sends.len(),
            absorbs = loaded.absorbs.len(),
            notes = ?transition.notes,
            "event.advance"
        );
    }

    /// After a change of identity, what the cache holds of rows that became one, or under ids of before.
    async fn forget_others(&self, account: &AccountId, message: &InboundMessage, loaded: &Loaded) {
        for (absorbed, _) in &loaded.absorbs {
            self.cache.delete(account, absorbed).await;
        }
        if let Some(previously) = &message.previously {
            let all = self.ids.candidates(account, previously).chain(self.ids.candidates(account, &message.sender));
            for id in all {
                self.cache.delete(account, &id).await;
            }
        }
    }

    /// Step 5.
    async fn cache(&self, account: &AccountId, loaded: Loaded, transition: Transition, version: RowVersion) {
        match transition.conversation.session {
            Some(session) => {
                let record = SessionRecord {
                    user_id: account.clone(),
                    recipient_id: loaded.recipient_id,
                    session,
                    taps: transition.conversation.taps,
                    row_version: version,
                    identities: loaded.identities,
                };
                self.cache.put(&record).await;
            }
            None => self.cache.delete(account, &loaded.recipient_id).await,
        }
    }
}

#[cfg(test)]
mod tests;
