//! Whatever is posted to the webhook: it is answered, kept, and harms neither its neighbours nor the process.

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{
    APP_SECRET, NUMBER, post,
    stage::{Stage, WORDS, person},
};
use testkit::questions;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;
use whatsapp_simulator::{User, UserMessage, sign};

/// Asks all the while whether the process is ready: it always is.
struct Watch {
    stop: CancellationToken,
    task: JoinHandle<usize>,
}

impl Watch {
    fn over(stage: &Stage) -> Self {
        let stop = CancellationToken::new();
        let (http, address, stopped) =
            (stage.installation.http.clone(), stage.installation.url("/readyz"), stop.clone());
        let task = tokio::spawn(async move {
            let mut asked = 0;
            while !stopped.is_cancelled() {
                assert_eq!(http.get(&address).send().await.expect("an answer").status(), 200);
                asked += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            asked
        });
        Self { stop, task }
    }

    /// Everything is handled, the next message is answered as ever, and the process was ready throughout.
    async fn end(self, stage: &mut Stage) {
        let lee = person(999_999);
        stage.writes(&lee, "three").await;
        stage.until_received(&lee, &["three"]).await;
        stage.installation.until_settled().await;
        self.stop.cancel();
        assert!(self.task.await.expect("always ready") > 0);
        stage.installation.terminate().await;
    }
}

async fn post_with(stage: &Stage, body: &str, signature: Option<&str>) -> u16 {
    let mut request = stage.installation.http.post(stage.installation.webhook()).body(body.to_owned());
    if let Some(signature) = signature {
        request = request.header("x-hub-signature-256", signature);
    }
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_by_meta_is_refused_and_leaves_nothing() {
    let mut stage = Stage::set(&[]).await;
    let watch = Watch::over(&stage);
    let body = stage.callback(NUMBER, &person(1), "one");
    let right = sign(APP_SECRET, &body);
    let wrong = sign("another secret", &body);
    let of_other_bytes = sign(APP_SECRET, &format!("{body} "));
    let cut = &right[..right.len() - 2];
    for signature in [None, Some(wrong.as_str()), Some(&of_other_bytes), Some(cut), Some(""), Some("sha256=")] {
        assert_eq!(post_with(&stage, &body, signature).await, 401, "{signature:?}");
    }
    // Nothing lies in a queue, and nothing came of what may have lain there.
    stage.installation.until_settled().await;
    let rows = "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM kept_events)";
    assert_eq!(stage.installation.ask(rows), "0");
    assert_eq!(post_with(&stage, &body, Some(&right)).await, 200);
    stage.until_received(&person(1), &["one"]).await;
    watch.end(&mut stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_mebibytes_are_too_much_announced_or_not() {
    let mut stage = Stage::set(&[]).await;
    let watch = Watch::over(&stage);
    let path = "/api/whatsapp/messages/webhook";
    let announced = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 5242880\r\n\r\n");
    // One byte more than is taken, in one chunk whose end never comes.
    let chunked = format!("POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n500000\r\n");
    for (head, bytes) in [(announced, 0), (chunked, 4 * 1024 * 1024 + 1)] {
        let mut connection = tokio::net::TcpStream::connect(stage.installation.address).await.expect("connected");
        connection.write_all(head.as_bytes()).await.expect("written");
        connection.write_all(&vec![b' '; bytes]).await.expect("written");
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413");
    }
    watch.end(&mut stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_and_no_callback_is_kept_as_it_came() {
    let mut stage = Stage::set(&[]).await;
    let watch = Watch::over(&stage);
    let deep = [("[", "]"), ("{\"entry\":", "}")].map(|(open, close)| {
        let (open, close) = (open.repeat(10_000), close.repeat(10_000));
        format!("{open}1{close}")
    });
    let bodies = ["not json", "", "null", "{\"entry\":", "\u{0}\u{0}", deep[0].as_str(), deep[1].as_str()];
    for body in bodies {
        assert_eq!(stage.installation.post(body).await, Some(200), "{body:.20}");
    }
    stage.installation.until("SELECT kind, count(*) FROM kept_events GROUP BY kind", "unrecognized|7").await;
    for body in ["not json", &deep[0], &deep[1]] {
        let sql = format!("SELECT count(*) FROM kept_events WHERE body = '{body}'");
        assert_eq!(stage.installation.ask(&sql), "1", "{body:.20}");
    }
    watch.end(&mut stage).await;
}

/// Every place in a JSON document.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, item)| places(item, &format!("{at}/{name}"), found)),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| places(item, &format!("{at}/{n}"), found)),
        _ => {}
    }
}

/// The entry of a callback.
fn entry(body: &str) -> Value {
    let mut callback: Value = serde_json::from_str(body).expect("JSON");
    callback["entry"][0].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_type_in_any_field_is_taken_and_costs_no_neighbour() {
    let mut stage = Stage::set(&[]).await;
    let watch = Watch::over(&stage);
    let wrong = [
        json!(null),
        json!(true),
        json!(i64::MAX),
        json!(-1.5),
        json!("a\u{0}b"),
        json!([]),
        json!(["x", 7, null, {}]),
        json!({ "id": { "id": [] } }),
        json!("9".repeat(2_000)),
    ];
    let mut all = Vec::new();
    places(&entry(&stage.callback(NUMBER, &person(0), "one")), "", &mut all);
    let mut posts = JoinSet::new();
    let mut neighbours = Vec::new();
    for at in &all {
        for wrong in &wrong {
            let mut damaged = entry(&stage.callback(NUMBER, &person(0), "two"));
            *damaged.pointer_mut(at).expect("the place") = wrong.clone();
            let neighbour = person(neighbours.len() + 1);
            let whole = entry(&stage.callback(NUMBER, &neighbour, "one"));
            neighbours.push(neighbour);
            let body = json!({ "object": "whatsapp_business_account", "entry": [damaged, whole] }).to_string();
            let (http, webhook) = (stage.installation.http.clone(), stage.installation.webhook());
            posts.spawn(async move { (post(&http, &webhook, &body).await, body) });
        }
    }
    assert!(neighbours.len() > 150, "{all:?}");
    while let Some(posted) = posts.join_next().await {
        let (status, body) = posted.expect("posted");
        assert_eq!(status, Some(200), "{body}");
    }
    for neighbour in &neighbours {
        stage.until_received(neighbour, &["one"]).await;
    }
    watch.end(&mut stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nul_in_a_text_is_stored_and_answered_like_any_other() {
    let mut stage = Stage::set(&[]).await;
    let watch = Watch::over(&stage);
    stage.installation.save_flow("Anything", &["*"], support::stage::says("Pardon?")).await;
    let kim = User { name: "K\u{0}im".into(), ..person(1) };
    stage.writes(&kim, "on\u{0}e").await;
    stage.until_received(&kim, &["Pardon?"]).await;
    stage.writes(&kim, "one").await;
    stage.until_received(&kim, &["Pardon?", "one"]).await;
    stage.installation.until("SELECT state, count(*) FROM messages GROUP BY state", "handled|2").await;
    assert!(stage.letters().is_empty());
    watch.end(&mut stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_nobody_configured_leaves_one_dead_letter_however_often_it_comes() {
    let mut stage = Stage::set(&[]).await;
    let watch = Watch::over(&stage);
    let body = stage.callback("999999999999999", &person(1), "one");
    for _ in 0..2 {
        assert_eq!(stage.installation.post(&body).await, Some(200));
    }
    stage.installation.until("SELECT count(*) FROM dead_letters", "1").await;
    stage.installation.until_settled().await;
    assert_eq!(stage.installation.post(&body).await, Some(200));
    stage.installation.until_settled().await;
    let letters = stage.letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = [&letters[0]["reason"], &letters[0]["kind"], &letters[0]["state"]];
    assert_eq!(letter, ["unknown_phone_number", "event", "open"]);
    assert_eq!(stage.simulator.sends_count(), 0);
    watch.end(&mut stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_reply_is_recorded_and_moves_nothing() {
    let mut stage = Stage::set(&[]).await;
    let watch = Watch::over(&stage);
    stage.installation.save_flow("Questions", &[questions::TRIGGER], questions::steps(3)).await;
    let kim = person(1);
    stage.writes(&kim, questions::TRIGGER).await;
    stage.until_received(&kim, &["Question 0"]).await;
    let asked = stage.sends(&kim)[0].wamid.to_string();
    for message in [
        UserMessage::Reaction { message_id: asked.clone(), emoji: Some("👍".into()) },
        UserMessage::Reaction { message_id: asked, emoji: None },
        UserMessage::Raw(json!({ "type": "text", "text": { "body": "next" }, "group_id": "Y2FwaV9ncm91cDo" })),
        UserMessage::Raw(json!({ "type": "system", "system": { "type": "customer_identity_changed" } })),
        UserMessage::Raw(json!({ "type": "unsupported", "errors": [{ "code": 131_051 }] })),
    ] {
        let body = stage.simulator.callback_body(NUMBER, &kim, &message, &stage.simulator.next_wamid(&kim));
        assert_eq!(stage.installation.post(&body).await, Some(200));
    }
    stage.writes(&kim, "next").await;
    stage.until_received(&kim, &["Question 0", "Question 1"]).await;
    stage.installation.until_settled().await;
    assert_eq!(stage.received(&kim).len(), 2);
    assert_eq!(stage.installation.ask("SELECT state, count(*) FROM messages GROUP BY state"), "handled|7");
    watch.end(&mut stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_mixed_callback_everything_goes_its_own_way() {
    let mut stage = Stage::set(&[]).await;
    let watch = Watch::over(&stage);
    let (kim, lee) = (person(1), person(2));
    let mut first = entry(&stage.callback(NUMBER, &kim, "one"));
    let items = first["changes"][0]["value"]["messages"].as_array_mut().expect("a list");
    items.insert(0, json!(7));
    items.push(json!({ "type": "text", "text": { "body": "nobody" } }));
    let value = &mut first["changes"][0]["value"];
    value["statuses"] =
        json!([{ "id": "wamid.OTHER", "status": "sent", "timestamp": "1" }, { "status": "evaporated" }]);
    let unknown = entry(&stage.callback("999999999999999", &kim, "one"));
    let other = json!({ "id": "1", "changes": [{ "field": "account_update", "value": { "event": "x" } }] });
    let last = entry(&stage.callback(NUMBER, &lee, "two"));
    let body =
        json!({ "object": "whatsapp_business_account", "entry": [first, "x", unknown, other, last] }).to_string();
    for _ in 0..2 {
        assert_eq!(stage.installation.post(&body).await, Some(200));
    }
    stage.until_received(&kim, &["one"]).await;
    stage.until_received(&lee, &["two"]).await;
    // Of what can't be read nobody can tell a repeat: it is kept as often as it came.
    let kept = "SELECT kind, count(*) FROM kept_events GROUP BY kind ORDER BY kind";
    stage.installation.until(kept, "other|2\nunrecognized|8").await;
    stage.installation.until("SELECT count(*) FROM dead_letters", "1").await;
    stage.installation.until_settled().await;
    assert_eq!((stage.received(&kim).len(), stage.received(&lee).len()), (1, 1));
    let letters = stage.letters();
    assert_eq!((letters.len(), &letters[0]["reason"]), (1, &json!("unknown_phone_number")));
    for word in WORDS {
        stage.writes(&kim, word).await;
    }
    stage.until_received(&kim, &["one", "one", "two", "three"]).await;
    watch.end(&mut stage).await;
}
