//! `messages`: what came in, and what was made of it.

use crate::{
    done, items, refused, shown,
    support::stage::{Stage, person},
};
use serde_json::{Value, json};

/// Everything that is asked for here, as JSON and as people see it.
fn look(stage: &Stage, phone: &str) -> Vec<(Value, String)> {
    let list = done(&stage.installation, &["messages", "list"]);
    let text = items(&list).iter().find(|item| item["kind"] == "text").expect("the text").clone();
    let id = |name: &str| text[name].as_str().expect("an id").to_owned();
    let (event_id, wamid) = (id("eventId"), id("wamid"));
    [
        vec!["messages", "list"],
        vec!["messages", "list", "--kind", "unrecognized"],
        vec!["messages", "list", "--kind", "other", "--since", "1h"],
        vec!["messages", "list", "--recipient", phone, "--account", "default"],
        vec!["messages", "list", "--since", "2999-01-01"],
        vec!["messages", "list", "--limit", "1"],
        vec!["messages", "show", &event_id],
        vec!["messages", "show", &wamid],
    ]
    .iter()
    .map(|args| (done(&stage.installation, args), shown(&stage.installation, args)))
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_in_is_listed_and_shown_whole() {
    let mut stage = Stage::set(&[]).await;
    let kim = person(1);
    let phone = kim.phone_digits().expect("a phone");
    stage.writes(&kim, "one").await;
    stage.until_received(&kim, &["one"]).await;
    let other = json!({ "entry": [{ "changes": [{ "field": "account_update", "value": { "event": "x" } }] }] });
    for body in ["not JSON", &other.to_string()] {
        assert_eq!(stage.installation.post(body).await, Some(200));
    }
    stage.installation.until("SELECT count(*) FROM kept_events", "2").await;
    stage.installation.until_settled().await;

    let beside = look(&stage, &phone);
    let counts: Vec<usize> = beside[..6].iter().map(|(list, _)| items(list).len()).collect();
    assert_eq!(counts, [3, 1, 1, 1, 0, 1]);
    assert!(beside[5].0["nextCursor"].is_string() && beside[0].0["nextCursor"].is_null());
    assert_eq!(items(&beside[2].0)[0]["field"], "account_update");
    assert_eq!(beside[4].1.trim(), "none");
    let (message, text) = &beside[6];
    assert_eq!([&message["state"], &message["raw"]["text"]["body"]], ["handled", "one"]);
    assert!(message["notes"].as_array().is_some_and(|notes| notes.iter().any(|note| note["note"] == "started")));
    assert!(message["receivedAt"].as_str().is_some_and(|at| at.ends_with('Z')), "{message}");
    assert!(text.contains("handled") && beside[7] == beside[6]);

    let kept = items(&beside[1].0)[0]["eventId"].as_str().expect("an id").to_owned();
    assert_eq!(done(&stage.installation, &["messages", "show", &kept])["raw"], "not JSON");
    stage.installation.terminate().await;
    assert_eq!(look(&stage, &phone), beside);
    assert_eq!(done(&stage.installation, &["messages", "show", &kept])["raw"], "not JSON");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_to_be_missing() {
    let mut stage = Stage::set(&[]).await;
    for serving in [true, false] {
        if !serving {
            stage.installation.terminate().await;
        }
        assert_eq!(refused(&stage.installation, &["messages", "show", "wamid.nothing"]).0, 1);
        assert_eq!(refused(&stage.installation, &["messages", "list", "--recipient", "15550001111"]).0, 1);
        assert_eq!(refused(&stage.installation, &["messages", "list", "--since", "soon"]).0, 2);
        assert_eq!(refused(&stage.installation, &["messages", "list", "--limit", "0"]).0, 2);
        for list in ["messages", "sessions", "dead-letters"] {
            let (code, said) = refused(&stage.installation, &[list, "list", "--cursor", "some-id"]);
            assert!(code == 1 && said.contains("\"some-id\" names nothing"), "{list}: {code}: {said}");
        }
    }
}
