//! `process`.

use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "Example: flow-runner process --number 106540352242922 --from 15550001111 hello")]
pub struct ProcessArgs {
    /// The business number that is written to, by Meta's phone_number_id
    #[arg(long, value_name = "ID")]
    pub number: String,
    /// Who writes: a phone with country code, or a business-scoped user id (CC.…)
    #[arg(long, value_name = "WHO")]
    pub from: String,
    /// What is written
    pub text: String,
}
