//! What the flow API says about a flow: faults refuse it as ACTIVE, a draft is saved with them.

use crate::world::World;
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The flow of the original's documentation: two of its buttons and steps lead to steps that are not there.
fn documented() -> Value {
    json!({"name": "Test", "trigger": json!(["testing", "test"]).to_string(), "status": "ACTIVE", "automationJson": [
        {"id": "1750791963173", "type": "MessageAction", "message": "Choose one reply?",
         "buttons": [{"label": "message", "next": "1750791983386"}, {"label": "image1", "next": "1750791978085"}],
         "position": {"x": 0, "y": 0}},
        {"id": "1750791978085", "type": "ImageMessage", "file": "https://example.com/image.jpg",
         "message": "Here's your image", "next": "1750792159035", "position": {"x": 0, "y": 0}}
    ]})
}

/// The (path, code) of each finding.
fn findings(list: &Value) -> Vec<(&str, &str)> {
    let list = list.as_array().unwrap();
    assert!(list.iter().all(|finding| finding["message"].as_str().is_some_and(|text| !text.is_empty())));
    list.iter().map(|finding| (finding["path"].as_str().unwrap(), finding["code"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn the_documented_flow_is_saved_active_with_warnings() {
    let world = World::new();
    let answer = world.flow("ann", Method::POST, "", documented()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let flow = answer.json();
    assert_eq!(flow["status"], "ACTIVE");
    let found = findings(&flow["warnings"]);
    assert!(found.contains(&("/automationJson/0/buttons/0/next", "missing_step")), "{found:?}");
    assert!(found.contains(&("/automationJson/1/next", "missing_step")), "{found:?}");
    assert_eq!(found.iter().filter(|(_, code)| *code == "missing_step").count(), 2);
    assert_eq!(flow["automationJson"], documented()["automationJson"]);
}

#[tokio::test]
async fn faults_refuse_an_active_flow_and_stand_in_a_drafts_warnings() {
    let world = World::new();
    let mut flow = documented();
    flow["automationJson"] = json!([
        {"id": "1", "type": "Hologram"},
        {"id": "1", "type": "MessageAction", "message": "", "buttons": []},
        {"type": "ImageMessage", "file": "ftp://x"}
    ]);
    let expected = [
        ("/automationJson/0/type", "unknown_type"),
        ("/automationJson/1/id", "duplicate_id"),
        ("/automationJson/2/id", "missing_id"),
        ("/automationJson/2/file", "bad_url"),
    ];
    let answer = world.flow("ann", Method::POST, "", flow.clone()).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid".into()));
    let json = answer.json();
    let found = findings(&json["errors"]);
    assert!(expected.iter().all(|one| found.contains(one)), "{found:?}");
    assert!(world.flow("ann", Method::GET, "", Value::Null).await.json().as_array().unwrap().is_empty());

    flow["status"] = json!("INACTIVE");
    let answer = world.flow("ann", Method::POST, "", flow).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let draft = answer.json();
    let found = findings(&draft["warnings"]);
    assert!(expected.iter().all(|one| found.contains(one)), "{found:?}");
    // Switching it on is refused with the same faults, and changes nothing.
    let answer = world.flow("ann", Method::PUT, "", json!({"id": draft["id"], "status": "Active"})).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let json = answer.json();
    assert!(expected.iter().all(|one| findings(&json["errors"]).contains(one)));
    let id = draft["id"].as_str().unwrap();
    let kept = world.flow("ann", Method::GET, &format!("?id={id}"), Value::Null).await.json();
    assert_eq!((&kept["status"], &kept["version"]), (&json!("INACTIVE"), &json!(1)));
    assert_eq!(kept["warnings"], draft["warnings"]);
}

#[tokio::test]
async fn no_flow_is_saved_with_fields_of_the_wrong_kind() {
    let world = World::new();
    let many: Vec<Value> = (0..501).map(|n| json!({"id": n.to_string()})).collect();
    let large = json!([{"id": "1", "note": "x".repeat(1024 * 1024)}]);
    let deep = format!("[{{\"a\":{}{}}}]", "[".repeat(63), "]".repeat(63));
    let cases = [
        (json!({"name": null}), "/name", "missing"),
        (json!({"name": " "}), "/name", "missing"),
        (json!({"name": 7}), "/name", "wrong_type"),
        (json!({"name": "a\u{0}b"}), "/name", "bad_character"),
        (json!({"name": "n".repeat(501)}), "/name", "too_long"),
        (json!({"trigger": "hello"}), "/trigger", "wrong_type"),
        (json!({"trigger": {"a": 1}}), "/trigger", "wrong_type"),
        (json!({"trigger": ["a", 7]}), "/trigger/1", "wrong_type"),
        (json!({"trigger": "[\"a\",null]"}), "/trigger/1", "wrong_type"),
        (json!({"trigger": "[\"a\\u0000\"]"}), "/trigger/0", "bad_character"),
        (json!({"automationJson": null}), "/automationJson", "missing"),
        (json!({"automationJson": {}}), "/automationJson", "wrong_type"),
        (json!({"automationJson": "[{]"}), "/automationJson", "wrong_type"),
        (json!({"automationJson": "[".repeat(10_000)}), "/automationJson", "wrong_type"),
        (json!({ "automationJson": deep }), "/automationJson", "too_deep"),
        (json!({"automationJson": [{"id": "1"}, 7]}), "/automationJson/1", "wrong_type"),
        (json!({"automationJson": [{"id": "1", "a/b": ["\u{0}"]}]}), "/automationJson/0/a~1b/0", "bad_character"),
        (json!({ "automationJson": many }), "/automationJson", "too_many_steps"),
        (json!({ "automationJson": large }), "/automationJson", "too_large"),
        (json!({"recipientArray": "everyone"}), "/recipientArray", "wrong_type"),
        (json!({"status": "PAUSED"}), "/status", "wrong_status"),
        (json!({"status": 1}), "/status", "wrong_status"),
    ];
    for (change, path, code) in cases {
        let mut flow = documented();
        flow["status"] = json!("INACTIVE");
        for (name, value) in change.as_object().unwrap() {
            flow[name] = value.clone();
        }
        let answer = world.flow("ann", Method::POST, "", flow).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {code}");
        assert_eq!(findings(&answer.json()["errors"]), [(path, code)]);
    }
}

#[tokio::test]
async fn a_list_of_recipients_that_cant_be_read_never_means_everyone() {
    let world = World::new();
    let mut flow = documented();
    flow["recipientArray"] = json!(["16505551234", true, {"name": "Ann"}]);
    let answer = world.flow("ann", Method::POST, "", flow.clone()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let expected = [("/recipientArray/1", "bad_recipient"), ("/recipientArray/2", "bad_recipient")];
    assert_eq!(findings(&answer.json()["errors"]), expected);
    flow["status"] = json!("INACTIVE");
    let answer = world.flow("ann", Method::POST, "", flow).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert!(findings(&answer.json()["warnings"]).contains(&expected[0]));
}

#[tokio::test]
async fn put_and_delete_need_an_id_that_is_there() {
    let world = World::new();
    for (body, status, code) in [
        (json!({"name": "x"}), 422, "invalid"),
        (json!({"id": [], "name": "x"}), 422, "invalid"),
        (json!({"id": "nope", "name": "x"}), 404, "flow_not_found"),
        (json!({"id": 7, "name": "x"}), 404, "flow_not_found"),
        (json!({"id": "a\u{0}", "name": "x"}), 404, "flow_not_found"),
    ] {
        for method in [Method::PUT, Method::DELETE] {
            let answer = world.flow("ann", method, "", body.clone()).await;
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{body}");
        }
    }
    let answer = world.flow("ann", Method::GET, "?id=nope", Value::Null).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, "flow_not_found".into()));
}
