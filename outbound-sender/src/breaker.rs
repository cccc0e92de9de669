//! Whether the API answers, as far as calls show it: for one number, or for the host.
//!
//! A circuit breaker (Nygard, "Release It!"): it opens when half of the calls of the last seconds had no definite answer.
//! Then nothing is sent until the API, asked for something harmless, answers; after that one message at a time, until a few
//! went well. What waits meanwhile spends no attempt.

use shared::{backoff::Backoff, tally::BreakerState};
use std::{collections::VecDeque, time::Duration};

/// Calls are looked at for so long.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);
/// Fewer than these in that time say nothing.
const CALLS: usize = 20;
/// Between two questions while it is open.
const ASK: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(60) };
/// Messages that must go well, one after the other, until it closes.
const GOOD: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open,
    /// Since this moment, so many went well.
    HalfOpen {
        since: Duration,
        good: u32,
    },
}

/// The question whether the API answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    None,
    /// To be asked at this moment.
    At(Duration),
    Asked,
}

/// A breaker. All moments are of one clock that never goes back.
#[derive(Debug)]
pub(crate) struct Breaker {
    state: State,
    question: Question,
    /// Questions, or tries with a message, that went unanswered one after the other.
    failures: u32,
    /// When calls ended, and whether they were answered.
    calls: VecDeque<(Duration, bool)>,
    /// How the last one ended; `None`: nobody called yet.
    last: Option<bool>,
}

impl Breaker {
    pub fn closed() -> Self {
        Self { state: State::Closed, question: Question::None, failures: 0, calls: VecDeque::new(), last: None }
    }

