//! What holds for every flow, every reply and every order of them.

use flow_engine::{
    ButtonId, Catalog, Choice, Content, Conversation, Flow, FlowStatus, FlowVersion, Flows, Input, MAX_STEPS_PER_EVENT,
    Note, Reply, Rules, Session, Tap, Timestamp, VersionId, advance, fold, parse_recipients, parse_triggers,
    validate::check, versions_needed,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const START: Timestamp = Timestamp(1_750_792_206_272);
/// A miss is answered with the fallback's message and the question.
const MOST_SENDS: usize = MAX_STEPS_PER_EVENT + 2;

// ---- any JSON, and flows that are nearly right

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec(("[a-z]{1,8}", inner), 0..5).prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

fn any_id() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => (0..6u8).prop_map(|id| id.to_string().into()),
        1 => (0..6u8).prop_map(Value::from),
        1 => select(vec![json!("end"), json!(""), Value::Null, json!("gone")]),
    ]
}

fn any_label() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => select(vec!["Yes", "yes", "No", "1", "2", "start", "", " "]).prop_map(Value::from),
        1 => "\\PC{1,40}".prop_map(Value::from),
    ]
}

/// A step as a builder would save it, or nearly so: now and then a field holds whatever it may.
fn any_step() -> impl Strategy<Value = Value> {
    let button = (any_label(), any_id()).prop_map(|(label, next)| json!({"label": label, "next": next}));
    let file = select(vec!["https://example.com/a.jpg", "media:1", "", "nonsense"]);
    let step_type = select(vec!["MessageAction", "MessageAction", "ImageMessage", "ImageMessage", "Hologram"]);
    let fallback = (option::of("\\PC{0,9}"), option::of(0..12u8), option::of(any_id()))
        .prop_map(|(message, retries, next)| json!({"message": message, "retries": retries, "next": next}));
    let step = (any_id(), step_type, "\\PC{0,9}", vec(button, 0..13), file, any_id(), option::of(fallback)).prop_map(
        |(id, step_type, message, buttons, file, next, fallback)| {
            json!({"id": id, "type": step_type, "message": message, "buttons": buttons, "file": file, "next": next,
                   "fallback": fallback})
        },
    );
    let fields = vec!["id", "type", "message", "buttons", "file", "next", "fallback", "header", "footer", "listButton"];
    let step = step.boxed();
    let broken = (step.clone(), select(fields), any_json()).prop_map(|(mut step, field, value)| {
        step[field] = value;
        step
    });
    prop_oneof![6 => step, 2 => broken, 1 => any_json()]
}

fn any_automation() -> impl Strategy<Value = Value> {
    prop_oneof![8 => vec(any_step(), 0..7).prop_map(Value::from), 1 => any_json()]
}

// ---- what people do

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

fn flow(id: &str, version: i64, triggers: &[&str], automation: &Value) -> Flow {
    Flow {
        id: id.into(),
        status: FlowStatus::Active,
        triggers: parse_triggers(&json!(triggers)),
        recipients: Vec::new(),
        created_at: Timestamp(version),
        version: Arc::new(FlowVersion::parse(VersionId(version), id.into(), automation)),
    }
}

fn input(reply: Reply, number: &str, at: Timestamp) -> Input {
    Input { phone_number_id: number.into(), sender: vec!["49151".into()], context_id: None, reply, at }
}

fn shown(content: &Content) -> &[Choice] {
    match content {
        Content::Buttons { buttons, .. } => buttons,
        Content::List { rows, .. } => rows,
        Content::Text { .. } | Content::Image { .. } => &[],
    }
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
        Content::Image { caption, .. } => {
            prop_assert!(caption.as_deref().is_none_or(|text| within(text, 1024)));
        }
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
    prop_assert!(versions_needed(conversation, input).contains(&session.flow_version));
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
        let catalog = Catalog::new(vec![flow("a", 1, &["start"], &steps)]);
        let said = input(Reply::Text("start".into()), "1", START);
        let flows = Flows { catalog: &catalog, pinned: &[] };
        let done = advance(&Conversation::default(), &said, flows, Rules::default());
        if report.errors.is_empty() {
            let fault = |note: &Note| matches!(note, Note::Skipped { .. } | Note::Shortened { .. } | Note::RunLimit);
            prop_assert!(!done.notes.iter().any(fault), "not a fault was told: {:?}", done.notes);
        }
    }
}

// ---- the button that is meant is found

/// Labels as people of many scripts write them, of any length.
fn a_label() -> impl Strategy<Value = String> {
    let letters = select(vec![
        "İ",
        "ı",
        "i",
        "I",
        "ﬁ",
        "ﬀ",
        "ß",
        "ẞ",
        "ς",
        "Σ",
        "ſ",
        "ŉ",
        "ǆ",
        "é",
        "e\u{301}",
        "ᾳ",
        "Ａ",
        "２",
        "٣",
        "Ж",
        "ა",
        "Ꭰ",
        "漢",
        "👍",
        "👨‍👩‍👧",
        "❤\u{fe0f}",
        "🇩🇪",
        "a",
        "Z",
        "7",
        " ",
        "\u{a0}",
        "\t",
        "-",
        "…",
    ]);
    let known = vec(letters, 1..60).prop_map(|letters| letters.concat());
    let any = "\\PC{1,60}".prop_map(|text| text.chars().filter(is_settled).collect());
    prop_oneof![3 => known, 1 => any]
}

