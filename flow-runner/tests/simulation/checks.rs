//! What must hold once everything is handled.

use crate::{
    flow::QUESTIONS,
    meta::{Fate, Taken},
    people::Person,
    record::{Job, Rows},
    world::World,
};
use shared::{
    event::{self, InboundMessage, KeptEvent, StatusUpdate},
    ids::{EventId, RecipientId},
    job::JobState,
    ports::queue::{Message, Publish},
};
use std::collections::BTreeSet;
use testkit::questions::fold;

/// What doesn't hold, if anything.
pub fn hold(world: &World) -> Result<(), String> {
    if let Some(violation) = world.has_violation() {
        return Err(violation);
    }
    nothing_is_given_up(world)?;
    let taken = world.queues.taken();
    let messages: Vec<InboundMessage> = read(&taken, event::MESSAGE);
    world.record.look(|rows| {
        for person in &world.people {
            holds_for(person, &messages, world, rows).map_err(|why| format!("{}: {why}", person.name))?;
        }
        others_are_handled(&taken, rows)
    })
}

/// A sender finds jobs without their bells; but when nothing goes wrong, each one's bell rings.
pub fn last_bells_rang(world: &World) -> Result<(), String> {
    world.record.look(|rows| {
        for person in &world.people {
            let last = rows.messages.iter().rfind(|row| person.nth(row.wamid()).is_some());
            let last = last.ok_or_else(|| format!("{}: nothing was handled", person.name))?;
            let silent = rows.jobs.iter().find(|job| job.event == last.event && !job.rung);
            ensure(silent.is_none(), || format!("{}: no bell rang for the last answer", person.name))?;
        }
        Ok(())
    })
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn read<T: for<'a> serde::Deserialize<'a>>(taken: &[Publish], kind: &str) -> Vec<T> {
    let of_kind = taken.iter().map(|publish| &publish.message).filter(|message| message.kind == kind);
    of_kind.map(|Message { body, .. }| serde_json::from_slice(body).expect("an event of ours")).collect()
}

fn nothing_is_given_up(world: &World) -> Result<(), String> {
    let left = world.queues.left();
    ensure(left.is_empty(), || format!("left in queues: {left:?}"))?;
    let letters = world.record.look(|rows| rows.letters.clone());
    ensure(letters.is_empty(), || format!("dead letters: {letters:?}"))?;
    let given_up = world.suspects.given_up();
    ensure(given_up.is_empty(), || format!("given up although they kill nobody: {given_up:?}"))
}

fn holds_for(person: &Person, messages: &[InboundMessage], world: &World, rows: &Rows) -> Result<(), String> {
    let order = first_taken(person, messages);
    let handled: Vec<usize> = rows.messages.iter().filter_map(|row| person.nth(row.wamid())).collect();
    ensure(handled == order, || format!("taken in the order {order:?}, handled in the order {handled:?}"))?;
    let recipients: Vec<_> = rows.recipients.iter().filter(|(_, row)| row.who == person.who).collect();
    let [(id, recipient)] = recipients.as_slice() else {
        return Err(format!("{} rows", recipients.len()));
    };
    let strangers = rows.messages.iter().find(|row| person.nth(row.wamid()).is_some() && row.recipient != **id);
    ensure(strangers.is_none(), || "a message is another's".to_owned())?;
    let due = fold(order.iter().map(|nth| person.writes[*nth]), QUESTIONS);
    let jobs = in_lane(id, rows)?;
    let sends: Vec<String> = jobs.iter().map(|job| job.shows.clone()).collect();
    ensure(sends == due.sends, || format!("answered {sends:?}, due are {:?}", due.sends))?;
    is_received(&jobs, world)?;
    let session = recipient.conversation.session.as_ref();
    let step = session.map(|session| session.current_step_id.0.to_string());
    ensure(step == due.step, || format!("stands at {step:?}, should stand at {:?}", due.step))
}

/// Each job arrives once, in its place. One arrives twice only if nobody was ever told that it had arrived, and is resent once
/// at most; one that may not have arrived is given up only after that.
fn is_received(jobs: &[&Job], world: &World) -> Result<(), String> {
    let taken = world.meta.taken();
    let mut last = None;
    for job in jobs {
        let its = |taken: &&Taken| taken.tag.job == job.id;
        let arrived: Vec<Fate> =
            taken.iter().filter(its).map(|taken| taken.fate).filter(|fate| *fate != Fate::Fails).collect();
        let (name, state, resends) = (job.name(), job.state.as_str(), job.resends);
        match job.state {
            JobState::Sent => ensure(!arrived.is_empty(), || format!("{name} is sent and never arrived"))?,
            // Whoever is told that it arrived has it given up no longer.
            JobState::Dead => ensure(
                job.letter == Some("unknown_outcome")
                    && resends == 1
                    && arrived.iter().all(|fate| *fate == Fate::IsNeverTold),
                || format!("{name} is given up: {:?}, resent {resends} times: {arrived:?}", job.letter),
            )?,
            _ => return Err(format!("{name} is {state}")),
        }
        if arrived.len() > 1 {
            world.count("sent twice");
        }
        let rightly = arrived.len() < 2 || (arrived.len() == 2 && arrived[0] == Fate::IsNeverTold && resends == 1);
        ensure(rightly, || format!("{name} arrived {} times, resent {resends} times: {arrived:?}", arrived.len()))?;
        let first = taken.iter().position(|taken| taken.tag.job == job.id);
        ensure(first.is_none() || last < first, || format!("{name} went before what is before it"))?;
        last = first.or(last);
    }
    Ok(())
}

/// Which of a person's messages were taken, each where it was taken first.
fn first_taken(person: &Person, messages: &[InboundMessage]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let of_person = messages.iter().filter_map(|message| person.nth(message.wamid.as_str()));
    of_person.filter(|nth| seen.insert(*nth)).collect()
}

/// A recipient's jobs in the order of their lane, in which no two have one place, and which is that of their messages.
fn in_lane<'a>(recipient: &RecipientId, rows: &'a Rows) -> Result<Vec<&'a Job>, String> {
    let made: Vec<&Job> = rows.jobs.iter().filter(|job| job.recipient == *recipient).collect();
    let mut jobs = made.clone();
    jobs.sort_by_key(|job| job.place);
    let twice = jobs.windows(2).find(|pair| pair[0].place == pair[1].place);
    ensure(twice.is_none(), || format!("two jobs at one place: {:?}", twice.map(|pair| pair[0].place)))?;
    let places = |jobs: &[&Job]| jobs.iter().map(|job| job.place).collect::<Vec<_>>();
    ensure(places(&made) == places(&jobs), || format!("places out of order: {:?}", places(&made)))?;
    Ok(jobs)
}

fn others_are_handled(taken: &[Publish], rows: &Rows) -> Result<(), String> {
    let statuses = read::<StatusUpdate>(taken, event::STATUS).into_iter().map(|status| status.event_id);
    let kept = read::<KeptEvent>(taken, event::KEPT).into_iter().map(|kept| kept.event_id);
    let missing: Vec<EventId> = statuses.chain(kept).filter(|event| !rows.others.contains(event)).collect();
    ensure(missing.is_empty(), || format!("never handled: {missing:?}"))
}
