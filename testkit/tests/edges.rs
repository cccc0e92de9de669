//! The edges between the crates: imports run one way, and drivers stay where they belong.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each crate, what of ours it may stand on, and what of others' it must not.
const CRATES: [(&str, &[&str], &[&str]); 10] = [
    ("flow-engine", &[], &["tokio", "lapin", "redis", "sea-orm", "axum", "reqwest", "async-trait", "tracing"]),
    ("shared", &["flow-engine"], &["lapin", "redis", "sea-orm", "axum", "reqwest"]),
    ("migrations", &[], &["lapin", "redis", "axum", "reqwest"]),
    ("backends", &["flow-engine", "shared", "migrations"], &["axum", "reqwest"]),
    ("webhook-gateway", &["flow-engine", "shared", "backends"], &["lapin", "redis", "sea-orm", "reqwest"]),
    ("flow-worker", &["flow-engine", "shared", "backends"], &["lapin", "redis", "sea-orm", "axum", "reqwest"]),
    ("outbound-sender", &["flow-engine", "shared", "backends"], &["lapin", "redis", "sea-orm", "axum"]),
    ("whatsapp-simulator", &[], &["lapin", "redis", "sea-orm"]),
    (
        "flow-runner",
        &[
            "flow-engine",
            "shared",
            "backends",
            "webhook-gateway",
            "flow-worker",
            "outbound-sender",
            "whatsapp-simulator",
        ],
        &["lapin", "redis", "sea-orm"],
    ),
    ("testkit", &["flow-engine", "shared"], &["lapin", "redis", "sea-orm"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

/// The names under `[dependencies]` of a crate.
fn dependencies(name: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(name).join("Cargo.toml")).expect("a manifest");
    let mut inside = false;
    let mut found = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[dependencies]";
        } else if inside && !line.starts_with('#') {
            let name: String = line.chars().take_while(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
            if !name.is_empty() {
                found.insert(name);
            }
        }
    }
    found
}

/// Rust files under a directory.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_crate_of_the_workspace_has_its_edges_here() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace");
    let members = manifest.split("members = [").nth(1).and_then(|rest| rest.split(']').next()).expect("members");
    let members: BTreeSet<&str> = members.split('"').skip(1).step_by(2).collect();
    assert_eq!(members, CRATES.iter().map(|(name, ..)| *name).collect());
}

#[test]
fn crates_stand_only_on_those_below_them() {
    let ours: BTreeSet<&str> = CRATES.iter().map(|(name, ..)| *name).collect();
    for (name, may, must_not) in CRATES {
        for dependency in dependencies(name) {
            let allowed = !ours.contains(dependency.as_str()) || may.contains(&dependency.as_str());
            assert!(allowed, "{name} must not stand on {dependency}");
            assert!(!must_not.contains(&dependency.as_str()), "{name} must not know {dependency}");
        }
    }
}

#[test]
fn only_the_consumer_runner_settles_deliveries() {
    // The ports say what settling is, the backends do it; nobody but the runner asks for it.
    let may = ["shared/src/runner/", "shared/src/ports/queue.rs", "backends/src/"];
    for (name, ..) in CRATES.iter().filter(|(name, ..)| *name != "testkit") {
        for path in sources(&root().join(name).join("src")) {
            let relative = path.strip_prefix(root()).expect("inside").display().to_string();
            let text = fs::read_to_string(&path).expect("a source");
            let settles = [".ack(", ".give_back(", ".reject("].iter().any(|call| text.contains(call));
            assert!(!settles || may.iter().any(|place| relative.starts_with(place)), "{relative} settles deliveries");
        }
    }
}
