//! Loops that never wait for a reply: they would send until the limit of the event stops them.

use crate::{
    catalog::Catalog,
    finding::{Finding, Report},
    ids::FlowId,
    model::{FlowStatus, FlowVersion},
    run::MAX_STEPS_PER_EVENT,
    step::{ConnectFlowAction, StepKind},
};
use std::collections::{HashMap, HashSet};

/// Reports each such loop once, at its first step; one through other flows at the step that leads into it.
pub(super) fn check(own: &FlowVersion, catalog: &Catalog, report: &mut Report) {
    let mut ways = Ways { own, catalog, known: HashMap::new(), open: Vec::new() };
    let mut goes_on = Vec::with_capacity(own.steps.len());
    for index in 0..own.steps.len() {
        let after = ways.after(own, index);
        if let (After::Stops(Outcome::Loops), StepKind::Connect(connect)) = (after, &own.steps[index].kind) {
            let text = format!("flow {} leads back to itself and never waits for a reply", connect.flow_id);
            report.error(Finding::new(format!("/automationJson/{index}/flowId"), "endless_loop", text));
        }
        goes_on.push(if let After::GoesOn(next) = after { next } else { None });
    }
    within(&goes_on, report);
}

/// Loops among steps of which each goes on to one other at most.
fn within(goes_on: &[Option<usize>], report: &mut Report) {
    let mut passed_by = vec![None; goes_on.len()];
    for start in 0..goes_on.len() {
        let mut place = Some(start);
        while let Some(index) = place.filter(|index| passed_by[*index].is_none()) {
            passed_by[index] = Some(start);
            place = goes_on[index];
        }
        // Back at a step of this very walk: a loop. Told at its first step.
        let Some(entry) = place.filter(|index| passed_by[*index] == Some(start)) else { continue };
        let around = std::iter::successors(goes_on[entry], |index| goes_on[*index].filter(|_| *index != entry));
        let first = around.min().unwrap_or(entry);
        let text = "these steps lead back to themselves and never wait for a reply";
        report.error(Finding::new(format!("/automationJson/{first}/next"), "endless_loop", text));
    }
}

/// How a flow goes from its first step, when nobody says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ends,
    Waits,
    Loops,
}

/// What follows a step, when nobody says anything.
#[derive(Debug, Clone, Copy)]
enum After {
    GoesOn(Option<usize>),
    Stops(Outcome),
}

/// The ways through the flow that is checked and those it connects to.
struct Ways<'a> {
    own: &'a FlowVersion,
    catalog: &'a Catalog,
    known: HashMap<&'a FlowId, Outcome>,
    /// Flows whose way leads to the one that is looked at.
    open: Vec<&'a FlowId>,
}

impl<'a> Ways<'a> {
    fn of(&mut self, version: &'a FlowVersion) -> Outcome {
        let id = &version.flow_id;
        if let Some(known) = self.known.get(id) {
            return *known;
        }
        if self.open.contains(&id) {
            return Outcome::Loops;
        }
        // No event goes deeper: each connection is a step.
        if self.open.len() >= MAX_STEPS_PER_EVENT {
            return Outcome::Waits;
        }
        self.open.push(id);
        let outcome = self.walk(version);
        self.open.pop();
        self.known.insert(id, outcome);
        outcome
    }

    fn walk(&mut self, version: &'a FlowVersion) -> Outcome {
        let mut passed = HashSet::new();
        let mut place = version.first();
        while let Some(index) = place {
            if !passed.insert(index) {
                return Outcome::Loops;
            }
            match self.after(version, index) {
                After::GoesOn(next) => place = next,
                After::Stops(outcome) => return outcome,
            }
        }
        Outcome::Ends
    }

    fn after(&mut self, version: &'a FlowVersion, index: usize) -> After {
        let step = &version.steps[index];
        let next = version.target(step.next.as_deref());
        match &step.kind {
            StepKind::Message(message) if message.asks() || next.is_some() => After::Stops(Outcome::Waits),
            StepKind::Connect(connect) => match self.target(connect).map(|other| self.of(other)) {
                Some(Outcome::Ends) | None => After::GoesOn(next),
                Some(stops) => After::Stops(stops),
            },
            StepKind::Message(_)
            | StepKind::Image(_)
            | StepKind::Video(_)
            | StepKind::Audio(_)
            | StepKind::Document(_)
            | StepKind::Template(_)
            | StepKind::Unrunnable(_) => After::GoesOn(next),
        }
    }

    /// The flow that would run; the one that is checked counts as active.
    fn target(&self, connect: &ConnectFlowAction) -> Option<&'a FlowVersion> {
        if connect.flow_id == self.own.flow_id {
            return Some(self.own);
        }
        let flow = self.catalog.flow(&connect.flow_id)?;
        (flow.status == FlowStatus::Active).then(|| &*flow.version)
    }
}
