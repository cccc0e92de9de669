//! Each step type in a conversation of its own, as WhatsApp takes it, in order.

use crate::support::stage::{Stage, person};
use serde_json::{Value, json};
use whatsapp_simulator::{SentMessage, User, UserMessage};

/// Begins a flow that sends what `steps` say and then asks whether that was all.
async fn conversation(name: &str, steps: Value) -> (Stage, User) {
    let stage = Stage::set(&[]).await;
    let kim = person(1);
    stage.installation.save_flow(name, &[name], then_a_question(steps)).await;
    stage.writes(&kim, name).await;
    (stage, kim)
}

fn then_a_question(steps: Value) -> Value {
    let mut steps = steps.as_array().expect("steps").clone();
    steps.push(json!({"id": "ask", "type": "MessageAction", "message": "Was that all?",
                      "buttons": [{"label": "Yes", "next": "bye"}]}));
    steps.push(json!({"id": "bye", "type": "MessageAction", "message": "Bye!"}));
    steps.into()
}

/// Waits for so many messages, says yes to the question they end with, and returns all but question and farewell.
async fn before_the_question(stage: &Stage, kim: &User, count: usize) -> Vec<Value> {
    until_sent(stage, kim, count + 1).await;
    tap(stage, kim, "Yes").await;
    let mut sends = until_sent(stage, kim, count + 2).await;
    assert_eq!(sends.pop().expect("a farewell").body()["text"]["body"], "Bye!");
    assert_eq!(sends.pop().expect("a question").body()["interactive"]["body"]["text"], "Was that all?");
    stage.installation.until_settled().await;
    assert_eq!(stage.sends(kim).len(), count + 2);
    sends.iter().map(what).collect()
}

/// What a message is, without to whom and for which job.
fn what(sent: &SentMessage) -> Value {
    let body = sent.body();
    body[body["type"].as_str().expect("a type")].clone()
}

async fn until_sent(stage: &Stage, kim: &User, count: usize) -> Vec<SentMessage> {
    crate::support::until(&format!("{count} messages"), || stage.sends(kim).len() >= count).await;
    stage.sends(kim)
}

/// Taps the button or row with this title in the last message.
async fn tap(stage: &Stage, kim: &User, title: &str) {
    let last = stage.sends(kim).pop().expect("a message");
    let action = &last.body()["interactive"]["action"];
    let button = action["buttons"].as_array().into_iter().flatten().map(|button| &button["reply"]);
    let row =
        action["sections"].as_array().into_iter().flatten().flat_map(|section| section["rows"].as_array()).flatten();
    let choice = button.chain(row).find(|choice| choice["title"] == title).expect("a button with this title");
    let (id, title) = (choice["id"].as_str().expect("an id").to_owned(), title.to_owned());
    let context = Some(last.wamid.to_string());
    let tap = match last.body()["interactive"]["type"].as_str() {
        Some("list") => UserMessage::ListTap { id, title, description: None, context },
        _ => UserMessage::ButtonTap { id, title, context },
    };
    stage.says(kim, &tap).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn message_action() {
    let labels = ["One", "Two", "Three", "Four with a longer name"];
    let buttons: Vec<Value> = labels.iter().map(|label| json!({"label": label, "next": "picked"})).collect();
    let steps = json!([
        {"id": "1", "type": "MessageAction", "message": "Pick one", "header": "A list", "footer": "of four",
         "listButton": "Show", "buttons": buttons},
        {"id": "picked", "type": "MessageAction", "message": "Say anything", "next": "ask"},
    ]);
    let (stage, kim) = conversation("pick", steps).await;
    until_sent(&stage, &kim, 1).await;
    tap(&stage, &kim, "Four with a longer name").await;
    until_sent(&stage, &kim, 2).await;
    stage.writes(&kim, "anything").await;
    let sent = before_the_question(&stage, &kim, 2).await;
    assert_eq!(sent[0]["type"], "list");
    assert_eq!(sent[0]["action"]["button"], "Show");
    let rows = sent[0]["action"]["sections"][0]["rows"].as_array().expect("rows");
    assert!(rows.iter().map(|row| row["title"].as_str().expect("a title")).eq(labels));
    assert_eq!(sent[1], json!({"body": "Say anything"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn image_video_audio_and_document_messages() {
    let link = |name: &str| format!("https://example.com/{name}");
    for (step_type, name, with_caption) in [
        ("ImageMessage", "a.jpg", json!({"link": link("a.jpg"), "caption": "Ours"})),
        ("VideoMessage", "a.mp4", json!({"link": link("a.mp4"), "caption": "Ours"})),
        ("AudioMessage", "a.ogg", json!({"link": link("a.ogg")})),
        ("DocumentMessage", "a.pdf", json!({"link": link("a.pdf"), "caption": "Ours", "filename": "a.pdf"})),
    ] {
        let steps = json!([
            {"id": "1", "type": step_type, "file": link(name), "message": "Ours", "next": "2"},
            {"id": "2", "type": step_type, "file": "media:4711", "next": "ask"},
        ]);
        let (stage, kim) = conversation(step_type, steps).await;
        let sent = before_the_question(&stage, &kim, 2).await;
        assert_eq!(sent, [with_caption, json!({"id": "4711"})], "{step_type}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn template_message() {
    let components = json!([
        {"type": "body", "parameters": [{"type": "text", "text": "Kim"}]},
        {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": [{"type": "payload", "payload": "again"}]},
    ]);
    let steps = json!([
        {"id": "1", "type": "TemplateMessage", "template": "hello_world", "next": "2"},
        {"id": "2", "type": "TemplateMessage", "template": "order_update", "language": "de", "components": components,
         "next": "ask"},
    ]);
    let (stage, kim) = conversation("templates", steps).await;
    let sent = before_the_question(&stage, &kim, 2).await;
    assert_eq!(sent[0], json!({"name": "hello_world", "language": {"code": "en_US"}}));
    assert_eq!(sent[1], json!({"name": "order_update", "language": {"code": "de"}, "components": components}));
    // The template's own button says a flow's trigger: its payload is none of our button ids.
    let quick_reply = UserMessage::QuickReply { payload: "again".into(), text: "Templates".into(), context: None };
    stage.says(&kim, &quick_reply).await;
    assert_eq!(until_sent(&stage, &kim, 7).await.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_flow_action() {
    let stage = Stage::set(&[]).await;
    let kim = person(1);
    let help = json!([
        {"id": "1", "type": "MessageAction", "message": "By mail?", "buttons": [{"label": "Mail", "next": "2"}]},
        {"id": "2", "type": "MessageAction", "message": "help@example.com"},
    ]);
    let help = stage.installation.save_flow("help", &["help"], help).await;
    let shop = json!([
        {"id": "1", "type": "AudioMessage", "file": "media:1", "next": "2"},
        {"id": "2", "type": "ConnectFlowAction", "flowId": help["id"], "next": "ask"},
    ]);
    stage.installation.save_flow("shop", &["shop"], then_a_question(shop)).await;
    stage.writes(&kim, "shop").await;
    until_sent(&stage, &kim, 2).await;
    // The session, frame and all, is what the database says after a restart too. Open claims are not meant here:
    // on servers one that is left behind holds its lane for a minute.
    stage.installation.until_settled().await;
    let mut stage = stage;
    stage.installation.kill();
    stage.installation.start().await;
    tap(&stage, &kim, "Mail").await;
    let sent = before_the_question(&stage, &kim, 3).await;
    assert_eq!(sent[0], json!({"id": "1"}));
    assert_eq!(sent[1]["body"]["text"], "By mail?");
    assert_eq!(sent[2]["body"], "help@example.com");
}
