//! The examples gathered from Meta's and others' repositories, where they lie beside this one: each is answered 200 and
//! becomes exactly the events that its row in [`crate::sample_table`] says.

use crate::{sample_table::rows, words::became, world::World};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

#[tokio::test]
async fn every_sample_becomes_what_its_row_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/meta/webhooks");
    let Some(samples) = samples(&folder) else {
        println!("skipped: there are no samples at {}", folder.display());
        return;
    };
    let expected: BTreeMap<&str, &str> = rows().collect();
    assert_eq!(expected.len(), rows().count(), "two rows are of one sample");
    let names: BTreeSet<&str> = samples.keys().map(String::as_str).collect();
    assert_eq!(names, expected.keys().copied().collect(), "a sample has no row, or a row no sample");
    let world = World::new();
    for (name, path) in &samples {
        let became = became(&world, std::fs::read(path).unwrap()).await;
        assert_eq!(became, [expected[name.as_str()]], "{name}");
    }
}

/// The samples by name; `None` where there is no such folder.
fn samples(folder: &Path) -> Option<BTreeMap<String, PathBuf>> {
    let paths = std::fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path());
    let samples = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    Some(samples.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path)).collect())
}