    pub fn state(&self) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
            State::Open => BreakerState::Open,
        }
    }

    /// How many messages may be under way at a time.
    pub fn room(&self) -> usize {
        match self.state {
            State::Closed => usize::MAX,
            State::HalfOpen { .. } => 1,
            State::Open => 0,
        }
    }

    /// Whether the last call was answered, so that something precious may be risked.
    pub fn answers(&self) -> bool {
        self.state == State::Closed && self.last == Some(true)
    }

    /// A call that began at `began` has ended: with a definite answer, whatever it says, or without.
    pub fn called(&mut self, began: Duration, now: Duration, answered: bool) {
        self.called_among(began, now, answered, || true);
    }

    /// The same for one of several callers: it opens only where they fail together.
    pub fn called_among(&mut self, began: Duration, now: Duration, answered: bool, together: impl FnOnce() -> bool) {
        match self.state {
            State::Closed => {
                self.last = Some(answered);
                self.calls.push_back((now, answered));
                while self.calls.front().is_some_and(|(at, _)| *at + WINDOW < now) {
                    self.calls.pop_front();
                }
                let failed = self.calls.iter().filter(|(_, answered)| !answered).count();
                if !answered && self.calls.len() >= CALLS && failed * 2 >= self.calls.len() && together() {
                    self.open(now);
                } else if answered && self.question != Question::Asked {
                    // Whatever was doubted.
                    (self.question, self.failures) = (Question::None, 0);
                }
            }
            // Calls of before say nothing about now.
            State::HalfOpen { since, good } if began >= since => match good + 1 {
                _ if !answered => self.open(now),
                GOOD => self.close(),
                good => self.state = State::HalfOpen { since, good },
            },
            State::HalfOpen { .. } | State::Open => {}
        }
    }

    /// Something precious waits, and the last call wasn't answered: the API is to be asked, while everything else goes on.
    pub fn doubt(&mut self, now: Duration) {
        if self.state == State::Closed && self.last != Some(true) && self.question == Question::None {
            self.question = Question::At(now);
        }
    }

    /// When the API is to be asked; `None`: not at all, or it is being asked.
    pub fn asks_at(&self) -> Option<Duration> {
        match self.question {
            Question::At(at) => Some(at),
            Question::None | Question::Asked => None,
        }
    }

    /// The question waits until then.
    pub fn put_off(&mut self, until: Duration) {
        if matches!(self.question, Question::At(_)) {
            self.question = Question::At(until);
        }
    }

    /// The API is being asked; the answer goes to [`Self::asked`].
    pub fn asking(&mut self) {
        self.question = Question::Asked;
    }

    /// Whether it answered the question. Where no message waits to go first (`waits`), that closes it.
    pub fn asked(&mut self, now: Duration, answered: bool, waits: bool) {
        if self.question != Question::Asked {
            return;
        }
        match self.state {
            State::Open if answered && waits => {
                (self.state, self.question) = (State::HalfOpen { since: now, good: 0 }, Question::None);
            }
            _ if answered => self.close(),
            State::Open => self.open(now),
            State::Closed | State::HalfOpen { .. } => self.ask_later(now),
        }
    }

    /// Half open, no message waits that could show more: what it answered is all there is to go by.
    pub fn nothing_waits(&mut self) {
        if matches!(self.state, State::HalfOpen { .. }) {
            self.close();
        }
    }

    fn open(&mut self, now: Duration) {
        (self.state, self.last) = (State::Open, Some(false));
        self.calls.clear();
        self.ask_later(now);
    }

    fn ask_later(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.question = Question::At(now + ASK.ceiling(self.failures));
    }

    fn close(&mut self) {
        (self.state, self.question, self.failures) = (State::Closed, Question::None, 0);
        self.last = Some(true);
        self.calls.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const NOW: Duration = Duration::from_secs(1000);

    fn calls(breaker: &mut Breaker, answers: impl IntoIterator<Item = bool>) {
        answers.into_iter().for_each(|answered| breaker.called(NOW, NOW, answered));
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::closed();
        calls(&mut breaker, [false; 20]);
        breaker
    }

    fn ask(breaker: &mut Breaker, answered: bool) -> Duration {
        let at = breaker.asks_at().expect("it is to be asked");
        breaker.asking();
        assert_eq!(breaker.asks_at(), None, "once");
        breaker.asked(at, answered, true);
        at
    }

    #[test]
    fn it_opens_when_half_of_twenty_calls_of_ten_seconds_were_not_answered() {
        let mut breaker = Breaker::closed();
        calls(&mut breaker, [true; 10]);
        calls(&mut breaker, [false; 9]);
        assert_eq!(breaker.state(), BreakerState::Closed, "19 say nothing");
        calls(&mut breaker, [false]);
        assert_eq!((breaker.state(), breaker.room()), (BreakerState::Open, 0));
        let mut slow = Breaker::closed();
        for second in 0..60 {
            slow.called(NOW, NOW + SECOND * second, false);
        }
        assert_eq!(slow.state(), BreakerState::Closed, "one a second is fewer than 20 in 10 s");
    }

    #[test]
    fn it_asks_ever_more_rarely_and_at_least_each_minute() {
        let mut breaker = opened();
        let mut last = NOW;
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            let at = ask(&mut breaker, false);
            assert_eq!((at - last).as_secs(), wait);
            last = at;
        }
    }

    #[test]
    fn half_open_it_lets_one_go_at_a_time_and_closes_after_three() {
        let mut breaker = opened();
        let since = ask(&mut breaker, true);
        breaker.called(NOW, since, false);
        assert_eq!((breaker.state(), breaker.room()), (BreakerState::HalfOpen, 1), "that call began before");
        for _ in 0..2 {
            breaker.called(since, since, true);
            assert_eq!(breaker.state(), BreakerState::HalfOpen);
        }
        breaker.called(since, since, true);
        assert!(breaker.answers());
    }

    #[test]
    fn half_open_one_failure_opens_it_for_longer() {
        let mut breaker = opened();
        let since = ask(&mut breaker, true);
        breaker.called(since, since, true);
        breaker.called(since, since, false);
        assert_eq!(breaker.asks_at(), Some(since + SECOND * 2));
    }

    #[test]
    fn something_precious_goes_only_when_the_last_call_was_answered() {
        let mut breaker = Breaker::closed();
        assert!(!breaker.answers(), "nobody called yet");
        calls(&mut breaker, [true, false]);
        breaker.doubt(NOW);
        assert_eq!((breaker.asks_at(), breaker.room()), (Some(NOW), usize::MAX), "everything else goes on");
        let asked = ask(&mut breaker, false);
        assert_eq!(breaker.asks_at(), Some(asked + SECOND));
        ask(&mut breaker, true);
        assert!(breaker.answers());
        breaker.doubt(NOW);
        assert_eq!(breaker.asks_at(), None);
        calls(&mut breaker, [false]);
        breaker.doubt(NOW);
        calls(&mut breaker, [true]);
        assert_eq!((breaker.asks_at(), breaker.answers()), (None, true), "an ordinary message settled it");
    }
}
