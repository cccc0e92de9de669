//! A TCP proxy that can be cut and held up, one way or both: the network between a process and a server.

use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// What the proxy does with what comes along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Mode {
    /// Connections made before this are dead.
    generation: u64,
    /// What the client says is held back.
    holds_client: bool,
    /// What the server says is held back.
    holds_server: bool,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What the client says.
    ToServer,
    /// What the server says.
    ToClient,
}

/// A proxy on a port of its own.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Stands before `server`, which is `host:port`.
    pub async fn to(server: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (mode, seen) = watch::channel(Mode::default());
        let server = server.to_owned();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, server.clone(), seen.clone()));
            }
        });
        Ok(Self { address, mode, accepting })
    }

    /// Stands before the server of a URL; the URL that leads through it.
    pub async fn before(url: &str) -> std::io::Result<(Self, String)> {
        let wrong = || std::io::Error::other(format!("no host and port in {url}"));
        let start = url.rfind('@').or_else(|| url.find("://").map(|at| at + 2)).ok_or_else(wrong)? + 1;
        let end = url[start..].find('/').map_or(url.len(), |at| start + at);
        let proxy = Self::to(&url[start..end]).await?;
        let through = format!("{}{}{}", &url[..start], proxy.address, &url[end..]);
        Ok((proxy, through))
    }

    /// Drops every connection; new ones are taken.
    pub fn cut(&self) {
        self.mode.send_modify(|mode| mode.generation += 1);
    }

    /// Holds back what goes one way, with the connections standing, or lets it go.
    pub fn hold(&self, way: Way, holds: bool) {
        self.mode.send_modify(|mode| match way {
            Way::ToServer => mode.holds_client = holds,
            Way::ToClient => mode.holds_server = holds,
        });
    }

    /// Nothing goes either way, and no connection ends: a cable was pulled. Or it is plugged in again.
    pub fn unplug(&self, unplugged: bool) {
        self.hold(Way::ToServer, unplugged);
        self.hold(Way::ToClient, unplugged);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn relay(client: TcpStream, server: String, mode: watch::Receiver<Mode>) {
    let (generation, mut ended) = (mode.borrow().generation, mode.clone());
    let Ok(server) = TcpStream::connect(server).await else { return };
    // What is relayed must not be slower than what it stands for.
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return;
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        _ = ended.wait_for(|mode| mode.generation != generation) => {}
        () = one_way(from_client, to_server, mode.clone(), |mode| mode.holds_client) => {}
        () = one_way(from_server, to_client, mode, |mode| mode.holds_server) => {}
    }
}

async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    holds: impl Fn(&Mode) -> bool,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if mode.wait_for(|mode| !holds(mode)).await.is_err() || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
