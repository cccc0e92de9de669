//! Running steps until one waits, the flow ends, or the budget of the event is spent.

use crate::{
    content::{Content, Limits, shorten},
    conversation::Session,
    model::FlowVersion,
    step::StepKind,
    time::Timestamp,
    transition::{Note, Send},
};
use std::time::Duration;

/// Steps that one event may run. Each message costs money: a loop is a bill.
pub const MAX_STEPS_PER_EVENT: usize = 100;

/// What one event has caused so far.
pub(crate) struct Run<'a> {
    pub phone_number_id: &'a str,
    pub now: Timestamp,
    pub ttl: Duration,
    pub sends: Vec<Send>,
    pub notes: Vec<Note>,
    pub run_limit: bool,
    steps_left: usize,
}

impl<'a> Run<'a> {
    pub fn new(phone_number_id: &'a str, now: Timestamp, ttl: Duration) -> Self {
        Self {
            phone_number_id,
            now,
            ttl,
            sends: Vec::new(),
            notes: Vec::new(),
            run_limit: false,
            steps_left: MAX_STEPS_PER_EVENT,
        }
    }

    pub fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// Runs from the step at `index` (`None`: the end). The session that waits afterwards, or `None` when the flow
    /// ended. `since` is when the flow began.
    pub fn from(&mut self, version: &FlowVersion, mut index: Option<usize>, since: Timestamp) -> Option<Session> {
        while let Some(at) = index {
            if self.steps_left == 0 {
                self.run_limit = true;
                self.note(Note::RunLimit);
                return None;
            }
            self.steps_left -= 1;
            if self.step(version, at) {
                return Some(self.waiting_at(version, at, since));
            }
            index = version.target(version.steps[at].next.as_deref());
        }
        self.note(Note::Ended { flow: version.flow_id.clone() });
        None
    }

    /// Asks the question at `index` again, after `message` where there is one.
    pub fn ask_again(&mut self, version: &FlowVersion, index: usize, message: Option<&str>) {
        if let Some(message) = message {
            let (body, cut) = shorten(message, Limits::TEXT);
            if cut {
                self.note(Note::Shortened { step: version.steps[index].id.clone(), what: "fallback" });
            }
            self.send(version, index, Content::Text { body });
        }
        self.step(version, index);
    }

    /// Runs one step; true when it waits for a reply.
    fn step(&mut self, version: &FlowVersion, index: usize) -> bool {
        let step = &version.steps[index];
        let leads_on = version.target(step.next.as_deref()).is_some();
        match step.run(version.id, index, leads_on) {
            Ok(ran) => {
                self.note(Note::Ran { step: step.id.clone() });
                for what in ran.shortened {
                    self.note(Note::Shortened { step: step.id.clone(), what });
                }
                self.send(version, index, ran.content);
                ran.waits
            }
            Err(why) => {
                self.note(Note::Skipped { step: step.id.clone(), why: why.to_owned() });
                false
            }
        }
    }

    fn send(&mut self, version: &FlowVersion, index: usize, content: Content) {
        self.sends.push(Send {
            flow_id: version.flow_id.clone(),
            flow_version: version.id,
            step_id: version.steps[index].id.clone(),
            content,
        });
    }

    fn waiting_at(&mut self, version: &FlowVersion, index: usize, since: Timestamp) -> Session {
        let step = &version.steps[index];
        debug_assert!(matches!(step.kind, StepKind::Message(_)), "only a MessageAction waits");
        self.note(Note::Waiting { step: step.id.clone() });
        Session {
            flow_id: version.flow_id.clone(),
            flow_version: version.id,
            current_step_id: step.id.clone(),
            phone_number_id: self.phone_number_id.to_owned(),
            created_at: since,
            updated_at: self.now,
            expires_at: self.now.plus(self.ttl),
            asked_at: self.now,
            misses: 0,
        }
    }
}
