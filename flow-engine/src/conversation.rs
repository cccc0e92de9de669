//! Where one recipient stands.

use crate::{
    ids::{FlowId, StepId, VersionId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// All that is remembered of a recipient between two events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// The running flow, if one is running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// The taps of the last seconds, oldest first, kept beyond the session so that a double tap on a flow's last button does
    /// nothing either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taps: Vec<Tap>,
}

/// A recipient's place in a flow. It waits at `current_step_id` for a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The running flow.
    pub flow_id: FlowId,
    /// The version it began with: saving the flow never changes a running conversation.
    pub flow_version: VersionId,
    /// The step whose answer is awaited.
    pub current_step_id: StepId,
    /// The business number the conversation runs on.
    pub phone_number_id: String,
    /// When the flow began.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
    /// After this moment a reply is one without a session.
    pub expires_at: Timestamp,
    /// When the question was last asked.
    pub asked_at: Timestamp,
    /// Replies since then that matched nothing and were answered.
    #[serde(default)]
    pub misses: u32,
    /// The flows that go on when this one ends, the next one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<Frame>,
}

/// A flow that waits for another to end, at its `ConnectFlowAction`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Frame {
    /// The flow.
    pub flow_id: FlowId,
    /// The version it began with.
    pub flow_version: VersionId,
    /// Index of the `ConnectFlowAction` in that version.
    pub step: usize,
}

impl Session {
    /// The frames that stay when the conversation goes back to a place in this flow: all where it is the running one,
    /// those below it where it is on the stack. `None` where it is neither.
    pub(crate) fn frames_below(&self, flow: &FlowId) -> Option<&[Frame]> {
        if self.flow_id == *flow {
            return Some(&self.stack);
        }
        let at = self.stack.iter().rposition(|frame| frame.flow_id == *flow)?;
        Some(&self.stack[..at])
    }
}

/// A button that was tapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tap {
    /// Its id.
    pub button: String,
    /// The message it stood under, by Meta's id, when Meta said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When.
    pub at: Timestamp,
}
