//! A TCP proxy that can be cut and held up, one way or both: the network between a process and a server.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
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
    traps: Arc<Traps>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Stands before `server`, which is `host:port`.
    pub async fn to(server: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (mode, seen) = watch::channel(Mode::default());
        let (server, traps) = (server.to_owned(), Arc::new(Traps::default()));
        let set = traps.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, server.clone(), seen.clone(), set.clone()));
            }
        });
        Ok(Self { address, mode, traps, accepting })
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

    /// The next so many times a client says this, the server gets it, does it, and its answer is lost with the connection.
    pub fn lose_answers_to(&self, said: &'static str, times: usize) {
        *self.traps.0.lock().unwrap_or_else(PoisonError::into_inner) = (said.as_bytes(), times);
    }

    /// How many of those are still to come.
    #[must_use]
    pub fn answers_to_lose(&self) -> usize {
        self.traps.0.lock().unwrap_or_else(PoisonError::into_inner).1
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

/// How long a server has for what it is not to answer.
const DOES_IT: Duration = Duration::from_millis(100);

/// What must be said for a connection to be lost, and how many times more.
#[derive(Debug, Default)]
struct Traps(Mutex<(&'static [u8], usize)>);

impl Traps {
    fn springs(&self, said: &[u8]) -> bool {
        let mut trap = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let springs = trap.1 > 0 && said.windows(trap.0.len().max(1)).any(|part| part == trap.0);
        trap.1 -= usize::from(springs);
        springs
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn relay(client: TcpStream, server: String, mode: watch::Receiver<Mode>, traps: Arc<Traps>) {
    let (generation, mut ended) = (mode.borrow().generation, mode.clone());
    let Ok(server) = TcpStream::connect(server).await else { return };
    // What is relayed must not be slower than what it stands for.
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return;
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let trapped = AtomicBool::new(false);
    tokio::select! {
        _ = ended.wait_for(|mode| mode.generation != generation) => {}
        () = one_way(from_client, to_server, mode.clone(), |mode| mode.holds_client, &trapped, Some(&*traps)) => {}
        () = one_way(from_server, to_client, mode, |mode| mode.holds_server, &trapped, None) => {}
    }
}

async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    holds: impl Fn(&Mode) -> bool,
    trapped: &AtomicBool,
    traps: Option<&Traps>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let springs = traps.is_some_and(|traps| traps.springs(&buffer[..read]));
        if springs {
            trapped.store(true, Ordering::Relaxed);
        } else if trapped.load(Ordering::Relaxed) {
            // What the server answers is lost.
            continue;
        }
        if mode.wait_for(|mode| !holds(mode)).await.is_err() || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        if springs {
            return tokio::time::sleep(DOES_IT).await;
        }
    }
}
