//! `dead-letters`: found, understood, and replayed without harm.

use crate::{
    done, items, output, refused, run, shown,
    support::{
        NUMBER,
        stage::{Stage, WORDS, person, refuses},
    },
};
use serde_json::{Value, json};
use whatsapp_simulator::{FaultKind, User};

/// A number that nobody has added yet.
const OTHER_NUMBER: &str = "200000000000002";

/// So many people, to each of whom one message was refused for good.
async fn refused_for(stage: &Stage, people: &[User]) {
    for who in people {
        stage.fails(who, refuses(131_026), 1);
        stage.writes(who, "one").await;
    }
    let count = people.len().to_string();
    stage.installation.until("SELECT count(*) FROM dead_letters", &count).await;
    stage.installation.until_settled().await;
}

fn list(stage: &Stage, state: &str) -> Vec<Value> {
    items(&done(&stage.installation, &["dead-letters", "list", "--state", state])).clone()
}

/// What a replay says of what it did.
fn replay(stage: &Stage, args: &[&str]) -> Value {
    let mut done = done(&stage.installation, &[&["dead-letters", "replay"], args].concat());
    if args.contains(&"--dry-run") {
        return done;
    }
    assert_eq!((&done["state"], &done["act"]), (&json!("done"), &json!("replay")), "{done}");
    let told = ["total", "replayed", "skipped"];
    done.as_object_mut().expect("an object").retain(|name, _| told.contains(&name.as_str()));
    done
}

