//! What happened lately, numbered, for those who come later or were away for a moment: the chat page above all.

use std::collections::VecDeque;

use crate::log::Happening;

/// Happenings kept; the oldest leave first. A few hundred chats of a demo, and a few megabytes.
const MOST_KEPT: usize = 5_000;

/// One line of the journal.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Place in the order of events, from 0; goes on counting when old lines are gone.
    pub(crate) index: u64,
    /// When, in milliseconds since the Unix epoch.
    pub(crate) at: u64,
    pub(crate) happening: Happening,
}

/// The newest happenings, in their order.
#[derive(Default)]
pub(crate) struct Journal {
    lines: VecDeque<Line>,
    next_index: u64,
    /// What the webhook answered last, if it did; `None` before the first call.
    webhook: Option<Option<u16>>,
}

impl Journal {
    /// Writes down what happened. There is a callback for each status: only one whose answer is another than the last
    /// one's is news.
    pub(crate) fn add(&mut self, at: u64, happening: &Happening) {
        if let Happening::Callback { status_code, .. } = happening
            && self.webhook.replace(*status_code) == Some(*status_code)
        {
            return;
        }
        if self.lines.len() >= MOST_KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { index: self.next_index, at, happening: happening.clone() });
        self.next_index += 1;
    }

    /// The lines from this index on, `most` of them at most, and the index to go on from.
    pub(crate) fn since(&self, index: u64, most: usize) -> (Vec<Line>, u64) {
        let first = self.lines.front().map_or(self.next_index, |line| line.index);
        let skip = usize::try_from(index.saturating_sub(first)).unwrap_or(usize::MAX);
        let lines: Vec<Line> = self.lines.iter().skip(skip).take(most).cloned().collect();
        let next = lines.last().map_or(self.next_index, |line| line.index + 1);
        (lines, next)
    }

    /// Forgets everything; the numbers go on.
    pub(crate) fn clear(&mut self) {
        self.lines.clear();
        self.webhook = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::CallbackKind;

    fn callback(status_code: Option<u16>) -> Happening {
        Happening::Callback { status_code, kind: CallbackKind::Message, attempt: 1 }
    }

    #[test]
    fn the_newest_are_kept_and_numbered() {
        let mut journal = Journal::default();
        for _ in 0..=MOST_KEPT {
            journal.add(7, &Happening::Reset);
        }
        let (lines, next) = journal.since(0, 2);
        assert_eq!((lines[0].index, lines[1].index, next), (1, 2, 3), "line 0 had to leave");
        let newest = u64::try_from(MOST_KEPT).expect("small");
        assert_eq!(journal.since(newest, 9).0.len(), 1);
        assert_eq!(journal.since(newest + 1, 9).1, newest + 1);
        assert_eq!(journal.since(u64::MAX, 9).0.len(), 0);
    }

    #[test]
    fn only_a_change_of_the_webhooks_answer_is_news() {
        let mut journal = Journal::default();
        for answer in [Some(200), Some(200), Some(503), None, None, Some(200)] {
            journal.add(7, &callback(answer));
        }
        let answers: Vec<_> = journal
            .since(0, 9)
            .0
            .into_iter()
            .map(|line| match line.happening {
                Happening::Callback { status_code, .. } => status_code,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(answers, [Some(200), Some(503), None, Some(200)]);
    }
}
