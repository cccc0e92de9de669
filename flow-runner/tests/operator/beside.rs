//! Operator commands: the same beside a serving process and without one.

use crate::{
    run,
    support::{Installation, whatsapp},
};
use serde_json::Value;
use std::process::Stdio;
use whatsapp_simulator::Statuses;

/// Everything an operator does here, as a list of (exit code, result).
fn everything(installation: &Installation, number: &str) -> Vec<(i32, Value)> {
    let flow = r#"{"id":"f1","name":"F","status":"active","triggers":["go"],"steps":[{"id":"1","type":"MessageAction","message":"Hi"}]}"#;
    let bad = r#"{"id":"f2","name":"F","status":"active","triggers":["go"],"steps":[{"id":"1","type":"Nope"}]}"#;
    [
        (vec!["numbers", "add", number, "--account", "default"], "a-token"),
        (vec!["numbers", "pause", number], ""),
        (vec!["numbers", "resume", number], ""),
        (vec!["numbers", "pause", "nobody's"], ""),
        (vec!["numbers", "add", "9", "--account", "nobody"], "a-token"),
        (vec!["flows", "import", "-"], flow),
        (vec!["flows", "import", "-"], bad),
        (vec!["flows", "show", "f1"], ""),
        (vec!["flows", "delete", "f1"], ""),
        (vec!["flows", "delete", "f1"], ""),
        (vec!["flows", "delete", "f2"], ""),
        (vec!["flows", "lint", "-"], bad),
    ]
    .into_iter()
    .map(|(args, input)| run(installation, &args, input))
    .collect()
}

/// Results without what differs from run to run.
fn comparable(results: Vec<(i32, Value)>) -> Vec<(i32, String)> {
    let text = |value: Value| {
        let text = value.to_string().replace("\"555\"", "\"N\"").replace("\"556\"", "\"N\"");
        let date = text.find("\"date\":\"").map(|at| at + 8);
        match date {
            Some(at) => format!("{}…{}", &text[..at], &text[at + 24..]),
            None => text,
        }
    };
    // A version goes on counting over deletions.
    results.into_iter().map(|(code, value)| (code, text(value).replace("\"version\":2", "\"version\":1"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_does_the_same_beside_a_serving_process_and_without_one() {
    let simulator = whatsapp(Statuses::None).await;
    let mut installation = Installation::new(&simulator.url(), &[]);
    installation.start().await;
    let beside = comparable(everything(&installation, "555"));
    let (code, numbers) = run(&installation, &["numbers", "list"], "");
    assert_eq!((code, numbers["items"].as_array().map(Vec::len)), (0, Some(2)), "{numbers}");
    installation.terminate().await;
    let without = comparable(everything(&installation, "556"));
    assert_eq!(beside, without);
    let codes: Vec<i32> = beside.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, [0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_asks_only_for_the_settings_it_uses() {
    let mut installation = Installation::new("http://127.0.0.1:1", &[]);
    installation.set("FLOW_RUNNER_PARTITIONS", "4");
    assert_eq!(run(&installation, &["accounts", "create", "A"], "").0, 0);
    // The number of partitions is whoever serves first to say.
    installation.set("FLOW_RUNNER_PARTITIONS", "8");
    installation.start().await;
    installation.terminate().await;
    installation.set("FLOW_RUNNER_PARTITIONS", "");
    assert_eq!(run(&installation, &["accounts", "list"], "").0, 0);
    let serve = installation.command(&["serve"]).stderr(Stdio::null()).status().expect("it runs");
    assert_eq!(serve.code(), Some(2), "serving with another number of partitions is refused");
}
