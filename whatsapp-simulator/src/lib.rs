//! Meta's side of WhatsApp, for demos, tests and load tests.
//!
//! The simulator stands where `graph.facebook.com` stands. It checks a send as Meta would (token, shape, lengths,
//! throughput of the number, pace of the pair), answers with Meta's bodies, and calls the webhook back, signed, with the
//! statuses of what it accepted and with whatever its users write. It can be told to misbehave: see [`Fault`]. All of it
//! can also be asked for over HTTP, under `/simulator/`, and at `/` there is a page to be a user in the browser.
//!
//! It is deterministic: message ids, trace ids and the dice of probabilistic faults all come from [`Config::seed`].
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use whatsapp_simulator::{Config, Simulator, User, UserMessage};
//!
//! let meta = Simulator::start(([127, 0, 0, 1], 0).into(), Config::default()).await?;
//! meta.set_webhook_url("http://127.0.0.1:8080/api/whatsapp/messages/webhook");
//! meta.user_writes("100200300", &User::phone("15550001111"), UserMessage::Text("hello".into())).await?;
//! let mut happenings = meta.subscribe();
//! let first = happenings.recv().await?;
//! println!("{first:?}");
//! meta.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! The facts it goes by are those of Meta's public pages on the WhatsApp Business Cloud API; nothing here was compared
//! with the live service.

pub mod callback;
mod chat;
pub mod cli;
mod clock;
mod config;
mod control;
mod errors;
mod faults;
mod graph;
mod inbound;
mod journal;
mod limits;
mod log;
mod random;
mod server;
mod simulator;
mod user;
mod world;

pub use callback::{StatusUpdate, sign};
pub use clock::{Clock, ManualClock};
pub use config::{Config, PairLimit, PhoneNumber, Statuses};
pub use errors::{KnownError, known_error};
pub use faults::{Fault, FaultId, FaultKind, Scope};
pub use inbound::Inbound;
pub use log::{CallbackKind, Happening, Refusal, SentMessage, Status};
pub use simulator::Simulator;
pub use user::{Media, User, UserMessage};
