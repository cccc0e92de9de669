//! The examples gathered from Meta's and others' repositories, where they lie beside this one.

use crate::world::World;
use std::{collections::BTreeMap, path::Path};

/// Messages in which placeholders such as `PHONE_NUMBER` stand for the sender: nobody wrote those.
const NO_SENDER: [&str; 7] = [
    "msg_contacts__netflie.json",
    "msg_document__netflie.json",
    "msg_interactive_nfm_reply__netflie.json",
    "msg_order__netflie.json",
    "msg_sticker__netflie.json",
    "msg_system_user_changed_number__netflie.json",
    "msg_unknown__netflie.json",
];

fn expected(name: &str) -> &'static str {
    match name {
        name if NO_SENDER.contains(&name) => "unrecognized",
        name if name.starts_with("msg_interactive_button") || name.starts_with("msg_interactive_list") => "tap",
        name if name.starts_with("msg_button") => "quick_reply",
        name if name.starts_with("msg_text") => "text",
        name if ["msg_reaction", "msg_system", "msg_un", "msg_edit", "msg_revoke"]
            .iter()
            .any(|p| name.starts_with(p)) =>
        {
            "not_a_reply"
        }
        name if name.starts_with("msg_") => "wordless",
        name if name.starts_with("status_") => "status",
        _ => "other",
    }
}

#[tokio::test]
async fn every_sample_is_kept_as_what_it_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/meta/webhooks");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: there are no samples at {}", folder.display());
        return;
    };
    let world = World::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".json") {
            continue;
        }
        let taken = world.kept(std::fs::read(&path).unwrap()).await;
        assert_eq!(taken.len(), 1, "{name}");
        let body = &taken[0].body;
        let kind = match taken[0].kind.as_str() {
            "message" => body["reply"]["reply"].as_str().unwrap(),
            "kept" => body["kind"].as_str().unwrap(),
            other => other,
        };
        assert_eq!(kind, expected(&name), "{name}");
        *counts.entry(expected(&name)).or_default() += 1;
    }
    println!("{counts:?}");
}
