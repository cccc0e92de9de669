//! The program: the flags of [`whatsapp_simulator::cli::Args`] and nothing else.

use clap::Parser;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(name = "whatsapp-simulator", version, about, long_about = None)]
struct Program {
    #[command(flatten)]
    args: whatsapp_simulator::cli::Args,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let program = Program::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    whatsapp_simulator::cli::run(program.args).await
}
