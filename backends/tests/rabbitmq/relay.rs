//! A relay between us and the broker that can be cut, taken down, stalled, and made to say that the broker is blocked.

use std::{
    sync::{Arc, Mutex},
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

/// What the relay does with what comes along.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Mode {
    /// Connections made before this are dead.
    generation: u64,
    /// No new connections either.
    down: bool,
    /// What the broker says is held back.
    stalled: bool,
    /// Connections whose first bytes name this are told that the broker takes nothing.
    blocked: Option<String>,
}

/// A relay on a port of its own.
pub struct Relay {
    pub port: u16,
    mode: watch::Sender<Mode>,
    accepting: JoinHandle<()>,
}

impl Relay {
    /// Relays to `broker`, which is `host:port`.
    pub async fn to(broker: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, seen) = watch::channel(Mode::default());
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if seen.borrow().down {
                    continue;
                }
                tokio::spawn(relay(client, broker.clone(), seen.clone()));
            }
        });
        Self { port, mode, accepting }
    }

    /// Drops every connection.
    pub fn cut(&self) {
        self.mode.send_modify(|mode| mode.generation += 1);
    }

    /// Drops every connection and every new one.
    pub fn down(&self, down: bool) {
        self.mode.send_modify(|mode| {
            mode.down = down;
            mode.generation += u64::from(down);
        });
    }

    /// Holds back what the broker says, or lets it go.
    pub fn stall(&self, stalled: bool) {
        self.mode.send_modify(|mode| mode.stalled = stalled);
    }

    /// Says `connection.blocked`, later `connection.unblocked`, on connections of this name.
    pub fn block(&self, name: Option<&str>) {
        self.mode.send_modify(|mode| mode.blocked = name.map(str::to_owned));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn relay(client: TcpStream, broker: String, mut mode: watch::Receiver<Mode>) {
    let (generation, mut ended) = (mode.borrow().generation, mode.clone());
    let broker = TcpStream::connect(broker).await.unwrap();
    let ((from_client, to_client), (from_broker, to_broker)) = (client.into_split(), broker.into_split());
    // What the client said first: its name is in there.
    let greeting = Arc::new(Mutex::new(Vec::new()));
    tokio::select! {
        _ = ended.wait_for(|mode| mode.generation != generation) => {}
        () = up(from_client, to_broker, greeting.clone()) => {}
        () = down(from_broker, to_client, greeting, &mut mode) => {}
    }
}

async fn up(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, greeting: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        remember(&greeting, &buffer[..read]);
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

fn remember(greeting: &Mutex<Vec<u8>>, bytes: &[u8]) {
    let mut greeting = greeting.lock().unwrap();
    if greeting.len() < 4096 {
        greeting.extend_from_slice(bytes);
    }
}

/// Relays whole frames, so that one can be put in between.
async fn down(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    greeting: Arc<Mutex<Vec<u8>>>,
    mode: &mut watch::Receiver<Mode>,
) {
    let mut pending = Vec::new();
    let mut buffer = vec![0; 65_536];
    let mut told_blocked = false;
    loop {
        let now = mode.borrow_and_update().clone();
        let meant = |name: &String| greeting.lock().unwrap().windows(name.len()).any(|part| part == name.as_bytes());
        let blocked = now.blocked.as_ref().is_some_and(meant);
        // What was passed on so far ends with a whole frame.
        if blocked != told_blocked {
            told_blocked = blocked;
            let frame = if blocked { blocked_frame(b"low on test") } else { method_frame(61, &[]) };
            if to.write_all(&frame).await.is_err() {
                return;
            }
        }
        if !now.stalled {
            let whole = whole_frames(&pending);
            if to.write_all(&pending[..whole]).await.is_err() {
                return;
            }
            pending.drain(..whole);
        }
        tokio::select! {
            changed = mode.changed() => if changed.is_err() { return },
            read = from.read(&mut buffer) => match read {
                Ok(read @ 1..) => pending.extend_from_slice(&buffer[..read]),
                _ => return,
            },
            // A greeting may still be on its way when a connection is to be blocked.
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
    }
}

/// How many bytes at the front are whole frames: type, channel, length, payload, end.
fn whole_frames(bytes: &[u8]) -> usize {
    let mut whole = 0;
    while let Some(header) = bytes.get(whole..whole + 7) {
        let length = u32::from_be_bytes([header[3], header[4], header[5], header[6]]) as usize + 8;
        if bytes.len() < whole + length {
            break;
        }
        whole += length;
    }
    whole
}

fn blocked_frame(reason: &[u8]) -> Vec<u8> {
    let mut arguments = vec![reason.len() as u8];
    arguments.extend_from_slice(reason);
    method_frame(60, &arguments)
}

/// A method of class 10, connection, on channel 0.
fn method_frame(method: u8, arguments: &[u8]) -> Vec<u8> {
    let mut frame = vec![1, 0, 0];
    frame.extend_from_slice(&(4 + arguments.len() as u32).to_be_bytes());
    frame.extend_from_slice(&[0, 10, 0, method]);
    frame.extend_from_slice(arguments);
    frame.push(0xCE);
    frame
}
