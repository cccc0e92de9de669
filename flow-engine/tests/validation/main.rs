//! What is said about a flow: one row for each rule, with the exact path and code.

mod connections;

use flow_engine::{
    Catalog, Flow, FlowId, FlowStatus, FlowVersion, Timestamp, VersionId, parse_triggers,
    validate::{Finding, Report, check},
};
use serde_json::{Value, json};

/// `path code`, in the order found.
fn told(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{} {}", finding.path, finding.code)).collect()
}

/// A flow with nothing to say against it: it has the trigger `*`.
fn report(steps: &Value) -> Report {
    check(&"own".into(), &json!(["*"]), steps, &Catalog::default())
}

fn with(mut step: Value, field: &str, value: Value) -> Value {
    step[field] = value;
    step
}

fn question() -> Value {
    json!({"id": "1", "type": "MessageAction", "message": "Which?", "buttons": [{"label": "Tea", "next": "end"}],
           "fallback": {"retries": 1}})
}

fn text() -> Value {
    json!({"id": "1", "type": "MessageAction", "message": "Hello"})
}

fn image() -> Value {
    json!({"id": "1", "type": "ImageMessage", "file": "https://example.com/a.jpg"})
}

fn letters(count: usize) -> Value {
    "ä".repeat(count).into()
}

fn buttons(labels: &[&str]) -> Value {
    labels.iter().map(|label| json!({"label": label, "next": "end"})).collect()
}

fn errors(rows: Vec<(&str, Value, &[&str])>) {
    for (rule, steps, expected) in rows {
        let steps = if steps.is_object() { json!([steps]) } else { steps };
        assert_eq!(told(&report(&steps).errors), expected, "{rule}: {steps}");
    }
}

fn warnings(rows: Vec<(&str, Value, &[&str])>) {
    for (rule, steps, expected) in rows {
        let steps = if steps.is_object() { json!([steps]) } else { steps };
        let report = report(&steps);
        assert_eq!(told(&report.warnings), expected, "{rule}: {steps}");
        assert!(report.errors.is_empty(), "{rule}: a warning alone: {:?}", report.errors);
    }
}

#[test]
fn a_flow_without_a_fault() {
    let steps = json!([
        {"id": "1", "type": "MessageAction", "message": letters(1024), "header": letters(60), "footer": letters(60),
         "listButton": letters(20), "buttons": buttons(&["a", "b", "c", "d", "e", "f", "g", "h", "i", &"ä".repeat(20)]),
         "fallback": {"message": letters(4096), "retries": 10, "next": "2"}, "position": {"x": 0, "y": 0}, "colour": "red"},
        {"id": "2", "type": "ImageMessage", "file": "HTTPS://example.com", "message": letters(1024), "next": "3"},
        {"id": "3", "type": "ImageMessage", "file": "media:12345", "next": "4"},
        {"id": "4", "type": "MessageAction", "message": letters(4096), "next": "1"},
    ]);
    assert_eq!(report(&steps), Report::default());
}

#[test]
fn refused_for_the_flow_as_a_whole() {
    errors(vec![
        ("no array", json!("text"), &["/automationJson wrong_type"]),
        ("no steps", json!([]), &["/automationJson no_steps"]),
        ("no object", json!([7]), &["/automationJson/0 wrong_type"]),
        ("missing id", json!({"type": "MessageAction", "message": "Hi"}), &["/automationJson/0/id missing_id"]),
        ("empty id", with(text(), "id", json!("")), &["/automationJson/0/id missing_id"]),
        ("an id that is no string", with(text(), "id", json!(1)), &["/automationJson/0/id missing_id"]),
        ("duplicate id, told at the second", json!([text(), text()]), &["/automationJson/1/id duplicate_id"]),
        ("unknown type", with(text(), "type", json!("Hologram")), &["/automationJson/0/type unknown_type"]),
        (
            "a type in another case",
            with(text(), "type", json!("messageaction")),
            &["/automationJson/0/type unknown_type"],
        ),
        ("no type", json!({"id": "1"}), &["/automationJson/0/type unknown_type"]),
        ("a step that leads to itself", with(image(), "next", json!("1")), &["/automationJson/0/next endless_loop"]),
        (
            "a loop that never waits, told at its first step",
            json!([
                text(),
                with(with(image(), "id", json!("2")), "next", json!("4")),
                with(with(image(), "id", json!("3")), "next", json!("2")),
                with(with(image(), "id", json!("4")), "next", json!("3")),
            ]),
            &["/automationJson/1/next endless_loop"],
        ),
        (
            "two loops",
            json!([
                with(with(image(), "id", json!("1")), "next", json!("1")),
                with(with(image(), "id", json!("2")), "next", json!("2")),
                with(with(image(), "id", json!("3")), "next", json!("2")),
            ]),
            &["/automationJson/0/next endless_loop", "/automationJson/1/next endless_loop"],
        ),
    ]);
}

