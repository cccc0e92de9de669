//! Results on stdout: for people, or as one JSON document.

use serde::Serialize;

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
