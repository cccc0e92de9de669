//! What became of messages that we sent.

use crate::{
    fixtures::{BSUID, failed, status, statuses},
    words::became,
    world::World,
};
use serde_json::{Value, json};
use shared::{event::StatusUpdate, ports::queue::QueueName};

const TAG: &str = "0197a2b4-1111-7222-8333-444455556666.3";

#[tokio::test]
async fn statuses_go_to_their_own_queue_with_our_tag() {
    let world = World::new();
    let words = ["sent", "delivered", "read", "played"];
    let mut items: Vec<Value> = words.iter().map(|word| status(word, TAG)).collect();
    items.push(failed(TAG));
    let taken = world.kept(statuses(&items).to_string()).await;
    assert_eq!(taken.len(), 5);
    for taken in &taken {
        assert_eq!((taken.queue, taken.kind.as_str()), (QueueName::Statuses, "status"));
        let read: StatusUpdate = serde_json::from_value(taken.body.clone()).unwrap();
        assert_eq!(read.job.unwrap().to_string(), TAG);
        assert_eq!((read.wamid.as_str(), read.at), ("wamid.OUT", 1_750_269_343));
    }
    assert_eq!(taken[4].body["error"]["code"], 131_047);
    assert_eq!(taken[4].body["error"]["message"], "Re-engagement message: More than 24 hours have passed");
}

#[tokio::test]
async fn a_tag_of_somebody_else_is_not_ours_and_an_unknown_word_is_kept() {
    let world = World::new();
    let taken = world.kept(statuses(&[status("sent", "random_string"), status("deleted", TAG)]).to_string()).await;
    assert!(taken[0].body.get("job").is_none());
    assert_eq!((taken[1].kind.as_str(), &taken[1].body["kind"]), ("kept", &json!("unrecognized")));
}

#[tokio::test]
async fn a_status_needs_no_phone_of_its_recipient() {
    let world = World::new();
    let mut sent = status("delivered", TAG);
    sent.as_object_mut().unwrap().remove("recipient_id");
    sent["recipient_user_id"] = json!(BSUID);
    let mut nobody = failed(TAG);
    nobody.as_object_mut().unwrap().remove("recipient_id");
    let words = became(&world, statuses(&[sent, nobody]).to_string()).await;
    assert_eq!(words, ["status delivered", "status failed 131047"]);
}

#[tokio::test]
async fn each_participant_of_a_group_has_a_status() {
    let world = World::new();
    let items: Vec<Value> = ["16505551234", "16505551235"]
        .into_iter()
        .map(|participant| {
            let mut item = status("read", TAG);
            item["recipient_id"] = json!("Y2FwaV9ncm91cDo");
            item["recipient_type"] = json!("group");
            item["recipient_participant_id"] = json!(participant);
            item
        })
        .collect();
    let words = became(&world, statuses(&items).to_string()).await;
    assert_eq!(words, ["status read", "status read"]);
}

#[tokio::test]
async fn a_failure_that_gives_no_reason_is_a_failure() {
    let world = World::new();
    for errors in [Value::Null, json!([]), json!([{"title": "?"}])] {
        let mut sent = failed(TAG);
        sent["errors"] = errors;
        let words = became(&world, statuses(&[sent]).to_string()).await;
        assert_eq!(words, ["status failed"]);
    }
}
