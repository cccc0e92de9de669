//! A line of the table of faults.

use std::{fmt::Write as _, io::Write as _, time::Duration};

/// A server that is back is worked with again within this.
pub const BACK: Option<(&str, Duration)> = Some(("flowing again", Duration::from_secs(10)));

/// Whether times are measured: only where nothing else runs beside, as under `./dev faults`.
pub fn is_measured() -> bool {
    std::env::var("FAULTS_REPORT").is_ok()
}

/// Where times are measured, that this took no longer than it may.
pub fn assert_in_time(what: &str, took: Duration, most: Duration) {
    assert!(!is_measured() || took <= most, "{what} took {took:?}, and may take {most:?}");
}

/// What a row shows: which it is, what was done, what held, and how long it took until all went on.
pub struct Row {
    /// As in the list of faults.
    pub number: u32,
    /// What was done.
    pub fault: &'static str,
    /// What held, in letters: E every accepted event has exactly its effects, L no send is lost, D none is doubled, O order.
    pub holds: &'static str,
    /// What took so long, and how long it may take.
    pub bound: Option<(&'static str, Duration)>,
}

impl Row {
    /// Says that the row held; `took` is what its bound is about.
    pub fn held(&self, took: Duration, remark: &str) {
        if let Some((what, most)) = self.bound {
            assert_in_time(&format!("row {}: {what}", self.number), took, most);
        }
        let mut line = format!("{}\t{}\t{}\t", self.number, self.fault, self.holds);
        match self.bound {
            Some((what, most)) => {
                let _ = write!(line, "{what}\t{:.2}\t{:.0}", took.as_secs_f64(), most.as_secs_f64());
            }
            None => line.push_str("\t\t"),
        }
        println!("row {}: {}: held. {remark} ({:.2} s)", self.number, self.fault, took.as_secs_f64());
        // Where `./dev faults` gathers the lines of a run.
        if let Ok(file) = std::env::var("FAULTS_REPORT") {
            let opened = std::fs::OpenOptions::new().append(true).create(true).open(&file);
            writeln!(opened.expect("the report"), "{line}\t{remark}").expect("written");
        }
    }
}
