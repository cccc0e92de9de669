//! Ending in order: first softly, then hard.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Waits for SIGTERM or SIGINT, then cancels `token`.
pub async fn on_signal(token: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: ending in order"),
        _ = interrupt.recv() => tracing::info!("SIGINT: ending in order"),
        () = token.cancelled() => {}
    }
    token.cancel();
    Ok(())
}
