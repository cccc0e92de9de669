//! Wrong settings stop the start, and say which and why.

use crate::support::{Installation, whatsapp};
use std::process::Command;
use whatsapp_simulator::Statuses;

/// Runs a command that must end at once as wrong usage; what it said.
pub fn refused(mut command: Command) -> String {
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{command:?}: {said}");
    said
}

/// One whose settings are right.
pub async fn installation() -> Installation {
    Installation::new(&whatsapp(Statuses::None).await.url(), &[])
}

#[tokio::test]
async fn a_wrong_value_names_its_variable_and_ends_with_2() {
    let installation = installation().await;
    for (name, value, key) in [
        ("FLOW_RUNNER_PARTITIONS", "many", "partitions"),
        ("FLOW_RUNNER_PARTITIONS", "0", "partitions"),
        ("FLOW_RUNNER_LISTEN", "8080", "listen"),
        ("FLOW_RUNNER_ADMIN_KEY", "short", "admin_key"),
        ("FLOW_RUNNER_ENCRYPTION_KEY", "not base64", "encryption_key"),
        ("FLOW_RUNNER_API_KEY", "short", "api_key"),
        ("WHATSAPP_NUMBER_RATE", "-1", "number_rate"),
        ("WHATSAPP_PAIR_RATE", "maybe", "pair_rate"),
        ("WHATSAPP_API_BASE_URL", "graph.facebook.com", "api_base_url"),
        ("WHATSAPP_API_VERSION", "26", "api_version"),
        ("SEND_ATTEMPTS", "often", "attempts"),
        ("SEND_MAX_AGE", "soon", "max_age"),
        ("UNKNOWN_OUTCOME_POLICY", "guess", "unknown_outcome_policy"),
        ("SESSION_TTL", "24", "ttl"),
        ("FLOW_RUNNER__SEND__UNKNOWN_WAIT", "long", "unknown_wait"),
    ] {
        let mut command = installation.command(&["serve"]);
        command.env(name, value);
        let said = refused(command);
        assert!(said.contains(key) && said.contains(name), "{name}={value}: {said}");
    }
}

#[tokio::test]
async fn an_unknown_key_is_named_wherever_it_stands() {
    let installation = installation().await;
    let mut command = installation.command(&["serve"]);
    command.env("FLOW_RUNNER__SEND__ATEMPTS", "3");
    let said = refused(command);
    assert!(said.contains("send.atempts") && said.contains("FLOW_RUNNER__SEND__ATEMPTS"), "{said}");

    let file = installation.directory.path().join("mine.toml");
    std::fs::write(&file, "[send]\natempts = 3\n").expect("written");
    let said = refused(installation.command(&["--config", &file.to_string_lossy(), "serve"]));
    assert!(said.contains("send.atempts") && said.contains("mine.toml"), "{said}");

    let said = refused(installation.command(&["serve", "--atempts", "3"]));
    assert!(said.contains("--atempts"), "{said}");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let installation = installation().await;
    for name in ["WHATSAPP_WEBHOOK_VERIFY_TOKEN", "WHATSAPP_APP_SECRET", "WHATSAPP_ACCESS_TOKEN"] {
        let mut command = installation.command(&["serve"]);
        command.env_remove(name);
        let said = refused(command);
        assert!(said.contains(name), "{name}: {said}");
    }
}

#[tokio::test]
async fn a_role_that_there_is_not_is_refused() {
    let said = refused(installation().await.command(&["serve", "--role", "cook"]));
    assert!(said.contains("--role") && said.contains("cook"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_partitions_than_at_the_first_start_is_refused() {
    let mut installation = installation().await;
    installation.set("FLOW_RUNNER_PARTITIONS", "4");
    installation.start().await;
    installation.terminate().await;
    installation.set("FLOW_RUNNER_PARTITIONS", "5");
    let said = refused(installation.command(&["serve"]));
    assert!(said.contains("FLOW_RUNNER_PARTITIONS is 5") && said.contains("made with 4"), "{said}");
}
