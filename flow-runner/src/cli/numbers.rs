//! `numbers add|list|pause|resume`.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub struct NumbersArgs {
    #[command(subcommand)]
    pub what: Numbers,
}

#[derive(Debug, Subcommand)]
pub enum Numbers {
    /// Add a number, or give it a new access token; the token is read from standard input
    Add {
        /// Meta's phone_number_id
        id: String,
        /// The account it belongs to
        #[arg(long, value_name = "ID")]
        account: String,
    },
    /// Show the numbers
    List,
    /// Stop sending from a number; its jobs wait
    Pause {
        /// Meta's phone_number_id
        id: String,
    },
    /// Go on sending
    Resume {
        /// Meta's phone_number_id
        id: String,
    },
}
