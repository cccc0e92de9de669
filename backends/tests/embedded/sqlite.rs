//! What only SQLite can do to the record: its locks, its triggers, its schema.

use crate::installation::{Installation, settings, texts};
use backends::schema::Schema;
use sea_orm::ConnectionTrait;
use shared::{
    ids,
    ports::{
        StoreError,
        conversations::CommitOutcome,
        queue::{Message, Publish, QueueName},
    },
};
use std::time::Duration;
use testkit::conformance::record::{NOW, RecordHarness, commit, count, event, find, letters, state, write};

fn strangers(count: usize) -> Vec<shared::ports::conversations::EventCommit> {
    (0..count).map(|n| event(&format!("p{n}"), &format!("wamid.{n}")).jobs(1).build()).collect()
}

/// Longer than the busy time-out: the commit waits, repeats, and succeeds when the lock is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_outlasts_another_programs_lock() {
    let installation = Installation::fresh().await;
    installation.beside.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let committing = tokio::spawn({
        let conversations = installation.backends.conversations.clone();
        async move { conversations.commit(strangers(256)).await }
    });
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    assert!(!committing.is_finished(), "it repeats");
    assert_eq!(count(&installation, "messages").await, 0);
    installation.beside.execute_unprepared("COMMIT").await.unwrap();
    let outcomes = committing.await.unwrap().unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, CommitOutcome::Committed(_))));
    assert_eq!(count(&installation, "jobs").await, 256);
}

/// The sender is told, not kept waiting for ever; nothing is claimed.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_meets_another_programs_lock_is_told_and_succeeds_later() {
    let installation = Installation::fresh().await;
    let job = write(&installation, "ann", "1", 1).await.remove(0);
    installation.beside.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let ledger = &installation.backends.ledger;
    let claimed = ledger.claim(vec![job.job_id.clone()], "me", NOW, NOW).await;
    assert!(matches!(claimed, Err(StoreError::Busy { .. })), "{claimed:?}");
    assert_eq!(state(&installation, &job).await, "queued");
    installation.beside.execute_unprepared("COMMIT").await.unwrap();
    ledger.claim(vec![job.job_id.clone()], "me", NOW, NOW).await.unwrap();
    assert_eq!(state(&installation, &job).await, "sending");
}

/// A database may refuse the very row that is to say so.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_message_is_refused_too_leaves_its_letter_alone() {
    let installation = Installation::fresh().await;
    let trigger = "CREATE TRIGGER poison BEFORE INSERT ON messages WHEN NEW.kind = 'poison'
        BEGIN SELECT RAISE(ABORT, 'no poison'); END";
    installation.execute(trigger).await;
    let mut batch = strangers(256);
    let poison = event("p77", "poison").jobs(1).with(|message, _| message.message_type = "poison".into()).build();
    batch[77] = poison.clone();
    let outcomes = commit(&installation, batch).await;
    assert!(matches!(&outcomes[77], CommitOutcome::Refused(why) if why.contains("no poison")));
    let committed = outcomes.iter().filter(|outcome| matches!(outcome, CommitOutcome::Committed(_))).count();
    assert_eq!((committed, count(&installation, "messages").await), (255, 255));
    assert_eq!(letters(&installation).await, ["open rejected_by_database"]);
    assert_eq!(find(&installation, "p77").await, None);
}

/// Nobody's data is at fault: nothing is dead-lettered, and all of it is committed when there is room.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_schema_dead_letters_nobody() {
    let installation = Installation::fresh().await;
    installation.execute("ALTER TABLE jobs RENAME TO gone").await;
    let failed = installation.backends.conversations.commit(strangers(8)).await;
    assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
    assert_eq!(count(&installation, "messages").await + count(&installation, "dead_letters").await, 0);
    installation.execute("ALTER TABLE gone RENAME TO jobs").await;
    assert!(commit(&installation, strangers(8)).await.iter().all(|o| matches!(o, CommitOutcome::Committed(_))));
}

