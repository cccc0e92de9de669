//! What a reply means, before anything runs.

use crate::{
    button_id::ButtonId,
    catalog::Flows,
    conversation::Session,
    fold::fold,
    input::Input,
    model::{Flow, FlowStatus, FlowVersion},
    step::{MessageAction, StepKind},
};

/// A reply with what it says folded, once.
pub(crate) struct Said<'a> {
    pub input: &'a Input,
    typed: Option<String>,
}

impl<'a> Said<'a> {
    pub fn of(input: &'a Input) -> Self {
        Self { input, typed: input.reply.typed().map(fold) }
    }

    /// The flow that it starts by a trigger other than `*`.
    pub fn triggers<'f>(&self, flows: Flows<'f>) -> Option<&'f Flow> {
        flows.catalog.started_by(self.typed.as_deref()?, &self.input.sender)
    }
}

/// A place to go on from.
pub(crate) struct Chosen<'a> {
    pub version: &'a FlowVersion,
    pub step: usize,
    pub option: usize,
    pub by: &'static str,
}

/// What a live session's reply means, in the order in which it is asked.
pub(crate) enum Meaning<'a> {
    Chosen(Chosen<'a>),
    Starts(&'a Flow),
    Answers,
    Misses(&'a MessageAction),
}

/// The place that a tapped button names, or why it can't be followed.
pub(crate) fn tapped<'a>(
    id: ButtonId,
    input: &Input,
    session: Option<&Session>,
    flows: Flows<'a>,
) -> Result<Chosen<'a>, &'static str> {
    let (flow, version) = flows.version(id.version).ok_or("its flow does not exist")?;
    let goes_on = session.is_some_and(|session| session.frames_below(&version.flow_id).is_some());
    if !goes_on && flow.status != FlowStatus::Active {
        return Err("its flow is not active");
    }
    if !goes_on && !flow.may_be_started_by(&input.sender) {
        return Err("its flow is for others");
    }
    let button = version.steps.get(id.step).and_then(|step| match &step.kind {
        StepKind::Message(message) => message.buttons.get(id.option),
        _ => None,
    });
    button.ok_or("no such button")?;
    Ok(Chosen { version, step: id.step, option: id.option, by: "tap" })
}

/// What anything but a followed tap means to a session that waits at `step`.
pub(crate) fn in_session<'a>(said: &Said<'_>, flows: Flows<'a>, version: &'a FlowVersion, step: usize) -> Meaning<'a> {
    let message = match &version.steps[step].kind {
        StepKind::Message(message) if message.asks() => Some(message),
        _ => None,
    };
    if let (Some(message), Some(typed)) = (message, said.typed.as_deref())
        && let Some((option, by)) = message.match_typed(typed)
    {
        return Meaning::Chosen(Chosen { version, step, option, by });
    }
    if let Some(flow) = said.triggers(flows) {
        return Meaning::Starts(flow);
    }
    message.map_or(Meaning::Answers, Meaning::Misses)
}
