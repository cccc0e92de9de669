//! The options of a question as they are shown: what is sent for them, and what a typed reply may mean by it.

use super::button::Button;
use crate::{
    content::{Limits, shorten},
    fold::fold,
};
use std::collections::HashSet;

/// What is shown of a step's buttons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    /// In the builder's order, at most [`Limits::ROWS`]; none where no button has a label.
    pub shown: Vec<Shown>,
    /// Too many, or a label too long, for reply buttons.
    pub as_list: bool,
    /// Some are left out: they have no label, or no room.
    pub left_out: bool,
    /// Some titles are not their labels: those were too long, or stood twice.
    pub retitled: bool,
}

/// One option that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// Its index in the step's `buttons`.
    pub option: usize,
    /// What people read.
    pub title: String,
    folded: String,
}

impl Options {
    pub fn of(buttons: &[Button]) -> Self {
        let labels: Vec<(usize, &str)> = buttons
            .iter()
            .enumerate()
            .map(|(option, button)| (option, button.label.trim()))
            .filter(|(_, label)| !label.is_empty())
            .collect();
        let over_title = |label: &str| label.chars().count() > Limits::BUTTON_TITLE;
        let as_list = labels.len() > Limits::BUTTONS || labels.iter().any(|(_, label)| over_title(label));
        let limit = if as_list { Limits::ROW_TITLE } else { Limits::BUTTON_TITLE };
        let mut titles = Titles::new(labels.iter().map(|(_, label)| *label), limit);
        let shown: Vec<Shown> =
            labels.iter().take(Limits::ROWS).map(|(option, label)| titles.draw(*option, label)).collect();
        let retitled = shown.iter().zip(&labels).any(|(shown, (_, label))| shown.title != *label);
        Self { as_list, left_out: shown.len() < buttons.len(), retitled, shown }
    }

    /// The option that a folded text means: the title shown, or its number where that is no title.
    pub fn meant_by(&self, typed: &str) -> Option<(usize, &'static str)> {
        if let Some(shown) = self.shown.iter().find(|shown| shown.folded == typed) {
            return Some((shown.option, "label"));
        }
        // Folding made full-width digits plain ones.
        let number: usize = typed.parse().ok().filter(|_| typed.bytes().all(|byte| byte.is_ascii_digit()))?;
        let shown = self.shown.get(number.checked_sub(1)?)?;
        Some((shown.option, "number"))
    }
}

/// Titles no two of which people would take for the same: Meta refuses equal titles among reply buttons, and in a list
/// nobody could tell them apart.
struct Titles {
    limit: usize,
    /// What all the labels look like, cut to the limit.
    plain: HashSet<String>,
    drawn: HashSet<String>,
}

impl Titles {
    fn new<'a>(labels: impl Iterator<Item = &'a str>, limit: usize) -> Self {
        let plain = labels.map(|label| fold(&shorten(label, limit).0)).collect();
        Self { limit, plain, drawn: HashSet::new() }
    }

    /// The label, cut to the limit; the second of a kind becomes "label (2)".
    fn draw(&mut self, option: usize, label: &str) -> Shown {
        let (title, _) = shorten(label, self.limit);
        let folded = fold(&title);
        if self.drawn.insert(folded.clone()) {
            return Shown { option, title, folded };
        }
        let mut number = 2;
        loop {
            let suffix = format!(" ({number})");
            let (start, _) = shorten(label, self.limit - suffix.len());
            let title = start + &suffix;
            let folded = fold(&title);
            if !self.plain.contains(&folded) && self.drawn.insert(folded.clone()) {
                return Shown { option, title, folded };
            }
            number += 1;
        }
    }
}
