//! What is said of a flow.

use serde::Serialize;

/// One thing to say about a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// JSON pointer into what was sent, such as `/automationJson/0/type`.
    pub path: String,
    /// A stable word.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Finding {
    /// A finding at `path`.
    pub fn new(path: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { path: path.into(), code, message: message.into() }
    }
}

/// All that was found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// What refuses the flow as ACTIVE.
    pub errors: Vec<Finding>,
    /// What it runs with all the same.
    pub warnings: Vec<Finding>,
}

impl Report {
    pub(crate) fn error(&mut self, finding: Finding) {
        self.errors.push(finding);
    }

    pub(crate) fn warning(&mut self, finding: Finding) {
        self.warnings.push(finding);
    }
}
