//! Path, token, envelope, and what is answered.

use serde_json::{Value, json};
use whatsapp_simulator::{Config, PhoneNumber, Simulator};

use super::stage::{NUMBER, Stage, USER, code, silent, text_to};

#[tokio::test]
async fn a_send_is_answered_like_meta_does() {
    let stage = Stage::set(silent()).await;
    let answer = stage.request(&text_to("+1 (555) 000-1111", "hello")).send().await.unwrap();
    assert_eq!(answer.headers()["facebook-api-version"], "v26.0");
    let answer: Value = answer.json().await.unwrap();
    let wamid = answer["messages"][0]["id"].as_str().unwrap();
    assert!(wamid.starts_with("wamid.HBgLMTU1NTAwMDExMT"), "{wamid}");
    assert_eq!(
        answer,
        json!({"messaging_product": "whatsapp", "contacts": [{"input": "+1 (555) 000-1111", "wa_id": USER}],
            "messages": [{"id": wamid}]})
    );
    let sends = stage.meta.sends();
    assert_eq!(sends.len(), 1);
    assert_eq!((&*sends[0].wamid, sends[0].to.as_deref(), sends[0].kind), (wamid, Some(USER), "text"));
    assert_eq!(sends[0].body(), text_to("+1 (555) 000-1111", "hello"));
    assert!(sends[0].answered);
}

#[tokio::test]
async fn a_send_to_a_business_scoped_id_has_no_phone_in_its_answer() {
    let stage = Stage::set(silent()).await;
    let body = json!({"messaging_product": "whatsapp", "recipient": "US.42", "type": "template",
        "template": {"name": "hello", "language": {"code": "en_US"}}});
    let (status, answer) = stage.send(&body).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["contacts"], json!([{"input": "US.42", "user_id": "US.42"}]));
    assert_eq!(answer["messages"][0]["message_status"], "accepted");
    assert_eq!(stage.meta.sends()[0].recipient.as_deref(), Some("US.42"));

    let both = json!({"messaging_product": "whatsapp", "recipient": "US.42", "to": USER, "text": {"body": "hi"}});
    let (_, answer) = stage.send(&both).await;
    assert_eq!(answer["contacts"][0], json!({"input": USER, "wa_id": USER}), "to wins");
}

#[tokio::test]
async fn the_token_is_checked() {
    let stage = Stage::set(Config { access_token: Some("right".into()), ..silent() }).await;
    let url = format!("{}/v26.0/{NUMBER}/messages", stage.meta.url());
    let post = || stage.client.post(&url).json(&text_to(USER, "hello"));
    for (request, status, expected) in [
        (post(), 401, 104),
        (post().bearer_auth(""), 401, 104),
        (post().header("authorization", "right"), 401, 104),
        (post().bearer_auth("wrong"), 401, 190),
        (post().bearer_auth("right"), 200, 0),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(code(&answer), expected, "{answer}");
        if expected != 0 {
            assert_eq!(answer["error"]["type"], "OAuthException");
            assert!(answer["error"]["fbtrace_id"].is_string());
            assert!(answer["error"].get("error_data").is_none(), "{answer}");
        }
    }
    assert_eq!(stage.meta.sends().len(), 1);
    assert_eq!(stage.meta.refusals().iter().map(|refusal| refusal.code).collect::<Vec<_>>(), [104, 104, 104, 190]);
}

