//! `demo`: a whole installation with a simulated WhatsApp, a conversation that happens, and what to type next.

mod flows;
mod script;
mod transcript;

use crate::{cli::DemoArgs, cli::RoleName, roles};
use anyhow::Context;
use backends::Process;
use clap::ValueEnum;
use shared::{
    settings::{Overrides, Settings},
    shutdown::Signals,
};
use std::{net::SocketAddr, path::Path};
use transcript::Transcript;
use whatsapp_simulator::{Config, PhoneNumber, Simulator};

/// The demo's business number.
const NUMBER: &str = "100000000000001";
/// How that number is shown.
const DISPLAY: &str = "15550001234";
const API_KEY: &str = "demo-key-0123456789";
const TOKEN: &str = "demo-access-token";
const APP_SECRET: &str = "demo-app-secret";

pub async fn run(args: DemoArgs) -> anyhow::Result<()> {
    shared::telemetry::install_log("warn");
    let temporary = match &args.keep {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("flow-runner-demo-").tempdir().context("no temporary directory")?),
    };
    let directory = args.keep.as_deref().or_else(|| temporary.as_ref().map(tempfile::TempDir::path));
    let directory = directory.context("no directory for the data")?;
    let simulator = start_simulator(args.simulator_listen).await?;
    let (process, address) = start_services(&args, directory, &simulator).await?;
    simulator.set_webhook_url(&format!("http://{address}{}", webhook_gateway::CALLBACK_PATH));
    flows::load(&process.backends).await?;

    let transcript = Transcript::new();
    transcript.heading("A flow of the original documentation, and a bakery's. Ada and Ben write to the same number.");
    let printing = transcript.follow(simulator.subscribe());
    let played = script::play(&simulator, NUMBER).await;
    // The last statuses are printed before whatever comes next.
    printing.finish().await;
    let result = match played {
        Ok(()) if args.once => Ok(()),
        Ok(()) => stay(address, &simulator, directory, transcript).await,
        Err(error) => Err(error),
    };
    process.stop().await;
    simulator.stop().await;
    result
}

async fn start_simulator(listen: SocketAddr) -> anyhow::Result<Simulator> {
    let config = Config {
        app_secret: APP_SECRET.into(),
        access_token: Some(TOKEN.into()),
        phone_numbers: vec![PhoneNumber { display: DISPLAY.into(), ..PhoneNumber::made_up(NUMBER) }],
        repeat_user_messages: true,
        ..Config::default()
    };
    Simulator::start(listen, config).await.context("can't start the simulated WhatsApp")
}

async fn start_services(
    args: &DemoArgs,
    directory: &Path,
    simulator: &Simulator,
) -> anyhow::Result<(Process, SocketAddr)> {
    // The demo looks at no file and no environment: it is the same everywhere.
    let overrides = Overrides { environment: Some(Vec::new()), no_file: true, ..Overrides::default() }
        .with("data_dir", directory.to_string_lossy(), "--keep")
        .with("whatsapp.api_base_url", simulator.url(), "demo")
        .with("whatsapp.verify_token", "demo-verify-token", "demo")
        .with("whatsapp.app_secret", APP_SECRET, "demo")
        .with("whatsapp.phone_number_id", NUMBER, "demo")
        .with("whatsapp.access_token", TOKEN, "demo")
        .with("whatsapp.api_key", API_KEY, "demo");
    let settings = Settings::load(&overrides)?;
    let listener = shared::http::bind(args.listen).with_context(|| format!("can't listen on {}", args.listen))?;
    roles::start(&settings, RoleName::value_variants(), listener).await
}

/// Says what can be tried, and goes on printing what happens until the end.
async fn stay(
    address: SocketAddr,
    simulator: &Simulator,
    directory: &Path,
    transcript: Transcript,
) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("can't listen for signals")?;
    let (gateway, whatsapp) = (format!("http://{address}"), simulator.url());
    let write = |body: &str| {
        format!(
            "curl -s {whatsapp}/simulator/users/15557654321/messages -H 'content-type: application/json' -d '{{\"phoneNumberId\":\"{NUMBER}\",\"name\":\"Ben\",{body}}}'"
        )
    };
    transcript.heading("All of it stays up. Go on:");
    anstream::println!(
        "\nWrite as Ben, and watch the answer here:\n  {}\n\nTap a button of the last question:\n  {}\n\n\
         The flows, as the builder sees them:\n  curl -s {gateway}{} -H 'authorization: Bearer {API_KEY}'\n\n\
         Flow API   {gateway}{}\nCallbacks  {gateway}{}\nMetrics    {gateway}/metrics\nReadiness  {gateway}/readyz\n\
         WhatsApp   {whatsapp} (simulated)\nChat page  {whatsapp}/ (be Ada, Ben or somebody else in the browser)\nData       {}\n\nCtrl-C ends it.\n",
        write("\"text\":\"hi\""),
        write("\"tap\":\"Order\""),
        webhook_gateway::FLOW_PATH,
        webhook_gateway::FLOW_PATH,
        webhook_gateway::CALLBACK_PATH,
        directory.display(),
    );
    let printing = transcript.follow(simulator.subscribe());
    signals.received().await;
    printing.finish().await;
    Ok(())
}
