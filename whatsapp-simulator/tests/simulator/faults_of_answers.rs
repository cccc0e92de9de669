//! Each fault that concerns the answer.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use serde_json::Value;
use whatsapp_simulator::{Fault, FaultKind, Happening, Scope, SentMessage, known_error};

use super::stage::{NUMBER, Stage, USER, code, happening, quick, silent, text_to};

fn error(code: i64) -> FaultKind {
    FaultKind::Error { code, http_status: None, details: None, headers: BTreeMap::new() }
}

fn only(sends: Vec<SentMessage>) -> SentMessage {
    assert_eq!(sends.len(), 1, "{sends:?}");
    sends.into_iter().next().expect("one")
}

/// The I/O error at the bottom.
fn io_kind(error: &reqwest::Error) -> Option<ErrorKind> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        source = error.source();
    }
    None
}

#[tokio::test]
async fn error_codes_come_with_their_status() {
    let stage = Stage::set(quick()).await;
    for expected in [1, 2, 4, 10, 100, 190, 368, 80_007, 130_429, 131_000, 131_047, 131_056, 132_001, 135_000] {
        stage.meta.inject(Fault::once(error(expected)));
        let (status, answer) = stage.send(&text_to(USER, "hello")).await;
        assert_eq!((status, code(&answer)), (known_error(expected).http_status, expected), "{answer}");
        assert!(answer["error"]["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    assert!(stage.meta.sends().is_empty());
    assert!(stage.meta.refusals().iter().all(|refusal| refusal.injected && refusal.to.as_deref() == Some(USER)));
    stage.text(USER, "the last one struck once").await;
}

#[tokio::test]
async fn an_error_can_be_dressed_up() {
    let stage = Stage::set(quick()).await;
    stage.meta.inject(Fault::once(FaultKind::Error {
        code: 4,
        http_status: Some(429),
        details: Some("slow down".into()),
        headers: BTreeMap::from([("Retry-After".into(), "7".into())]),
    }));
    let answer = stage.request(&text_to(USER, "hello")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["error"]["error_data"]["details"], "slow down");
}

#[tokio::test]
async fn too_many_requests_is_not_json() {
    let stage = Stage::set(quick()).await;
    stage.meta.inject(Fault::once(FaultKind::TooManyRequests { retry_after: Some(3) }));
    let answer = stage.request(&text_to(USER, "hello")).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "3");
    assert!(answer.json::<Value>().await.is_err());
    assert!(stage.meta.sends().is_empty());
    assert_eq!(stage.meta.refusals()[0].http_status, 429);
}

#[tokio::test]
async fn a_server_error_may_have_accepted() {
    for accepted in [false, true] {
        let mut stage = Stage::set(quick()).await;
        stage.meta.inject(Fault::once(FaultKind::ServerError { http_status: 502, accepted }));
        let answer = stage.request(&text_to(USER, "hello")).send().await.unwrap();
        assert_eq!(answer.status(), 502);
        assert!(answer.json::<Value>().await.is_err());
        assert_eq!(stage.meta.sends().len(), usize::from(accepted));
        if accepted {
            assert!(!only(stage.meta.sends()).answered);
            assert_eq!(stage.webhook.statuses(3).await.len(), 3);
        }
    }
}

#[tokio::test]
async fn a_late_answer_comes_after_the_statuses() {
    let mut stage = Stage::set(quick()).await;
    stage.meta.inject(Fault::once(FaultKind::Delay { ms: 1_500 }));
    let send = stage.text_in_background(USER);
    assert_eq!(stage.webhook.statuses(3).await.len(), 3);
    assert!(!send.is_finished());
    assert!(!only(stage.meta.sends()).answered);
    assert_eq!(send.await.unwrap().unwrap().status(), 200);
    assert!(only(stage.meta.sends()).answered);
}

#[tokio::test]
async fn timeout_before_accepting() {
    let stage = Stage::set(quick()).await;
    let mut watch = stage.meta.subscribe();
    stage.meta.inject(Fault::once(FaultKind::TimeoutBefore));
    let send = stage.text_in_background(USER);
    happening(&mut watch, |it| matches!(it, Happening::Refused(refusal) if refusal.http_status == 0)).await;
    assert!(!send.is_finished());
    assert!(stage.meta.sends().is_empty());
    send.abort();
    let request = stage.request(&text_to(USER, "hello")).timeout(Duration::from_millis(200));
    stage.meta.inject(Fault::once(FaultKind::TimeoutBefore));
    assert!(request.send().await.unwrap_err().is_timeout());
    stage.text(USER, "now it works").await;
}

#[tokio::test]
async fn timeout_after_accepting_with_and_without_statuses() {
    let mut stage = Stage::set(quick()).await;
    stage.meta.inject(Fault::once(FaultKind::TimeoutAfter { statuses: true }));
    let send = stage.text_in_background(USER);
    let seen = stage.webhook.statuses(3).await;
    assert!(!send.is_finished());
    let sent = only(stage.meta.sends());
    assert_eq!(seen[0].0, *sent.wamid);
    assert!(!sent.answered);
    send.abort();

    let mut watch = stage.meta.subscribe();
    stage.meta.inject(Fault::once(FaultKind::TimeoutAfter { statuses: false }));
    let send = stage.text_in_background(USER);
    happening(&mut watch, |it| matches!(it, Happening::Sent(_))).await;
    let wamid = stage.text(USER, "next").await;
    let seen = stage.webhook.statuses(3).await;
    assert!(seen.iter().all(|(of, _)| *of == wamid), "{seen:?}");
    assert!(!send.is_finished());
    assert_eq!(stage.meta.sends().len(), 3);
    send.abort();
}

#[tokio::test]
async fn resets_before_and_after_accepting() {
    let mut stage = Stage::set(quick()).await;
    stage.meta.inject(Fault::once(FaultKind::ResetBefore));
    let failure = stage.text_in_background(USER).await.unwrap().unwrap_err();
    assert_eq!(io_kind(&failure), Some(ErrorKind::ConnectionReset), "{failure:?}");
    assert!(stage.meta.sends().is_empty());

    stage.meta.inject(Fault::once(FaultKind::ResetAfter { statuses: true }));
    let failure = stage.text_in_background(USER).await.unwrap().unwrap_err();
    assert_eq!(io_kind(&failure), Some(ErrorKind::ConnectionReset), "{failure:?}");
    let sent = only(stage.meta.sends());
    assert!(!sent.answered);
    assert_eq!(stage.webhook.statuses(3).await[0].0, *sent.wamid);
}

#[tokio::test]
async fn garbled_and_truncated_answers_were_accepted() {
    let stage = Stage::set(silent()).await;
    stage.meta.inject(Fault::once(FaultKind::Garbled));
    let answer = stage.request(&text_to(USER, "hello")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).is_err());

    stage.meta.inject(Fault::once(FaultKind::Truncated));
    let mut answer = stage.request(&text_to(USER, "hello")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let promised = usize::try_from(answer.content_length().expect("a length")).unwrap();
    let mut got = Vec::new();
    let end = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => got.extend(chunk),
            other => break other,
        }
    };
    assert!(end.is_err(), "the body must not end in order");
    assert_eq!(got.len(), promised / 2);
    let sends = stage.meta.sends();
    assert_eq!(sends.len(), 2);
    assert!(sends.iter().all(|sent| !sent.answered));
}

