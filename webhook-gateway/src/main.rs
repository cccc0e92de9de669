//! `webhook-gateway`: takes Meta's callbacks, and the flows that the builder saves.

use anyhow::Context;
use backends::program::Program;
use std::process::ExitCode;

fn main() -> ExitCode {
    let program =
        Program { name: "webhook-gateway", about: "Takes WhatsApp's callbacks, and the flows that are saved" };
    program.main(async |process, settings| {
        let address = settings.listen;
        let listener = shared::http::bind(address).with_context(|| format!("can't listen on {address}"))?;
        webhook_gateway::start(process, settings, listener)?;
        tracing::info!(%address, "serving");
        Ok(())
    })
}
