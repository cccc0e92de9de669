//! `config`: settings, without anything else.

use crate::{
    done, items, output, refused, run, shown,
    support::{APP_SECRET, Installation, TOKEN},
};
use serde_json::Value;

fn installation() -> Installation {
    Installation::new("http://127.0.0.1:1", &[("SESSION_TTL", "2h")])
}

#[tokio::test]
async fn each_setting_is_shown_with_its_source_and_no_secret() {
    let installation = installation();
    let file = installation.directory.path().join("flow-runner.toml");
    std::fs::write(&file, "partitions = 8\n[session]\nttl = \"1h\"\n").expect("written");
    let args = ["config", "show", "--sources", "--data-dir", "elsewhere"];
    let shown_all = done(&installation, &args);
    let of = |key: &str| {
        let item = items(&shown_all).iter().find(|item| item["key"] == key).expect("a setting");
        [&item["value"], &item["source"]].map(|text| text.as_str().expect("a text").to_owned())
    };
    assert_eq!(of("session.ttl"), ["2h", "environment variable SESSION_TTL"]);
    assert_eq!(of("partitions"), ["8", "flow-runner.toml"]);
    assert_eq!(of("data_dir"), ["elsewhere", "--data-dir"]);
    assert_eq!(of("send.attempts"), ["8", "default"]);
    assert_eq!(of("whatsapp.app_secret")[0], "********");
    let text = shown(&installation, &args);
    assert!(text.contains("environment variable SESSION_TTL") && !text.contains(APP_SECRET) && !text.contains(TOKEN));
    assert!(!shown(&installation, &["config", "show"]).contains("environment variable"));
    assert!(!installation.data_dir().exists(), "nothing but settings is looked at");
}

#[tokio::test]
async fn all_that_is_wrong_is_named_at_once() {
    let mut installation = installation();
    assert_eq!(run(&installation, &["config", "check"], "").0, 0);
    for (name, value) in [
        ("SESSION_TTL", "soon"),
        ("SEND_ATTEMPTS", "0"),
        ("FLOW_RUNNER__SEND__ATEMPTS", "3"),
        ("WHATSAPP_APP_SECRET", ""),
        ("WHATSAPP_ACCESS_TOKEN", ""),
    ] {
        installation.set(name, value);
    }
    let (code, found) = run(&installation, &["config", "check"], "");
    let findings = found["findings"].as_array().expect("findings");
    assert_eq!((code, findings.len()), (2, 5), "{findings:#?}");
    let names =
        ["SESSION_TTL", "SEND_ATTEMPTS", "FLOW_RUNNER__SEND__ATEMPTS", "WHATSAPP_APP_SECRET", "belong together"];
    let text = String::from_utf8(output(&installation, &["config", "check"], "").stdout).expect("text");
    assert!(names.iter().all(|name| text.contains(name)), "{text}");
    assert_eq!(refused(&installation, &["config", "show"]).0, 2, "an unknown key");
}

#[tokio::test]
async fn a_slip_in_a_name_is_warned_of_and_stops_nothing() {
    let mut installation = installation();
    installation.set("FLOW_RUNNER_SERVICE_HOST", "10.0.0.1");
    let (code, checked) = run(&installation, &["config", "check"], "");
    assert_eq!((code, checked["warnings"].as_array().map(Vec::len)), (0, Some(0)));
    installation.set("WHATSAPP_PHONE_NUMBR_ID", "1");
    let said = shown(&installation, &["config", "check"]);
    assert!(said.contains("warning: WHATSAPP_PHONE_NUMBR_ID is set and has no effect"), "{said}");
    // A process that serves says so too, before it finds that nothing can be kept here.
    installation.set("FLOW_RUNNER_DATA_DIR", "/dev/null/data");
    installation.set("RUST_LOG", "warn");
    let served = output(&installation, &["serve"], "");
    let log = [served.stdout, served.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(log.contains("is WHATSAPP_PHONE_NUMBER_ID meant?"), "{log}");
}

#[tokio::test]
async fn the_example_of_an_environment_is_one() {
    let installation = installation();
    let text = shown(&installation, &["config", "env"]);
    let variables: Vec<(&str, &str)> =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once('=').expect("NAME=")).collect();
    let listed = done(&installation, &["config", "env"]);
    let names: Vec<&Value> = items(&listed).iter().map(|item| &item["variable"]).collect();
    assert_eq!(variables.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
    let mut command = installation.command(&["config", "check"]);
    command.env_clear().envs(variables).env("WHATSAPP_APP_SECRET", "s").env("WHATSAPP_WEBHOOK_VERIFY_TOKEN", "v");
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
