//! What every program with one role promises of its command line.

use std::process::{Command, Output};

fn run(program: &str, args: &[&str], settings: &[(&str, &str)]) -> (Output, String) {
    let directory = std::env::temp_dir();
    let mut command = Command::new(program);
    let output = command.args(args).env_clear().envs(settings.iter().copied()).current_dir(directory).output();
    let output = output.expect("the program starts");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // However wide the terminal is taken to be.
    let words: Vec<&str> = said.split_whitespace().collect();
    let said = words.join(" ");
    (output, said)
}

/// It says what it is, and what it doesn't understand.
pub fn assert_explains_itself(program: &str, name: &str) {
    let (output, said) = run(program, &["--help"], &[]);
    assert!(output.status.success() && said.contains(&format!("Usage: {name}")), "{said}");
    assert!(said.contains("--config <FILE>") && said.contains("config env"), "{said}");
    let (output, said) = run(program, &["--version"], &[]);
    assert!(output.status.success() && said.starts_with(name), "{said}");
    let (output, said) = run(program, &["--role", "cook"], &[]);
    assert_eq!(output.status.code(), Some(2), "{said}");
}

/// Alone on embedded queues or an embedded record it would wait for others for ever.
pub fn assert_refuses_what_can_not_work(program: &str, name: &str) {
    let amqp = ("AMQP_URL", "amqp://127.0.0.1:1");
    let database = ("DATABASE_URL", "postgres://127.0.0.1:1/none");
    for settings in [&[][..], &[amqp], &[database], &[amqp, ("DATABASE_URL", "sqlite:///tmp/none.db")]] {
        let (output, said) = run(program, &[], settings);
        assert_eq!(output.status.code(), Some(2), "{settings:?}: {said}");
        assert!(said.contains(name) && said.contains("flow-runner serve"), "{settings:?}: {said}");
    }
    let (output, said) = run(program, &[], &[amqp, database, ("FLOW_RUNNER_PARTITIONS", "many")]);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("FLOW_RUNNER_PARTITIONS"), "{said}");
    let key = ("FLOW_RUNNER_ENCRYPTION_KEY", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=");
    let (output, said) = run(program, &[], &[("AMQP_URL", "amqp:canary"), database, key]);
    assert!(!output.status.success() && !said.contains("canary"), "{said}");
    // What tokens are encrypted with can't be made up by each process for itself.
    let (output, said) = run(program, &[], &[amqp, database]);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("FLOW_RUNNER_ENCRYPTION_KEY"), "{said}");
}
