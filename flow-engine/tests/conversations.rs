//! Plays every conversation under `tests/conversations` against the engine. How one is written: `tests/player/mod.rs`.

mod player;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations")
}

/// All conversations in a folder, by name.
fn conversations(folder: &Path) -> BTreeSet<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeSet::new() };
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    files.filter(|file| file.extension().is_some_and(|ending| ending == "txt")).collect()
}

#[test]
fn every_step_type_has_a_conversation() {
    for step_type in flow_engine::STEP_TYPES {
        let folder = root().join(step_type);
        assert!(!conversations(&folder).is_empty(), "no conversation in {}", folder.display());
    }
}

#[test]
fn conversations_go_as_they_are_written() {
    let mut folders: Vec<&str> = flow_engine::STEP_TYPES.to_vec();
    folders.push("rules");
    let mut wrong = Vec::new();
    for file in folders.iter().flat_map(|folder| conversations(&root().join(folder))) {
        let text = fs::read_to_string(&file).expect("a conversation that is there can be read");
        if let Err(what) = player::play(&text, &root().join("flows")) {
            wrong.push(format!("{}\n{what}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_conversation_that_goes_otherwise_is_told_with_its_line() {
    let flow = r#"save {"id": "hello", "triggers": ["hi"], "steps": [
  {"id": "1", "type": "ImageMessage", "file": "https://example.com/a.jpg", "next": "2"},
  {"id": "2", "type": "NoSuchStep"}
]}
"#;
    for (script, expected) in [
        ("> text hi\n! skipped 2: unknown type \"NoSuchStep\"", "line 5: sent also: image https://example.com/a.jpg"),
        ("> text hi\n< image https://example.com/a.jpg", "line 5: recorded also: skipped 2"),
        ("> text hi\n< text \"Hello\"", "line 6: expected text \"Hello\", got image https://example.com/a.jpg"),
        ("> text ho\n< text \"Hello\"", "line 6: expected text \"Hello\", got nothing"),
        ("> text ho\n! double tap", "line 6: expected the note double tap"),
        ("> text ho\n= waits at 1", "line 6: expected waits at 1"),
        ("> text ho\n> tap Yes", "line 6: no message shows \"Yes\""),
        ("> wave", "line 5: nobody says \"wave\""),
        ("+ soon", "line 5: \"soon\" is no time"),
        ("dance", "line 5: \"dance\" means nothing"),
    ] {
        let told = player::play(&format!("{flow}{script}"), &root()).expect_err("this conversation goes otherwise");
        assert!(told.contains(expected), "{script}\n{told}");
    }
}
