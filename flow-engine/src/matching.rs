//! What a reply means, before anything runs.

use crate::{
    button_id::ButtonId,
    catalog::Flows,
    conversation::Session,
    input::Input,
    model::{Flow, FlowStatus, FlowVersion},
    step::{MessageAction, StepKind},
};

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
    input: &Input,
    session: Option<&Session>,
    flows: Flows<'a>,
) -> Option<Result<Chosen<'a>, &'static str>> {
    let id: ButtonId = input.reply.button()?.parse().ok()?;
    let Some((flow, version)) = flows.version(id.version) else { return Some(Err("its flow does not exist")) };
    let goes_on = session.is_some_and(|session| session.flow_id == version.flow_id);
    if !goes_on && flow.status != FlowStatus::Active {
        return Some(Err("its flow is not active"));
    }
    if !goes_on && !flow.may_be_started_by(&input.sender) {
        return Some(Err("its flow is for others"));
    }
    let button = version.steps.get(id.step).and_then(|step| match &step.kind {
        StepKind::Message(message) => message.buttons.get(id.option),
        _ => None,
    });
    Some(match button {
        Some(_) => Ok(Chosen { version, step: id.step, option: id.option, by: "tap" }),
        None => Err("no such button"),
    })
}

/// What anything but a followed tap means to a session that waits at `step`.
pub(crate) fn in_session<'a>(input: &Input, flows: Flows<'a>, version: &'a FlowVersion, step: usize) -> Meaning<'a> {
    let message = match &version.steps[step].kind {
        StepKind::Message(message) if !message.buttons.is_empty() => Some(message),
        _ => None,
    };
    if let (Some(message), Some(text)) = (message, input.reply.typed())
        && let Some((option, by)) = message.match_typed(text)
    {
        return Meaning::Chosen(Chosen { version, step, option, by });
    }
    if let Some(flow) = input.reply.typed().and_then(|text| flows.catalog.triggered_by(text, &input.sender)) {
        return Meaning::Starts(flow);
    }
    message.map_or(Meaning::Answers, Meaning::Misses)
}
