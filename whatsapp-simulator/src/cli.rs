//! The command line, for this program and for whoever embeds it as a subcommand.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, PairLimit, PhoneNumber, Statuses};
use crate::simulator::Simulator;

/// Stand where graph.facebook.com stands: take messages, check them as Meta would, call the webhook back.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,

    /// Where callbacks go (statuses and users' messages); without it there are none
    ///
    /// Can be set later: PUT /simulator/config {"webhookUrl": "…"}.
    #[arg(long, value_name = "URL")]
    pub webhook_url: Option<String>,

    /// Secret that callbacks are signed with; the webhook must know the same
    #[arg(long, value_name = "SECRET", default_value = "simulator-app-secret")]
    pub app_secret: String,

    /// The only access token that is taken; without it any is
    #[arg(long, value_name = "TOKEN")]
    pub access_token: Option<String>,

    /// A business number that exists: ID or ID=DISPLAY_NUMBER; can be given several times, without it every id exists
    #[arg(long = "phone-number", value_name = "ID[=NUMBER]", value_parser = phone_number)]
    pub phone_numbers: Vec<PhoneNumber>,

    /// Messages per second and number before error 130429; 0 = no limit
    #[arg(long, value_name = "N", default_value_t = 80)]
    pub number_rate: u32,

    /// How the limit of one number writing to one user is read (error 131056)
    #[arg(long, value_enum, default_value_t = PairLimit::Mild)]
    pub pair_limit: PairLimit,

    /// How far messages get
    #[arg(long, value_enum, default_value_t = Statuses::Read)]
    pub statuses: Statuses,

    /// Time between a message and its first status, and from each status to the next
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = humantime::parse_duration)]
    pub status_delay: Duration,

    /// How long a send waits for its answer
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = humantime::parse_duration)]
    pub answer_delay: Duration,

    /// Most statuses in one callback
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub statuses_per_callback: usize,

    /// Don't repeat a user's message that the webhook answered with something other than 200
    #[arg(long)]
    pub no_repeat: bool,

    /// Most sends kept for GET /simulator/sends; the oldest leave first
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub log_limit: usize,

    /// Source of message ids and of the dice of faults; the same seed gives the same
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

const EXAMPLES: &str = "\
Examples:
  Run it for a gateway on port 8080, with the same secret on both sides:
    whatsapp-simulator --webhook-url http://127.0.0.1:8080/api/whatsapp/messages/webhook --app-secret s3cret
  and point the sender at it: WHATSAPP_API_BASE_URL=http://127.0.0.1:8090

  Be a user in the browser: open http://127.0.0.1:8090/

  Be the user 15550001111 and write to number 100200300, then tap a button of the answer:
    curl -d '{\"phoneNumberId\":\"100200300\",\"text\":\"hello\"}' -H 'content-type: application/json' \\
         http://127.0.0.1:8090/simulator/users/15550001111/messages
    curl -d '{\"phoneNumberId\":\"100200300\",\"tap\":\"Yes\"}'    -H 'content-type: application/json' \\
         http://127.0.0.1:8090/simulator/users/15550001111/messages

  See what was sent:
    curl 'http://127.0.0.1:8090/simulator/sends?to=15550001111'

  Make the next three sends fail with an error code, or one in ten time out after it was accepted:
    curl -d '{\"kind\":\"error\",\"code\":131056,\"count\":3}' -H 'content-type: application/json' \\
         http://127.0.0.1:8090/simulator/faults
    curl -d '{\"kind\":\"timeoutAfter\",\"probability\":0.1}' -H 'content-type: application/json' \\
         http://127.0.0.1:8090/simulator/faults
  Kinds: error tooManyRequests serverError delay timeoutBefore timeoutAfter resetBefore resetAfter garbled truncated
  drip duplicateCallbacks reorderStatuses batchStatuses dropStatuses holdStatuses failStatuses
  End them all: curl -X DELETE http://127.0.0.1:8090/simulator/faults";

impl Args {
    /// The settings these flags stand for.
    #[must_use]
    pub fn to_config(&self) -> Config {
        Config {
            app_secret: self.app_secret.clone(),
            access_token: self.access_token.clone(),
            webhook_url: self.webhook_url.clone(),
            phone_numbers: self.phone_numbers.clone(),
            number_rate: self.number_rate,
            pair_limit: self.pair_limit,
            statuses: self.statuses,
            status_delay: self.status_delay,
            statuses_per_callback: self.statuses_per_callback,
            answer_delay: self.answer_delay,
            repeat_user_messages: !self.no_repeat,
            seed: self.seed,
            log_limit: self.log_limit,
            ..Config::default()
        }
    }
}

/// Runs the simulator until SIGTERM or Ctrl-C, then ends it in order.
///
/// # Errors
/// When it can't listen.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let simulator = Simulator::start(args.listen, args.to_config()).await?;
    eprintln!("WhatsApp simulator on {}", simulator.url());
    eprintln!("Chat page, to be a user: {}/", simulator.url());
    match &args.webhook_url {
        Some(url) => eprintln!("Callbacks go to {url}"),
        None => eprintln!("No callbacks: no --webhook-url was given"),
    }
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.context("listening for Ctrl-C")?,
    }
    eprintln!("Stopping after {} messages", simulator.sends_count());
    simulator.stop().await;
    Ok(())
}

fn phone_number(text: &str) -> Result<PhoneNumber, String> {
    let (id, display) = text.split_once('=').map_or((text, None), |(id, display)| (id, Some(display)));
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(format!("{id:?} is not the id of a phone number"));
    }
    let number = PhoneNumber::made_up(id);
    match display.map(crate::user::digits) {
        None => Ok(number),
        Some(display) if display.len() >= 5 => Ok(PhoneNumber { display, ..number }),
        Some(_) => Err(format!("{text:?} has no phone number behind the =")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn flags_become_settings() {
        let program = Program::try_parse_from([
            "whatsapp-simulator",
            "--phone-number=1=+1 555 000 9999",
            "--phone-number=2",
            "--pair-limit=strict",
            "--statuses=none",
            "--status-delay=2s",
            "--number-rate=0",
        ])
        .map_err(|error| error.to_string());
        let config = program.map(|program| program.args.to_config()).expect("flags");
        assert_eq!(config.phone_numbers[0].display, "15550009999");
        assert_eq!(config.phone_numbers[1], PhoneNumber::made_up("2"));
        assert_eq!((config.pair_limit, config.statuses), (PairLimit::Strict, Statuses::None));
        assert_eq!((config.status_delay, config.number_rate), (Duration::from_secs(2), 0));
    }

    #[test]
    fn wrong_flags_are_refused() {
        for flag in ["--phone-number=", "--phone-number=1=x", "--pair-limit=soft", "--status-delay=fast"] {
            assert!(Program::try_parse_from(["whatsapp-simulator", flag]).is_err(), "{flag}");
        }
    }
}
