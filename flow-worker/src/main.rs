//! `flow-worker`: advances conversations.

use backends::program::Program;
use std::process::ExitCode;

/// Where health and metrics are, unless FLOW_RUNNER_OPS_LISTEN says otherwise.
const OPS_PORT: u16 = 8081;

fn main() -> ExitCode {
    let program = Program { name: "flow-worker", about: "Advances conversations through their flows" };
    program.main(async |process, settings| {
        flow_worker::start(process, settings).await?;
        process.start_ops(settings, OPS_PORT)?;
        Ok(())
    })
}
