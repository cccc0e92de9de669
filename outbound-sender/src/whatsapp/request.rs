//! The body of `POST /{version}/{phone_number_id}/messages` (Cloud API reference, "Messages").

use flow_engine::{Choice, Content, MediaSource};
use serde_json::{Map, Value, json};
use shared::job::ClaimedJob;

/// The request for a claimed job. `tag` comes back in every status of the message.
#[must_use]
pub fn request(job: &ClaimedJob, tag: &str) -> Value {
    let (kind, object) = content(&job.content);
    let mut body = Map::new();
    body.insert("messaging_product".into(), "whatsapp".into());
    body.insert("recipient_type".into(), "individual".into());
    match (&job.phone, &job.bsuid) {
        // Without the plus sign Meta puts the business's own country code in front.
        (Some(phone), _) => body.insert("to".into(), format!("+{}", phone.trim_start_matches('+')).into()),
        (None, Some(bsuid)) => body.insert("recipient".into(), bsuid.as_str().into()),
        (None, None) => None,
    };
    body.insert("type".into(), kind.into());
    body.insert(kind.into(), object);
    body.insert("biz_opaque_callback_data".into(), tag.into());
    Value::Object(body)
}

fn content(content: &Content) -> (&'static str, Value) {
    match content {
        Content::Text { body } => ("text", json!({ "body": body })),
        Content::Buttons { header, body, footer, buttons } => {
            let buttons: Vec<Value> = buttons
                .iter()
                .map(|Choice { id, title }| json!({ "type": "reply", "reply": { "id": id, "title": title } }))
                .collect();
            ("interactive", interactive("button", header, body, footer, json!({ "buttons": buttons })))
        }
        Content::List { header, body, footer, open, rows } => {
            let rows: Vec<Value> =
                rows.iter().map(|Choice { id, title }| json!({ "id": id, "title": title })).collect();
            let action = json!({ "button": open, "sections": [{ "title": open, "rows": rows }] });
            ("interactive", interactive("list", header, body, footer, action))
        }
        Content::Image { source, caption } => ("image", media(source, caption.as_deref(), None)),
        Content::Video { source, caption } => ("video", media(source, caption.as_deref(), None)),
        Content::Audio { source } => ("audio", media(source, None, None)),
        Content::Document { source, caption, filename } => {
            ("document", media(source, caption.as_deref(), filename.as_deref()))
        }
        Content::Template { name, language, components } => ("template", template(name, language, components)),
    }
}

fn interactive(kind: &str, header: &Option<String>, body: &str, footer: &Option<String>, action: Value) -> Value {
    let mut object = Map::new();
    object.insert("type".into(), kind.into());
    if let Some(header) = header {
        object.insert("header".into(), json!({ "type": "text", "text": header }));
    }
    object.insert("body".into(), json!({ "text": body }));
    if let Some(footer) = footer {
        object.insert("footer".into(), json!({ "text": footer }));
    }
    object.insert("action".into(), action);
    Value::Object(object)
}

fn template(name: &str, language: &str, components: &[Value]) -> Value {
    let mut object = json!({ "name": name, "language": { "code": language } });
    if !components.is_empty() {
        object["components"] = components.into();
    }
    object
}

fn media(source: &MediaSource, caption: Option<&str>, filename: Option<&str>) -> Value {
    let mut object = Map::new();
    match source {
        MediaSource::Link(link) => object.insert("link".into(), link.as_str().into()),
        MediaSource::Id(id) => object.insert("id".into(), id.as_str().into()),
    };
    if let Some(caption) = caption {
        object.insert("caption".into(), caption.into());
    }
    if let Some(filename) = filename {
        object.insert("filename".into(), filename.into());
    }
    Value::Object(object)
}
