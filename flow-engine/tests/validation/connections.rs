//! Flows that run other flows.

use super::{flow, letters, question, text, told, with};
use flow_engine::{
    Catalog, Flow, FlowStatus, FlowVersion, VersionId,
    validate::{Report, check},
};
use serde_json::{Value, json};

fn connect(id: &str, flow: &str, next: &str) -> Value {
    json!({"id": id, "type": "ConnectFlowAction", "flowId": flow, "next": next})
}

fn sound(id: &str, next: &str) -> Value {
    json!({"id": id, "type": "AudioMessage", "file": "media:1", "next": next})
}

/// A flow of the account with these steps.
fn other(id: &str, status: FlowStatus, steps: &Value) -> Flow {
    Flow { version: FlowVersion::parse(VersionId(1), id.into(), steps).into(), ..flow(id, status, json!([])) }
}

fn active(id: &str, steps: Value) -> Flow {
    other(id, FlowStatus::Active, &steps)
}

fn report(steps: Value, others: Vec<Flow>) -> Report {
    check(&"own".into(), &json!(["*"]), &steps, &Catalog::new(others))
}

#[test]
fn warned_of_a_flow_that_does_not_run() {
    let help = || vec![active("help", json!([text()])), other("draft", FlowStatus::Inactive, &json!([text()]))];
    for (rule, step, expected) in [
        ("an active flow", connect("1", "help", ""), &[][..]),
        ("this very flow", json!([question(), connect("2", "own", "")])[1].clone(), &[]),
        ("an unknown flow", connect("1", "nobody", ""), &["/automationJson/0/flowId unknown_flow"]),
        ("an inactive flow", connect("1", "draft", ""), &["/automationJson/0/flowId inactive_flow"]),
        ("no flow", with(connect("1", "", ""), "flowId", json!(null)), &["/automationJson/0/flowId unknown_flow"]),
        (
            "a flow that is none",
            with(connect("1", "", ""), "flowId", json!([1])),
            &["/automationJson/0/flowId unknown_flow"],
        ),
        ("next to a missing step", connect("1", "help", "gone"), &["/automationJson/0/next missing_step"]),
    ] {
        assert_eq!(told(&report(json!([step]), help()).warnings), expected, "{rule}");
    }
}

#[test]
fn refused_for_a_loop_through_other_flows() {
    let waits = || active("waits", json!([question()]));
    let ends = || active("ends", json!([sound("1", "")]));
    let says = || active("says", json!([text()]));
    let calls_own = || active("calls", json!([sound("1", "2"), connect("2", "own", "")]));
    let rows: Vec<(&str, Value, Vec<Flow>, &[&str])> = vec![
        ("it runs itself", json!([connect("1", "own", "")]), vec![], &["/automationJson/0/flowId endless_loop"]),
        (
            "it runs itself after a sound, and would come back",
            json!([sound("1", "2"), connect("2", "own", "1")]),
            vec![],
            &["/automationJson/1/flowId endless_loop"],
        ),
        (
            "it runs itself after a question",
            json!([with(question(), "buttons", json!([{"label": "Tea", "next": "2"}])), connect("2", "own", "")]),
            vec![],
            &[],
        ),
        (
            "by way of another",
            json!([connect("1", "calls", "")]),
            vec![calls_own()],
            &["/automationJson/0/flowId endless_loop"],
        ),
        (
            "by way of another that is switched off",
            json!([connect("1", "calls", "")]),
            vec![other("calls", FlowStatus::Inactive, &json!([connect("2", "own", "")]))],
            &[],
        ),
        (
            "round a flow that ends",
            json!([connect("1", "ends", "2"), sound("2", "1")]),
            vec![ends()],
            &["/automationJson/0/next endless_loop"],
        ),
        (
            "round a flow that says something and ends",
            json!([connect("1", "says", "1")]),
            vec![says()],
            &["/automationJson/0/next endless_loop"],
        ),
        ("round a flow that waits", json!([connect("1", "waits", "2"), sound("2", "1")]), vec![waits()], &[]),
        (
            "round a flow that is skipped",
            json!([connect("1", "nobody", "1")]),
            vec![],
            &["/automationJson/0/next endless_loop"],
        ),
        (
            "a flow that loops by itself",
            json!([connect("1", "spins", "")]),
            vec![active("spins", json!([sound("1", "1")]))],
            &["/automationJson/0/flowId endless_loop"],
        ),
        (
            "others that call each other and wait",
            json!([connect("1", "a", "")]),
            vec![
                active("a", json!([connect("1", "b", "2"), sound("2", "")])),
                active("b", json!([connect("1", "waits", "")])),
                waits(),
            ],
            &[],
        ),
        (
            "others that call each other and never wait",
            json!([connect("1", "a", "")]),
            vec![
                active("a", json!([connect("1", "b", "2"), sound("2", "")])),
                active("b", json!([connect("1", "a", "")])),
            ],
            &["/automationJson/0/flowId endless_loop"],
        ),
    ];
    for (rule, steps, others, expected) in rows {
        assert_eq!(told(&report(steps, others).errors), expected, "{rule}");
    }
}

#[test]
fn thousands_of_flows_in_a_row_are_looked_through() {
    let next = |number: usize| format!("flow {}", number + 1);
    let chain = (0..5000).map(|number| active(&format!("flow {number}"), json!([connect("1", &next(number), "")])));
    let mut steps: Vec<Value> = (0..500).map(|id| connect(&id.to_string(), &format!("flow {id}"), "")).collect();
    steps.push(with(text(), "message", letters(9)));
    assert_eq!(told(&report(steps.into(), chain.collect()).errors), ["/automationJson/500/id duplicate_id"]);
}
