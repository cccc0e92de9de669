//! `outbound-sender`: delivers send jobs to WhatsApp.

use backends::program::Program;
use std::process::ExitCode;

/// Where health and metrics are, unless FLOW_RUNNER_OPS_LISTEN says otherwise.
const OPS_PORT: u16 = 8082;

fn main() -> ExitCode {
    let program = Program { name: "outbound-sender", about: "Delivers send jobs to WhatsApp within its limits" };
    program.main(async |process, settings| {
        outbound_sender::start(process, settings)?;
        process.start_ops(settings, OPS_PORT)?;
        Ok(())
    })
}