#[tokio::test]
async fn without_a_configured_token_any_is_taken_but_one_is_needed() {
    let stage = Stage::set(silent()).await;
    let url = format!("{}/v26.0/{NUMBER}/messages", stage.meta.url());
    let post = || stage.client.post(&url).json(&text_to(USER, "hello"));
    assert_eq!(post().send().await.unwrap().status(), 401);
    assert_eq!(post().bearer_auth("anything").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn version_and_number_must_exist() {
    let stage = Stage::set(Config { phone_numbers: vec![PhoneNumber::made_up("1")], ..silent() }).await;
    for (path, status, expected) in [
        ("v26.0/1/messages", 200, 0),
        ("v26.0/2/messages", 400, 100),
        ("26.0/1/messages", 400, 2500),
        ("v26/1/messages", 400, 2500),
        ("v26.0/1/mesages", 400, 2500),
    ] {
        let request = stage.client.post(format!("{}/{path}", stage.meta.url())).bearer_auth("token");
        let answer = request.json(&text_to(USER, "hello")).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(code(&answer), expected, "{path}: {answer}");
    }
    let refusal = &stage.meta.refusals()[0];
    assert_eq!((refusal.phone_number_id.as_str(), refusal.injected), ("2", false));
}

#[tokio::test]
async fn a_number_can_be_read() {
    let number = PhoneNumber { id: "1".into(), display: "15550009999".into(), waba_id: "7".into() };
    let config = Config { phone_numbers: vec![number], access_token: Some("right".into()), ..silent() };
    let stage = Stage::set(config).await;
    let get = |id: &str, token: &str| {
        let url = format!("{}/v26.0/{id}?fields=id", stage.meta.url());
        stage.client.get(url).bearer_auth(token).send()
    };
    let answer: Value = get("1", "right").await.unwrap().json().await.unwrap();
    assert_eq!(answer["id"], "1");
    assert_eq!(answer["display_phone_number"], "15550009999");
    assert_eq!(answer["quality_rating"], "GREEN");
    assert!(answer["verified_name"].is_string());
    assert_eq!(get("1", "wrong").await.unwrap().status(), 401);
    let unknown: Value = get("2", "right").await.unwrap().json().await.unwrap();
    assert_eq!((code(&unknown), &unknown["error"]["error_subcode"]), (100, &json!(33)));
}

#[tokio::test]
async fn a_read_receipt_succeeds_and_is_no_send() {
    let stage = Stage::set(silent()).await;
    let read = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.A"});
    let mut typing = read.clone();
    typing["typing_indicator"] = json!({"type": "text"});
    for body in [&read, &typing] {
        assert_eq!(stage.send(body).await, (200, json!({"success": true})));
    }
    let mut wrong = typing.clone();
    wrong["typing_indicator"] = json!({"type": "voice"});
    assert_eq!(code(&stage.send(&wrong).await.1), 131_009);
    let (_, answer) = stage.send(&json!({"messaging_product": "whatsapp", "status": "read"})).await;
    assert_eq!(code(&answer), 100);
    assert!(stage.meta.sends().is_empty());
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let stage = Stage::set(silent()).await;
    let url = format!("{}/v26.0/{NUMBER}/messages", stage.meta.url());
    for body in ["", "{", "[]", "\"text\"", "{}"] {
        let answer = stage.client.post(&url).bearer_auth("token").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        assert_eq!(code(&answer.json().await.unwrap()), 100, "{body}");
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids() {
    let mut ids = Vec::new();
    for seed in [1, 1, 2] {
        let stage = Stage::set(Config { seed, ..silent() }).await;
        ids.push([stage.text(USER, "one").await, stage.text(USER, "two").await]);
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
    assert_ne!(ids[0][0], ids[0][1]);
}

#[tokio::test]
async fn the_log_is_bounded_and_counts_on() {
    let stage = Stage::set(Config { log_limit: 3, ..silent() }).await;
    for nth in 0..5 {
        stage.text(USER, &nth.to_string()).await;
    }
    let texts: Vec<_> = stage.meta.sends().iter().map(|sent| (sent.index, sent.text().unwrap())).collect();
    assert_eq!(texts, [(2, "2".into()), (3, "3".into()), (4, "4".into())]);
    assert_eq!(stage.meta.sends_since(4).len(), 1);
    assert_eq!(stage.meta.sends_count(), 5);
}

#[tokio::test]
async fn after_stop_nobody_answers() {
    let stage = Stage::set(silent()).await;
    stage.text(USER, "hello").await;
    let (addr, meta) = (stage.meta.addr(), stage.meta);
    meta.stop().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
    // The port is free again, which it wouldn't be with a task left behind.
    Simulator::start(addr, silent()).await.unwrap().stop().await;
}
