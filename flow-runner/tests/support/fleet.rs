//! An installation of several processes, each of which may be killed, frozen and started again.

use super::{API_KEY, APP_SECRET, NUMBER, PATIENCE, Record, TOKEN, free_address, servers::Database};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

/// The partitions of an installation here, as by default.
pub const PARTITIONS: u16 = 16;

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Gateway,
    Worker,
    Sender,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Worker => "worker",
            Self::Sender => "sender",
        }
    }

    /// The program that does this and nothing else. It lies beside `flow-runner` once the whole workspace is built.
    fn program(self) -> PathBuf {
        let name = match self {
            Self::Gateway => "webhook-gateway",
            Self::Worker => "flow-worker",
            Self::Sender => "outbound-sender",
        };
        let program = Path::new(env!("CARGO_BIN_EXE_flow-runner")).with_file_name(name);
        assert!(
            program.exists(),
            "{} is missing: `./dev test` builds it, or `cargo build --workspace`",
            program.display()
        );
        program
    }
}

/// Where the servers are; each may be a proxy before one.
#[derive(Debug, Clone)]
pub struct Urls {
    pub amqp: String,
    pub redis: String,
    /// Of the server; the installation makes a database there.
    pub postgresql: String,
}

impl Urls {
    /// Those that `./dev` started for all tests: nothing may be done to them.
    pub fn shared() -> Self {
        let of = |name: &str| {
            std::env::var(name)
                .unwrap_or_else(|_| panic!("{name} is not set: run `./dev faults`, which starts servers of its own"))
        };
        Self { amqp: of("TEST_AMQP_URL"), redis: of("TEST_REDIS_URL"), postgresql: of("TEST_DATABASE_URL") }
    }
}

/// One process.
pub struct Member {
    pub role: Role,
    pub address: SocketAddr,
    log: PathBuf,
    child: Child,
}

impl Member {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("its log")
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.expect("kill runs").success());
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("its state")
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Waits until it has ended; how long that took.
    pub async fn until_ended(&mut self, within: Duration) -> (ExitStatus, Duration) {
        let began = tokio::time::Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return (status, began.elapsed());
            }
            assert!(began.elapsed() < within, "{:?} did not end within {within:?}", self.role);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Whatever became of the test, its processes go.
