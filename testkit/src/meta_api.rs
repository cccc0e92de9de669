//! Checks what is sent against Meta's own description of it.
//!
//! The description is Meta's OpenAPI file of its Business Messaging API, v23.0. It is not part of this repository: tests
//! read it where it lies beside it, and say so where it doesn't.

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fs, path::Path};

/// Where the file is looked for.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/meta/openapi-v23.0.json");
const SCHEMAS: &str = "#/components/schemas/";

/// Meta's description of `POST /{version}/{phone_number_id}/messages`, one validator for each `type`.
pub struct SendSchema {
    by_type: BTreeMap<String, Validator>,
}

impl SendSchema {
    /// `None`, and a word about it, where the file is missing.
    #[must_use]
    pub fn beside_this_repository() -> Option<Self> {
        if !Path::new(FILE).exists() {
            eprintln!("Meta's OpenAPI file is not at {FILE}: requests are not checked against it");
            return None;
        }
        let text = fs::read_to_string(FILE).expect("a file that is there can be read");
        let document: Value = serde_json::from_str(&text).expect("Meta's file is JSON");
        let types = document.pointer("/components/schemas/Message/discriminator/mapping").and_then(Value::as_object);
        let by_type = types.expect("Meta's file lists the types of messages").iter().map(|(name, schema)| {
            let schema = schema.as_str().and_then(|reference| schema_of(&document, reference));
            let merged = merged(&document, schema.expect("a schema for each type"));
            (name.clone(), jsonschema::validator_for(&merged).expect("Meta's schema is one"))
        });
        Some(Self { by_type: by_type.collect() })
    }

    /// All that Meta's description says against this body.
    #[must_use]
    pub fn faults(&self, body: &Value) -> Vec<String> {
        let name = body["type"].as_str().unwrap_or_default();
        let Some(schema) = self.by_type.get(name) else { return vec![format!("Meta knows no type {name:?}")] };
        schema.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }
}

fn schema_of<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    document.pointer(&format!("/components/schemas/{}", reference.strip_prefix(SCHEMAS)?))
}

/// One schema for one type. Meta's joins `allOf` with `additionalProperties: false`, which no body can pass as written: its
/// branches are merged. And the file is behind Meta's documentation in four places, where the latter counts:
///
/// - business-scoped user ids: `recipient` may stand in the place of `to` (page "Business-scoped user IDs", 2026);
/// - `biz_opaque_callback_data`, up to 512 characters, comes back in statuses (page "Messages");
/// - a template's language needs no `policy`: `deterministic` is its only value (page "Templates");
/// - a template's buttons are counted from 0 (the same page, and the file's own examples); its pattern refuses 0 and 1.
fn merged(document: &Value, schema: &Value) -> Value {
    let mut properties = Map::new();
    let mut required = vec![];
    for branch in schema["allOf"].as_array().expect("a message's schema has branches") {
        let branch = branch["$ref"].as_str().and_then(|reference| schema_of(document, reference)).unwrap_or(branch);
        properties.extend(branch["properties"].as_object().cloned().unwrap_or_default());
        required.extend(branch["required"].as_array().cloned().unwrap_or_default());
    }
    properties.insert("recipient".into(), json!({"type": "string"}));
    properties.insert("biz_opaque_callback_data".into(), json!({"type": "string", "maxLength": 512}));
    required.retain(|name| name != "to");
    let mut components = document["components"].clone();
    let language = components.pointer_mut("/schemas/LanguageObject/required").and_then(Value::as_array_mut);
    language.expect("a language has required fields").retain(|name| name != "policy");
    let index = components.pointer_mut("/schemas/TemplateComponent/properties/index").and_then(Value::as_object_mut);
    index.expect("a template's component has an index").remove("pattern").expect("with a pattern");
    json!({
        "type": "object", "additionalProperties": false, "properties": properties, "required": required,
        "anyOf": [{"required": ["to"]}, {"required": ["recipient"]}], "components": components,
    })
}
