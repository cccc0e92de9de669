//! WhatsApp: it takes messages or doesn't, says so or doesn't, and tells later what became of them, or doesn't.

use crate::{
    people::Gateway,
    process::Through,
    settled::NUMBER,
    world::{World, lock},
};
use async_trait::async_trait;
use outbound_sender::whatsapp::{Answer, Api, Reply};
use secrecy::SecretString;
use serde_json::Value;
use shared::{
    Clock,
    event::{DeliveryStatus, Event, JobTag, StatusError, StatusUpdate},
    ids::PhoneNumberId,
    ports::status_clock::StatusClockReading,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

/// A sender waits no longer for an answer.
const NO_ANSWER: Duration = Duration::from_secs(20);

/// What became of a message that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and statuses say so.
    Arrives,
    /// It arrives, and nothing ever says so.
    IsNeverTold,
    /// It fails after all, and a status says so.
    Fails,
}

/// A message that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    pub tag: JobTag,
    pub fate: Fate,
}

/// What it remembers.
#[derive(Default)]
pub struct Meta {
    /// In the order in which they were taken.
    taken: Mutex<Vec<Taken>>,
    /// Messages whose statuses are still on their way.
    telling: AtomicUsize,
    /// The statuses' clock.
    pub clock: Mutex<StatusClockReading>,
}

/// How a request ends.
enum Ending {
    Answered(Answer),
    /// Taken, and the answer is lost.
    Lost,
    /// No answer for as long as anybody waits; taken or not.
    Silent {
        taken: bool,
    },
}

impl Meta {
    pub fn taken(&self) -> Vec<Taken> {
        lock(&self.taken).clone()
    }

    /// Whether every status that will come is in its queue.
    pub fn has_told_all(&self) -> bool {
        self.telling.load(Ordering::Relaxed) == 0
    }

    /// Takes a message; its id.
    fn take(&self, world: &Arc<World>, tag: &str) -> String {
        let tag = JobTag::parse(tag).expect("a tag of ours");
        let fate = if world.hits(world.weather.never_told) {
            world.count("never told");
            Fate::IsNeverTold
        } else if world.hits(world.weather.fails_later) {
            world.count("failed later");
            Fate::Fails
        } else {
            Fate::Arrives
        };
        let wamid = {
            let mut taken = lock(&self.taken);
            taken.push(Taken { tag: tag.clone(), fate });
            format!("wamid.{}", taken.len())
        };
        world.note(format!("WhatsApp takes {wamid}, attempt {}: {fate:?}", tag.attempt));
        if fate != Fate::IsNeverTold {
            self.telling.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(tells(world.clone(), wamid.clone(), tag, fate));
        }
        wamid
    }
}

/// Tells what became of a message, in whatever order, some of it twice.
async fn tells(world: Arc<World>, wamid: String, tag: JobTag, fate: Fate) {
    let gateway = Gateway::of(&world);
    let told: &[DeliveryStatus] = match fate {
        Fate::Fails => &[DeliveryStatus::Failed],
        _ if world.roll(4) == 0 => &[DeliveryStatus::Delivered, DeliveryStatus::Sent],
        _ => &[DeliveryStatus::Sent, DeliveryStatus::Delivered],
    };
    for status in told {
        sleep(world.millis(1..2_000)).await;
        for _ in 0..1 + world.roll(5) / 4 {
            let error = (*status == DeliveryStatus::Failed)
                .then(|| StatusError { code: 133_004, message: "temporarily unavailable".to_owned() });
            let name = format!("{}-of-{wamid}", status.as_str());
            gateway
                .deliver(&name, |world, event_id, received_at| {
                    Event::Status(StatusUpdate {
                        event_id,
                        received_at,
                        phone_number_id: NUMBER.into(),
                        wamid: wamid.as_str().into(),
                        status: *status,
                        at: world.clock.now().0 / 1000,
                        job: Some(tag.clone()),
                        error: error.clone(),
                    })
                })
                .await;
        }
    }
    world.meta.telling.fetch_sub(1, Ordering::Relaxed);
}

fn ends(world: &Arc<World>, tag: &str) -> Ending {
    if !world.hits(world.weather.api_fails) {
        return Ending::Answered(Answer::Accepted { wamid: world.meta.take(world, tag) });
    }
    let refused = |code, transient| {
        world.count("refused");
        Ending::Answered(Answer::Refused { code, transient, retry_after: None, message: "so it says".to_owned() })
    };
    match world.roll(8) {
        0 => Ending::Answered(Answer::NotSent("no connection".to_owned())),
        1 => refused(133_004, true),
        2 => refused(130_429, true),
        3 => refused(131_056, true),
        4 => Ending::Answered(Answer::Ambiguous("HTTP 502".to_owned())),
        5 => {
            world.meta.take(world, tag);
            Ending::Lost
        }
        6 => Ending::Silent { taken: false },
        _ => {
            world.meta.take(world, tag);
            Ending::Silent { taken: true }
        }
    }
}

#[async_trait]
impl Api for Through {
    async fn send(&self, _: &PhoneNumberId, _: &SecretString, body: &Value, not_after: Duration) -> Reply {
        let (process, world) = (&self.0, &self.0.world);
        process.point("post").await;
        let tag = body["biz_opaque_callback_data"].as_str().unwrap_or_default();
        if world.clock.boot() > not_after {
            return Reply { answer: Answer::Ambiguous("too late".to_owned()), account_waits: None };
        }
        let answer = match ends(world, tag) {
            Ending::Answered(answer) => answer,
            Ending::Lost => {
                world.count("taken without an answer");
                Answer::Ambiguous("the connection broke".to_owned())
            }
            Ending::Silent { taken } => {
                world.count(if taken { "taken without an answer" } else { "ambiguous" });
                sleep(NO_ANSWER).await;
                Answer::Ambiguous("no answer".to_owned())
            }
        };
        world.note(format!("{process}: posted, {answer:?}"));
        process.point("post").await;
        Reply { answer, account_waits: None }
    }

    async fn answers(&self, _: &PhoneNumberId, _: &SecretString) -> bool {
        let (process, world) = (&self.0, &self.0.world);
        process.point("ask").await;
        world.count("asked");
        !world.hits(world.weather.api_fails)
    }
}
