//! The options of a question as they are saved.

/// One option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// As saved.
    pub label: String,
    /// Where it leads.
    pub next: Option<String>,
    /// As it is compared.
    pub(super) folded: String,
}
