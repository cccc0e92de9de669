//! The body of `POST /{version}/{phone_number_id}/messages` (Cloud API reference, "Messages").

use flow_engine::{Choice, Content, MediaSource};
use serde_json::{Map, Value, json};
use shared::job::ClaimedJob;

/// The request for a claimed job, with what is sent of it. `tag` comes back in every status of the message.
#[must_use]
pub fn request(job: &ClaimedJob, sent: &Content, tag: &str) -> Value {
    let (kind, object) = content(sent);
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

#[cfg(test)]
mod tests {
    use super::*;
    use flow_engine::{Catalog, Conversation, Flow, FlowStatus, FlowVersion, Flows, Input, Reply, Rules, advance};
    use flow_engine::{Timestamp, VersionId, parse_triggers};
    use testkit::{jobs::claimed_job, meta_api::SendSchema};

    fn sent(job: &ClaimedJob) -> Value {
        request(job, &job.content, "tag.1")
    }

    /// What a flow of these steps sends, as far as it goes by itself.
    fn sent_by(steps: &Value) -> Vec<Value> {
        let flow = Flow {
            id: "own".into(),
            status: FlowStatus::Active,
            triggers: parse_triggers(&json!(["go"])),
            recipients: Vec::new(),
            created_at: Timestamp(0),
            version: FlowVersion::parse(VersionId(i64::MAX), "own".into(), steps).into(),
        };
        let catalog = Catalog::new(vec![flow]);
        let input = Input {
            phone_number_id: "1".into(),
            sender: vec!["4915112345678".into()],
            context_id: None,
            reply: Reply::Text("go".into()),
            at: Timestamp(0),
        };
        let flows = Flows { catalog: &catalog, pinned: &[] };
        let done = advance(&Conversation::default(), &input, flows, Rules::default());
        done.sends.into_iter().map(|send| sent(&claimed_job(send.content))).collect()
    }

    fn question(labels: usize) -> Value {
        let buttons: Vec<Value> =
            (1..=labels).map(|n| json!({"label": format!("Option {n}"), "next": "end"})).collect();
        json!([{"id": "1", "type": "MessageAction", "message": "Which?", "header": "Choose", "footer": "Take your time",
                "listButton": "Show", "buttons": buttons}])
    }

    /// Files of each kind, by link and by id, and two templates.
    fn steps_without_a_question() -> Value {
        let components = json!([
            {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://example.com/a.jpg"}}]},
            {"type": "body", "parameters": [{"type": "text", "text": "Ann"}]},
            {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": [{"type": "payload", "payload": "yes"}]},
        ]);
        let mut steps = vec![
            json!({"id": "0", "type": "ImageMessage", "file": "https://example.com/a.jpg", "message": "A picture", "next": "1"}),
            json!({"id": "1", "type": "ImageMessage", "file": "media:1", "next": "2"}),
            json!({"id": "2", "type": "VideoMessage", "file": "https://example.com/a.mp4", "message": "A video", "next": "3"}),
            json!({"id": "3", "type": "VideoMessage", "file": "media:2", "next": "4"}),
            json!({"id": "4", "type": "AudioMessage", "file": "https://example.com/a.ogg", "message": "No caption", "next": "5"}),
            json!({"id": "5", "type": "AudioMessage", "file": "media:3", "next": "6"}),
            json!({"id": "6", "type": "DocumentMessage", "file": "https://example.com/a%20b.pdf", "message": "A file", "next": "7"}),
            json!({"id": "7", "type": "DocumentMessage", "file": "media:4", "filename": "Terms.pdf", "next": "8"}),
            json!({"id": "8", "type": "TemplateMessage", "template": "hello_world", "next": "9"}),
            json!({"id": "9", "type": "TemplateMessage", "template": "order_update", "language": "de", "components": components, "next": "10"}),
        ];
        steps.push(json!({"id": "10", "type": "MessageAction", "message": "That was all."}));
        steps.into()
    }

    #[test]
    fn each_kind_has_its_own_object_and_nothing_else() {
        let sent = sent_by(&steps_without_a_question());
        let objects: Vec<&Value> = sent.iter().map(|body| &body[body["type"].as_str().unwrap()]).collect();
        assert_eq!(*objects[0], json!({"link": "https://example.com/a.jpg", "caption": "A picture"}));
        assert_eq!(*objects[1], json!({"id": "1"}));
        assert_eq!(*objects[2], json!({"link": "https://example.com/a.mp4", "caption": "A video"}));
        assert_eq!(*objects[4], json!({"link": "https://example.com/a.ogg"}));
        let file = json!({"link": "https://example.com/a%20b.pdf", "caption": "A file", "filename": "a b.pdf"});
        assert_eq!(*objects[6], file);
        assert_eq!(*objects[7], json!({"id": "4", "filename": "Terms.pdf"}));
        assert_eq!(*objects[8], json!({"name": "hello_world", "language": {"code": "en_US"}}));
        assert_eq!(objects[9]["components"][2]["sub_type"], "quick_reply");
        assert_eq!(*objects[10], json!({"body": "That was all."}));
        let types: Vec<&str> = sent.iter().map(|body| body["type"].as_str().unwrap()).collect();
        let kinds = ["image", "video", "audio", "document", "template"].map(|kind| [kind, kind]).concat();
        assert_eq!(types[..10], kinds);
    }

    #[test]
    fn up_to_three_options_are_buttons_and_more_are_a_list() {
        for (labels, kind) in [(1, "button"), (3, "button"), (4, "list"), (10, "list")] {
            let sent = sent_by(&question(labels));
            let question = &sent[0]["interactive"];
            assert_eq!(question["type"], kind, "{labels} options");
            assert_eq!(question["header"], json!({"type": "text", "text": "Choose"}));
            assert_eq!(question["footer"], json!({"text": "Take your time"}));
        }
        let list = &sent_by(&question(4))[0]["interactive"]["action"];
        assert_eq!(list["button"], "Show");
        assert_eq!(list["sections"][0]["rows"][3]["title"], "Option 4");
    }

    #[test]
    fn to_the_phone_where_it_is_known_else_to_the_user_id() {
        let text = || Content::Text { body: "Hello".into() };
        let to = |phone: Option<&str>, bsuid: Option<&str>| {
            let job =
                ClaimedJob { phone: phone.map(str::to_owned), bsuid: bsuid.map(str::to_owned), ..claimed_job(text()) };
            let body = sent(&job);
            (body.get("to").cloned(), body.get("recipient").cloned())
        };
        assert_eq!(to(Some("4915112345678"), Some("DE.1")), (Some(json!("+4915112345678")), None));
        assert_eq!(to(None, Some("DE.1")), (None, Some(json!("DE.1"))));
    }

    #[test]
    fn whatever_is_sent_is_as_meta_describes_it() {
        let Some(schema) = SendSchema::beside_this_repository() else { return };
        let longest = "W".repeat(24);
        let long = json!([{"id": "1", "type": "MessageAction", "message": "Which?", "buttons": [{"label": longest}]}]);
        let flows = [steps_without_a_question(), question(1), question(3), question(4), question(10), long];
        for body in flows.iter().flat_map(sent_by) {
            assert_eq!(schema.faults(&body), [""; 0], "{body:#}");
        }
        let to_user =
            ClaimedJob { phone: None, bsuid: Some("DE.1".into()), ..claimed_job(Content::Text { body: "Hi".into() }) };
        assert_eq!(schema.faults(&sent(&to_user)), [""; 0]);
        // The check can fail.
        let faulty = json!({"messaging_product": "whatsapp", "recipient_type": "individual", "type": "text", "text": {"body": 7}});
        assert_eq!(schema.faults(&faulty).len(), 2, "{:?}", schema.faults(&faulty));
    }
}
