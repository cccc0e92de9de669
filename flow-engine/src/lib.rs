//! WhatsApp flows as a pure function.
//!
//! [`advance`] takes where a conversation stands and what the person wrote, and returns where it stands now and what
//! to send. It knows no time, no randomness, no storage and none of Meta's JSON: all of that is passed in, so the same
//! input always gives the same [`Transition`].
//!
//! ```text
//! Conversation + Input + Flows + now  ──advance──>  Transition { conversation, sends, notes, run_limit }
//! ```

mod advance;
mod button_id;
mod catalog;
mod content;
mod conversation;
mod finding;
mod fold;
mod ids;
mod input;
mod matching;
mod model;
mod run;
pub mod step;
mod time;
mod transition;
pub mod validate;

pub use advance::{Rules, advance, versions_needed};
pub use button_id::ButtonId;
pub use catalog::{Catalog, Flows};
pub use content::{Choice, Content, Limits, MediaSource};
pub use conversation::{Conversation, Frame, Session, Tap};
pub use fold::fold;
pub use ids::{FlowId, StepId, VersionId};
pub use input::{Input, Reply};
pub use model::{Flow, FlowStatus, FlowVersion, parse_recipients, parse_triggers};
pub use run::MAX_STEPS_PER_EVENT;
pub use step::{STEP_TYPES, Step};
pub use time::Timestamp;
pub use transition::{Note, Send, Transition};
