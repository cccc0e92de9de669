//! The one entry: an event in, a transition out.

use crate::{
    button_id::ButtonId,
    catalog::Flows,
    conversation::{Conversation, Session, Tap},
    ids::VersionId,
    input::{Input, Reply},
    matching::{Chosen, Meaning, Said, in_session, tapped},
    model::{Flow, FlowVersion},
    run::{Run, Thread},
    step::{MessageAction, StepKind},
    transition::{Note, Transition},
};
use std::{collections::BTreeSet, time::Duration};

/// The same button of the same message again within this time does nothing.
const DOUBLE_TAP: Duration = Duration::from_secs(10);
/// As many buttons as a list has: nobody taps more of them in so short a time.
const REMEMBERED_TAPS: usize = 10;
/// A miss this soon after the question is recorded, not answered: three short messages in a row get one answer.
const MISS_GRACE: Duration = Duration::from_secs(2);

/// Settings of the engine.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How long a session lives after it last moved. WhatsApp's customer service window is 24 hours.
    pub session_ttl: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self { session_ttl: Duration::from_secs(24 * 60 * 60) }
    }
}

/// The flow versions that [`advance`] will ask for: the session's, those on its stack, and that of a tapped button.
#[must_use]
pub fn versions_needed(conversation: &Conversation, input: &Input) -> Vec<VersionId> {
    let session = conversation.session.iter();
    let remembered =
        session.flat_map(|session| session.stack.iter().map(|frame| frame.flow_version).chain([session.flow_version]));
    let tapped = input.reply.button().and_then(|text| text.parse::<ButtonId>().ok()).map(|id| id.version);
    let needed: BTreeSet<VersionId> = remembered.chain(tapped).collect();
    needed.into_iter().collect()
}

/// Advances one conversation by one event.
#[must_use]
pub fn advance(conversation: &Conversation, input: &Input, flows: Flows<'_>, rules: Rules) -> Transition {
    let mut run = Run::new(input, flows, rules.session_ttl);
    if input.reply == Reply::NotAReply {
        run.note(Note::NotAReply);
        return finish(conversation.clone(), run);
    }
    let tap = tap_of(input);
    if let Some((_, tap)) = &tap
        && conversation.taps.iter().any(|before| is_again(before, tap))
    {
        run.note(Note::DoubleTap);
        return finish(conversation.clone(), run);
    }
    let live = live_session(conversation.session.as_ref(), input, flows, &mut run);
    let followed = tap.as_ref().map(|(id, _)| tapped(*id, input, live.as_ref().map(|live| live.session), flows));
    let session = match followed {
        Some(Ok(chosen)) => follow(live.as_ref(), &chosen, &mut run),
        Some(Err(why)) => {
            run.note(Note::TapAsText { why });
            said(live, &Said::of(input), flows, &mut run)
        }
        None => said(live, &Said::of(input), flows, &mut run),
    };
    let taps = match tap {
        Some((_, tap)) => with(&conversation.taps, tap),
        None => conversation.taps.clone(),
    };
    finish(Conversation { session, taps }, run)
}

fn finish(conversation: Conversation, run: Run<'_>) -> Transition {
    Transition { conversation, sends: run.sends, notes: run.notes, run_limit: run.run_limit }
}

/// A session that still counts, with the place it waits at.
struct Live<'a> {
    session: &'a Session,
    version: &'a FlowVersion,
    step: usize,
}

impl Live<'_> {
    fn thread(&self) -> Thread {
        Thread { since: self.session.created_at, stack: self.session.stack.clone() }
    }
}

fn live_session<'a>(
    session: Option<&'a Session>,
    input: &Input,
    flows: Flows<'a>,
    run: &mut Run<'_>,
) -> Option<Live<'a>> {
    let session = session?;
    let over = |run: &mut Run<'_>, why| {
        run.note(Note::SessionOver { why });
        None
    };
    if session.expires_at <= input.at {
        return over(run, "expired");
    }
    let Some((_, version)) = flows.version(session.flow_version) else { return over(run, "flow deleted") };
    match version.index_of(&session.current_step_id.0) {
        Some(step) => Some(Live { session, version, step }),
        None => over(run, "step missing"),
    }
}

/// The button that was tapped, if it is one of ours.
fn tap_of(input: &Input) -> Option<(ButtonId, Tap)> {
    let button = input.reply.button()?;
    let tap = Tap { button: button.to_owned(), message: input.context_id.clone(), at: input.at };
    Some((button.parse().ok()?, tap))
}

fn is_again(before: &Tap, tap: &Tap) -> bool {
    before.button == tap.button && before.message == tap.message && tap.at.since(before.at) < DOUBLE_TAP
}

/// The taps to remember after one more.
fn with(taps: &[Tap], tap: Tap) -> Vec<Tap> {
    let still = taps.iter().filter(|before| tap.at.since(before.at) < DOUBLE_TAP);
    let mut taps: Vec<Tap> = still.cloned().chain([tap.clone()]).collect();
    taps.drain(..taps.len().saturating_sub(REMEMBERED_TAPS));
    taps
}

