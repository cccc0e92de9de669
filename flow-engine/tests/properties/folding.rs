//! The button that is meant is found, whatever its letters.

use super::{START, flow, input, shown};
use flow_engine::{
    ButtonId, Catalog, Conversation, Flows, Frame, Note, Reply, Rules, Session, Tap, Timestamp, VersionId, advance,
    fold, parse_triggers,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};

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
        session in option::of((".{0,9}", any::<i64>(), ".{0,9}", ".{0,9}", any::<[i64; 4]>(), any::<u32>(),
            vec((".{0,9}", any::<i64>(), 0..500usize), 0..3))),
        taps in vec((".{0,9}", option::of(".{0,9}"), any::<i64>()), 0..3),
    ) {
        let session = session.map(|(flow, version, step, number, times, misses, stack)| Session {
            flow_id: flow.as_str().into(),
            flow_version: VersionId(version),
            current_step_id: step.as_str().into(),
            phone_number_id: number,
            created_at: Timestamp(times[0]),
            updated_at: Timestamp(times[1]),
            expires_at: Timestamp(times[2]),
            asked_at: Timestamp(times[3]),
            misses,
            stack: stack
                .into_iter()
                .map(|(flow, version, step)| Frame { flow_id: flow.as_str().into(), flow_version: VersionId(version), step })
                .collect(),
        });
        let taps = taps.into_iter().map(|(button, message, at)| Tap { button, message, at: Timestamp(at) }).collect();
        let conversation = Conversation { session, taps };
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