impl Drop for Member {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What all processes of an installation have in common.
pub struct Fleet {
    pub http: reqwest::Client,
    pub database: Database,
    settings: Vec<(String, String)>,
    directory: tempfile::TempDir,
}

impl Fleet {
    /// Prepares one that talks to `whatsapp` and lives on these servers. `settings` go into everybody's environment.
    pub fn new(whatsapp: &str, urls: &Urls, settings: &[(&str, &str)]) -> Self {
        // The client needs a crypto provider; another part of the test may have installed it.
        drop(rustls::crypto::ring::default_provider().install_default());
        let database = Database::at(&urls.postgresql);
        let mut all: Vec<(String, String)> = [
            ("DATABASE_URL", database.url.as_str()),
            ("AMQP_URL", &urls.amqp),
            ("REDIS_URL", &urls.redis),
            ("FLOW_RUNNER_QUEUE_PREFIX", &database.name),
            ("FLOW_RUNNER_ENCRYPTION_KEY", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="),
            ("WHATSAPP_WEBHOOK_VERIFY_TOKEN", "verify"),
            ("WHATSAPP_APP_SECRET", APP_SECRET),
            ("WHATSAPP_API_BASE_URL", whatsapp),
            ("WHATSAPP_PHONE_NUMBER_ID", NUMBER),
            ("WHATSAPP_ACCESS_TOKEN", TOKEN),
            ("FLOW_RUNNER_API_KEY", API_KEY),
            ("WHATSAPP_NUMBER_RATE", "0"),
            ("WHATSAPP_PAIR_RATE", "off"),
            ("SEND_CAP_PER_HOUR", "0"),
            ("RUST_LOG", "error"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        if let Ok(filter) = std::env::var("RUST_LOG") {
            set(&mut all, "RUST_LOG", &filter);
        }
        settings.iter().for_each(|(name, value)| set(&mut all, name, value));
        let http = reqwest::Client::builder().pool_max_idle_per_host(512).timeout(PATIENCE).build().expect("a client");
        Self { http, database, settings: all, directory: tempfile::tempdir().expect("a temporary directory") }
    }

    /// The prefix of its queues.
    pub fn prefix(&self) -> &str {
        &self.database.name
    }

    /// What stands in its servers, opened by the test itself.
    pub async fn record(&self) -> Record {
        Record::open(self.settings.clone()).await
    }

    /// A command of the program with this installation's settings.
    pub fn command(&self, args: &[&str], settings: &[(&str, &str)]) -> Command {
        let mut all = self.settings.clone();
        settings.iter().for_each(|(name, value)| set(&mut all, name, value));
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow-runner"));
        command.args(args).env_clear().envs(all).stdin(Stdio::null()).current_dir(self.directory.path());
        command
    }

    /// Starts a process and waits until it is ready. `settings` are this one's own.
    pub async fn start(&self, role: Role, settings: &[(&str, &str)]) -> Member {
        let mut member = self.spawn(role, settings);
        self.until_ready(&mut member).await;
        member
    }

    /// The same, at this address.
    pub async fn start_at(&self, role: Role, address: SocketAddr, settings: &[(&str, &str)]) -> Member {
        let mut member = self.spawn_at(role, address, settings, &[]);
        self.until_ready(&mut member).await;
        member
    }

    /// The same, by way of another program that is given its command line.
    pub async fn start_under(&self, program: &[&str], role: Role) -> Member {
        let mut member = self.spawn_at(role, free_address(), &[], program);
        self.until_ready(&mut member).await;
        member
    }

    /// The same, by the program that has this role alone.
    pub async fn start_program(&self, role: Role) -> Member {
        let address = free_address();
        let mut command = Command::new(role.program());
        let listen = if role == Role::Gateway { "FLOW_RUNNER_LISTEN" } else { "FLOW_RUNNER_OPS_LISTEN" };
        command.env_clear().envs(self.settings.iter().cloned()).env(listen, address.to_string());
        let mut member = self.spawned(role, address, command);
        self.until_ready(&mut member).await;
        member
    }

    /// Starts a process, ready or not.
    pub fn spawn(&self, role: Role, settings: &[(&str, &str)]) -> Member {
        self.spawn_at(role, free_address(), settings, &[])
    }

    fn spawn_at(&self, role: Role, address: SocketAddr, settings: &[(&str, &str)], under: &[&str]) -> Member {
        let listen = address.to_string();
        let settings = [&[("FLOW_RUNNER_LISTEN", listen.as_str())], settings].concat();
        let mut command = self.command(&["serve", "--role", role.name()], &settings);
        if let Some((program, args)) = under.split_first() {
            let mut outer = Command::new(program);
            outer.args(args).arg(command.get_program()).args(command.get_args()).env_clear();
            outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            outer.env("PATH", std::env::var_os("PATH").unwrap_or_default());
            command = outer;
        }
        self.spawned(role, address, command)
    }

    fn spawned(&self, role: Role, address: SocketAddr, mut command: Command) -> Member {
        let log = self.directory.path().join(format!("{}-{}.log", role.name(), address.port()));
        let said = std::fs::OpenOptions::new().append(true).create(true).open(&log).expect("a log");
        command.current_dir(self.directory.path());
        let child = command.stdin(Stdio::null()).stderr(said).spawn().expect("flow-runner starts");
        Member { role, address, log, child }
    }

    /// Waits until the partitions are shared out evenly among these workers and nobody else; how long that takes.
    pub async fn until_balanced(&self, workers: &[&Member], within: Duration) -> Duration {
        let began = tokio::time::Instant::now();
        loop {
            let shares = self.shares(workers);
            let (least, most) = (shares.iter().min().copied(), shares.iter().max().copied());
            // The statuses' queue is shared out like one more partition.
            if shares.iter().sum::<usize>() == usize::from(PARTITIONS) + 1 && most <= least.map(|least| least + 1) {
                return began.elapsed();
            }
            assert!(began.elapsed() < within, "not balanced within {within:?}: {shares:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn until_ready(&self, member: &mut Member) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let ready = self.http.get(member.url("/readyz")).send().await;
            if ready.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            if let Some(status) = member.ended() {
                panic!("{:?} ended by itself: {status}: {}", member.role, member.log());
            }
            assert!(tokio::time::Instant::now() < deadline, "{:?} not ready within {PATIENCE:?}", member.role);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many queues of the workers each of these processes really serves, as the operator's command shows it.
    fn shares(&self, workers: &[&Member]) -> Vec<usize> {
        let output = self.command(&["queues", "--json"], &[]).stderr(Stdio::null()).output().expect("it runs");
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let of_workers = |item: &&serde_json::Value| {
            let queue = item["queue"].as_str().unwrap_or_default();
            queue == "statuses" || queue.starts_with("inbound.")
        };
        let items = found["items"].as_array().into_iter().flatten().filter(of_workers);
        let owners: Vec<&str> = items.filter_map(|item| item["owner"].as_str()).collect();
        let serves = |owner: &&&str, pid: u32| owner.contains(&format!(":{pid} "));
        workers.iter().map(|worker| owners.iter().filter(|owner| serves(owner, worker.pid())).count()).collect()
    }

    /// What a counter or gauge of a process stands at; 0 where it isn't there.
    pub async fn metric(&self, member: &Member, name: &str) -> f64 {
        let answer = self.http.get(member.url("/metrics")).send().await.expect("an answer");
        let text = answer.text().await.expect("text");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or(0.0)
    }
}

fn set(settings: &mut Vec<(String, String)>, name: &str, value: &str) {
    settings.retain(|(known, _)| known != name);
    settings.push((name.to_owned(), value.to_owned()));
}