/// A worker's commits, a sender's claims and a gateway's publishes share transactions.
#[tokio::test(flavor = "multi_thread")]
async fn queues_and_record_share_transactions_and_not_their_failures() {
    let installation = Installation::fresh().await;
    let taken = write(&installation, "ann", "1", 1).await.remove(0);
    let publish = |n: usize| {
        let message = Message {
            id: ids::fresh(),
            kind: "test".into(),
            schema: 1,
            traceparent: None,
            body: format!("{n}").into(),
        };
        installation.backends.publisher.publish(vec![Publish { queue: QueueName::Statuses, message }])
    };
    let refused = |n: usize| {
        let id = taken.job_id.clone();
        let event = event(&format!("p{n}"), &format!("{n}.")).jobs(1).with(|_, advance| advance.jobs[0].id = id);
        installation.backends.conversations.commit(vec![event.build()])
    };
    let publishing = futures_util::future::join_all((0..200).map(publish));
    let refusing = futures_util::future::join_all((0..20).map(refused));
    let (published, refused) = tokio::join!(publishing, refusing);
    assert!(published.iter().all(Result::is_ok));
    assert!(refused.iter().all(|result| matches!(result.as_deref(), Ok([CommitOutcome::Refused(_)]))));
    assert_eq!(installation.backends.consumer.depth(QueueName::Statuses).await.unwrap(), 200);
}

/// Up, down, up again: nothing is left behind and nothing is missing.
#[tokio::test(flavor = "multi_thread")]
async fn the_schema_goes_up_and_down_and_up_again() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory);
    let mut schemas = Vec::new();
    for _ in 0..2 {
        let schema = Schema::open(&settings).await.unwrap();
        schema.up().await.unwrap();
        schema.up().await.unwrap();
        let status = schema.status().await.unwrap();
        assert!(status.len() >= 2 && status.iter().all(|change| change.applied), "{status:?}");
        let path = directory.path().join("data/flow-runner.db");
        let connection = sea_orm::Database::connect(format!("sqlite://{}", path.display())).await.unwrap();
        let all =
            "SELECT name || ' ' || COALESCE(sql, '') FROM sqlite_master WHERE name <> 'sqlite_sequence' ORDER BY 1";
        schemas.push(texts(&connection, all).await);
        schema.down(u32::try_from(status.len()).unwrap()).await.unwrap();
        assert!(schema.status().await.unwrap().iter().all(|change| !change.applied));
        let left = texts(&connection, "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").await;
        assert_eq!(left, ["seaql_migrations"]);
        connection.close().await.unwrap();
    }
    assert_eq!(schemas[0], schemas[1]);
    assert!(schemas[0].iter().any(|line| line.starts_with("jobs_lane ")));
}

/// Who was known before rows could become one is known after.
#[tokio::test(flavor = "multi_thread")]
async fn recipients_of_the_schema_before_merging_stay() {
    let directory = tempfile::tempdir().unwrap();
    let schema = Schema::open(&settings(&directory)).await.unwrap();
    schema.up().await.unwrap();
    schema.down(1).await.unwrap();
    let path = directory.path().join("data/flow-runner.db");
    let connection = sea_orm::Database::connect(format!("sqlite://{}", path.display())).await.unwrap();
    let ann = "INSERT INTO recipients (id, account_id, phone, conversation, version, counter, created_at, updated_at)
        VALUES ('ann', 'acme', '1', '{}', 7, 1, 0, 0)";
    connection.execute_unprepared(ann).await.unwrap();
    schema.up().await.unwrap();
    let known = "SELECT id || ' ' || phone FROM recipients WHERE version = 7 AND merged_into IS NULL";
    assert_eq!(texts(&connection, known).await, ["ann 1"]);
}

/// A program that is newer than its schema says so instead of failing later.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_schema_is_refused_where_migrating_is_off() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(&directory);
    settings.migrate = false;
    let clock = std::sync::Arc::new(shared::SystemClock::default());
    let refused = backends::connect(&settings, clock, tokio_util::sync::CancellationToken::new()).await;
    assert!(matches!(refused, Err(backends::ConnectError::OldSchema(count)) if count >= 2));
}
