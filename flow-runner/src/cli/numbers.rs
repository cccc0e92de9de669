//! `numbers add|list|set|pause|resume`.

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
    /// Say how fast a number may send
    #[command(after_help = "Example: flow-runner numbers set 106540352242922 --rate 1000")]
    Set {
        /// Meta's phone_number_id
        id: String,
        /// Messages a second that Meta grants it (1 to 1000), or `default` for WHATSAPP_NUMBER_RATE
        #[arg(long, value_name = "N", value_parser = rate)]
        rate: Rate,
    },
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

/// A number's own rate, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub Option<u32>);

fn rate(text: &str) -> Result<Rate, String> {
    match text {
        "default" => Ok(Rate(None)),
        text => {
            text.parse().map(|rate| Rate(Some(rate))).map_err(|_| "a number of messages a second, or default".into())
        }
    }
}
