//! Opens a connection, and can end one that no longer answers.
//!
//! The driver runs each connection on a thread of its own, which ends with its socket and not before. A peer that went
//! silent in the middle of the handshake or of closing would keep that thread; so the socket has a second handle here.

use super::error::{Failure, within};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties, tcp::TLSConfig, uri::AMQPScheme, uri::AMQPUri};
use std::{
    io,
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::timeout;

/// How long TCP and TLS may take together.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(4);
/// How long all of it may take. Longer than the socket, so that none comes up that nobody waits for any more.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// A second handle to a connection's socket: shuts it down when dropped.
pub(super) struct Socket(TcpStream);

impl Drop for Socket {
    fn drop(&mut self) {
        // Fails where the peer or the driver was first: fine.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Connects once.
pub(super) async fn connect(uri: AMQPUri, name: &str) -> Result<(Connection, Socket), Failure> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let runtime = lapin::runtime::default_runtime().map_err(|error| Failure::Said(error.to_string()))?;
    let opened = Arc::new(Mutex::new(None));
    let slot = opened.clone();
    let connecting = Connection::connector(
        uri,
        runtime,
        async move |uri: AMQPUri, runtime| {
            let (host, port) = (uri.authority.host.clone(), uri.authority.port);
            let opening = async {
                // The driver's runtime switches Nagle's algorithm off.
                let stream = AsyncTcpStream::connect(&runtime, runtime.to_socket_addrs((host.clone(), port))).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    let handle = plain.get_ref().as_fd().try_clone_to_owned()?;
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Socket(handle.into()));
                }
                match uri.scheme {
                    AMQPScheme::AMQP => Ok(stream),
                    AMQPScheme::AMQPS => stream.into_tls(&host, TLSConfig::default()).await,
                }
            };
            // No time-out outside can end what the driver's thread does: so there is one inside.
            let opened: io::Result<_> = timeout(SOCKET_TIMEOUT, opening)
                .await
                .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no TCP connection in time")));
            Ok(opened?)
        },
        properties,
    );
    let connected = within(CONNECT_TIMEOUT, connecting).await;
    let socket = opened.lock().unwrap_or_else(PoisonError::into_inner).take();
    // On failure the socket is dropped, and the driver's thread ends with it.
    match (connected?, socket) {
        (connection, Some(socket)) => Ok((connection, socket)),
        (_, None) => Err(Failure::Said("connected without a socket".to_owned())),
    }
}
