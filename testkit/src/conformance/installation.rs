//! What is fixed once for an installation.

use super::record::RecordHarness;

/// Another wish later changes nothing.
pub async fn partitions_are_fixed_at_the_first_start(record: &dyn RecordHarness) {
    let installation = &record.ports().installation;
    let fixed = installation.partitions(16).await.expect("partitions");
    for wanted in [1, 4, 256] {
        assert_eq!(installation.partitions(wanted).await.expect("partitions"), fixed);
    }
    assert_eq!(installation.fixed_partitions().await.expect("partitions"), Some(fixed));
}

/// Whoever comes first, and it is no constant.
pub async fn the_recipient_key_is_drawn_once(record: &dyn RecordHarness) {
    let installation = &record.ports().installation;
    let keys = tokio::join!(installation.recipient_key(), installation.recipient_key());
    let key = keys.0.expect("key");
    assert_eq!(key, keys.1.expect("key"));
    assert_eq!(key, installation.recipient_key().await.expect("key"));
    assert!(key.iter().any(|byte| *byte != key[0]), "{key:?}");
}

/// And says so.
pub async fn a_database_that_is_there_answers(record: &dyn RecordHarness) {
    record.ports().installation.ping().await.expect("ping");
}
