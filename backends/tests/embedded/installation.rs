//! An embedded installation in a directory of its own.

use async_trait::async_trait;
use backends::{
    Backends,
    embedded::GroupWriter,
    sql::{Cipher, Db, Feed, SqlAccounts, SqlFlows},
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use shared::{
    ports::{accounts::Accounts, flows::FlowStore},
    settings::{EncryptionKeys, Overrides, Settings},
};
use std::{path::PathBuf, sync::Arc};
use testkit::{
    clock::StandingClock,
    conformance::record::{NOW, Ports, RecordHarness},
};
use tokio_util::sync::{CancellationToken, DropGuard};

const KEY: [u8; 32] = [7; 32];
/// `KEY` in base64.
const KEY_TEXT: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// Everything behind its ports, and a look into the file beside them.
pub struct Installation {
    pub backends: Backends,
    ports: Ports,
    /// Another program on the same file.
    pub beside: DatabaseConnection,
    stop: CancellationToken,
    _stopped: DropGuard,
    directory: tempfile::TempDir,
}

/// Settings of a directory.
pub fn settings(directory: &tempfile::TempDir) -> Settings {
    let directory = directory.path().join("data").display().to_string();
    let environment = [("FLOW_RUNNER_DATA_DIR", directory.as_str()), ("FLOW_RUNNER_ENCRYPTION_KEY", KEY_TEXT)];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Settings::load(&Overrides { environment: Some(environment), ..Overrides::default() }).unwrap()
}

impl Installation {
    pub async fn fresh() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(StandingClock::at(NOW));
        let stop = CancellationToken::new();
        let backends = backends::connect(&settings(&directory), clock.clone(), stop.clone()).await.unwrap();
        backends.take_up().await.unwrap();
        let ports = Ports {
            conversations: backends.conversations.clone(),
            ledger: backends.ledger.clone(),
            accounts: backends.accounts.clone(),
            flows: backends.flows.clone(),
            sessions: backends.sessions.clone(),
            members: backends.members.clone(),
            installation: backends.installation.clone(),
            status_clock: backends.status_clock.clone(),
            suspects: backends.suspects.clone(),
            burial: backends.burial.clone(),
            dead_letters: backends.dead_letters.clone(),
            replays: backends.replays.clone(),
            audit: backends.audit.clone(),
            traces: backends.traces.clone(),
            recipients: backends.recipients.clone(),
            messages: backends.messages.clone(),
            clock,
        };
        let beside = Self::connection(&directory.path().join("data/flow-runner.db")).await;
        Self { backends, ports, beside, _stopped: stop.clone().drop_guard(), stop, directory }
    }

    async fn connection(path: &std::path::Path) -> DatabaseConnection {
        let mut options = sea_orm::ConnectOptions::new(format!("sqlite://{}", path.display()));
        options.sqlx_logging(false).max_connections(1);
        Database::connect(options).await.unwrap()
    }

    fn file(&self, suffix: &str) -> PathBuf {
        self.directory.path().join(format!("data/flow-runner.db{suffix}"))
    }
}

/// The rows of a query that gives one text column.
pub async fn texts(connection: &DatabaseConnection, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    let rows = connection.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

#[async_trait]
impl RecordHarness for Installation {
    fn ports(&self) -> &Ports {
        &self.ports
    }

    async fn elsewhere(&self) -> (Arc<dyn Accounts>, Arc<dyn FlowStore>) {
        let reading = Self::connection(&self.file("")).await;
        let writing = Self::connection(&self.file("")).await;
        let db = Db::new(reading, Arc::new(GroupWriter::start(writing)));
        let cipher = Cipher::new(&EncryptionKeys(vec![KEY]));
        let accounts = Arc::new(SqlAccounts::new(db.clone(), cipher, self.ports.clock.clone()));
        let flows = Arc::new(SqlFlows::new(db.clone(), self.ports.clock.clone()));
        let feed = Feed::new(db, vec![accounts.clone(), flows.clone()]);
        tokio::spawn(feed.follow(self.stop.clone()));
        (accounts, flows)
    }

    async fn texts(&self, sql: &str) -> Vec<String> {
        texts(&self.beside, sql).await
    }

    async fn execute(&self, sql: &str) {
        self.beside.execute_unprepared(sql).await.unwrap();
    }

    async fn bytes(&self) -> Vec<u8> {
        ["", "-wal"].iter().flat_map(|suffix| std::fs::read(self.file(suffix)).unwrap()).collect()
    }
}
