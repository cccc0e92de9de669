//! The socket of a data directory: one line of JSON in, one out. Only its owner may use it (mode 0600, in a directory of
//! mode 0700).

use super::{Operation, run};
use anyhow::{Context, anyhow};
use backends::Backends;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    fs::{self, File, Permissions},
    io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

const NAME: &str = "operator.sock";
/// What one line may hold at most: a large flow, many times over.
const LINE: u64 = 64 * 1024 * 1024;
/// Operators at a time.
const OPERATORS: usize = 16;
/// How long an operation may take before the one who asked is told that it goes on without him.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is asked for, and by whom.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asked {
    pub who: String,
    pub operation: Operation,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ok(Value),
    Error(String),
}

/// Serves operators until told to end.
#[derive(Debug)]
pub struct OperatorSocket {
    path: PathBuf,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl OperatorSocket {
    /// Opens the socket of `directory`, which this process owns.
    pub fn open(directory: &Path, backends: Backends) -> io::Result<Self> {
        let path = directory.join(NAME);
        // Left behind by a process that was killed: the directory's lock says that it is gone.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let short = ShortPath::of(directory)?;
        let listener = UnixListener::bind(&short.path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, backends, stop.clone()));
        Ok(Self { path, stop, task })
    }

    /// Takes no operator any more, and lets those who asked have their answer.
    pub async fn close(self) {
        self.stop.cancel();
        drop(self.task.await);
        drop(fs::remove_file(&self.path));
    }
}

/// Room for a path in a socket address (108 bytes on Linux, 104 on macOS).
const ADDRESS: usize = 100;

/// A path to the socket that fits into a socket address, however long the directory's own is.
struct ShortPath {
    path: PathBuf,
    _directory: File,
}

impl ShortPath {
    fn of(directory: &Path) -> io::Result<Self> {
        let opened = File::open(directory)?;
        let plain = directory.join(NAME);
        if plain.as_os_str().len() <= ADDRESS {
            return Ok(Self { path: plain, _directory: opened });
        }
        let path = PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd())).join(NAME);
        Ok(Self { path, _directory: opened })
    }
}

async fn serve(listener: UnixListener, backends: Backends, stop: CancellationToken) {
    let mut operators = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = operators.join_next() => {}
            accepted = listener.accept(), if operators.len() < OPERATORS => match accepted {
                Ok((stream, _)) => {
                    let (backends, stop) = (backends.clone(), stop.clone());
                    operators.spawn(async move {
                        if let Err(error) = answer(stream, &backends, &stop).await {
                            tracing::debug!(%error, "an operator went away");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "can't take an operator");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    while operators.join_next().await.is_some() {}
}

async fn answer(stream: UnixStream, backends: &Backends, stop: &CancellationToken) -> anyhow::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reading.take(LINE));
    tokio::select! {
        read = reader.read_line(&mut line) => read?,
        // Who has asked for nothing yet is not waited for.
        () = stop.cancelled() => return Ok(()),
    };
    let answer = match serde_json::from_str::<Asked>(&line) {
        Ok(Asked { who, operation }) => match run(operation, backends, &who).await {
            Ok(value) => Answer::Ok(value),
            Err(error) => Answer::Error(format!("{error:#}")),
        },
        Err(error) => Answer::Error(format!("the serving process does not know this command: {error}")),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    writing.write_all(&line).await?;
    Ok(())
}

/// Asks the process that owns `directory`.
pub async fn ask(directory: &Path, asked: Asked) -> anyhow::Result<Value> {
    let path = directory.join(NAME);
    let unreachable = || {
        format!(
            "{} is in use by a process that can't be reached at {}; is it still starting, or another user's?",
            directory.display(),
            path.display()
        )
    };
    let short = ShortPath::of(directory).with_context(unreachable)?;
    let stream = UnixStream::connect(&short.path).await.with_context(unreachable)?;
    let (reading, mut writing) = stream.into_split();
    let mut line = serde_json::to_vec(&asked)?;
    line.push(b'\n');
    writing.write_all(&line).await?;
    let mut reply = String::new();
    let mut reader = BufReader::new(reading);
    tokio::time::timeout(PATIENCE, reader.read_line(&mut reply))
        .await
        .with_context(|| format!("no answer within {PATIENCE:?}; the command goes on without you"))??;
    match serde_json::from_str(&reply).context("the serving process ended before it answered")? {
        Answer::Ok(value) => Ok(value),
        Answer::Error(error) => Err(anyhow!(error)),
    }
}
