//! Servers of one test's own, which it may stop, kill, freeze and start again.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    RabbitMq,
    Redis,
    PostgreSql,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::RabbitMq => "rabbitmq",
            Self::Redis => "redis",
            Self::PostgreSql => "postgresql",
        }
    }
}

/// A server in a temporary directory, on a port that it keeps; it goes with this value.
pub struct Private {
    kind: Kind,
    directory: tempfile::TempDir,
    pub url: String,
}

impl Private {
    pub fn start(kind: Kind) -> Self {
        // Where `./dev` looks for what a test that was killed left behind.
        let place = std::env::var_os("PRIVATE_SERVERS").map_or_else(std::env::temp_dir, PathBuf::from);
        let directory = tempfile::tempdir_in(place).expect("a temporary directory");
        let mut server = Self { kind, directory, url: String::new() };
        server.url = server.start_again();
        server
    }

    /// Starts it again where it was stopped or killed; its URL.
    pub fn start_again(&self) -> String {
        let output = self.script(&["start"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// Stops it in order.
    pub fn stop(&self) {
        self.script(&["stop"]);
    }

    /// SIGKILL.
    pub fn kill(&self) {
        self.signal("KILL");
    }

    /// A PostgreSQL or Redis takes no time; each process of its own is signalled.
    pub fn signal(&self, name: &str) {
        let Ok(pid) = std::fs::read_to_string(self.directory.path().join("pid")) else { return };
        // PostgreSQL has a process for each connection, which would go on without the one that made them.
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", pid.trim()]).output().expect("ps runs");
        let children = String::from_utf8(children.stdout).expect("text");
        let all = std::iter::once(pid.trim()).chain(children.split_whitespace());
        let all: Vec<&str> = if self.kind == Kind::PostgreSql { all.collect() } else { all.take(1).collect() };
        drop(Command::new("kill").arg(format!("-{name}")).args(all).status());
    }

    /// A command of RabbitMQ's own tool; what it printed.
    pub fn rabbitmqctl(&self, args: &[&str]) -> String {
        let output = self.script(&[&["ctl", "-q"], args].concat());
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// A command to Redis; what it answered.
    pub fn redis(&self, args: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-u", &self.url]).args(args).output().expect("redis-cli runs");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// Where it has its data.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join(self.kind.name())
    }

    fn script(&self, args: &[&str]) -> Output {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/servers/private.sh");
        let mut command = Command::new("bash");
        command.arg(script).arg(self.kind.name()).arg(self.directory.path()).args(args);
        command.output().expect("bash runs")
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // Whoever was frozen hears nothing else.
        self.signal("CONT");
        self.stop();
    }
}
