//! Commands as operators type them.

use crate::support::Installation;
use serde_json::Value;
use std::{
    io::Write as _,
    process::{Output, Stdio},
};

/// Runs a command with this on its standard input.
pub fn output(installation: &Installation, args: &[&str], input: &str) -> Output {
    let mut command = installation.command(args);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    // A command that doesn't read it may have ended.
    drop(child.stdin.take().expect("an input").write_all(input.as_bytes()));
    child.wait_with_output().expect("it ends")
}

/// Runs a command; its exit code, its JSON.
pub fn run(installation: &Installation, args: &[&str], input: &str) -> (i32, Value) {
    let output = output(installation, &[args, &["--json"]].concat(), input);
    let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().expect("a code"), json)
}

/// Runs a command that must do what it is told; its JSON.
pub fn done(installation: &Installation, args: &[&str]) -> Value {
    let output = output(installation, &[args, &["--json"]].concat(), "");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// The same, as people see it.
pub fn shown(installation: &Installation, args: &[&str]) -> String {
    let output = output(installation, args, "");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Runs a command that must fail; its exit code and what it says.
pub fn refused(installation: &Installation, args: &[&str]) -> (i32, String) {
    let output = output(installation, args, "");
    (output.status.code().expect("a code"), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The items of a list.
pub fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().expect("items")
}
