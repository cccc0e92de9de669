//! What the demo's people write. Each waits for the answer before writing on, as people do.

use anyhow::{Context, bail};
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use whatsapp_simulator::{Happening, Simulator, Status, User, UserMessage};

/// An answer takes some hundredths of a second; this is for slow machines.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn ada() -> User {
    User { name: "Ada".into(), ..User::phone("15551234567") }
}

pub fn ben() -> User {
    User { name: "Ben".into(), ..User::phone("15557654321") }
}

enum Act {
    Types(&'static str),
    Taps(&'static str),
}

use Act::{Taps, Types};

pub async fn play(simulator: &Simulator, number: &str) -> anyhow::Result<()> {
    // One message comes back for each of these.
    let ada_says = [Types("testing"), Taps("image1")];
    let ben_says = [Types("Hello"), Taps("Order"), Taps("A pound"), Types("Tomorrow at nine")];
    converse(simulator, number, &ada(), &ada_says).await?;
    converse(simulator, number, &ben(), &ben_says).await
}

async fn converse(simulator: &Simulator, number: &str, user: &User, acts: &[Act]) -> anyhow::Result<()> {
    for act in acts {
        let mut happenings = simulator.subscribe();
        let inbound = match act {
            Types(text) => simulator.user_writes(number, user, UserMessage::Text((*text).to_owned())).await?,
            Taps(title) => simulator.tap(number, user, title).await?,
        };
        if inbound.status != 200 {
            bail!("the gateway answered {} to {}'s message", inbound.status, user.name);
        }
        let read = wait_until_read(&mut happenings, user);
        tokio::time::timeout(PATIENCE, read)
            .await
            .with_context(|| format!("no answer to {} within {PATIENCE:?}", user.name))??;
    }
    Ok(())
}

/// Waits for a message to this user, and until it was read.
async fn wait_until_read(happenings: &mut Receiver<Happening>, user: &User) -> anyhow::Result<()> {
    let mut answer = None;
    loop {
        match happenings.recv().await {
            Ok(Happening::Sent(sent)) if sent.is_for(user) => answer = Some(sent.wamid),
            Ok(Happening::Status { wamid, status: Status::Read, .. }) if Some(&wamid) == answer.as_ref() => {
                return Ok(());
            }
            Ok(Happening::Refused(refusal)) => bail!("a send was refused: {} {}", refusal.code, refusal.details),
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => bail!("the simulated WhatsApp has ended"),
        }
    }
}