#[test]
fn loops_that_wait_are_no_fault() {
    let picture = with(with(image(), "id", json!("2")), "next", json!("1"));
    for waits in [with(question(), "buttons", json!([{"label": "Tea", "next": "2"}])), with(text(), "next", json!("2"))]
    {
        assert_eq!(told(&report(&json!([waits, picture])).errors), [""; 0], "{waits}");
    }
}

#[test]
fn refused_for_a_message() {
    let eleven = buttons(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]);
    errors(vec![
        ("no message", json!({"id": "1", "type": "MessageAction"}), &["/automationJson/0/message empty_message"]),
        ("empty message", with(text(), "message", json!("")), &["/automationJson/0/message empty_message"]),
        ("blank message", with(text(), "message", json!(" \n ")), &["/automationJson/0/message empty_message"]),
        ("a message that is no text", with(text(), "message", json!(1)), &["/automationJson/0/message empty_message"]),
        (
            "message over 1024 with buttons",
            with(question(), "message", letters(1025)),
            &["/automationJson/0/message too_long"],
        ),
        ("message over 4096 without", with(text(), "message", letters(4097)), &["/automationJson/0/message too_long"]),
        ("header over 60", with(question(), "header", letters(61)), &["/automationJson/0/header too_long"]),
        ("footer over 60", with(question(), "footer", letters(61)), &["/automationJson/0/footer too_long"]),
        ("listButton over 20", with(question(), "listButton", letters(21)), &["/automationJson/0/listButton too_long"]),
        ("buttons that are none", with(question(), "buttons", json!({})), &["/automationJson/0/buttons wrong_type"]),
        ("more than 10 buttons", with(question(), "buttons", eleven), &["/automationJson/0/buttons too_many_buttons"]),
        (
            "label empty",
            with(question(), "buttons", buttons(&["a", " "])),
            &["/automationJson/0/buttons/1/label empty_label"],
        ),
        ("no label", with(question(), "buttons", json!([{}])), &["/automationJson/0/buttons/0/label empty_label"]),
        ("no button", with(question(), "buttons", json!([7])), &["/automationJson/0/buttons/0/label empty_label"]),
        (
            "label over 24",
            with(question(), "buttons", buttons(&["1234567890123456789012345"])),
            &["/automationJson/0/buttons/0/label too_long"],
        ),
        (
            "label twice in a step, after folding",
            with(question(), "buttons", buttons(&["Straße 1", "b", " STRASSE  １ "])),
            &["/automationJson/0/buttons/2/label duplicate_label"],
        ),
        ("fallback that is none", with(question(), "fallback", json!("2")), &["/automationJson/0/fallback wrong_type"]),
        (
            "fallback.retries over 10",
            with(question(), "fallback", json!({"retries": 11})),
            &["/automationJson/0/fallback/retries bad_retries"],
        ),
        (
            "fallback.retries below 0",
            with(question(), "fallback", json!({"retries": -1})),
            &["/automationJson/0/fallback/retries bad_retries"],
        ),
        (
            "fallback.message over 4096",
            with(question(), "fallback", json!({"message": letters(4097)})),
            &["/automationJson/0/fallback/message too_long"],
        ),
    ]);
}

fn of_type(step_type: &str) -> Value {
    json!({"id": "1", "type": step_type, "file": "https://example.com/a", "message": "Seen"})
}

