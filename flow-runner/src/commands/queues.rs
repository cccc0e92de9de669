//! `queues`.

use crate::{
    cli::SettingsArgs,
    operator::{Operation, operate},
    output::{Output, field, table},
};
use serde_json::{Value, json};

const QUEUES: [&str; 5] = ["queue", "depth", "owner", "rate", "age"];
const NUMBERS: [&str; 5] = ["phoneNumberId", "accountId", "backlog", "oldest", "paused"];
/// Of what nobody knows.
const UNKNOWN: &str = "?";

pub async fn run(settings: &SettingsArgs, output: Output) -> anyhow::Result<()> {
    let settings = settings.load()?;
    shared::telemetry::install_log("warn");
    output.print(&operate(&settings, Operation::Queues).await?, people)
}

/// The queues, and below them the numbers that have something to send.
fn people(found: &Value) -> String {
    let queue = |item: &Value| {
        json!({
            "queue": item["queue"],
            "depth": item["depth"],
            "owner": known(field(item, "owner")),
            "rate": known(item["rate"].as_f64().map(|rate| format!("{rate:.1}/s")).unwrap_or_default()),
            "age": known(age(&item["ageSeconds"])),
        })
    };
    let number = |item: &Value| {
        json!({
            "phoneNumberId": item["phoneNumberId"],
            "accountId": known(field(item, "accountId")),
            "backlog": item["backlog"],
            "oldest": age(&item["oldestAgeSeconds"]),
            "paused": item["paused"],
        })
    };
    let queues = rows(&found["items"], queue);
    let numbers = rows(&found["numbers"], number);
    let backlog = if numbers.is_empty() {
        "no number has anything to send".to_owned()
    } else {
        table(&json!({ "items": numbers }), &NUMBERS)
    };
    format!("{}\n{backlog}", table(&json!({ "items": queues }), &QUEUES))
}

fn rows(items: &Value, row: impl Fn(&Value) -> Value) -> Vec<Value> {
    items.as_array().into_iter().flatten().map(row).collect()
}

fn known(text: String) -> String {
    if text.is_empty() { UNKNOWN.to_owned() } else { text }
}

/// Its two largest units: `3h 5m`. Nothing where there is none.
fn age(seconds: &Value) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let Some(mut left) = seconds.as_u64() else { return String::new() };
    let largest = UNITS.iter().position(|(unit, _)| left >= *unit).unwrap_or(UNITS.len() - 1);
    let mut parts = Vec::new();
    for (unit, name) in UNITS.iter().skip(largest).take(2) {
        parts.push(format!("{}{name}", left / unit));
        left %= unit;
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_short() {
        let ages = [0, 59, 60, 3_725, 93_600].map(|seconds| age(&json!(seconds)));
        assert_eq!(ages, ["0s", "59s", "1m 0s", "1h 2m", "1d 2h"]);
        assert_eq!(age(&Value::Null), "");
    }

    #[test]
    fn what_is_not_known_is_a_question_mark() {
        let text = people(&json!({
            "items": [
                { "queue": "inbound.00", "depth": 3, "owner": "box:7 (abc)", "rate": 0.3, "ageSeconds": 61 },
                { "queue": "dead-letters", "depth": 0, "owner": null, "rate": null, "ageSeconds": null },
            ],
            "numbers": [],
        }));
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["inbound.00", "3", "box:7", "(abc)", "0.3/s", "1m", "1s"]);
        assert_eq!(lines[2], ["dead-letters", "0", "?", "?", "?"]);
        assert_eq!(text.lines().last(), Some("no number has anything to send"));
    }
}
