//! The demo's flows: documents of the original's form.

use crate::document::{self, Document};
use backends::Backends;

const SAMPLES: [(&str, &str); 3] = [
    ("test.json", include_str!("../../samples/test.json")),
    ("bakery.json", include_str!("../../samples/bakery.json")),
    ("tour.json", include_str!("../../samples/tour.json")),
];

/// Imports the samples.
pub async fn load(backends: &Backends) -> anyhow::Result<()> {
    let mut documents: Vec<Document> = Vec::new();
    for (file, text) in SAMPLES {
        for document in document::parse(text, file)? {
            documents.push(document?);
        }
    }
    crate::operator::import_flows(backends, documents).await
}
