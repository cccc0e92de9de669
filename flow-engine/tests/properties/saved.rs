//! Flows as they may be saved: any JSON, and what is nearly right.

use flow_engine::STEP_TYPES;
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};

pub fn any_json() -> impl Strategy<Value = Value> {
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
    let step_type = prop_oneof![
        3 => Just("MessageAction"),
        3 => Just("ConnectFlowAction"),
        4 => select(STEP_TYPES.to_vec()),
        1 => Just("Hologram"),
    ];
    let other_flow = select(vec!["a", "b", "own", "gone", ""]);
    let fallback = (option::of("\\PC{0,9}"), option::of(0..12u8), option::of(any_id()))
        .prop_map(|(message, retries, next)| json!({"message": message, "retries": retries, "next": next}));
    let step = (any_id(), step_type, "\\PC{0,9}", vec(button, 0..13), file, any_id(), option::of(fallback), other_flow);
    let step = step.prop_map(|(id, step_type, message, buttons, file, next, fallback, other)| {
        json!({"id": id, "type": step_type, "message": message, "buttons": buttons, "file": file, "next": next,
               "fallback": fallback, "flowId": other, "template": message, "components": []})
    });
    let fields = vec![
        "id",
        "type",
        "message",
        "buttons",
        "file",
        "next",
        "fallback",
        "header",
        "footer",
        "listButton",
        "flowId",
        "filename",
        "template",
        "language",
        "components",
    ];
    let step = step.boxed();
    let broken = (step.clone(), select(fields), any_json()).prop_map(|(mut step, field, value)| {
        step[field] = value;
        step
    });
    prop_oneof![6 => step, 2 => broken, 1 => any_json()]
}

pub fn any_automation() -> impl Strategy<Value = Value> {
    prop_oneof![8 => vec(any_step(), 0..7).prop_map(Value::from), 1 => any_json()]
}