#[test]
fn refused_for_a_file() {
    let bad = &["/automationJson/0/file bad_url"][..];
    let long = &["/automationJson/0/message too_long"][..];
    for step_type in ["ImageMessage", "VideoMessage", "AudioMessage", "DocumentMessage"] {
        let step = of_type(step_type);
        assert_eq!(report(&json!([step])), Report::default(), "{step_type}");
        errors(vec![
            ("no file", with(step.clone(), "file", json!(null)), bad),
            ("no address", with(step.clone(), "file", json!("a.mp4")), bad),
        ]);
        // What isn't sent may be of any length.
        let expected = if step_type == "AudioMessage" { &[] } else { long };
        errors(vec![("caption over 1024", with(step, "message", letters(1025)), expected)]);
    }
}

#[test]
fn refused_for_a_template() {
    let template = json!({"id": "1", "type": "TemplateMessage", "template": "hello_world"});
    assert_eq!(report(&json!([template])), Report::default());
    let empty = &["/automationJson/0/template empty_template"][..];
    let components = &["/automationJson/0/components wrong_type"][..];
    errors(vec![
        ("no template", json!({"id": "1", "type": "TemplateMessage"}), empty),
        ("a blank template", with(template.clone(), "template", json!(" ")), empty),
        ("a template that is no name", with(template.clone(), "template", json!({"name": "a"})), empty),
        ("no language", with(template.clone(), "language", json!(null)), &[]),
        (
            "a language that is no code",
            with(template.clone(), "language", json!({"code": "de"})),
            &["/automationJson/0/language wrong_type"],
        ),
        ("components that are none", with(template.clone(), "components", json!({"type": "body"})), components),
        ("components that are no objects", with(template.clone(), "components", json!(["body"])), components),
        ("components", with(template, "components", json!([{"type": "body", "parameters": []}])), &[]),
    ]);
}

#[test]
fn refused_for_a_picture() {
    let bad = &["/automationJson/0/file bad_url"][..];
    let mut rows = vec![
        ("no file", json!({"id": "1", "type": "ImageMessage"}), bad),
        ("caption over 1024", with(image(), "message", letters(1025)), &["/automationJson/0/message too_long"]),
    ];
    for file in [
        "",
        " ",
        "example.com/a.jpg",
        "ftp://example.com/a",
        "file:///a",
        "javascript:alert(1)",
        "https://",
        "https:///a.jpg",
        "https://?a",
        "https://:80/",
        "https://exa mple.com/a",
        "https://example.com/a b",
        "media:",
        "media: ",
    ] {
        rows.push((file, with(image(), "file", json!(file)), bad));
    }
    errors(rows);
    for file in ["http://localhost:8080/a?b=c#d", "https://user@[::1]/a", "https://müller.example/ä.jpg", "media:1"] {
        assert_eq!(report(&json!([with(image(), "file", json!(file))])), Report::default(), "{file}");
    }
}

#[test]
fn warned_of_in_a_step() {
    let gone = json!("gone");
    warnings(vec![
        ("next to a missing step", with(image(), "next", gone.clone()), &["/automationJson/0/next missing_step"]),
        ("next that names no step", with(image(), "next", json!({"id": 1})), &["/automationJson/0/next missing_step"]),
        ("next null", with(image(), "next", json!(null)), &[]),
        ("next empty", with(image(), "next", json!("")), &[]),
        ("next end", with(image(), "next", json!("end")), &[]),
        (
            "a button's next to a missing step",
            with(question(), "buttons", json!([{"label": "a"}, {"label": "b", "next": gone}])),
            &["/automationJson/0/buttons/1/next missing_step"],
        ),
        (
            "a fallback's next to a missing step",
            with(question(), "fallback", json!({"next": gone})),
            &["/automationJson/0/fallback/next missing_step"],
        ),
        (
            "label over 20",
            with(question(), "buttons", buttons(&["a", "123456789012345678901"])),
            &["/automationJson/0/buttons/1/label becomes_list"],
        ),
        ("no fallback", with(question(), "fallback", json!(null)), &["/automationJson/0/fallback no_fallback"]),
        ("no fallback where nothing is asked", text(), &[]),
        ("an unreachable step", json!([text(), with(image(), "id", json!("2"))]), &["/automationJson/1 unreachable"]),
        (
            "a question's own next leads nowhere: its buttons do",
            json!([with(question(), "next", json!("2")), with(image(), "id", json!("2"))]),
            &["/automationJson/1 unreachable"],
        ),
        ("more than 10 steps", chain(11), &["/automationJson many_steps"]),
        ("10 steps", chain(10), &[]),
    ]);
}