/// A tap that can be followed: on from that button, whatever the session says.
fn follow<'a>(live: Option<&Live<'_>>, chosen: &Chosen<'a>, run: &mut Run<'a>) -> Option<Session> {
    let back = live.and_then(|Live { session, .. }| {
        let stack = session.frames_below(&chosen.version.flow_id)?.to_vec();
        Some(Thread { since: session.created_at, stack })
    });
    let thread = back.unwrap_or_else(|| Thread { since: run.now, stack: Vec::new() });
    choose(chosen, thread, run)
}

/// Anything but a tap that can be followed.
fn said<'a>(live: Option<Live<'a>>, said: &Said<'_>, flows: Flows<'a>, run: &mut Run<'a>) -> Option<Session> {
    match live {
        Some(live) if live.session.phone_number_id == run.phone_number_id => reply(&live, said, flows, run),
        Some(live) => on_another_number(live.session, said, flows, run),
        None => without_session(said, flows, run),
    }
}

/// A reply without a session, as far as this number goes: the session goes on where it is, unless a flow starts here.
fn on_another_number<'a>(session: &Session, said: &Said<'_>, flows: Flows<'a>, run: &mut Run<'a>) -> Option<Session> {
    let Some((flow, by)) = begins(said, flows) else {
        run.note(Note::NoFlow);
        return Some(session.clone());
    };
    run.note(Note::SessionOver { why: "another number" });
    start(flow, by, run)
}

fn choose<'a>(chosen: &Chosen<'a>, thread: Thread, run: &mut Run<'a>) -> Option<Session> {
    let step = &chosen.version.steps[chosen.step];
    run.note(Note::Chosen { step: step.id.clone(), option: chosen.option, by: chosen.by });
    let next = match &step.kind {
        StepKind::Message(message) => message.buttons.get(chosen.option).and_then(|button| button.next.as_deref()),
        _ => None,
    };
    run.from(chosen.version, chosen.version.target(next), thread)
}

/// A reply to a live session.
fn reply<'a>(live: &Live<'a>, said: &Said<'_>, flows: Flows<'a>, run: &mut Run<'a>) -> Option<Session> {
    match in_session(said, flows, live.version, live.step) {
        Meaning::Chosen(chosen) => choose(&chosen, live.thread(), run),
        Meaning::Starts(flow) => start(flow, "trigger", run),
        Meaning::Answers => {
            let step = &live.version.steps[live.step];
            run.note(Note::Answered { step: step.id.clone() });
            run.from(live.version, live.version.target(step.next.as_deref()), live.thread())
        }
        Meaning::Misses(message) => miss(live, message, said, flows, run),
    }
}

fn miss<'a>(
    live: &Live<'a>,
    message: &MessageAction,
    said: &Said<'_>,
    flows: Flows<'a>,
    run: &mut Run<'a>,
) -> Option<Session> {
    let session = live.session;
    let step = live.version.steps[live.step].id.clone();
    if run.now.since(session.asked_at) < MISS_GRACE {
        run.note(Note::MissedTooSoon);
        return Some(session.clone());
    }
    let fallback = &message.fallback;
    if session.misses < fallback.retries {
        let misses = session.misses + 1;
        run.note(Note::Missed { step, misses });
        run.ask_again(live.version, live.step, fallback.message.as_deref());
        let (now, expires_at) = (run.now, run.now.plus(run.ttl));
        return Some(Session { misses, asked_at: now, updated_at: now, expires_at, ..session.clone() });
    }
    if let Some(next) = &fallback.next {
        run.note(Note::FellBack { step });
        return run.from(live.version, live.version.target(Some(next)), live.thread());
    }
    run.note(Note::GaveUp { step });
    without_session(said, flows, run)
}

/// A reply that no session takes: a trigger, else `*`, else nothing. (Old buttons were asked before.)
fn without_session<'a>(said: &Said<'_>, flows: Flows<'a>, run: &mut Run<'a>) -> Option<Session> {
    let Some((flow, by)) = begins(said, flows) else {
        run.note(Note::NoFlow);
        return None;
    };
    start(flow, by, run)
}

/// The flow that a reply without a session starts, and by what.
fn begins<'a>(said: &Said<'_>, flows: Flows<'a>) -> Option<(&'a Flow, &'static str)> {
    let triggered = said.triggers(flows).map(|flow| (flow, "trigger"));
    triggered.or_else(|| flows.catalog.catch_all(&said.input.sender).map(|flow| (flow, "*")))
}

fn start<'a>(flow: &'a Flow, by: &'static str, run: &mut Run<'a>) -> Option<Session> {
    run.note(Note::Started { flow: flow.id.clone(), by });
    let thread = Thread { since: run.now, stack: Vec::new() };
    run.from(&flow.version, flow.version.first(), thread)
}