fn spellings(label: &str) -> Vec<String> {
    vec![label.to_owned(), label.to_uppercase(), label.to_lowercase(), format!("  {} ", label.replace(' ', " \u{a0} "))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reply_finds_its_button(mut labels in vec(a_label(), 1..11)) {
        let mut folded = std::collections::HashSet::new();
        labels.retain(|label| !fold(label).is_empty() && folded.insert(fold(label)));
        prop_assume!(!labels.is_empty());
        let buttons: Value = labels.iter().map(|label| json!({"label": label})).collect();
        let steps = json!([{"id": "ask", "type": "MessageAction", "message": "Which?", "buttons": buttons}]);
        let catalog = Catalog::new(vec![flow("a", 1, &["start"], &steps)]);
        let flows = Flows { catalog: &catalog, pinned: &[] };
        let hear = |conversation: &Conversation, reply: Reply| {
            let at = Timestamp(START.0 + 60_000);
            advance(conversation, &input(reply, "1", at), flows, Rules::default())
        };
        let asked = advance(&Conversation::default(), &input(Reply::Text("start".into()), "1", START), flows, Rules::default());
        let choices = shown(&asked.sends[0].content).to_vec();
        prop_assert_eq!(choices.len(), labels.len());
        let chose = |done: &flow_engine::Transition, option: usize| {
            done.notes.iter().any(|note| matches!(note, Note::Chosen { option: chosen, .. } if *chosen == option))
        };
        for (option, (choice, label)) in choices.iter().zip(&labels).enumerate() {
            let tap = Reply::Tap { id: choice.id.clone(), title: choice.title.clone() };
            prop_assert!(chose(&hear(&asked.conversation, tap.clone()), option), "tapped {:?}", choice);
            prop_assert!(chose(&hear(&Conversation::default(), tap), option), "tapped without a session {:?}", choice);
            for typed in spellings(label) {
                prop_assert!(chose(&hear(&asked.conversation, Reply::Text(typed.clone())), option), "typed {:?}", typed);
            }
            // What is shown may be another option's label in full: the label goes before.
            if !folded.contains(&fold(&choice.title)) {
                prop_assert!(chose(&hear(&asked.conversation, Reply::Text(choice.title.clone())), option), "as shown {:?}", choice);
            }
        }
    }

    #[test]
    fn folding_is_done_once(text in "\\PC{0,24}", spaces in "\\s{0,3}") {
        let folded = fold(&text);
        prop_assert_eq!(&fold(&folded), &folded);
        prop_assert_eq!(fold(&format!("{spaces}{text}{spaces}")), folded.clone());
        prop_assert_eq!(parse_triggers(&json!([text])), parse_triggers(&json!([folded])));
    }

    #[test]
    fn button_ids_read_back(version in 1..=i64::MAX, step in 0..500usize, option in 0..1000usize) {
        let id = ButtonId { version: VersionId(version), step, option };
        prop_assert!(id.to_string().len() < 40);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn no_other_text_is_a_button_id(text in prop_oneof![".{0,12}", "[0-9.+ -]{1,12}"]) {
        if let Ok(id) = text.parse::<ButtonId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn conversations_read_back(
        session in option::of((".{0,9}", any::<i64>(), ".{0,9}", ".{0,9}", any::<[i64; 4]>(), any::<u32>())),
        tap in option::of((".{0,9}", option::of(".{0,9}"), any::<i64>())),
    ) {
        let session = session.map(|(flow, version, step, number, times, misses)| Session {
            flow_id: flow.as_str().into(),
            flow_version: VersionId(version),
            current_step_id: step.as_str().into(),
            phone_number_id: number,
            created_at: Timestamp(times[0]),
            updated_at: Timestamp(times[1]),
            expires_at: Timestamp(times[2]),
            asked_at: Timestamp(times[3]),
            misses,
        });
        let last_tap = tap.map(|(button, message, at)| Tap { button, message, at: Timestamp(at) });
        let conversation = Conversation { session, last_tap };
        let json = serde_json::to_string(&conversation).unwrap();
        prop_assert_eq!(serde_json::from_str::<Conversation>(&json).unwrap(), conversation);
    }
}

/// Not of the letters that came with Unicode 17, whose cases the folding tables don't know yet.
fn is_settled(letter: &char) -> bool {
    !matches!(letter, '\u{a7ce}'..='\u{a7d5}' | '\u{16ea0}'..='\u{16ed3}')
}

#[test]
fn every_letter_folds_with_both_its_cases() {
    let has_cases = |letter: &char| {
        let text = letter.to_string();
        text.to_uppercase() != text || text.to_lowercase() != text || letter.is_lowercase() || letter.is_uppercase()
    };
    let mut apart = Vec::new();
    for letter in ('\0'..=char::MAX).filter(is_settled).filter(has_cases) {
        let text = letter.to_string();
        let folded = fold(&text);
        if fold(&folded) != folded || fold(&text.to_uppercase()) != folded || fold(&text.to_lowercase()) != folded {
            apart.push(format!("{letter:?} (U+{:04X}) is {folded:?}", letter as u32));
        }
    }
    assert!(apart.is_empty(), "{}", apart.join("\n"));
}
