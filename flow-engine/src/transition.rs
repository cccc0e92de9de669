//! What an event did.

use crate::{
    content::Content,
    conversation::Conversation,
    ids::{FlowId, StepId, VersionId},
};
use serde::Serialize;

/// The outcome of [`crate::advance`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Where the recipient stands now.
    pub conversation: Conversation,
    /// What to send, in this order.
    pub sends: Vec<Send>,
    /// What happened, for logs, traces and the operator. Holds no text that the person wrote.
    pub notes: Vec<Note>,
    /// The run was cut off after [`crate::MAX_STEPS_PER_EVENT`] steps: to be recorded as an error.
    pub run_limit: bool,
}

/// One message to send and the step it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// The flow.
    pub flow_id: FlowId,
    /// Its version.
    pub flow_version: VersionId,
    /// The step.
    pub step_id: StepId,
    /// The message.
    pub content: Content,
    /// The template that goes out instead when the person last wrote more than 24 hours ago.
    pub outside_window: Option<Content>,
}

/// One thing that happened in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// Not a reply; nothing moved.
    NotAReply,
    /// A reply without a session that no flow takes.
    NoFlow,
    /// The session was over before this reply: expired, its flow or step gone, or on another number.
    SessionOver {
        /// Why.
        why: &'static str,
    },
    /// A flow began.
    Started {
        /// Which.
        flow: FlowId,
        /// By what.
        by: &'static str,
    },
    /// A button was chosen.
    Chosen {
        /// The step whose button it is.
        step: StepId,
        /// Its index, from 0.
        option: usize,
        /// `tap`, `label` or `number`.
        by: &'static str,
    },
    /// The same button of the same message again within 10 s.
    DoubleTap,
    /// A tap that could not be followed and counts as its title typed.
    TapAsText {
        /// Why.
        why: &'static str,
    },
    /// A reply moved on from a step without buttons.
    Answered {
        /// The step.
        step: StepId,
    },
    /// A reply matched nothing; the question was asked again.
    Missed {
        /// The step.
        step: StepId,
        /// How often now.
        misses: u32,
    },
    /// A reply matched nothing within 2 s of the question: recorded, not answered.
    MissedTooSoon,
    /// The fallback's `next` was taken.
    FellBack {
        /// The step.
        step: StepId,
    },
    /// Too many misses and nowhere to go: the session ended.
    GaveUp {
        /// The step.
        step: StepId,
    },
    /// A step ran.
    Ran {
        /// Which.
        step: StepId,
    },
    /// A step could not be run and was skipped to its `next`.
    Skipped {
        /// Which.
        step: StepId,
        /// Why.
        why: String,
    },
    /// Something Meta would refuse was sent shortened or numbered (a label that stands twice), or left out.
    Shortened {
        /// The step.
        step: StepId,
        /// The field.
        what: &'static str,
    },
    /// A step ran another flow.
    Connected {
        /// The step.
        step: StepId,
        /// The other flow.
        flow: FlowId,
    },
    /// The flow that another was connected to goes on.
    Returned {
        /// Which.
        flow: FlowId,
    },
    /// A flow that was to go on when another ends won't.
    FrameDropped {
        /// Which.
        flow: FlowId,
        /// Why.
        why: &'static str,
    },
    /// The flow waits for a reply.
    Waiting {
        /// At which step.
        step: StepId,
    },
    /// The flow ended.
    Ended {
        /// Which.
        flow: FlowId,
    },
    /// The run was cut off.
    RunLimit,
}
