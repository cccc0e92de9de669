//! Which part of a long list is wanted.

use clap::Args;
use shared::ports::listing::Page;

/// Items that one answer may hold.
const MOST: i64 = 1_000;

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Items at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=MOST))]
    pub limit: u32,
    /// Go on where the list before ended, which told this
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
}

impl ListArgs {
    /// The same as the ports take it.
    pub fn page(&self) -> Page {
        Page { limit: self.limit, after: self.cursor.clone() }
    }
}
