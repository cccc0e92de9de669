//! Results on stdout: for people, or as one JSON document.

use serde::Serialize;
use serde_json::Value;

/// How results are printed.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// One JSON document and nothing else.
    pub json: bool,
}

impl Output {
    /// Prints a result: `value` as JSON, or what `people` makes of it.
    pub fn print<T: Serialize>(self, value: &T, people: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let text = if self.json { serde_json::to_string_pretty(value)? } else { people(value) };
        anstream::println!("{}", text.trim_end());
        Ok(())
    }
}

/// A field as people read it; nothing where it is null or missing.
pub fn field(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// One thing, a field a line; what is nested stands below its name.
pub fn fields(value: &Value) -> String {
    let fields = value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let fields: Vec<(&String, &Value)> = fields.collect();
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, field) in fields {
        match field {
            Value::String(plain) if !plain.contains(char::is_control) => {
                text.push_str(&format!("{name:<width$}  {plain}\n"));
            }
            Value::Bool(_) | Value::Number(_) => text.push_str(&format!("{name:<width$}  {field}\n")),
            nested => text.push_str(&format!("{name}\n  {}\n", format!("{nested:#}").replace('\n', "\n  "))),
        }
    }
    text
}

/// Says to people that a list goes on, and how.
pub fn more(output: Output, list: &Value) {
    if let (false, Some(cursor)) = (output.json, list.get("nextCursor").and_then(Value::as_str)) {
        anstream::eprintln!("there are more: --cursor {cursor}");
    }
}

/// `items` of a list (or one thing alone) as columns under their names.
pub fn table(value: &Value, columns: &[&str]) -> String {
    let rows: Vec<&Value> = match value.get("items").and_then(Value::as_array) {
        Some(items) => items.iter().collect(),
        None => vec![value],
    };
    if rows.is_empty() {
        return "none".to_owned();
    }
    let mut lines = vec![columns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|row| columns.iter().map(|name| field(row, name)).collect()));
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
