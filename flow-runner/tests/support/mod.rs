//! A real installation under test: the program itself as a process, WhatsApp simulated, callbacks posted by the test.
#![expect(dead_code, reason = "each test program uses a part of this")]

pub mod crowd;
pub mod embedded;
pub mod fleet;
pub mod relay;
pub mod report;
pub mod servers;
pub mod stage;

use serde_json::{Value, json};
use std::{
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};
use whatsapp_simulator::{Config, PairLimit, Simulator, Statuses};

pub const NUMBER: &str = "100000000000001";
pub const API_KEY: &str = "test-api-key-0123456789";
pub const TOKEN: &str = "test-access-token";
pub const APP_SECRET: &str = "test-app-secret";
/// How long anything may take that should take a moment.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Each queue of a broker is a group of its own that has to agree: the many installations of a suite make few. How many
/// there are is nothing that a suite is about; `exactness` has as many as by default.
const FEW_QUEUES: (&str, &str) = ("FLOW_RUNNER_PARTITIONS", "4");
/// A broker counts what lies in its queues, not what a process has in hand: on servers nothing may be there so many
/// times in a row.
const QUIET_LOOKS: usize = 3;
/// What one process changes all others know within this, by contract.
const KNOWN_WITHIN: Duration = Duration::from_secs(2);

/// Whether this test program runs its suite on servers. Its name says so; another one runs the same suite embedded.
pub fn on_servers() -> bool {
    env!("CARGO_CRATE_NAME").ends_with("_on_servers")
}

/// `flow-runner serve` on a data directory of its own.
pub struct Installation {
    pub address: SocketAddr,
    pub directory: tempfile::TempDir,
    pub http: reqwest::Client,
    settings: Vec<(String, String)>,
    process: Option<Child>,
    /// The record, where it is on a server.
    database: Option<servers::Database>,
}

impl Installation {
    /// Prepares one that talks to `whatsapp`, where this program runs its suite; `settings` go into its environment.
    pub fn new(whatsapp: &str, settings: &[(&str, &str)]) -> Self {
        if on_servers() {
            Self::on_servers(whatsapp, &[&[FEW_QUEUES], settings].concat())
        } else {
            Self::embedded(whatsapp, settings)
        }
    }

    /// With everything in its data directory.
    pub fn embedded(whatsapp: &str, settings: &[(&str, &str)]) -> Self {
        Self::prepared(whatsapp, None, settings)
    }

    /// The same on RabbitMQ, Redis and PostgreSQL.
    pub fn on_servers(whatsapp: &str, settings: &[(&str, &str)]) -> Self {
        Self::prepared(whatsapp, Some(servers::Database::fresh()), settings)
    }

    fn prepared(whatsapp: &str, database: Option<servers::Database>, settings: &[(&str, &str)]) -> Self {
        // The client needs a crypto provider; another part of the test may have installed it.
        drop(rustls::crypto::ring::default_provider().install_default());
        let directory = tempfile::tempdir().expect("a temporary directory");
        let address = free_address();
        let all = vec![
            ("FLOW_RUNNER_LISTEN".to_owned(), address.to_string()),
            ("FLOW_RUNNER_DATA_DIR".to_owned(), directory.path().join("data").display().to_string()),
            ("WHATSAPP_WEBHOOK_VERIFY_TOKEN".to_owned(), "verify".to_owned()),
            ("WHATSAPP_APP_SECRET".to_owned(), APP_SECRET.to_owned()),
            ("WHATSAPP_API_BASE_URL".to_owned(), whatsapp.to_owned()),
            ("WHATSAPP_PHONE_NUMBER_ID".to_owned(), NUMBER.to_owned()),
            ("WHATSAPP_ACCESS_TOKEN".to_owned(), TOKEN.to_owned()),
            ("FLOW_RUNNER_API_KEY".to_owned(), API_KEY.to_owned()),
            ("RUST_LOG".to_owned(), std::env::var("RUST_LOG").unwrap_or_else(|_| "error".to_owned())),
        ];
        let http = reqwest::Client::builder().pool_max_idle_per_host(512).timeout(PATIENCE).build().expect("a client");
        let of_servers = database.as_ref().map(servers::settings).unwrap_or_default();
        let mut installation = Self { address, directory, http, settings: all, process: None, database };
        of_servers.iter().for_each(|(name, value)| installation.set(name, value));
        settings.iter().for_each(|(name, value)| installation.set(name, value));
        installation
    }

    pub fn data_dir(&self) -> std::path::PathBuf {
        let set = self.settings.iter().find(|(name, _)| name == "FLOW_RUNNER_DATA_DIR");
        set.expect("every installation has one").1.as_str().into()
    }

    /// Starts the process and waits until it is ready.
    pub async fn start(&mut self) {
        self.spawn();
        self.wait_until_ready().await;
    }

