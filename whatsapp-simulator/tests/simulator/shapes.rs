//! What Meta takes and what it doesn't, type by type.

use serde_json::{Value, json};

use super::stage::{Stage, USER, code, silent};

/// `0` = accepted.
type Case = (&'static str, Value, i64);

async fn play(kind: &str, cases: Vec<Case>) {
    let stage = Stage::set(silent()).await;
    let mut accepted = 0;
    for (name, content, expected) in cases {
        let body = json!({"messaging_product": "whatsapp", "to": USER, "type": kind, kind: content});
        let (status, answer) = stage.send(&body).await;
        assert_eq!(code(&answer), expected, "{kind}, {name}: {answer}");
        assert_eq!(status, if expected == 0 { 200 } else { 400 }, "{kind}, {name}");
        if expected == 0 {
            accepted += 1;
        } else {
            let refusal = stage.meta.refusals().pop().expect("a refusal");
            assert_eq!((refusal.code, refusal.to.as_deref()), (expected, Some(USER)), "{kind}, {name}");
            assert_eq!(answer["error"]["error_data"]["details"], refusal.details, "{kind}, {name}");
            assert_eq!(answer["error"]["error_data"]["messaging_product"], "whatsapp", "{kind}, {name}");
        }
    }
    assert_eq!(stage.meta.sends().len(), accepted, "only what was accepted is in the log");
}

fn long(length: usize) -> String {
    // Counted in characters, not in bytes.
    "ä".repeat(length)
}

#[tokio::test]
async fn text() {
    play(
        "text",
        vec![
            ("plain", json!({"body": "hello"}), 0),
            ("preview", json!({"body": "https://example.org", "preview_url": true}), 0),
            ("longest", json!({"body": long(4096)}), 0),
            ("too long", json!({"body": long(4097)}), 100),
            ("empty", json!({"body": ""}), 100),
            ("blank", json!({"body": " \n"}), 100),
            ("no body", json!({}), 131_008),
            ("body no string", json!({"body": 5}), 100),
            ("preview no boolean", json!({"body": "a", "preview_url": "yes"}), 100),
            ("unknown key", json!({"body": "a", "previewUrl": true}), 100),
            ("no object", json!("hello"), 131_009),
            ("null", Value::Null, 131_008),
        ],
    )
    .await;
}

fn buttons(buttons: Value) -> Value {
    json!({"type": "button", "body": {"text": "Well?"}, "action": {"buttons": buttons}})
}

fn button(id: &str, title: &str) -> Value {
    json!({"type": "reply", "reply": {"id": id, "title": title}})
}

fn with(mut content: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    content.pointer_mut(parent).expect("a parent")[key] = value;
    content
}

#[tokio::test]
async fn reply_buttons() {
    let good = || buttons(json!([button("1", "Yes"), button("2", "No")]));
    let many = |count: usize| -> Value { (0..count).map(|n| button(&n.to_string(), &format!("b{n}"))).collect() };
    play(
        "interactive",
        vec![
            ("two", good(), 0),
            ("three", buttons(many(3)), 0),
            ("none", buttons(many(0)), 131_009),
            ("four", buttons(many(4)), 131_009),
            ("longest title", buttons(json!([button("1", &long(20))])), 0),
            ("title too long", buttons(json!([button("1", &long(21))])), 131_009),
            ("title empty", buttons(json!([button("1", "")])), 131_009),
            ("longest id", buttons(json!([button(&long(256), "Yes")])), 0),
            ("id too long", buttons(json!([button(&long(257), "Yes")])), 131_009),
            ("id empty", buttons(json!([button("", "Yes")])), 131_009),
            ("same title twice", buttons(json!([button("1", "Yes"), button("2", "Yes")])), 131_009),
            ("same id twice", buttons(json!([button("1", "Yes"), button("1", "No")])), 131_009),
            ("other button type", buttons(json!([{"type": "url", "reply": {"id": "1", "title": "a"}}])), 131_009),
            ("no reply", buttons(json!([{"type": "reply"}])), 131_008),
            ("longest body", with(good(), "/body", json!({"text": long(1024)})), 0),
            ("body too long", with(good(), "/body", json!({"text": long(1025)})), 131_009),
            ("no body", with(good(), "/body", Value::Null), 131_008),
            ("longest footer", with(good(), "/footer", json!({"text": long(60)})), 0),
            ("footer too long", with(good(), "/footer", json!({"text": long(61)})), 131_009),
            ("longest header", with(good(), "/header", json!({"type": "text", "text": long(60)})), 0),
            ("header too long", with(good(), "/header", json!({"type": "text", "text": long(61)})), 131_009),
            ("picture above", with(good(), "/header", json!({"type": "image", "image": {"id": "1"}})), 0),
            ("no picture above", with(good(), "/header", json!({"type": "image"})), 131_008),
            ("sound above", with(good(), "/header", json!({"type": "audio", "audio": {"id": "1"}})), 131_009),
            ("no action", with(good(), "/action", Value::Null), 131_008),
            ("no type", with(good(), "/type", Value::Null), 131_008),
            ("unknown type", with(good(), "/type", json!("knobs")), 131_009),
        ],
    )
    .await;
}

fn row(id: &str) -> Value {
    json!({"id": id, "title": format!("Row {id}")})
}

fn list(sections: Value) -> Value {
    json!({"type": "list", "body": {"text": "Which?"}, "action": {"button": "Options", "sections": sections}})
}

#[tokio::test]
async fn lists() {
    let rows = |from: usize, to: usize| -> Value { (from..to).map(|n| row(&n.to_string())).collect() };
    let one = |row: Value| list(json!([{"rows": [row]}]));
    let sections = |count: usize| -> Value {
        (0..count).map(|n| json!({"title": format!("S{n}"), "rows": [row(&n.to_string())]})).collect()
    };
    play(
        "interactive",
        vec![
            ("one", one(row("1")), 0),
            ("ten rows", list(json!([{"rows": rows(0, 10)}])), 0),
            ("eleven rows", list(json!([{"rows": rows(0, 11)}])), 131_009),
            (
                "eleven rows in two sections",
                list(json!([{"title": "A", "rows": rows(0, 6)}, {"title": "B", "rows": rows(6, 11)}])),
                131_009,
            ),
            ("ten sections", list(sections(10)), 0),
            ("eleven sections", list(sections(11)), 131_009),
            ("no section", list(json!([])), 131_009),
            ("no row", list(json!([{"rows": []}])), 131_009),
            ("two sections without titles", list(json!([{"rows": [row("1")]}, {"rows": [row("2")]}])), 131_008),
            ("longest section title", list(json!([{"title": long(24), "rows": [row("1")]}])), 0),
            ("section title too long", list(json!([{"title": long(25), "rows": [row("1")]}])), 131_009),
            ("longest title", one(json!({"id": "1", "title": long(24)})), 0),
            ("title too long", one(json!({"id": "1", "title": long(25)})), 131_009),
            ("title empty", one(json!({"id": "1", "title": ""})), 131_009),
            ("longest id", one(json!({"id": long(200), "title": "a"})), 0),
            ("id too long", one(json!({"id": long(201), "title": "a"})), 131_009),
            ("longest description", one(json!({"id": "1", "title": "a", "description": long(72)})), 0),
            ("description too long", one(json!({"id": "1", "title": "a", "description": long(73)})), 131_009),
            ("same id twice", list(json!([{"rows": [row("1"), row("1")]}])), 131_009),
            ("longest button", with(one(row("1")), "/action/button", json!(long(20))), 0),
            ("button too long", with(one(row("1")), "/action/button", json!(long(21))), 131_009),
            ("no button", with(one(row("1")), "/action/button", Value::Null), 131_008),
            ("longest body", with(one(row("1")), "/body", json!({"text": long(4096)})), 0),
            ("body too long", with(one(row("1")), "/body", json!({"text": long(4097)})), 131_009),
            ("text above", with(one(row("1")), "/header", json!({"type": "text", "text": "a"})), 0),
            ("picture above", with(one(row("1")), "/header", json!({"type": "image", "image": {"id": "1"}})), 131_009),
        ],
    )
    .await;
}

#[tokio::test]
async fn other_interactive_messages() {
    let of = |kind: &str, action: Value| json!({"type": kind, "body": {"text": "a"}, "action": action});
    let link = |text: &str, url: &str| {
        of("cta_url", json!({"name": "cta_url", "parameters": {"display_text": text, "url": url}}))
    };
    let flow = |parameters: Value| of("flow", json!({"name": "flow", "parameters": parameters}));
    let version = "3";
    play(
        "interactive",
        vec![
            ("link", link("Open", "https://example.org/a?b=c"), 0),
            ("label too long", link(&long(21), "https://example.org"), 131_009),
            ("other scheme", link("Open", "ftp://example.org"), 131_009),
            ("no host", link("Open", "https://"), 131_009),
            ("where are you", of("location_request_message", json!({"name": "send_location"})), 0),
            ("where is it", of("location_request_message", json!({"name": "get_location"})), 131_009),
            ("flow", flow(json!({"flow_message_version": version, "flow_id": "1", "flow_cta": "Go"})), 0),
            ("flow by name", flow(json!({"flow_message_version": version, "flow_name": "a", "flow_cta": "Go"})), 0),
            ("no flow", flow(json!({"flow_message_version": version, "flow_cta": "Go"})), 131_009),
            ("old flow", flow(json!({"flow_message_version": "2", "flow_id": "1", "flow_cta": "Go"})), 131_009),
            ("ask for the phone", of("request_contact_info", json!({"name": "request_contact_info"})), 0),
        ],
    )
    .await;
}

#[tokio::test]
async fn media() {
    for kind in ["image", "video", "document", "audio", "sticker"] {
        let captioned = if matches!(kind, "audio" | "sticker") { 100 } else { 0 };
        let over = if captioned == 0 { 131_009 } else { 100 };
        let named = if kind == "document" { 0 } else { 100 };
        play(
            kind,
            vec![
                ("by id", json!({"id": "1600000000000000"}), 0),
                ("by link", json!({"link": "https://example.org/a.bin"}), 0),
                ("by plain link", json!({"link": "http://127.0.0.1:8000/a"}), 0),
                ("neither", json!({}), 131_008),
                ("both", json!({"id": "1", "link": "https://example.org/a"}), 131_009),
                ("no URL", json!({"link": "a.jpg"}), 131_009),
                ("other scheme", json!({"link": "file:///etc/passwd"}), 131_009),
                ("empty id", json!({"id": ""}), 131_009),
                ("caption", json!({"id": "1", "caption": long(1024)}), captioned),
                ("caption too long", json!({"id": "1", "caption": long(1025)}), over),
                ("file name", json!({"id": "1", "filename": "a.pdf"}), named),
                ("voice", json!({"id": "1", "voice": true}), if kind == "audio" { 0 } else { 100 }),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn templates() {
    let template = |components: Value| json!({"name": "a", "language": {"code": "de"}, "components": components});
    let body = |parameter: Value| template(json!([{"type": "body", "parameters": [parameter]}]));
    let button = |button: Value| template(json!([button]));
    let reply = json!([{"type": "payload", "payload": "a"}]);
    play(
        "template",
        vec![
            ("plain", json!({"name": "a", "language": {"code": "en_US"}}), 0),
            ("no name", json!({"language": {"code": "en_US"}}), 131_008),
            ("no language", json!({"name": "a"}), 131_008),
            ("no language code", json!({"name": "a", "language": {}}), 131_008),
            ("language as text", json!({"name": "a", "language": "en_US"}), 131_009),
            ("text", body(json!({"type": "text", "text": "Kim"})), 0),
            ("named", body(json!({"type": "text", "parameter_name": "who", "text": "Kim"})), 0),
            ("no text", body(json!({"type": "text"})), 131_008),
            ("picture", body(json!({"type": "image", "image": {"link": "https://example.org/a.jpg"}})), 0),
            ("no picture", body(json!({"type": "image", "image": {}})), 131_008),
            ("parameter without type", body(json!({"text": "Kim"})), 131_008),
            (
                "quick reply",
                button(json!({"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": reply})),
                0,
            ),
            ("index as number", button(json!({"type": "button", "sub_type": "url", "index": 1})), 0),
            ("no index", button(json!({"type": "button", "sub_type": "url"})), 131_008),
            ("no sub type", button(json!({"type": "button", "index": "0"})), 131_008),
            ("unknown sub type", button(json!({"type": "button", "sub_type": "knob", "index": "0"})), 131_009),
            ("unknown component", template(json!([{"type": "margin"}])), 131_009),
            ("components no array", template(json!({})), 131_009),
        ],
    )
    .await;
}

#[tokio::test]
async fn places_contacts_reactions() {
    play(
        "location",
        vec![
            ("numbers", json!({"latitude": 37.75, "longitude": -122.42, "name": "HQ", "address": "1 Way"}), 0),
            ("strings", json!({"latitude": "37.75", "longitude": "-122.42"}), 0),
            ("no longitude", json!({"latitude": 37.75}), 131_008),
            ("beyond the pole", json!({"latitude": 91, "longitude": 0}), 131_009),
            ("no number", json!({"latitude": "north", "longitude": 0}), 131_009),
        ],
    )
    .await;
    let contact = json!({"name": {"formatted_name": "Kim"}, "phones": [{"phone": "+1 555"}]});
    play(
        "contacts",
        vec![
            ("one", json!([contact]), 0),
            ("257", (0..257).map(|_| contact.clone()).collect(), 0),
            ("258", (0..258).map(|_| contact.clone()).collect(), 131_009),
            ("none", json!([]), 131_009),
            ("no name", json!([{"phones": []}]), 131_008),
            ("no formatted name", json!([{"name": {"first_name": "Kim"}}]), 131_008),
            ("no array", contact.clone(), 131_009),
        ],
    )
    .await;
    play(
        "reaction",
        vec![
            ("thumb", json!({"message_id": "wamid.A", "emoji": "👍"}), 0),
            ("taken back", json!({"message_id": "wamid.A", "emoji": ""}), 0),
            ("to what", json!({"emoji": "👍"}), 131_008),
            ("no emoji", json!({"message_id": "wamid.A"}), 131_008),
        ],
    )
    .await;
}

#[tokio::test]
async fn envelope() {
    let stage = Stage::set(silent()).await;
    let good = || json!({"messaging_product": "whatsapp", "to": USER, "type": "text", "text": {"body": "a"}});
    let cases = [
        ("as it should be", good(), 0),
        ("no product", with(good(), "/messaging_product", Value::Null), 100),
        ("other product", with(good(), "/messaging_product", json!("messenger")), 100),
        ("nobody", with(good(), "/to", Value::Null), 100),
        ("with a plus", with(good(), "/to", json!("+15550001111")), 0),
        ("letters", with(good(), "/to", json!("call me")), 131_009),
        ("too short", with(good(), "/to", json!("123")), 131_009),
        ("too long", with(good(), "/to", json!("1234567890123456")), 131_009),
        ("to as number", with(good(), "/to", json!(15_550_001_111_i64)), 100),
        ("to oneself", with(good(), "/to", json!("+15550200300")), 131_021),
        ("individual", with(good(), "/recipient_type", json!("individual")), 0),
        ("crowd", with(good(), "/recipient_type", json!("crowd")), 100),
        ("no type", with(good(), "/type", Value::Null), 0),
        ("unknown type", with(good(), "/type", json!("telepathy")), 100),
        ("type without object", with(good(), "/type", json!("image")), 131_008),
        ("callback data", with(good(), "/biz_opaque_callback_data", json!(long(512))), 0),
        ("callback data too long", with(good(), "/biz_opaque_callback_data", json!(long(513))), 131_009),
        ("callback data no string", with(good(), "/biz_opaque_callback_data", json!({"job": 1})), 131_009),
        ("reply", with(good(), "/context", json!({"message_id": "wamid.A"})), 0),
        ("reply to nothing", with(good(), "/context", json!({})), 131_008),
    ];
    for (name, body, expected) in cases {
        let (status, answer) = stage.send(&body).await;
        assert_eq!((code(&answer), status), (expected, if expected == 0 { 200 } else { 400 }), "{name}: {answer}");
    }
    let wrong = json!({"messaging_product": "whatsapp", "recipient": "Kim", "text": {"body": "a"}});
    assert_eq!(code(&stage.send(&wrong).await.1), 131_009, "recipient is no business-scoped id");
}

#[tokio::test]
async fn groups_get_no_interactive_messages() {
    let stage = Stage::set(silent()).await;
    let group = |kind: &str, content: Value| json!({"messaging_product": "whatsapp", "recipient_type": "group", "to": "Y2FwaV9ncm91cDox", "type": kind, kind: content});
    assert_eq!(stage.send(&group("text", json!({"body": "a"}))).await.0, 200);
    let (_, answer) = stage.send(&group("interactive", buttons(json!([button("1", "Yes")])))).await;
    assert_eq!(code(&answer), 130_501);
}
