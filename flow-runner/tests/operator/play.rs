//! `play`: what a person would see.

use crate::{output, support::Installation};
use serde_json::{Value, json};

/// What is shown when somebody writes these lines to a flow with this first step.
fn played(step: Value, lines: &str) -> String {
    let installation = Installation::new("http://127.0.0.1:1", &[]);
    let flow = json!({ "id": "f", "name": "F", "triggers": ["/start"], "steps": [step] });
    std::fs::write(installation.directory.path().join("flow.json"), flow.to_string()).expect("written");
    let played = output(&installation, &["play", "flow.json"], lines);
    assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stderr));
    String::from_utf8(played.stdout).expect("text")
}

fn question(labels: &[&str]) -> Value {
    let buttons: Vec<Value> = labels.iter().map(|label| json!({ "label": label, "next": "end" })).collect();
    json!({ "id": "1", "type": "MessageAction", "message": "Which?", "buttons": buttons })
}

#[test]
fn all_of_a_message_is_shown() {
    let mut step = question(&["Tea", "Coffee"]);
    step["header"] = json!("Above");
    step["footer"] = json!("Below");
    let seen = played(step.clone(), "/start\n");
    assert!(seen.contains("‹ Above\n  Which?\n  Below\n  [Tea] [Coffee]\n"), "{seen}");
    step["buttons"] = question(&["Tea", "Coffee", "Juice", "Water"])["buttons"].clone();
    assert!(played(step, "/start\n").contains("‹ Above\n  Which?\n  Below\n  Options: [Tea]"));
    let components = json!([{ "type": "body", "parameters": [{ "type": "text", "text": "Kim" }] }]);
    let template = json!({ "id": "1", "type": "TemplateMessage", "template": "hello", "components": components });
    let seen = played(template, "/start\n");
    assert!(seen.contains("template hello (en_US)\n  {") && seen.contains("Kim"), "{seen}");
}

#[test]
fn a_line_that_is_no_command_is_a_text() {
    let seen = played(question(&["Tea", "Coffee"]), "/start\n/3\n/2\n");
    assert!(seen.contains("flow f begins"), "{seen}");
    assert!(seen.ends_with("› /2\n  flow f ends\n"), "{seen}");
}

#[test]
fn a_message_that_could_not_go_out_as_it_is_says_why() {
    let alike = played(question(&["Tea", "tea"]), "/start\n");
    assert!(alike.contains("step 1: a label was shortened, or numbered because two are alike"), "{alike}");
    let labels: Vec<String> = (0..11).map(|n| format!("Label {n}")).collect();
    let many = played(question(&labels.iter().map(String::as_str).collect::<Vec<_>>()), "/start\n");
    assert!(many.contains("step 1: some buttons were left out"), "{many}");
    let mut step = question(&["Tea"]);
    step["footer"] = json!("x".repeat(61));
    assert!(played(step, "/start\n").contains("step 1: footer is over WhatsApp's length"));
}
