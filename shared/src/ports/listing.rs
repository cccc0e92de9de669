//! Long lists, read a page at a time.

use serde::{Deserialize, Serialize};

/// Which part of a list is wanted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Page {
    /// Items at most.
    pub limit: u32,
    /// Behind which item: the [`Listed::next`] of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// Where the next page goes on; `None` when this was the last one.
    pub next: Option<String>,
}

impl<T> Listed<T> {
    /// A page of what was read with one item more than it may hold; `id` names an item.
    #[must_use]
    pub fn cut(mut items: Vec<T>, limit: u32, id: impl Fn(&T) -> String) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(id) } else { None };
        Self { items, next }
    }
}
