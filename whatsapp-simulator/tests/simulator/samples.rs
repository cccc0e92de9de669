//! Request bodies of Meta's documentation and of client libraries. They lie beside the repository, in
//! `../shared/meta/sends`; without that folder there is nothing to try.

use std::path::PathBuf;

use serde_json::Value;

use super::stage::{Stage, USER, code, silent};

fn samples() -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/meta/sends");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut samples: Vec<_> = files
        .map(|file| {
            // What the documentation left for its readers to fill in.
            let text = std::fs::read_to_string(file.path()).expect("a text");
            let text = text.replace("<http(s)://", "https://").replace("http(s)://", "https://");
            let text = text.replace("<HEADER_TYPE>", "text");
            (file.file_name().to_string_lossy().into_owned(), serde_json::from_str(&text).expect("JSON"))
        })
        .collect();
    samples.sort_by(|(one, _), (other, _)| one.cmp(other));
    samples
}

#[tokio::test]
async fn what_others_send_is_taken() {
    let stage = Stage::set(silent()).await;
    for (name, mut body) in samples() {
        // Read receipts are for nobody; what else there is has a placeholder where the phone belongs.
        if body.get("to").is_some() {
            body["to"] = USER.into();
        }
        let (status, answer) = stage.send(&body).await;
        assert_eq!((code(&answer), status), (0, 200), "{name}: {answer}\n{body:#}");
    }
}
