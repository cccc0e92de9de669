//! `sessions`: where people stand, and what they are answered after somebody moved them.

use crate::{
    done, items, refused, run, shown,
    support::{
        NUMBER,
        stage::{Stage, person},
    },
};
use serde_json::{Value, json};
use testkit::questions::{self, TRIGGER};
use whatsapp_simulator::User;

/// A flow of three questions, and Kim, who is at the first.
async fn kim_at_the_first_question() -> (Stage, User, String) {
    let stage = Stage::set(&[]).await;
    let flow = stage.installation.save_flow("Questions", &[TRIGGER], questions::steps(3)).await;
    let kim = person(1);
    stage.writes(&kim, TRIGGER).await;
    stage.until_received(&kim, &["Question 0"]).await;
    stage.installation.until_settled().await;
    (stage, kim, flow["id"].as_str().expect("an id").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_shown_the_same_beside_a_serving_process_and_without_one() {
    let (mut stage, kim, flow) = kim_at_the_first_question().await;
    let phone = kim.phone_digits().expect("a phone");
    let look = |stage: &Stage| {
        let list = done(&stage.installation, &["sessions", "list", "--account", "default"]);
        let session = done(&stage.installation, &["sessions", "show", &phone]);
        assert_eq!(items(&list), std::slice::from_ref(&session));
        let id = session["recipientId"].as_str().expect("an id");
        assert_eq!(done(&stage.installation, &["sessions", "show", id]), session);
        let texts =
            [shown(&stage.installation, &["sessions", "list"]), shown(&stage.installation, &["sessions", "show", id])];
        assert!(texts.iter().all(|text| text.contains("q0") && text.contains(&phone)), "{texts:?}");
        (session, texts)
    };
    let beside = look(&stage);
    let fields = ["accountId", "recipient", "flowId", "currentStepId", "phoneNumberId"].map(|name| &beside.0[name]);
    assert_eq!(fields, [&json!("default"), &json!(phone), &json!(flow), &json!("q0"), &json!(NUMBER)]);
    stage.installation.terminate().await;
    assert_eq!(look(&stage), beside);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_moved_is_answered_from_there() {
    let (mut stage, kim, flow) = kim_at_the_first_question().await;
    let phone = kim.phone_digits().expect("a phone");
    done(&stage.installation, &["sessions", "set", &phone, "--flow", &flow, "--step", "q2"]);
    stage.writes(&kim, "picture").await;
    stage.until_received(&kim, &["Question 0", "Picture 2", "Question 0"]).await;
    stage.installation.until_settled().await;

    stage.installation.terminate().await;
    // As it was shown, but for the step.
    let mut session = done(&stage.installation, &["sessions", "show", &phone]);
    session["currentStepId"] = json!("q1");
    let (code, moved) = run(&stage.installation, &["sessions", "set", &phone], &session.to_string());
    assert_eq!((code, &moved["currentStepId"], &moved["createdAt"]), (0, &json!("q1"), &session["createdAt"]));
    stage.installation.start().await;
    stage.writes(&kim, "next").await;
    stage.until_received(&kim, &["Question 0", "Picture 2", "Question 0", "Question 2"]).await;

    // Kim has moved meanwhile: what was seen before is not acted on.
    let (code, _) = run(&stage.installation, &["sessions", "set", &phone], &moved.to_string());
    assert_eq!(code, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_where_they_are_still_finds_the_way_back() {
    let stage = Stage::set(&[]).await;
    let inner = stage.installation.save_flow("Inner", &["inside"], questions::steps(2)).await["id"].clone();
    let outer = json!([
        { "id": "in", "type": "ConnectFlowAction", "flowId": inner, "next": "out" },
        { "id": "out", "type": "MessageAction", "message": "Back" },
    ]);
    let outer = stage.installation.save_flow("Outer", &["outside"], outer).await["id"].clone();
    let inner = inner.as_str().expect("an id");
    // A way out of the questions, so that the inner flow ends.
    let mut steps = questions::steps(2);
    steps[0]["buttons"][0]["next"] = json!("end");
    steps[0]["fallback"] = json!({ "retries": 3 });
    stage.installation.change_flow(json!({ "id": inner, "automationJson": steps })).await;
    let kim = person(1);
    let phone = kim.phone_digits().expect("a phone");
    stage.writes(&kim, "outside").await;
    stage.until_received(&kim, &["Question 0"]).await;
    stage.installation.until_settled().await;

    let before = done(&stage.installation, &["sessions", "show", &phone]);
    assert_eq!([&before["flowId"], &before["stack"][0]["flowId"]], [&json!(inner), &outer]);
    let text = shown(&stage.installation, &["sessions", "show", &phone]);
    assert!(text.contains(&format!("{} after its step 0", outer.as_str().expect("an id"))), "{text}");
    let (code, set) = run(&stage.installation, &["sessions", "set", &phone], &before.to_string());
    let timeless = |session: &Value| {
        let mut session = session.clone();
        for name in ["updatedAt", "expiresAt", "askedAt", "rowVersion"] {
            session[name] = Value::Null;
        }
        session
    };
    assert_eq!((code, timeless(&set)), (0, timeless(&before)));
    done(&stage.installation, &["sessions", "set", &phone, "--flow", inner, "--step", "q1"]);
    done(&stage.installation, &["sessions", "set", &phone, "--flow", inner, "--step", "q0"]);
    stage.writes(&kim, "next").await;
    stage.until_received(&kim, &["Question 0", "Back"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_nowhere_any_more_begins_anew() {
    let (mut stage, kim, _) = kim_at_the_first_question().await;
    let phone = kim.phone_digits().expect("a phone");
    for serving in [true, false] {
        if !serving {
            stage.installation.terminate().await;
        }
        let ended = done(&stage.installation, &["sessions", "delete", &phone]);
        assert_eq!(ended["accountId"], "default");
        let (code, said) = refused(&stage.installation, &["sessions", "delete", &phone]);
        assert!(code == 1 && said.contains("in no session"), "{code}: {said}");
        assert_eq!(shown(&stage.installation, &["sessions", "list"]).trim(), "none");
        if !serving {
            stage.installation.start().await;
        }
        stage.writes(&kim, "next").await;
        stage.writes(&kim, TRIGGER).await;
        let expected = if serving { 2 } else { 3 };
        stage.until_received(&kim, &["Question 0"].repeat(expected)).await;
        stage.installation.until_settled().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_put_where_nothing_is() {
    let (mut stage, kim, flow) = kim_at_the_first_question().await;
    let phone = kim.phone_digits().expect("a phone");
    let before = done(&stage.installation, &["sessions", "show", &phone]);
    for serving in [true, false] {
        if !serving {
            stage.installation.terminate().await;
        }
        let set = |who: &str, rest: &[&str]| refused(&stage.installation, &[&["sessions", "set", who], rest].concat());
        for (who, rest, code, hint) in [
            (phone.as_str(), &["--flow", flow.as_str(), "--step", "q9"][..], 1, "q9"),
            (&phone, &["--flow", "nothing", "--step", "q1"], 1, "flows list"),
            (&phone, &["--flow", &flow, "--step", "q1", "--number", "777"], 1, "numbers list"),
            (&phone, &["--flow", &flow, "--step", "q1", "--account", "nobody"], 1, "accounts list"),
            (&phone, &["--flow", &flow, "--step", "q1", "--row-version", "1"], 1, "moved meanwhile"),
            ("15559999999", &["--flow", &flow, "--step", "q1"], 1, "15559999999"),
            (&phone, &["--flow", &flow], 2, "--step"),
            // Nothing on standard input.
            (&phone, &[], 2, "--flow and --step"),
        ] {
            let (exit, said) = set(who, rest);
            assert!(exit == code && said.contains(hint), "{rest:?}: {exit}: {said}");
        }
        let mut session = before.clone();
        session["flowVersion"] = json!(4_711);
        assert_eq!(run(&stage.installation, &["sessions", "set", &phone], &session.to_string()), (1, Value::Null));
    }
    assert_eq!(done(&stage.installation, &["sessions", "show", &phone]), before);
}
