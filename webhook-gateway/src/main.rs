//! The gateway alone: settings only, no arguments.

use shared::settings::{Overrides, Settings};
use std::process::ExitCode;

/// Wrong settings.
const WRONG_SETTINGS: u8 = 2;

fn main() -> ExitCode {
    match Settings::load(&Overrides::default()) {
        Ok(_settings) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("webhook-gateway: {error}");
            ExitCode::from(WRONG_SETTINGS)
        }
    }
}
