//! An installation on servers: a PostgreSQL database and a Redis database of its own.

use async_trait::async_trait;
use backends::{
    redis::{Redis, RedisMembers, RedisSessions},
    sql::{
        Cipher, Db, Feed, SqlAccounts, SqlAudit, SqlConversations, SqlDeadLetters, SqlFlows, SqlInstallation,
        SqlLedger, SqlMessages, SqlRecipients, SqlReplays, SqlStatusClock, SqlSuspects, SqlTraces, postgresql,
    },
};
use migrations::Migrator;
use redis::Commands as _;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use sea_orm_migration::MigratorTrait;
use secrecy::{ExposeSecret, SecretString};
use shared::{
    ids,
    ports::{accounts::Accounts, flows::FlowStore},
    settings::EncryptionKeys,
};
use std::{sync::Arc, time::Duration};
use testkit::{
    clock::StandingClock,
    conformance::record::{NOW, Ports, RecordHarness},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

const KEY: [u8; 32] = [7; 32];
const ATTEMPTS: u32 = 8;
/// Of each process; the suites have many at once.
const CONNECTIONS: u32 = 16;

fn url(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run `./dev test`, which starts servers of its own"))
}

/// Everything behind its ports, and a look into the database beside them.
pub struct Installation {
    ports: Ports,
    beside: DatabaseConnection,
    database: SecretString,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stopped: DropGuard,
    _redis: RedisDatabase,
}

impl Installation {
    pub async fn fresh() -> Self {
        let database = fresh_database().await;
        let alone = postgresql::alone(&database).await.unwrap();
        Migrator::up(&alone, None).await.unwrap();
        alone.close().await.unwrap();
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let clock = Arc::new(StandingClock::at(NOW));
        let db = postgresql::open(&database, CONNECTIONS, &tasks).await.unwrap();
        let beside = connection(database.expose_secret()).await;
        let own = tokio::task::spawn_blocking(RedisDatabase::own).await.unwrap();
        let redis = Redis::open(&own.url.clone().into()).unwrap();
        let (accounts, flows) = accounts_and_flows(&db, &clock, &stop);
        let ports = Ports {
            conversations: Arc::new(SqlConversations::new(db.clone(), clock.clone(), ATTEMPTS)),
            ledger: Arc::new(SqlLedger(db.clone())),
            accounts,
            flows,
            sessions: Arc::new(RedisSessions(redis.clone())),
            members: Arc::new(RedisMembers::new(redis, "test")),
            installation: Arc::new(SqlInstallation(db.clone())),
            status_clock: Arc::new(SqlStatusClock(db.clone())),
            suspects: Arc::new(SqlSuspects(db.clone())),
            burial: Arc::new(SqlDeadLetters(db.clone())),
            dead_letters: Arc::new(SqlDeadLetters(db.clone())),
            replays: Arc::new(SqlReplays(db.clone())),
            audit: Arc::new(SqlAudit(db.clone())),
            traces: Arc::new(SqlTraces(db.clone())),
            recipients: Arc::new(SqlRecipients(db.clone())),
            messages: Arc::new(SqlMessages(db)),
            clock,
        };
        Self { ports, beside, database, tasks, _stopped: stop.clone().drop_guard(), stop, _redis: own }
    }
}

fn accounts_and_flows(
    db: &Db,
    clock: &Arc<StandingClock>,
    stop: &CancellationToken,
) -> (Arc<dyn Accounts>, Arc<dyn FlowStore>) {
    let cipher = Cipher::new(&EncryptionKeys(vec![KEY]));
    let accounts = Arc::new(SqlAccounts::new(db.clone(), cipher, clock.clone()));
    let flows = Arc::new(SqlFlows::new(db.clone(), clock.clone()));
    tokio::spawn(Feed::new(db.clone(), vec![accounts.clone(), flows.clone()]).follow(stop.clone()));
    (accounts, flows)
}

/// A database that nobody has used yet. It stays until the server that `./dev test` started goes.
async fn fresh_database() -> SecretString {
    let server = url("TEST_DATABASE_URL");
    let name = format!("test_{}", ids::fresh().replace('-', ""));
    let connection = connection(&server).await;
    connection.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
    connection.close().await.unwrap();
    let (address, _) = server.rsplit_once('/').expect("TEST_DATABASE_URL names a database");
    format!("{address}/{name}").into()
}

async fn connection(url: &str) -> DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new(url);
    options.sqlx_logging(false).max_connections(1);
    Database::connect(options).await.expect("TEST_DATABASE_URL names a PostgreSQL that is there")
}

/// One of the server's numbered databases, for as long as this lives.
struct RedisDatabase {
    url: String,
    number: u32,
    locks: redis::Connection,
}

impl RedisDatabase {
    /// Databases 1 to 15 are lent out by locks in database 0: tests run side by side.
    fn own() -> Self {
        let server = url("TEST_REDIS_URL");
        let server = server.trim_end_matches('/');
        let mut locks = redis::Client::open(server).unwrap().get_connection().expect("TEST_REDIS_URL names a Redis");
        // Longer than any property may take.
        let lock = |locks: &mut redis::Connection, number: u32| -> bool {
            let mut set = redis::cmd("SET");
            let set = set.arg(lock_of(number)).arg("taken").arg("NX").arg("EX").arg(180);
            set.query::<Option<String>>(locks).unwrap().is_some()
        };
        let number = loop {
            if let Some(free) = (1..16).find(|number| lock(&mut locks, *number)) {
                break free;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let url = format!("{server}/{number}");
        let mut own = redis::Client::open(url.as_str()).unwrap().get_connection().unwrap();
        redis::cmd("FLUSHDB").exec(&mut own).unwrap();
        Self { url, number, locks }
    }
}

impl Drop for RedisDatabase {
    fn drop(&mut self) {
        // A lock that can't be given back runs out.
        drop(self.locks.del::<_, ()>(lock_of(self.number)));
    }
}

fn lock_of(number: u32) -> String {
    format!("flow_runner:test:database:{number}")
}

#[async_trait]
impl RecordHarness for Installation {
    fn ports(&self) -> &Ports {
        &self.ports
    }

    async fn elsewhere(&self) -> (Arc<dyn Accounts>, Arc<dyn FlowStore>) {
        let db = postgresql::open(&self.database, CONNECTIONS, &self.tasks).await.unwrap();
        accounts_and_flows(&db, &self.ports.clock, &self.stop)
    }

    async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.beside.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    async fn execute(&self, sql: &str) {
        self.beside.execute_unprepared(sql).await.unwrap();
    }

    /// Redis has a clock of its own, which nothing hurries.
    async fn pass(&self, time: Duration) {
        self.ports.clock.pass(time);
        tokio::time::sleep(time + Duration::from_millis(20)).await;
    }

    async fn bytes(&self) -> Vec<u8> {
        let tables = self.texts("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'").await;
        let mut all = Vec::new();
        for table in tables {
            let rows = self.texts(&format!("SELECT row_to_json(t)::text FROM \"{table}\" t")).await;
            all.extend(rows.concat().into_bytes());
        }
        all
    }
}
