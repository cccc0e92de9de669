//! What holds only where something is embedded: one process has the data directory, and does everything.

use crate::{
    settings::{installation, refused},
    support::{
        free_address,
        stage::{Stage, person},
    },
};

#[tokio::test]
async fn a_role_alone_is_refused_where_queues_live_in_one_process() {
    for role in ["worker", "gateway", "sender", "gateway,worker"] {
        let said = refused(installation().await.command(&["serve", "--role", role]));
        assert!(said.contains("--role"), "{role}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_data_says_so_and_ends() {
    let mut stage = Stage::set(&[]).await;
    let mut second = stage.installation.command(&["serve"]);
    second.env("FLOW_RUNNER_LISTEN", free_address().to_string());
    let output = second.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("in use by another flow-runner process"), "{said}");

    stage.writes(&person(1), "one").await;
    stage.until_received(&person(1), &["one"]).await;
    stage.installation.terminate().await;
}
