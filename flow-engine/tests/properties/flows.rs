//! Conversations with any flow.

use super::{
    START, flow, input,
    saved::{any_automation, any_json},
    shown,
};
use flow_engine::{
    ButtonId, Catalog, Choice, Content, Conversation, FlowVersion, Flows, Input, MAX_STEPS_PER_EVENT, Note, Reply,
    Rules, Timestamp, VersionId, advance, fold, parse_recipients, step::StepKind, validate::check, versions_needed,
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::Value;
use std::sync::Arc;

/// A miss is answered with the fallback's message and the question.
const MOST_SENDS: usize = MAX_STEPS_PER_EVENT + 2;

/// One event: what is said, on which number, how long after the last.
#[derive(Debug, Clone)]
enum Said {
    Reply(Reply),
    /// The nth button ever shown, taken round.
    Shown(usize),
}

fn any_said() -> impl Strategy<Value = Said> {
    let words = prop_oneof![
        4 => select(vec!["start", "other", "yes", "No", "1", "2", "*", ""]).prop_map(str::to_owned),
        1 => ".{0,20}",
    ];
    let ids = prop_oneof![(0..5i64, 0..9usize, 0..13usize).prop_map(|(v, s, o)| format!("{v}.{s}.{o}")), ".{0,12}"];
    prop_oneof![
        6 => any::<usize>().prop_map(Said::Shown),
        6 => words.clone().prop_map(|text| Said::Reply(Reply::Text(text))),
        1 => (ids.clone(), words.clone()).prop_map(|(id, title)| Said::Reply(Reply::Tap { id, title })),
        1 => (ids, words).prop_map(|(payload, text)| Said::Reply(Reply::QuickReply { payload, text })),
        1 => Just(Said::Reply(Reply::Wordless)),
        1 => Just(Said::Reply(Reply::NotAReply)),
    ]
}

type Event = (Said, bool, u32);

fn any_event() -> impl Strategy<Value = Event> {
    let time = prop_oneof![4 => 0..20_000u32, 1 => 0..200_000_000u32];
    (any_said(), proptest::bool::weighted(0.1), time)
}

/// Plays all events; every transition is looked at.
fn play(automations: &[Value; 2], events: &[Event]) -> Result<(), TestCaseError> {
    let older = Arc::new(FlowVersion::parse(VersionId(1), "a".into(), &automations[1]));
    let catalog =
        Catalog::new(vec![flow("a", 2, &["start", "*"], &automations[0]), flow("b", 3, &["other"], &automations[1])]);
    let pinned = [older];
    let flows = Flows { catalog: &catalog, pinned: &pinned };
    let (mut conversation, mut now) = (Conversation::default(), START);
    let mut seen: Vec<Choice> = vec![Choice { id: "1.0.0".into(), title: "Old".into() }];
    for (said, other_number, time) in events {
        now = Timestamp(now.0 + i64::from(*time));
        let reply = match said {
            Said::Reply(reply) => reply.clone(),
            Said::Shown(nth) => {
                let choice = &seen[nth % seen.len()];
                Reply::Tap { id: choice.id.clone(), title: choice.title.clone() }
            }
        };
        let input = input(reply, if *other_number { "2" } else { "1" }, now);
        let done = advance(&conversation, &input, flows, Rules::default());
        prop_assert_eq!(&done, &advance(&conversation, &input, flows, Rules::default()), "the same every time");
        prop_assert!(done.sends.len() <= MOST_SENDS, "{} sends", done.sends.len());
        let ran = done.notes.iter().filter(|note| matches!(note, Note::Ran { .. })).count();
        prop_assert!(ran <= MAX_STEPS_PER_EVENT, "{ran} steps");
        prop_assert_eq!(done.run_limit, done.notes.contains(&Note::RunLimit));
        for send in &done.sends {
            may_be_sent(&send.content)?;
            seen.extend_from_slice(shown(&send.content));
        }
        stands_well(&done.conversation, &input, flows)?;
        conversation = done.conversation;
    }
    Ok(())
}

/// Meta takes it.
fn may_be_sent(content: &Content) -> Result<(), TestCaseError> {
    let within = |text: &str, limit: usize| !text.trim().is_empty() && text.chars().count() <= limit;
    let choices = shown(content);
    match content {
        Content::Text { body } => prop_assert!(within(body, 4096)),
        Content::Buttons { header, body, footer, .. } => {
            prop_assert!(within(body, 1024) && (1..=3).contains(&choices.len()));
            prop_assert!(choices.iter().all(|choice| within(&choice.title, 20)));
            prop_assert!(header.iter().chain(footer).all(|text| within(text, 60)));
        }
        Content::List { body, open, header, footer, .. } => {
            prop_assert!(within(body, 1024) && within(open, 20) && (1..=10).contains(&choices.len()));
            prop_assert!(choices.iter().all(|choice| within(&choice.title, 24)));
            prop_assert!(header.iter().chain(footer).all(|text| within(text, 60)));
        }
        Content::Image { caption, .. } | Content::Video { caption, .. } => {
            prop_assert!(caption.as_deref().is_none_or(|text| within(text, 1024)));
        }
        Content::Document { caption, filename, .. } => {
            prop_assert!(caption.as_deref().is_none_or(|text| within(text, 1024)));
            prop_assert!(filename.as_deref().is_none_or(|name| !name.trim().is_empty()));
        }
        Content::Template { name, language, components } => {
            prop_assert!(!name.trim().is_empty() && !language.trim().is_empty());
            prop_assert!(components.iter().all(Value::is_object));
        }
        Content::Audio { .. } => {}
    }
    let titles: std::collections::HashSet<_> = choices.iter().map(|choice| fold(&choice.title)).collect();
    prop_assert_eq!(titles.len(), choices.len(), "two buttons look the same: {:?}", choices);
    prop_assert!(choices.iter().all(|choice| choice.id.len() < 40 && choice.id.parse::<ButtonId>().is_ok()));
    Ok(())
}

/// A session waits at a step that is there, and reads back as it was written.
fn stands_well(conversation: &Conversation, input: &Input, flows: Flows<'_>) -> Result<(), TestCaseError> {
    let json = serde_json::to_string(conversation).expect("a conversation has a JSON form");
    prop_assert_eq!(&serde_json::from_str::<Conversation>(&json).expect("it reads back"), conversation);
    let Some(session) = &conversation.session else { return Ok(()) };
    let (flow, version) = flows.version(session.flow_version).expect("a session is of a version that is there");
    prop_assert_eq!(&flow.id, &session.flow_id);
    prop_assert!(version.index_of(&session.current_step_id.0).is_some());
    let needed = versions_needed(conversation, input);
    prop_assert!(needed.contains(&session.flow_version));
    prop_assert!(session.stack.len() <= 10);
    for frame in &session.stack {
        let (_, version) = flows.version(frame.flow_version).expect("a frame is of a version that is there");
        prop_assert!(needed.contains(&frame.flow_version) && version.flow_id == frame.flow_id);
        prop_assert!(matches!(version.steps[frame.step].kind, StepKind::Connect(_)));
    }
    prop_assert!(session.created_at <= session.updated_at && session.updated_at <= session.expires_at);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_flow_and_whatever_is_said(a in any_automation(), b in any_automation(), events in vec(any_event(), 1..25)) {
        play(&[a, b], &events)?;
    }

    #[test]
    fn any_json_is_checked_and_what_passes_runs(steps in any_automation(), trigger in any_json()) {
        let report = check(&"own".into(), &trigger, &steps, &Catalog::default());
        prop_assert_eq!(&report, &check(&"own".into(), &trigger, &steps, &Catalog::default()));
        for finding in report.errors.iter().chain(&report.warnings) {
            prop_assert!(finding.path.starts_with("/automationJson") || finding.path == "/trigger", "{}", finding.path);
        }
        let _ = parse_recipients(&trigger);
        let catalog = Catalog::new(vec![flow("own", 1, &["start"], &steps)]);
        let said = input(Reply::Text("start".into()), "1", START);
        let flows = Flows { catalog: &catalog, pinned: &[] };
        let done = advance(&Conversation::default(), &said, flows, Rules::default());
        if report.errors.is_empty() {
            let warned = |code: &str| report.warnings.iter().any(|finding| finding.code == code);
            let fault = |note: &Note| match note {
                Note::Skipped { .. } => !warned("unknown_flow"),
                Note::Shortened { .. } | Note::FrameDropped { .. } | Note::RunLimit => true,
                _ => false,
            };
            prop_assert!(!done.notes.iter().any(fault), "not a fault was told: {:?}", done.notes);
        }
    }
}
