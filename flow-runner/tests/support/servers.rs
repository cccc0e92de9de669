//! An installation's share of the servers that `./dev test` started: a database, a prefix at the broker. Recipients' ids
//! are made with a key of each installation, so sessions of several don't meet in one Redis.

use std::process::Command;

fn server(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run `./dev test`, which starts servers of its own"))
}

/// A database of a PostgreSQL, asked with another program than ours.
pub struct Database {
    pub url: String,
    pub name: String,
}

impl Database {
    /// One that nobody has used yet. It stays until the server that `./dev test` started goes.
    pub fn fresh() -> Self {
        Self::at(&server("TEST_DATABASE_URL"))
    }

    /// The same, on this server.
    pub fn at(server: &str) -> Self {
        let name = format!("test_{}", shared::ids::fresh().replace('-', ""));
        psql(server, &format!("CREATE DATABASE {name}"));
        let (address, _) = server.rsplit_once('/').expect("the URL names a database");
        Self { url: format!("{address}/{name}"), name }
    }

    /// Columns of a row are joined by `|`; NULL is nothing.
    pub fn ask(&self, sql: &str) -> String {
        psql(&self.url, sql)
    }

    /// Each row as an object on a line of its own.
    pub fn rows(&self, sql: &str) -> String {
        self.ask(&format!("SELECT row_to_json(found) FROM ({sql}) AS found"))
    }
}

fn psql(url: &str, sql: &str) -> String {
    let output = Command::new("psql").args([url, "-XAtqc", sql]).output().expect("psql runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// The settings that lead to the servers.
pub fn settings(database: &Database) -> Vec<(&'static str, String)> {
    vec![
        ("DATABASE_URL", database.url.clone()),
        ("AMQP_URL", server("TEST_AMQP_URL")),
        ("REDIS_URL", server("TEST_REDIS_URL")),
        ("FLOW_RUNNER_QUEUE_PREFIX", database.name.clone()),
        ("FLOW_RUNNER_ENCRYPTION_KEY", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=".to_owned()),
    ]
}
