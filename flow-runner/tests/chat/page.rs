//! The simulator's chat page in real Chromium, against the program itself: what is done in the page goes to WhatsApp, to
//! the gateway, through worker and sender, and comes back into the page.

use crate::{
    browser::Browser,
    person::Person,
    support::{
        NUMBER, TOKEN,
        stage::{Stage, says},
        without_limits,
    },
};
use serde_json::{Value, json};
use whatsapp_simulator::{Config, Fault, FaultKind, PhoneNumber, Statuses};

const KIM: (&str, &str, &str) = ("Kim", "+1 555 000 1111", "");
const SAM: &str = "US.13491208655302741918";

/// An installation with the demo's flows.
async fn stage() -> Stage {
    let phone_numbers = vec![PhoneNumber::made_up(NUMBER)];
    let stage = Stage::with(Config { phone_numbers, ..without_limits(Statuses::Read) }, &[]).await;
    for sample in [include_str!("../../samples/test.json"), include_str!("../../samples/bakery.json")] {
        let flow: Value = serde_json::from_str(sample).expect("JSON");
        let triggers: Vec<&str> = flow["triggers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        stage.installation.save_flow(flow["name"].as_str().expect("a name"), &triggers, flow["steps"].clone()).await;
    }
    stage
}

/// The business sends something by itself, whatever flows do.
async fn send(stage: &Stage, message: &Value) {
    let address = format!("{}/v26.0/{NUMBER}/messages", stage.simulator.url());
    let answer = stage.installation.http.post(address).bearer_auth(TOKEN).json(message).send().await;
    assert_eq!(answer.expect("an answer").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_typed_and_a_button_tapped_are_answered_in_the_page() {
    let (stage, browser) = (stage().await, Browser::start());
    let kim = Person::opens(&browser, &stage.simulator).await;
    kim.becomes(KIM.0, KIM.1, KIM.2).await;
    kim.writes("testing").await;
    kim.is_told("Choose one reply?").await;
    kim.sees_ticks("Choose one reply?", "read").await;
    kim.taps("image1").await;
    kim.is_told("Here's your image").await;
    kim.sees_ticks("Here's your image", "read").await;
    assert_eq!(kim.chat().await, ["testing", "Choose one reply?", "image1", "Here's your image"]);
    kim.is_pictured("chat.png").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_hides_the_phone_picks_from_a_list_sends_a_location_and_taps_a_quick_reply() {
    let (stage, browser) = (stage().await, Browser::start());
    let sam = Person::opens(&browser, &stage.simulator).await;
    sam.becomes("Sam", "", SAM).await;
    sam.writes("hello").await;
    sam.taps("Order").await;
    sam.taps("Choose a size").await;
    sam.chooses("Two pounds").await;
    sam.is_told("When will you come for it?").await;
    sam.attaches("Location").await;
    sam.taps("Send").await;
    sam.is_told("Thank you, we will have it ready.").await;

    let reply = json!({"type": "button", "sub_type": "quick_reply", "index": "0",
        "parameters": [{"type": "payload", "payload": "three"}]});
    let body = json!({"type": "body", "parameters": [{"type": "text", "text": "loaves"}]});
    let template = json!({"name": "how_many", "language": {"code": "en_US"}, "components": [body, reply]});
    let told = json!({"messaging_product": "whatsapp", "recipient_type": "individual", "recipient": SAM,
        "type": "template", "template": template});
    send(&stage, &told).await;
    sam.is_told("how_many").await;
    sam.is_told("loaves").await;
    sam.taps("three").await;
    sam.sees_ticks("three", "read").await;
    sam.is_pictured("chat-list.png").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_at_once_see_each_their_own_chat() {
    let (stage, browser) = (stage().await, Browser::start());
    let kim = Person::opens(&browser, &stage.simulator).await;
    let ada = Person::opens(&browser, &stage.simulator).await;
    kim.becomes(KIM.0, KIM.1, KIM.2).await;
    ada.becomes("Ada", "+1 555 123 4567", "").await;
    for (word, other) in [("one", "two"), ("two", "three"), ("three", "one")] {
        tokio::join!(kim.writes(word), ada.writes(other));
        tokio::join!(kim.is_told(word), ada.is_told(other));
    }
    tokio::join!(kim.sees_ticks("three", "read"), ada.sees_ticks("one", "read"));
    assert_eq!(kim.chat().await, ["one", "one", "two", "two", "three", "three"]);
    assert_eq!(ada.chat().await, ["two", "two", "three", "three", "one", "one"]);
    // Each window knows of the other's chat, and can go on with it.
    kim.has_unread("Ada", 3).await;
    kim.turns_to("Ada").await;
    kim.has_unread("Ada", 0).await;
    assert_eq!(kim.chat().await, ada.chat().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_seen_and_what_looks_like_markup_stays_text() {
    let (mut stage, browser) = (stage().await, Browser::start());
    let markup = "<img src=x onerror=\"document.title='taken over'\"> <script>document.title='taken over'</script>";
    stage.installation.save_flow("Markup", &["markup"], says(markup)).await;
    let kim = Person::opens(&browser, &stage.simulator).await;
    kim.becomes(KIM.0, KIM.1, KIM.2).await;
    kim.writes("markup").await;
    kim.is_told(markup).await;
    assert_eq!((kim.count("img").await, kim.count("script").await), (0, 0));

    stage.simulator.inject(Fault { count: Some(1), ..Fault::new(FaultKind::FailStatuses { code: 131_026 }) });
    kim.writes("one").await;
    kim.sees_ticks("one", "failed, error 131026").await;

    // A claim that is open when the process is killed would hold the lane, on servers for a minute.
    stage.installation.until_settled().await;
    stage.installation.kill();
    kim.writes("two").await;
    kim.notices("The webhook does not answer").await;
    kim.notices("The business was not told").await;
    stage.installation.start().await;
    kim.writes("three").await;
    kim.is_told("three").await;
    kim.is_pictured("chat-trouble.png").await;
}