    pub fn spawn(&mut self) {
        self.process = Some(self.command(&["serve"]).spawn().expect("flow-runner starts"));
    }

    /// The program with this installation's settings, ready to be run.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow-runner"));
        command.args(args).env_clear().envs(self.settings.iter().cloned()).stdin(Stdio::null());
        command.current_dir(self.directory.path());
        command
    }

    /// Changes a setting; in force from the next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    pub async fn wait_until_ready(&mut self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let ready = self.http.get(self.url("/readyz")).send().await;
            if ready.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            let process = self.process.as_mut().expect("a process");
            if let Some(status) = process.try_wait().expect("its state") {
                panic!("flow-runner ended by itself: {status}");
            }
            assert!(tokio::time::Instant::now() < deadline, "not ready within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it can be killed");
            process.wait().expect("it ends");
        }
    }

    /// SIGTERM; it must end by itself, in time, with exit code 0.
    pub async fn terminate(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let id = process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        let ended = tokio::task::spawn_blocking(move || process.wait());
        let status = tokio::time::timeout(Duration::from_secs(30), ended).await.expect("it ends within 30 s");
        let status = status.expect("waited").expect("waited");
        assert!(status.success(), "{status}");
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("a process").id()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn webhook(&self) -> String {
        self.url("/api/whatsapp/messages/webhook")
    }

    /// Saves a flow as the builder does.
    pub async fn save_flow(&self, name: &str, triggers: &[&str], steps: Value) -> Value {
        let body = json!({
            "name": name,
            "trigger": serde_json::to_string(triggers).expect("JSON"),
            "automationJson": steps,
            "status": "ACTIVE",
        });
        let request = self.http.post(self.url("/api/whatsapp/flow")).bearer_auth(API_KEY).json(&body);
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let saved: Value = answer.json().await.expect("JSON");
        assert_eq!(status, 201, "{saved}");
        saved
    }

    /// Gives the account one more number.
    pub async fn add_number(&self, number: &str) {
        let mut command = self.command(&["numbers", "add", number, "--account", "default"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("flow-runner starts");
        let mut stdin = child.stdin.take().expect("its standard input");
        std::io::Write::write_all(&mut stdin, TOKEN.as_bytes()).expect("it reads");
        drop(stdin);
        let status = tokio::task::spawn_blocking(move || child.wait()).await.expect("waited").expect("waited");
        assert!(status.success(), "{status}");
        self.until_known().await;
    }

    /// Changes some fields of a flow.
    pub async fn change_flow(&self, change: Value) {
        let request = self.http.put(self.url("/api/whatsapp/flow")).bearer_auth(API_KEY).json(&change);
        assert_eq!(request.send().await.expect("an answer").status(), 200);
    }

    pub async fn delete_flow(&self, id: &str) {
        let address = format!("{}?id={id}", self.url("/api/whatsapp/flow"));
        let request = self.http.delete(address).bearer_auth(API_KEY);
        assert_eq!(request.send().await.expect("an answer").status(), 200);
    }

    /// Waits until no job is open and nothing lies in a queue, seen from outside.
    pub async fn until_settled(&self) {
        self.until_settled_within(PATIENCE).await;
    }

    /// The same, for what takes longer.
    pub async fn until_settled_within(&self, patience: Duration) {
        let jobs = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'sending', 'retrying', 'unknown')";
        let all = format!("SELECT ({jobs}) + (SELECT count(*) FROM queue_messages)");
        let (open, looks) = if self.database.is_some() { (jobs, QUIET_LOOKS) } else { (all.as_str(), 1) };
        let deadline = tokio::time::Instant::now() + patience;
        // What lies in a broker's queues no table tells.
        let beside = match &self.database {
            Some(_) => Some(Record::open(self.settings.clone()).await),
            None => None,
        };
        let mut quiet = 0;
        loop {
            let queued = match &beside {
                Some(record) => record.queued().await,
                None => 0,
            };
            quiet = if queued == 0 && self.ask(open) == "0" { quiet + 1 } else { 0 };
            if quiet == looks {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "something waits after {patience:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        if let Some(record) = beside {
            record.close().await;
        }
    }

    /// Waits until the serving process goes by what a command changed: embedded it did that itself, on servers nothing
    /// announces that it has seen it.
    pub async fn until_known(&self) {
        if self.database.is_some() {
            tokio::time::sleep(KNOWN_WITHIN).await;
        }
    }

    /// Waits until the database answers this.
    pub async fn until(&self, sql: &str, answer: &str) {
        until(&format!("{sql} = {answer}"), || self.ask(sql) == answer).await;
    }

    /// Asks the database itself, past the program: columns of a row are joined by `|`, NULL is nothing.
    pub fn ask(&self, sql: &str) -> String {
        match &self.database {
            Some(database) => database.ask(sql),
            None => embedded::ask(&self.file(), sql),
        }
    }

    /// The same, each row as an object of its columns.
    pub fn rows(&self, sql: &str) -> Vec<Value> {
        let rows = match &self.database {
            Some(database) => database.rows(sql),
            None => embedded::rows(&self.file(), sql),
        };
        rows.lines().map(|row| serde_json::from_str(row).expect("JSON")).collect()
    }

    fn file(&self) -> std::path::PathBuf {
        self.data_dir().join("flow-runner.db")
    }

    /// The file is sound; a server looks after itself.
    pub fn assert_sound(&self) {
        if self.database.is_none() {
            assert_eq!(self.ask("PRAGMA integrity_check"), "ok");
        }
    }

    /// Posts a callback once; the status, or nothing when there was no answer.
    pub async fn post(&self, body: &str) -> Option<u16> {
        post(&self.http, &self.webhook(), body).await
    }

    /// The record, once no process has it.
    pub async fn record(&self) -> Record {
        assert!(self.process.is_none(), "the process has the directory");
        Record::open(self.settings.clone()).await
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Posts a signed callback once.
pub async fn post(http: &reqwest::Client, webhook: &str, body: &str) -> Option<u16> {
    let signature = whatsapp_simulator::sign(APP_SECRET, body);
    let request = http.post(webhook).header("x-hub-signature-256", signature).body(body.to_owned());
    request.send().await.ok().map(|answer| answer.status().as_u16())
}

/// An address nobody listens on now.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// Waits until something is so.
pub async fn until(what: &str, so: impl FnMut() -> bool) {
    until_within(what, PATIENCE, so).await;
}

/// The same, for what takes longer.
pub async fn until_within(what: &str, patience: Duration, mut so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + patience;
    while !so() {
        assert!(tokio::time::Instant::now() < deadline, "not within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until there is something, and gives it.
pub async fn until_some<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A simulated WhatsApp without limits.
pub async fn whatsapp(statuses: Statuses) -> Simulator {
    Simulator::start("127.0.0.1:0".parse().expect("an address"), without_limits(statuses)).await.expect("a simulator")
}

/// Its settings.
pub fn without_limits(statuses: Statuses) -> Config {
    Config {
        app_secret: APP_SECRET.into(),
        access_token: Some(TOKEN.into()),
        number_rate: 0,
        pair_limit: PairLimit::Off,
        statuses,
        status_delay: Duration::from_millis(5),
        ..Config::default()
    }
}

/// What stands in the database, opened by the test itself.
pub struct Record {
    backends: backends::Backends,
    stop: tokio_util::sync::CancellationToken,
}

impl Record {
    async fn open(settings: Vec<(String, String)>) -> Self {
        let overrides =
            shared::settings::Overrides { environment: Some(settings), no_file: true, ..Default::default() };
        let settings = shared::settings::Settings::load(&overrides).expect("settings");
        let stop = tokio_util::sync::CancellationToken::new();
        let clock = std::sync::Arc::new(shared::SystemClock::default());
        let backends = backends::connect(&settings, clock, stop.clone()).await.expect("backends");
        Self { backends, stop }
    }

    /// Nothing waits anywhere: every queue is empty and no job is open.
    pub async fn assert_nothing_waits(&self) {
        use shared::ports::queue::QueueName;
        for queue in QueueName::all(self.backends.partitions).filter(|queue| *queue != QueueName::Statuses) {
            assert_eq!(self.backends.consumer.depth(queue).await.expect("a depth"), 0, "{queue} is not empty");
        }
        self.assert_only_ticks().await;
        assert_eq!(self.backends.ledger.numbers_with_open_jobs().await.expect("numbers"), [], "jobs are open");
    }

    /// The last ticks of the statuses' clock may lie in its queue, and nothing else.
    async fn assert_only_ticks(&self) {
        let queue = shared::ports::queue::QueueName::Statuses;
        let waiting = self.backends.consumer.depth(queue).await.expect("a depth");
        let mut subscription = self.backends.consumer.subscribe(queue, 100).await.expect("a subscription");
        for _ in 0..waiting {
            let delivery = subscription.deliveries.recv().await.expect("a delivery");
            assert_eq!(delivery.message.kind, shared::event::TICK, "{:?}", delivery.message);
        }
        subscription.settle.close().await;
    }

    /// Publishes what somebody else might have.
    pub async fn publish(&self, batch: Vec<shared::ports::queue::Publish>) {
        self.backends.publisher.publish(batch).await.expect("published");
    }

    /// How many messages lie in all queues.
    pub async fn queued(&self) -> u64 {
        let mut queued = 0;
        for queue in shared::ports::queue::QueueName::all(self.backends.partitions) {
            queued += self.backends.consumer.depth(queue).await.expect("a depth");
        }
        queued
    }

    pub async fn close(self) {
        self.stop.cancel();
        self.backends.tasks.close();
        self.backends.tasks.wait().await;
    }
}