/// What was left, where only this was.
fn only(name: &str) -> Value {
    let names = ["already_sent", "may_duplicate", "session_moved_on", "window_closed", "number_unavailable"];
    names
        .iter()
        .map(|word| ((*word).to_owned(), json!(i32::from(*word == name))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Everything that only looks, as JSON and as people see it.
fn look(stage: &Stage, id: &str) -> Vec<(Value, String)> {
    [
        vec!["dead-letters", "list"],
        vec!["dlq", "list", "--reason", "permanent_error", "--code", "131026", "--number", NUMBER, "--since", "1h"],
        vec!["dead-letters", "list", "--state", "replayed"],
        vec!["dead-letters", "show", id],
        vec!["dead-letters", "replay", id, "--dry-run"],
        vec!["dead-letters", "replay", "--all", "--dry-run"],
    ]
    .iter()
    .map(|args| (done(&stage.installation, args), shown(&stage.installation, args)))
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_shown_the_same_and_replayed_once_beside_a_serving_process_and_without_one() {
    let mut stage = Stage::set(&[]).await;
    let (kim, lee) = (person(1), person(2));
    refused_for(&stage, &[kim.clone(), lee.clone()]).await;
    let letters = list(&stage, "open");
    // Whose letter came first is a matter of luck.
    let of_kim = letters.iter().find(|letter| letter["recipient"] == json!(kim.phone_digits())).expect("a letter");
    let id = of_kim["id"].as_str().expect("an id").to_owned();
    let beside = look(&stage, &id);
    assert_eq!([items(&beside[0].0).len(), items(&beside[1].0).len(), items(&beside[2].0).len()], [2, 2, 0]);
    let letter = &beside[3].0;
    assert_eq!(letter, of_kim);
    assert_eq!([&letter["kind"], &letter["state"], &letter["reason"]], ["job", "open", "permanent_error"]);
    assert_eq!([&letter["recipient"], &letter["accountId"]], [&json!(kim.phone_digits()), &json!("default")]);
    assert_eq!([&letter["code"], &letter["attempts"][0]["code"]], [131_026, 131_026]);
    assert_eq!([beside[4].0["total"].as_u64(), beside[5].0["outcomes"]["would_send"].as_u64()], [Some(1), Some(2)]);
    stage.installation.terminate().await;
    assert_eq!(look(&stage, &id), beside);
    assert!(stage.sends(&kim).is_empty(), "looking sends nothing");

    // The first without a serving process, the second beside one.
    assert_eq!(replay(&stage, &[&id]), json!({ "total": 1, "replayed": 1, "skipped": only("") }));
    stage.installation.start().await;
    stage.until_received(&kim, &["one"]).await;
    assert_eq!(replay(&stage, &["--all", "--yes"])["replayed"], 1);
    stage.until_received(&lee, &["one"]).await;
    stage.installation.until_settled().await;

    assert_eq!(replay(&stage, &[&id]), json!({ "total": 1, "replayed": 0, "skipped": only("already_sent") }));
    assert_eq!((list(&stage, "open").len(), list(&stage, "replayed").len()), (0, 2));
    assert_eq!(stage.jobs(&kim)[0]["attempt"], 2);
    stage.installation.until_settled().await;
    assert_eq!(stage.simulator.sends_count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dies_again_is_another_letter_and_is_not_replayed_in_the_same_go() {
    let stage = Stage::set(&[]).await;
    let kim = person(1);
    refused_for(&stage, std::slice::from_ref(&kim)).await;
    stage.fails(&kim, refuses(131_026), 1);
    assert_eq!(replay(&stage, &["--all", "--yes"])["replayed"], 1);
    stage.installation.until("SELECT count(*) FROM dead_letters", "2").await;
    stage.installation.until_settled().await;
    let open = list(&stage, "open");
    assert_eq!(open.len(), 1);
    let tried = open[0]["attempts"].as_array().expect("attempts");
    assert_eq!(tried.iter().filter(|attempt| attempt["code"] == 131_026).count(), 2, "{tried:?}");
    assert_eq!(replay(&stage, &["--all", "--yes"])["replayed"], 1);
    stage.until_received(&kim, &["one"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_an_unknown_number_are_handled_once_it_was_added() {
    let mut stage = Stage::set(&[]).await;
    let (kim, lee) = (person(1), person(2));
    let callbacks = [&kim, &lee].map(|who| stage.callback(OTHER_NUMBER, who, "one"));
    for body in &callbacks {
        assert_eq!(stage.installation.post(body).await, Some(200));
    }
    stage.installation.until("SELECT count(*) FROM dead_letters WHERE reason = 'unknown_phone_number'", "2").await;
    stage.installation.until_settled().await;
    let of_reason = ["--reason", "unknown_phone_number", "--yes"];
    assert_eq!(replay(&stage, &of_reason)["skipped"]["number_unavailable"], 2);

    let add = ["numbers", "add", OTHER_NUMBER, "--account", "default"];
    assert_eq!(run(&stage.installation, &add, crate::support::TOKEN).0, 0);
    stage.installation.until_known().await;
    let first = list(&stage, "open")[0].clone();
    assert_eq!([&first["kind"], &first["recipient"]], [&json!("event"), &json!(kim.phone_digits())]);
    assert_eq!(replay(&stage, &[first["id"].as_str().expect("an id")])["replayed"], 1);
    stage.until_received(&kim, &["one"]).await;
    stage.installation.until_settled().await;

    stage.installation.terminate().await;
    assert_eq!(replay(&stage, &of_reason)["replayed"], 1);
    stage.installation.start().await;
    stage.until_received(&lee, &["one"]).await;
    // Neither Meta's repeats nor another replay say it twice.
    for body in &callbacks {
        assert_eq!(stage.installation.post(body).await, Some(200));
    }
    assert_eq!(replay(&stage, &["--all", "--yes"])["total"], 0);
    stage.installation.until_settled().await;
    assert_eq!(stage.simulator.sends_count(), 2);
    assert_eq!(stage.installation.ask("SELECT DISTINCT state FROM messages"), "handled");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_conversation_left_behind_is_sent_only_by_force() {
    let stage = Stage::set(&[]).await;
    let kim = person(1);
    stage.fails(&kim, refuses(131_026), 1);
    for word in WORDS {
        stage.writes(&kim, word).await;
    }
    stage.until_received(&kim, &["two", "three"]).await;
    stage.installation.until_settled().await;
    assert_eq!(replay(&stage, &["--all", "--yes"])["skipped"], only("session_moved_on"));
    let said = output(&stage.installation, &["dead-letters", "replay", "--all", "--yes"], "").stderr;
    assert!(String::from_utf8_lossy(&said).contains("--force"));
    assert_eq!(replay(&stage, &["--all", "--yes", "--force"])["replayed"], 1);
    stage.until_received(&kim, &["two", "three", "one"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_arrived_is_sent_only_when_asked_for_by_name() {
    let stage = Stage::set(&[("FLOW_RUNNER__SEND__UNKNOWN_WAIT", "1s"), ("UNKNOWN_OUTCOME_POLICY", "hold")]).await;
    let kim = person(1);
    stage.fails(&kim, FaultKind::ResetBefore, 1);
    stage.writes(&kim, "one").await;
    stage.installation.until("SELECT reason FROM dead_letters", "unknown_outcome").await;
    assert_eq!(replay(&stage, &["--all", "--yes", "--force"])["skipped"], only("may_duplicate"));
    assert_eq!(replay(&stage, &["--all", "--may-duplicate", "--dry-run"])["outcomes"]["would_send"], 1);
    assert_eq!(replay(&stage, &["--all", "--yes", "--may-duplicate"])["replayed"], 1);
    stage.until_received(&kim, &["one"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_too_old_is_as_young_as_its_replay() {
    let stage = Stage::set(&[("SEND_MAX_AGE", "3s")]).await;
    let kim = person(1);
    stage.fails(&kim, FaultKind::TooManyRequests { retry_after: Some(5) }, 1);
    stage.writes(&kim, "one").await;
    stage.installation.until("SELECT reason FROM dead_letters", "too_old").await;
    assert_eq!(replay(&stage, &["--reason", "too_old", "--yes"])["replayed"], 1);
    stage.until_received(&kim, &["one"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_letters_are_replayed_batch_by_batch() {
    let mut stage = Stage::set(&[]).await;
    let people: Vec<User> = (0..450).map(person).collect();
    refused_for(&stage, &people).await;
    stage.installation.terminate().await;
    assert_eq!(replay(&stage, &["--code", "131026", "--dry-run"])["outcomes"]["would_send"], 450);
    assert_eq!(replay(&stage, &["--code", "131026", "--yes"])["replayed"], 450);
    stage.installation.start().await;
    stage.installation.until("SELECT count(*) FROM jobs WHERE state = 'sent'", "450").await;
    assert_eq!(stage.simulator.sends_count(), 450);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_says_what_it_needs_to_know() {
    let mut stage = Stage::set(&[]).await;
    refused_for(&stage, &[person(1)]).await;
    for serving in [true, false] {
        if !serving {
            stage.installation.terminate().await;
        }
        for (args, code, hint) in [
            (&["replay"][..], 2, "--all"),
            (&["replay", "--all"], 2, "--yes"),
            (&["replay", "--reason", "permanent_error"], 2, "--yes"),
            (&["replay", "some-id", "--all", "--yes"], 2, "--all"),
            (&["replay", "--reason", "bad_luck", "--yes"], 2, "permanent_error"),
            (&["replay", "some-id"], 1, "some-id"),
            (&["show", "some-id"], 1, "some-id"),
        ] {
            let (exit, said) = refused(&stage.installation, &[&["dead-letters"], args].concat());
            assert!(exit == code && said.contains(hint), "{args:?}: {exit}: {said}");
        }
    }
    assert_eq!(list(&stage, "open").len(), 1);
}
