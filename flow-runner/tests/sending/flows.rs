//! A change of a flow is in force at once in the process that made it.

use crate::support::stage::{Stage, person, says};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_changed_stopped_or_deleted_flow_is_so_for_the_very_next_message() {
    let stage = Stage::set(&[]).await;
    let kim = person(1);
    let mut expected: Vec<String> = Vec::new();
    for round in 0..5 {
        let (word, first, second) = (format!("word {round}"), format!("first {round}"), format!("second {round}"));
        let saved = stage.installation.save_flow(&word, &[&word], says(&first)).await;
        stage.writes(&kim, &word).await;
        until_handled(&stage, 5 * round + 1).await;
        stage.installation.change_flow(json!({ "id": saved["id"], "automationJson": says(&second) })).await;
        stage.writes(&kim, &word).await;
        expected.extend([first, second.clone()]);
        until_handled(&stage, 5 * round + 2).await;

        stage.installation.change_flow(json!({ "id": saved["id"], "status": "INACTIVE" })).await;
        stage.writes(&kim, &word).await;
        until_handled(&stage, 5 * round + 3).await;
        stage.installation.change_flow(json!({ "id": saved["id"], "status": "ACTIVE" })).await;
        stage.writes(&kim, &word).await;
        expected.push(second);
        until_handled(&stage, 5 * round + 4).await;

        stage.installation.delete_flow(saved["id"].as_str().expect("an id")).await;
        stage.writes(&kim, &word).await;
        until_handled(&stage, 5 * round + 5).await;
    }
    let texts: Vec<&str> = expected.iter().map(String::as_str).collect();
    stage.until_received(&kim, &texts).await;
    stage.installation.until_settled().await;
    assert_eq!(stage.received(&kim), expected);
}

/// What was written before a change belongs to what was before it: the change waits for it.
async fn until_handled(stage: &Stage, messages: usize) {
    let handled = "SELECT count(*) FROM messages WHERE state = 'handled'";
    stage.installation.until(handled, &messages.to_string()).await;
}