#[tokio::test]
async fn a_dripping_answer_arrives_whole() {
    let stage = Stage::set(silent()).await;
    stage.meta.inject(Fault::once(FaultKind::Drip { ms: 2 }));
    #[expect(clippy::disallowed_methods, reason = "how long the drip takes is what is tested")]
    let began = Instant::now();
    let (status, answer) = stage.send(&text_to(USER, "hello")).await;
    assert_eq!(status, 200);
    let length = u32::try_from(answer.to_string().len()).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(1) * length, "{length} bytes in {:?}", began.elapsed());
    assert_eq!(answer["messages"][0]["id"], *only(stage.meta.sends()).wamid);
}

#[tokio::test]
async fn a_fault_strikes_whom_it_is_meant_for() {
    let stage = Stage::set(silent()).await;
    let fault = Fault { recipient: Some("+15550002222".into()), nth: Some(2), ..Fault::new(error(131_026)) };
    stage.meta.inject(fault);
    for (to, expected) in [(USER, 200), ("15550002222", 200), (USER, 200), ("15550002222", 400), ("15550002222", 200)] {
        assert_eq!(stage.send(&text_to(to, "hello")).await.0, expected, "{to}");
    }
    stage.meta.inject(Fault { phone_number_id: Some("1".into()), ..Fault::new(error(131_026)) });
    stage.text(USER, "another number").await;
}

#[tokio::test]
async fn a_fault_can_strike_by_chance_and_does_so_repeatably() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let stage = Stage::set(silent()).await;
        stage.meta.inject(Fault { probability: Some(0.5), ..Fault::new(error(131_000)) });
        let mut struck = Vec::new();
        for _ in 0..40 {
            struck.push(stage.send(&text_to(USER, "hello")).await.0 == 500);
        }
        let count = struck.iter().filter(|struck| **struck).count();
        assert!((8..=32).contains(&count), "{count} of 40");
        runs.push(struck);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn reads_fail_only_when_asked_to() {
    let stage = Stage::set(silent()).await;
    let get = || stage.client.get(format!("{}/v26.0/{NUMBER}", stage.meta.url())).bearer_auth("token").send();
    let id = stage.meta.inject(Fault::new(error(2)));
    assert_eq!(get().await.unwrap().status(), 200);
    assert!(stage.meta.remove_fault(id));
    stage.meta.inject(Fault { scope: Scope::All, ..Fault::new(error(2)) });
    assert_eq!(get().await.unwrap().status(), 503);
    assert_eq!(stage.send(&text_to(USER, "hello")).await.0, 503);
    stage.meta.clear_faults();
    stage.meta.inject(Fault { scope: Scope::Reads, ..Fault::new(FaultKind::ResetBefore) });
    assert!(get().await.is_err());
    stage.text(USER, "hello").await;
}

#[tokio::test]
async fn stopping_does_not_wait_for_those_it_never_answers() {
    let stage = Stage::set(silent()).await;
    let mut watch = stage.meta.subscribe();
    stage.meta.inject(Fault::once(FaultKind::TimeoutBefore));
    let send = stage.text_in_background(USER);
    happening(&mut watch, |it| matches!(it, Happening::Refused(_))).await;
    tokio::time::timeout(Duration::from_secs(10), stage.meta.stop()).await.expect("stops soon");
    assert!(send.await.unwrap().is_err());
}
