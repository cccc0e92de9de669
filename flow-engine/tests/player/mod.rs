//! Plays a written conversation.
//!
//! ```text
//! # What is shown here.
//! save menu.json                          a flow of tests/conversations/flows; or its JSON up to a line "]}"
//! deactivate menu  activate menu  delete menu
//! me +49 151 2345, DE.abc                 who writes
//! ttl 1h
//! lose session                            as if the record of it were gone
//! + 25h                                   time goes by; a minute, where nothing is said
//!
//! > text Hello there                      typed
//! > tap Yes                               on the last message that shows it;  > tap Yes in message 2
//! > foreign tap their-id Yes              a button that is none of ours
//! > quick reply Yes                       of a template;  > quick reply Yes with the id of No
//! > image …                               or any other kind without words;  > reaction … moves nothing
//! > text Hello on number 2                any of these
//!
//! < text "Hello"                          all that is sent, in order; " x100" at the end: so many times
//! < buttons "Sure?" [Yes] [No]            also: header "…" footer "…" before the buttons
//! < list "Which?" opened by "Options" [1] [2]
//! < image https://example.com/a.jpg "A caption"     or video, audio
//! < document https://example.com/a.pdf "A caption" named "a.pdf"
//! < template order_update in en_US with [{"type":"body","parameters":[]}]
//! ! skipped 2: no file                    a note; faults (skipped, shortened, no way back, run limit) must all stand there
//! = waits at 1                            also: of menu, version 2;  = ended  = expires in 24h  = began 5m ago  = on number 2
//! ```
//! In a flow's JSON `"{ab*30}"` is "ab" thirty times. A text over 60 characters is told by its ends and its length.

mod words;
mod world;

use std::{fs, path::Path};
use words::{content, duration, note};
use world::World;

/// `Err` says in which line the conversation goes otherwise, and how.
pub fn play(text: &str, flows: &Path) -> Result<(), String> {
    let mut player = Player { world: World::default(), expected: Expected::default() };
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end()));
    while let Some((number, line)) = lines.next() {
        let at = |what: String| format!("  line {number}: {what}");
        if let Some(what) = line.strip_prefix("save ") {
            let mut json = what.to_owned();
            if what.starts_with('{') {
                let end = lines.by_ref().map(|(_, line)| line).inspect(|line| json.push_str(line)).find(|l| *l == "]}");
                end.ok_or_else(|| at("a flow ends with a line \"]}\"".into()))?;
            } else {
                json = fs::read_to_string(flows.join(what)).map_err(|error| at(format!("{what}: {error}")))?;
            }
            player.world.save(&json).map_err(at)?;
        } else {
            player.line(number, line)?;
        }
    }
    player.all_told()
}

struct Player {
    world: World,
    expected: Expected,
}

/// What the last event did and no line has told yet.
#[derive(Default)]
struct Expected {
    line: usize,
    sent: Vec<String>,
    faults: Vec<String>,
}

impl Player {
    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        let at = |what: String| format!("  line {number}: {what}");
        match mark {
            "" | "#" => Ok(()),
            ">" => {
                self.all_told()?;
                self.world.hear(rest).map_err(at)?;
                let done = self.world.last();
                let sent = done.sends.iter().map(|send| content(&send.content)).collect();
                let faults = done.notes.iter().filter(|note| words::is_fault(note)).map(note).collect();
                self.expected = Expected { line: number, sent, faults };
                Ok(())
            }
            "<" => self.sent(rest).map_err(at),
            "!" => self.noted(rest).map_err(at),
            "=" => self.stands(rest).map_err(at),
            "+" => duration(rest).map(|time| self.world.wait(time)).map_err(at),
            _ => self.world.command(mark, rest).map_err(at),
        }
    }

    fn sent(&mut self, expected: &str) -> Result<(), String> {
        let (expected, times) = times(expected);
        for _ in 0..times {
            let got = if self.expected.sent.is_empty() { "nothing".into() } else { self.expected.sent.remove(0) };
            if got != expected {
                return Err(format!("expected {expected}, got {got}"));
            }
        }
        Ok(())
    }

    fn noted(&mut self, expected: &str) -> Result<(), String> {
        let (expected, times) = times(expected);
        let notes: Vec<String> = self.world.last().notes.iter().map(note).collect();
        if notes.iter().filter(|note| *note == expected).count() < times {
            return Err(format!("expected the note {expected}, got: {}", notes.join("; ")));
        }
        for _ in 0..times {
            if let Some(index) = self.expected.faults.iter().position(|fault| fault == expected) {
                self.expected.faults.remove(index);
            }
        }
        Ok(())
    }

    fn stands(&self, expected: &str) -> Result<(), String> {
        let stands = self.world.stands();
        if stands.iter().any(|fact| fact == expected) {
            return Ok(());
        }
        Err(format!("expected {expected}, got: {}", stands.join("; ")))
    }

    /// Whether the conversation tells all that the last event did.
    fn all_told(&self) -> Result<(), String> {
        let Expected { line, sent, faults } = &self.expected;
        match (sent.first(), faults.first()) {
            (Some(sent), _) => Err(format!("  line {line}: sent also: {sent}")),
            (None, Some(fault)) => Err(format!("  line {line}: recorded also: {fault}")),
            (None, None) => Ok(()),
        }
    }
}

/// Cuts " x100" off.
fn times(expected: &str) -> (&str, usize) {
    let repeated = expected.rsplit_once(" x").and_then(|(what, times)| Some((what, times.parse().ok()?)));
    repeated.unwrap_or((expected, 1))
}
