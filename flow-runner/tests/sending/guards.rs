//! What is not sent though it could be, and what goes out instead.

use crate::support::{
    NUMBER,
    stage::{Stage, album, person},
    until,
};
use serde_json::{Value, json};
use whatsapp_simulator::{Fault, FaultKind, UserMessage};

const DAY: i64 = 24 * 60 * 60;

/// A callback that Meta comes with so many seconds after the message was written.
fn late(callback: &str, seconds: i64) -> String {
    let mut body: Value = serde_json::from_str(callback).expect("JSON");
    let written = &mut body["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"];
    let at: i64 = written.as_str().and_then(|text| text.parse().ok()).expect("a time");
    *written = json!((at - seconds).to_string());
    body.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_the_window_nothing_but_a_template_is_tried() {
    let stage = Stage::set(&[]).await;
    let instead = json!({ "template": "come_back", "language": "de" });
    let steps = json!([
        { "id": "1", "type": "MessageAction", "message": "Hello", "next": "2", "outsideWindow": instead },
        { "id": "2", "type": "MessageAction", "message": "Bye" },
    ]);
    stage.installation.save_flow("Templates", &["hello"], steps).await;
    let (kim, lee, sam) = (person(1), person(2), person(3));
    for (who, text, seconds) in [(&kim, "one", DAY + 60), (&lee, "hello", DAY + 60), (&sam, "hello", DAY - 600)] {
        let body = late(&stage.callback(NUMBER, who, text), seconds);
        assert_eq!(stage.installation.post(&body).await, Some(200));
    }
    until("two are answered", || stage.simulator.sends_count() == 2).await;
    stage.installation.until_settled().await;
    let letters = stage.letters();
    let told = (letters.len(), &letters[0]["reason"], &letters[0]["recipient"]);
    assert_eq!(told, (1, &json!("window_closed"), &json!(kim.phone_digits())));
    assert!(stage.sends(&kim).is_empty() && stage.simulator.refusals().is_empty());
    let sent = stage.sends(&lee)[0].body();
    assert_eq!(sent["template"], json!({ "name": "come_back", "language": { "code": "de" } }));
    assert_eq!(stage.received(&sam), ["Hello"]);
    // Whoever writes, or merely opens the chat, opens the window.
    stage.says(&kim, &UserMessage::Text("one".into())).await;
    stage.until_received(&kim, &["one"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_sent_the_cap_of_an_hour_gets_no_more_and_keeps_the_session() {
    let stage = Stage::set(&[("SEND_CAP_PER_HOUR", "5")]).await;
    stage.installation.save_flow("Album", &["album"], album(4)).await;
    let (bot, kim) = (person(1), person(2));
    stage.writes(&bot, "album").await;
    until("the album is sent", || stage.sends(&bot).len() == 4).await;
    // A bot that answers each answer.
    for _ in 0..3 {
        stage.writes(&bot, "one").await;
    }
    stage.writes(&kim, "one").await;
    stage.until_received(&kim, &["one"]).await;
    stage.installation.until("SELECT count(*) FROM dead_letters WHERE reason = 'send_cap'", "2").await;
    stage.installation.until_settled().await;
    assert_eq!(stage.sends(&bot).len(), 5);
    assert_eq!(stage.simulator.refusals().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_pacing_the_next_message_keeps_its_distance() {
    let stage = Stage::set(&[("SEND_PACING", "700ms")]).await;
    stage.installation.save_flow("Album", &["album"], album(3)).await;
    let (kim, lee) = (person(1), person(2));
    stage.writes(&kim, "album").await;
    stage.writes(&lee, "album").await;
    for who in [&kim, &lee] {
        until("the album is sent", || stage.sends(who).len() == 3).await;
        let at: Vec<u64> = stage.sends(who).iter().map(|sent| sent.accepted_at).collect();
        assert!(at.windows(2).all(|two| (650..2_000).contains(&(two[1] - two[0]))), "{at:?}");
    }
    stage.installation.until_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_pacing_by_delivery_the_next_message_waits_for_the_phone() {
    let stage = Stage::set(&[("SEND_PACING", "media")]).await;
    stage.installation.save_flow("Album", &["album"], album(2)).await;
    let (kim, lee) = (person(1), person(2));
    let held = Fault { recipient: kim.phone.clone(), ..Fault::new(FaultKind::HoldStatuses) };
    let held = stage.simulator.inject(held);
    stage.writes(&kim, "album").await;
    stage.writes(&lee, "album").await;
    until("one album is sent", || stage.sends(&lee).len() == 2).await;
    until("a first picture is sent", || stage.sends(&kim).len() == 1).await;
    assert!(stage.simulator.remove_fault(held));
    until("both albums are sent", || stage.sends(&kim).len() == 2).await;
    let delivered = stage.installation.ask("SELECT delivery FROM jobs ORDER BY sent_at LIMIT 1");
    assert!(delivered.parse::<u32>().expect("a number") >= 2);
    stage.installation.until_settled().await;
}
