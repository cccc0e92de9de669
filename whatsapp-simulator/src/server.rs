//! The HTTP server, on bare hyper: a fault may have to reset the very connection a request came in on.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

/// Connections served at once; further ones wait to be accepted.
const CONNECTIONS: usize = 16_384;
/// What requests under way get to end when the simulator stops.
const GRACE: Duration = Duration::from_millis(500);
/// Pause after a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connection a request came in on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire {
    cut: CancellationToken,
}

impl Wire {
    /// Resets the connection (TCP RST). Never returns: the request is dropped with its connection.
    pub(crate) async fn reset<T>(&self) -> T {
        self.cut.cancel();
        std::future::pending().await
    }

    /// Never answers; the request goes when the other side gives up or the simulator stops.
    pub(crate) async fn silence<T>(&self) -> T {
        std::future::pending().await
    }
}

/// Serves until stopped.
pub(crate) async fn serve(listener: TcpListener, router: Router, tasks: TaskTracker, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
            Some((listener.accept().await, slot))
        };
        let (stream, slot) = match stop.run_until_cancelled(accepted).await.flatten() {
            None => return,
            Some((Ok((stream, _)), slot)) => (stream, slot),
            Some((Err(error), _)) => {
                tracing::warn!(%error, "accepting a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (router, stop) = (router.clone(), stop.clone());
        tasks.spawn(async move {
            let _slot = slot;
            connection(stream, router, stop).await;
        });
    }
}

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    if stream.set_nodelay(true).is_err() {
        // Only a connection that is already gone refuses the option.
        return;
    }
    let wire = Wire::default();
    let service = {
        let wire = wire.clone();
        service_fn(move |mut request: http::Request<Incoming>| {
            request.extensions_mut().insert(wire.clone());
            router.clone().call(request)
        })
    };
    // No header time-out: it would also end idle connections, just when the other side uses them again.
    let mut connection =
        http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = &mut connection => {}
        () = wire.cut.cancelled() => {
            let stream = connection.into_parts().io.into_inner();
            if let Err(error) = stream.set_zero_linger() {
                tracing::warn!(%error, "resetting a connection");
            }
        }
        () = stop.cancelled() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            // Whatever is not done by then goes with its connection.
            let _ = tokio::time::timeout(GRACE, &mut connection).await;
        }
    }
}
