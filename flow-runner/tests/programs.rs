//! `webhook-gateway`, `flow-worker` and `outbound-sender` by their names, with settings only: what people deploy.

mod support;

use std::time::Duration;
use support::{
    API_KEY, NUMBER,
    fleet::{Fleet, Role, Urls},
    post,
    stage::says,
    until, whatsapp,
};
use whatsapp_simulator::{Statuses, User, UserMessage};

#[tokio::test(flavor = "multi_thread")]
async fn three_programs_have_a_conversation_and_each_ends_in_order() {
    let simulator = whatsapp(Statuses::Read).await;
    let fleet = Fleet::new(&simulator.url(), &Urls::shared(), &[]);
    let mut all = Vec::new();
    for role in [Role::Gateway, Role::Worker, Role::Sender] {
        all.push(fleet.start_program(role).await);
    }
    let webhook = all[0].url("/api/whatsapp/messages/webhook");
    simulator.set_webhook_url(&webhook);
    let flow = serde_json::json!({ "name": "Hello", "trigger": ["hello"], "automationJson": says("Hello yourself"), "status": "ACTIVE" });
    let saving = fleet.http.post(all[0].url("/api/whatsapp/flow")).bearer_auth(API_KEY).json(&flow).send();
    assert_eq!(saving.await.expect("an answer").status(), 201);

    let ann = User::phone("447700900000");
    let wamid = simulator.next_wamid(&ann);
    let body = simulator.callback_body(NUMBER, &ann, &UserMessage::Text("hello".to_owned()), &wamid);
    assert_eq!(post(&fleet.http, &webhook, &body).await, Some(200));
    until("the answer", || simulator.sends().iter().any(|sent| sent.text().as_deref() == Some("Hello yourself"))).await;
    until("its statuses", || fleet.database.ask("SELECT count(*) FROM jobs WHERE delivery > 2") == "1").await;

    for member in &mut all {
        for (path, holds) in [("/healthz", "alive"), ("/readyz", "\"ready\":true"), ("/metrics", "flow_runner_")] {
            let answer = fleet.http.get(member.url(path)).send().await.expect("an answer");
            let (status, text) = (answer.status(), answer.text().await.expect("text"));
            assert!(status == 200 && text.contains(holds), "{:?} {path}: {status} {text}", member.role);
        }
        member.signal("TERM");
        let (status, _) = member.until_ended(Duration::from_secs(30)).await;
        assert!(status.success(), "{:?} ended with {status}", member.role);
    }
}
