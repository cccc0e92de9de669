//! Running steps until one waits, the flow ends, or the budget of the event is spent.

use crate::{
    catalog::Flows,
    content::{Content, Limits, shorten},
    conversation::{Frame, Session},
    ids::FlowId,
    input::Input,
    model::{FlowStatus, FlowVersion},
    step::{Ran, Step, StepKind, TemplateMessage},
    time::Timestamp,
    transition::{Note, Send},
};
use std::time::Duration;

/// Steps that one event may run. Each message costs money: a loop is a bill.
pub const MAX_STEPS_PER_EVENT: usize = 100;

/// Flows that wait for others to end, at most; beyond that the oldest is dropped.
const MAX_FRAMES: usize = 10;

/// What one event has caused so far.
pub(crate) struct Run<'a> {
    pub phone_number_id: &'a str,
    pub now: Timestamp,
    pub ttl: Duration,
    pub sends: Vec<Send>,
    pub notes: Vec<Note>,
    pub run_limit: bool,
    flows: Flows<'a>,
    steps_left: usize,
}

/// What a conversation keeps from step to step.
pub(crate) struct Thread {
    /// When it began.
    pub since: Timestamp,
    /// The flows that go on when the running one ends.
    pub stack: Vec<Frame>,
}

/// How a step leaves its flow.
enum After<'a> {
    Waits,
    GoesOn,
    Enters(&'a FlowVersion),
}

impl<'a> Run<'a> {
    pub fn new(input: &'a Input, flows: Flows<'a>, ttl: Duration) -> Self {
        Self {
            phone_number_id: &input.phone_number_id,
            now: input.at,
            ttl,
            sends: Vec::new(),
            notes: Vec::new(),
            run_limit: false,
            flows,
            steps_left: MAX_STEPS_PER_EVENT,
        }
    }

    pub fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// Runs from the step at `index` (`None`: the end). The session that waits afterwards, or `None` when the last flow
    /// ended.
    pub fn from(
        &mut self,
        mut version: &'a FlowVersion,
        mut index: Option<usize>,
        mut thread: Thread,
    ) -> Option<Session> {
        loop {
            let Some(at) = index else {
                self.note(Note::Ended { flow: version.flow_id.clone() });
                (version, index) = self.back(&mut thread.stack)?;
                continue;
            };
            if self.steps_left == 0 {
                self.run_limit = true;
                self.note(Note::RunLimit);
                return None;
            }
            self.steps_left -= 1;
            let next = version.target(version.steps[at].next.as_deref());
            match self.step(version, at) {
                After::Waits => return Some(self.waiting_at(version, at, thread)),
                After::GoesOn => index = next,
                After::Enters(other) => {
                    // Without a next there is nothing to come back for: menus that call each other go on for ever.
                    if next.is_some() {
                        self.push(&mut thread.stack, version, at);
                    }
                    (version, index) = (other, other.first());
                }
            }
        }
    }

    fn push(&mut self, stack: &mut Vec<Frame>, version: &FlowVersion, step: usize) {
        if stack.len() >= MAX_FRAMES {
            let oldest = stack.remove(0);
            self.note(Note::FrameDropped { flow: oldest.flow_id, why: "too many frames" });
        }
        stack.push(Frame { flow_id: version.flow_id.clone(), flow_version: version.id, step });
    }

    /// Where the flow that waited last goes on.
    fn back(&mut self, stack: &mut Vec<Frame>) -> Option<(&'a FlowVersion, Option<usize>)> {
        while let Some(Frame { flow_id, flow_version, step }) = stack.pop() {
            let Some((_, version)) = self.flows.version(flow_version) else {
                self.note(Note::FrameDropped { flow: flow_id, why: "flow deleted" });
                continue;
            };
            self.note(Note::Returned { flow: flow_id });
            let next = version.steps.get(step).and_then(|step| version.target(step.next.as_deref()));
            return Some((version, next));
        }
        None
    }

    /// Asks the question at `index` again, after `message` where there is one.
    pub fn ask_again(&mut self, version: &'a FlowVersion, index: usize, message: Option<&str>) {
        if let Some(message) = message {
            let (body, cut) = shorten(message, Limits::TEXT);
            if cut {
                self.note(Note::Shortened { step: version.steps[index].id.clone(), what: "fallback" });
            }
            self.send(version, index, Content::Text { body });
        }
        self.step(version, index);
    }

    fn step(&mut self, version: &'a FlowVersion, index: usize) -> After<'a> {
        let step = &version.steps[index];
        let leads_on = version.target(step.next.as_deref()).is_some();
        let message = match step.run(version.id, index, leads_on) {
            Ok(Ran::Sends(message)) => message,
            Ok(Ran::Connects(flow)) => return self.connect(step, flow),
            Err(why) => return self.skip(step, why.to_owned()),
        };
        self.note(Note::Ran { step: step.id.clone() });
        for what in message.shortened {
            self.note(Note::Shortened { step: step.id.clone(), what });
        }
        self.send(version, index, message.content);
        if message.waits { After::Waits } else { After::GoesOn }
    }

    fn connect(&mut self, step: &Step, id: &FlowId) -> After<'a> {
        match self.flows.catalog.flow(id) {
            Some(flow) if flow.status == FlowStatus::Active => {
                self.note(Note::Connected { step: step.id.clone(), flow: id.clone() });
                After::Enters(&flow.version)
            }
            Some(_) => self.skip(step, format!("flow {id} is not active")),
            None => self.skip(step, format!("there is no flow {id}")),
        }
    }

    fn skip(&mut self, step: &Step, why: String) -> After<'a> {
        self.note(Note::Skipped { step: step.id.clone(), why });
        After::GoesOn
    }

    fn send(&mut self, version: &FlowVersion, index: usize, content: Content) {
        let step = &version.steps[index];
        self.sends.push(Send {
            flow_id: version.flow_id.clone(),
            flow_version: version.id,
            step_id: step.id.clone(),
            content,
            outside_window: step.outside_window.as_ref().map(TemplateMessage::content),
        });
    }

    fn waiting_at(&mut self, version: &FlowVersion, index: usize, thread: Thread) -> Session {
        let step = &version.steps[index];
        debug_assert!(matches!(step.kind, StepKind::Message(_)), "only a MessageAction waits");
        self.note(Note::Waiting { step: step.id.clone() });
        Session {
            flow_id: version.flow_id.clone(),
            flow_version: version.id,
            current_step_id: step.id.clone(),
            phone_number_id: self.phone_number_id.to_owned(),
            created_at: thread.since,
            updated_at: self.now,
            expires_at: self.now.plus(self.ttl),
            asked_at: self.now,
            misses: 0,
            stack: thread.stack,
        }
    }
}