fn chain(count: usize) -> Value {
    let step = |id: usize| json!({"id": id.to_string(), "type": "ImageMessage", "file": "media:1", "next": (id + 1).to_string()});
    let mut steps: Vec<Value> = (1..count).map(step).collect();
    steps.push(with(image(), "id", json!(count.to_string())));
    steps.into()
}

fn flow(id: &str, status: FlowStatus, triggers: Value) -> Flow {
    Flow {
        id: id.into(),
        status,
        triggers: parse_triggers(&triggers),
        recipients: Vec::new(),
        created_at: Timestamp(1),
        version: FlowVersion::parse(VersionId(1), id.into(), &json!([])).into(),
    }
}

#[test]
fn warned_of_because_of_the_accounts_other_flows() {
    let own = FlowId::from("own");
    let active = |triggers| flow("other", FlowStatus::Active, triggers);
    let inactive = |triggers| flow("other", FlowStatus::Inactive, triggers);
    for (rule, trigger, others, expected) in [
        ("trigger shared", json!(["a", " HI "]), vec![active(json!(["hi", "*"]))], &["/trigger shared_trigger"][..]),
        (
            "trigger shared, told once",
            json!(["hi", "Hi"]),
            vec![active(json!(["hi", "*"]))],
            &["/trigger shared_trigger"],
        ),
        ("the catch-all shared", json!(["*"]), vec![active(json!(["*"]))], &["/trigger shared_trigger"]),
        ("shared with a draft", json!(["hi", "*"]), vec![inactive(json!(["hi"]))], &[]),
        ("shared with itself", json!(["hi", "*"]), vec![flow("own", FlowStatus::Active, json!(["hi", "*"]))], &[]),
        ("as a JSON text", json!("[\"hi\",\"*\"]"), vec![active(json!(["hi"]))], &["/trigger shared_trigger"]),
        ("no flow with *", json!(["hi"]), vec![active(json!(["x"]))], &["/trigger no_catch_all"]),
        ("* in a draft alone", json!(["hi"]), vec![inactive(json!(["*"]))], &["/trigger no_catch_all"]),
        (
            "* in this flow's older state alone",
            json!(["hi"]),
            vec![flow("own", FlowStatus::Active, json!(["*"]))],
            &["/trigger no_catch_all"],
        ),
        ("* in another flow", json!(["hi"]), vec![active(json!(["＊"]))], &[]),
    ] {
        let report = check(&own, &trigger, &json!([text()]), &Catalog::new(others));
        assert_eq!(told(&report.warnings), expected, "{rule}");
        assert!(report.errors.is_empty(), "{rule}");
    }
}

#[test]
fn a_draft_is_told_all_at_once() {
    let steps = json!([
        {"type": "MessageAction", "buttons": [{"label": ""}, {"label": "x", "next": "gone"}]},
        {"id": "2", "type": "VideoNote", "next": "2"},
        {"id": "2", "type": "ImageMessage", "file": 7},
    ]);
    let report = check(&"own".into(), &json!([]), &steps, &Catalog::default());
    let errors = [
        "/automationJson/0/id missing_id",
        "/automationJson/2/id duplicate_id",
        "/automationJson/0/message empty_message",
        "/automationJson/0/buttons/0/label empty_label",
        "/automationJson/1/type unknown_type",
        "/automationJson/2/file bad_url",
        "/automationJson/1/next endless_loop",
    ];
    assert_eq!(told(&report.errors), errors);
    let warnings = [
        "/trigger no_catch_all",
        "/automationJson/0/fallback no_fallback",
        "/automationJson/0/buttons/1/next missing_step",
        "/automationJson/1 unreachable",
        "/automationJson/2 unreachable",
    ];
    assert_eq!(told(&report.warnings), warnings);
}

#[test]
fn the_original_flow_is_saved_with_warnings() {
    let document: Value = serde_json::from_str(include_str!("../conversations/flows/test.json")).unwrap();
    let report = check(&"1750792206272".into(), &document["triggers"], &document["steps"], &Catalog::default());
    assert_eq!(report.errors, []);
    let warnings = [
        "/trigger no_catch_all",
        "/automationJson/0/fallback no_fallback",
        "/automationJson/0/buttons/0/next missing_step",
        "/automationJson/1/next missing_step",
    ];
    assert_eq!(told(&report.warnings), warnings);
}
