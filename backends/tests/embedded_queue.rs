//! Embedded queues: the conformance suite of queues.

use async_trait::async_trait;
use backends::embedded::{DataDirectory, EmbeddedQueue, open};
use migrations::Migrator;
use sea_orm_migration::MigratorTrait;
use std::sync::Arc;
use testkit::conformance::queue::QueueHarness;

testkit::queue_conformance!(Embedded::fresh());

/// One data directory; a crash leaves its files as they are.
struct Embedded {
    _parent: tempfile::TempDir,
    directory: DataDirectory,
}

impl Embedded {
    async fn fresh() -> Self {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let directory = DataDirectory::own(&parent.path().join("data"), None).expect("the directory");
        Self { _parent: parent, directory }
    }
}

#[async_trait]
impl QueueHarness for Embedded {
    type Q = EmbeddedQueue;

    async fn open(&mut self) -> Arc<EmbeddedQueue> {
        let (db, writer, connection) = open(&self.directory).await.expect("the database");
        Migrator::up(&connection, None).await.expect("the schema");
        EmbeddedQueue::new(db, writer)
    }

    async fn reopen(&mut self, queues: Arc<EmbeddedQueue>) -> Arc<EmbeddedQueue> {
        drop(queues);
        self.open().await
    }
}
