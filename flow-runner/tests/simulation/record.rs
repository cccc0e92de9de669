//! The record: recipients, messages, jobs, in one transaction each time. Nobody here ever becomes one with another.

use crate::{
    broken::away,
    flow::shown,
    process::Through,
    weather::Spell,
    world::{Sabotage, World, lock},
};
use async_trait::async_trait;
use flow_engine::{Content, Conversation};
use shared::{
    Clock, Timestamp,
    event::{InboundMessage, KeptEvent, StatusUpdate},
    ids::{AccountId, EventId, Identities, JobId, PhoneNumberId, RecipientId, RowVersion, Wamid},
    job::{JobRef, JobState, LaneSeq},
    ports::{
        Stored,
        conversations::{Advance, CommitOutcome, Conversations, Effect, EventCommit, RecipientRow, StatusOutcome},
        dead_letters::{Burial, Buried},
        queue::Message,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

/// What makes a message itself, whoever repeats it.
type MessageKey = (PhoneNumberId, Wamid, i64);

/// A recipient's row.
pub struct Recipient {
    pub who: Identities,
    pub conversation: Conversation,
    version: RowVersion,
    counter: i64,
    created_at: Timestamp,
}

/// The row of a message that was handled.
pub struct Handled {
    key: MessageKey,
    pub event: EventId,
    pub recipient: RecipientId,
}

impl Handled {
    pub fn wamid(&self) -> &str {
        self.key.1.as_str()
    }
}

/// A job's row.
pub struct Job {
    pub id: JobId,
    pub event: EventId,
    pub recipient: RecipientId,
    pub place: LaneSeq,
    pub content: Content,
    pub shows: String,
    pub number: PhoneNumberId,
    pub who: Identities,
    pub made_at: Timestamp,
    /// Whether its bell rang.
    pub rung: bool,
    pub state: JobState,
    pub attempt: i32,
    pub spent: i32,
    pub resends: i32,
    pub owner: Option<String>,
    pub due_at: Timestamp,
    pub claimed_at: Option<Timestamp>,
    pub updated_at: Timestamp,
    pub delivery: i32,
    /// Attempts that a failed status ended.
    pub failed: Vec<i32>,
    /// Why it was given up.
    pub letter: Option<&'static str>,
}

/// All rows; messages in the order in which they were committed.
#[derive(Default)]
pub struct Rows {
    pub recipients: BTreeMap<RecipientId, Recipient>,
    pub messages: Vec<Handled>,
    pub jobs: Vec<Job>,
    /// Statuses and kept events that were handled.
    pub others: BTreeSet<EventId>,
    pub letters: Vec<String>,
}

/// The record.
#[derive(Default)]
pub struct Record {
    rows: Mutex<Rows>,
    /// It doesn't answer.
    pub away: Spell,
}

/// What the events of a batch before this one touch.
#[derive(Default)]
struct Touched {
    messages: BTreeSet<MessageKey>,
    recipients: BTreeSet<RecipientId>,
}

impl Record {
    /// Jobs that are not over.
    pub fn open_jobs(&self) -> Vec<String> {
        let told = |job: &Job| format!("{} is {}", job.name(), job.state.as_str());
        self.look(|rows| rows.jobs.iter().filter(|job| job.is_open()).map(told).collect())
    }

    /// Changes the rows.
    pub fn change<T>(&self, change: impl FnOnce(&mut Rows) -> T) -> T {
        change(&mut lock(&self.rows))
    }

    /// Looks at the rows.
    pub fn look<T>(&self, look: impl FnOnce(&Rows) -> T) -> T {
        look(&lock(&self.rows))
    }

    pub fn answers(&self, world: &World, doing: &'static str) -> Stored<()> {
        if !self.away.lasts(world) {
            return Ok(());
        }
        world.count("record away");
        Err(away(doing))
    }

    /// A bell rings: what it says must stand here.
    pub fn rings(&self, world: &World, bell: &Message) {
        let Ok(said) = serde_json::from_slice::<JobRef>(&bell.body) else {
            return world.violation(format!("an unreadable bell: {bell:?}"));
        };
        let mut rows = lock(&self.rows);
        match rows.jobs.iter_mut().find(|job| job.id == said.job_id) {
            Some(job) if job.is(&said) => {
                world.count("bells");
                job.rung = true;
                world.note(format!("a bell rings for {}: {}", job.event, job.shows));
            }
            _ => world.violation(format!("a bell rings for a job that doesn't stand in the record: {said:?}")),
        }
    }

    fn find(&self, who: &Identities) -> Vec<RecipientRow> {
        let row = |(id, row): (&RecipientId, &Recipient)| RecipientRow {
            id: id.clone(),
            identities: row.who.clone(),
            conversation: row.conversation.clone(),
            version: row.version,
            created_at: row.created_at,
        };
        self.look(|rows| rows.recipients.iter().filter(|(_, row)| row.who == *who).map(row).collect())
    }

    fn commit(&self, world: &World, by: u32, batch: Vec<EventCommit>) -> Vec<CommitOutcome> {
        let (mut rows, mut touched) = (lock(&self.rows), Touched::default());
        let write = |event: EventCommit| {
            let name = event.message.event_id.clone();
            let outcome = rows.write(world, event, &mut touched);
            let (counted, told) = match &outcome {
                CommitOutcome::Committed(jobs) => ("committed", format!("committed, {} jobs", jobs.len())),
                CommitOutcome::AlreadyHandled(jobs) => {
                    ("handled before", format!("was handled, {} queued", jobs.len()))
                }
                CommitOutcome::Stale => ("stale", "stale".to_owned()),
                CommitOutcome::Refused(reason) => ("refused", format!("refused: {reason}")),
            };
            world.count(counted);
            world.note(format!("p{by}: {name} {told}"));
            outcome
        };
        batch.into_iter().map(write).collect()
    }
}

impl Job {
    fn is(&self, said: &JobRef) -> bool {
        *said == self.to_ref()
    }

    pub fn is_open(&self) -> bool {
        !matches!(self.state, JobState::Sent | JobState::Dead)
    }

    /// Its name in the history: its id is drawn, and no function of the seed.
    pub fn name(&self) -> String {
        format!("{} ({})", self.shows, self.event)
    }

    pub fn to_ref(&self) -> JobRef {
        JobRef {
            job_id: self.id.clone(),
            phone_number_id: self.number.clone(),
            recipient_id: self.recipient.clone(),
            lane_seq: self.place,
        }
    }
}

impl Rows {
    fn write(&mut self, world: &World, event: EventCommit, touched: &mut Touched) -> CommitOutcome {
        let EventCommit { message, effect } = event;
        let Effect::Advance(advance) = effect else {
            self.letters.push(format!("{}: unknown number", message.event_id));
            return CommitOutcome::Committed(Vec::new());
        };
        let key = (message.phone_number_id.clone(), message.wamid.clone(), message.sent_at);
        // The second of two equal messages comes again when the first stands.
        if touched.messages.contains(&key) {
            return CommitOutcome::Stale;
        }
        let handled = self.messages.iter().find(|row| row.key == key);
        if let Some(handled) = handled.filter(|_| world.sabotage != Some(Sabotage::NoMemory)) {
            return CommitOutcome::AlreadyHandled(self.queued(&handled.event));
        }
        touched.messages.insert(key.clone());
        let found = self.recipients.get(&advance.recipient_id).map(|row| row.version);
        let is_stale = found != advance.expected && world.sabotage != Some(Sabotage::NoCompareAndSet);
        if is_stale || !touched.recipients.insert(advance.recipient_id.clone()) {
            return CommitOutcome::Stale;
        }
        CommitOutcome::Committed(self.advance(world, key, message, *advance))
    }

    fn advance(&mut self, world: &World, key: MessageKey, message: InboundMessage, advance: Advance) -> Vec<JobRef> {
        let (id, now) = (advance.recipient_id, world.clock.now());
        let row = self.recipients.entry(id.clone()).or_insert_with(|| Recipient {
            who: Identities::default(),
            conversation: Conversation::default(),
            version: advance.version,
            counter: 0,
            created_at: now,
        });
        let who = advance.identities;
        row.who = who.clone();
        row.conversation = advance.conversation;
        row.version = advance.version;
        if world.sabotage != Some(Sabotage::OnePlace) {
            row.counter += 1;
        }
        let counter = row.counter;
        if advance.run_limit {
            self.letters.push(format!("{}: run limit", message.event_id));
        }
        let jobs = advance.jobs.into_iter().enumerate().map(|(ordinal, job)| Job {
            id: job.id,
            event: message.event_id.clone(),
            recipient: id.clone(),
            place: LaneSeq::new(counter, ordinal),
            shows: shown(&job.content),
            content: job.content,
            number: message.phone_number_id.clone(),
            who: who.clone(),
            made_at: now,
            rung: false,
            state: JobState::Queued,
            attempt: 0,
            spent: 0,
            resends: 0,
            owner: None,
            due_at: now,
            claimed_at: None,
            updated_at: now,
            delivery: 0,
            failed: Vec::new(),
            letter: None,
        });
        let jobs: Vec<Job> = jobs.collect();
        let refs = jobs.iter().map(Job::to_ref).collect();
        self.jobs.extend(jobs);
        self.messages.push(Handled { key, event: message.event_id, recipient: id });
        refs
    }

    /// Of the jobs that an event made, those that nobody has claimed.
    fn queued(&self, event: &EventId) -> Vec<JobRef> {
        self.jobs.iter().filter(|job| job.event == *event && job.state == JobState::Queued).map(Job::to_ref).collect()
    }
}

#[async_trait]
impl Burial for Through {
    async fn bury(&self, buried: &[Buried], _: Timestamp) -> Stored<Vec<bool>> {
        let letters: Vec<String> =
            buried.iter().map(|buried| format!("{}: {}", buried.message.id, buried.reason)).collect();
        let burying = move |world: &Arc<World>| {
            world.record.answers(world, "bury")?;
            let written = vec![true; letters.len()];
            lock(&world.record.rows).letters.extend(letters);
            Ok(written)
        };
        self.0.call("bury", burying).await
    }
}

#[async_trait]
impl Conversations for Through {
    async fn find(&self, _: &AccountId, who: &Identities) -> Stored<Vec<RecipientRow>> {
        let who = who.clone();
        let finding = move |world: &Arc<World>| {
            world.record.answers(world, "find")?;
            Ok(world.record.find(&who))
        };
        self.0.call("find", finding).await
    }

    async fn commit(&self, batch: Vec<EventCommit>) -> Stored<Vec<CommitOutcome>> {
        let by = self.0.number();
        let committing = move |world: &Arc<World>| {
            world.record.answers(world, "commit")?;
            Ok(world.record.commit(world, by, batch))
        };
        self.0.call("commit", committing).await
    }

    async fn give_up(&self, message: InboundMessage, reason: &str) -> Stored<()> {
        let letter = format!("{}: given up, {reason}", message.event_id);
        let giving_up = move |world: &Arc<World>| {
            world.record.answers(world, "give up")?;
            lock(&world.record.rows).letters.push(letter);
            Ok(())
        };
        self.0.call("give up", giving_up).await
    }

    async fn apply_statuses(&self, batch: Vec<StatusUpdate>, _: Timestamp) -> Stored<Vec<StatusOutcome>> {
        let applying = move |world: &Arc<World>| {
            world.record.answers(world, "apply statuses")?;
            let mut rows = lock(&world.record.rows);
            Ok(batch.into_iter().map(|status| rows.take_in(world, status)).collect())
        };
        self.0.call("apply statuses", applying).await
    }

    async fn keep(&self, events: Vec<KeptEvent>) -> Stored<()> {
        let keeping = move |world: &Arc<World>| {
            world.record.answers(world, "keep")?;
            lock(&world.record.rows).others.extend(events.into_iter().map(|event| event.event_id));
            Ok(())
        };
        self.0.call("keep", keeping).await
    }
}
