//! What is known of the command line, for shells and for people.

use crate::{
    done, refused, shown,
    support::{Installation, whatsapp},
};
use serde_json::json;
use whatsapp_simulator::Statuses;

#[tokio::test(flavor = "multi_thread")]
async fn completions_and_manual_pages_know_every_command() {
    let whatsapp = whatsapp(Statuses::None).await;
    let installation = Installation::new(&whatsapp.url(), &[]);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = shown(&installation, &["completions", shell]);
        assert!(script.contains("dead-letters") && script.contains("rotate-key"), "{shell}");
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let place = directory.path().join("man1").display().to_string();
    let pages = done(&installation, &["man", &place])["pages"].clone();
    for page in ["flow-runner.1", "flow-runner-dead-letters-replay.1", "flow-runner-accounts-rotate-key.1"] {
        assert!(pages.as_array().expect("pages").contains(&json!(page)), "{page}: {pages}");
        let text = std::fs::read_to_string(format!("{place}/{page}")).expect("a page");
        assert!(text.contains(".SH NAME"), "{page}");
    }
    assert_eq!(refused(&installation, &["completions", "tcsh"]).0, 2);
    assert_eq!(refused(&installation, &["man", "/proc/nowhere"]).0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_rotated_and_the_old_one_ends() {
    let whatsapp = whatsapp(Statuses::None).await;
    let mut installation = Installation::new(&whatsapp.url(), &[]);
    installation.start().await;
    let made = done(&installation, &["accounts", "create", "Shop"]);
    let flows = async |key: &serde_json::Value| {
        let url = installation.url("/api/whatsapp/flow");
        let asked = installation.http.get(url).bearer_auth(key.as_str().expect("a key")).send();
        asked.await.expect("an answer").status().as_u16()
    };
    assert_eq!(flows(&made["apiKey"]).await, 200);
    let id = made["accountId"].as_str().expect("an id");
    let rotated = done(&installation, &["accounts", "rotate-key", id, "--grace", "0s"]);
    assert_eq!(rotated["accountId"], made["accountId"]);
    assert_eq!(flows(&rotated["apiKey"]).await, 200);
    installation.until_known().await;
    assert_eq!(flows(&made["apiKey"]).await, 401);
    let (code, said) = refused(&installation, &["accounts", "rotate-key", "nobody"]);
    assert!(code == 1 && said.contains("accounts list"), "{said}");
}
