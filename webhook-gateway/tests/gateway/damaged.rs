//! Callbacks with something wrong in them: always 200, and whatever is whole goes its way.

use crate::{
    fixtures::{every_type, failed, messages, status, statuses, text},
    world::{Taken, World},
};
use serde_json::{Value, json};

const TAG: &str = "0197a2b4-1111-7222-8333-444455556666.3";
/// The sibling in the same list.
const BESIDE: &str = "wamid.BESIDE";
/// The message in another entry of the same callback.
const ELSEWHERE: &str = "wamid.ELSEWHERE";

/// One kept event of the whole body.
async fn is_unrecognized(world: &World, body: impl Into<Vec<u8>>) {
    let body = body.into();
    let taken = world.kept(body.clone()).await;
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].kind.as_str(), &taken[0].body["kind"]), ("kept", &json!("unrecognized")));
    assert_eq!(taken[0].body["body"], String::from_utf8_lossy(&body).as_ref());
}

#[tokio::test]
async fn what_is_no_callback_is_kept_whole() {
    let world = World::new();
    for body in [
        "",
        " ",
        "null",
        "7",
        "\"x\"",
        "[]",
        "{}",
        "not json",
        "{\"entry\":",
        "{\"entry\":null}",
        "{\"entry\":[]}",
        "{\"entry\":{}}",
        "{\"entry\":\"x\"}",
        "{}{}",
        "\u{feff}{}",
        "\0\0\0",
    ] {
        is_unrecognized(&world, body).await;
    }
    is_unrecognized(&world, [0xff, 0xfe, b'{', 0x80].as_slice()).await;
}

#[tokio::test]
async fn ten_thousand_levels_are_kept_whole() {
    let world = World::new();
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"entry\":", "}]")] {
        is_unrecognized(&world, format!("{}1{}", open.repeat(10_000), close.repeat(10_000))).await;
        is_unrecognized(&world, open.repeat(100_000)).await;
    }
    let mut deep = json!("x");
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let mut sent = text("wamid.A", "Hi");
    sent["new"] = deep;
    is_unrecognized(&world, messages(&[sent]).to_string()).await;
}

#[tokio::test]
async fn a_wrong_byte_costs_no_neighbour() {
    let world = World::new();
    let mut body = messages(&[text("wamid.A", "caf_"), text(BESIDE, "Hi")]).to_string().into_bytes();
    let at = body.windows(4).position(|bytes| bytes == b"caf_").unwrap();
    body[at + 3] = 0xe9;
    let taken = world.kept(body).await;
    assert_eq!(taken.iter().filter(|taken| taken.kind == "message").count(), 2);
    assert_eq!(taken[0].body["reply"]["value"], "caf\u{fffd}");
}

/// Every place in a JSON document.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, item)| places(item, &format!("{at}/{name}"), found)),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| places(item, &format!("{at}/{n}"), found)),
        _ => {}
    }
}

/// The document with each wrong thing in this place.
fn damaged(whole: &Value, at: &str) -> Vec<Value> {
    let wrong = [
        json!(null),
        json!(true),
        json!(7),
        json!(-1.5),
        json!(""),
        json!("x"),
        json!("a\u{0}b"),
        json!([]),
        json!([[]]),
        json!(["x", 7, null, {}]),
        json!({}),
        json!({"id": {"id": []}}),
        json!("9".repeat(2000)),
    ];
    let mut all: Vec<Value> = wrong
        .into_iter()
        .map(|wrong| {
            let mut copy = whole.clone();
            *copy.pointer_mut(at).unwrap() = wrong;
            copy
        })
        .collect();
    if let Some((parent, name)) = at.rsplit_once('/') {
        let mut without = whole.clone();
        match without.pointer_mut(parent).unwrap() {
            Value::Object(fields) => drop(fields.remove(name)),
            Value::Array(items) => drop(items.remove(name.parse().unwrap())),
            _ => unreachable!("a place has a parent with places in it"),
        }
        all.push(without);
        let mut doubled = whole.clone();
        if let Value::Object(fields) = doubled.pointer_mut(parent).unwrap() {
            fields.insert(format!("new_{name}"), json!([{"a": 1}]));
            all.push(doubled);
        }
    }
    all
}

fn has(taken: &[Taken], wamid: &str) -> bool {
    taken.iter().any(|taken| taken.kind == "message" && taken.body["wamid"] == wamid)
}

/// Damages every place `within` a callback whose list has a whole second item, and which has a whole second entry.
async fn damage(world: &World, mut callback: Value, list: &str, within: &str) -> usize {
    let elsewhere = messages(&[text(ELSEWHERE, "Hi")])["entry"][0].clone();
    callback["entry"].as_array_mut().unwrap().push(elsewhere);
    let mut all = Vec::new();
    places(&callback, "", &mut all);
    let item = format!("/entry/0/changes/0/value/{list}/0");
    let mut tried = 0;
    for at in all.iter().filter(|at| at.starts_with(within) && !at.starts_with("/entry/1")) {
        for body in damaged(&callback, at) {
            let taken = world.kept(body.to_string()).await;
            tried += 1;
            assert!(!taken.is_empty(), "{at}: nothing was kept of {body}");
            if at.starts_with("/entry/0") {
                assert!(has(&taken, ELSEWHERE), "{at}: another entry was lost of {body}");
            }
            if at.starts_with("/entry/0/") {
                assert!(
                    taken.len() >= 2 || at == "/entry/0/changes",
                    "{at}: nothing but another entry was kept of {body}"
                );
            }
            // An item that is gone leaves nothing to be kept.
            let gone = body.pointer(&item).is_none_or(|first| first["id"] == BESIDE);
            if at.starts_with(&item) {
                let survivors = if list == "messages" {
                    usize::from(has(&taken, BESIDE))
                } else {
                    taken.iter().filter(|taken| taken.kind == "status" && taken.body["wamid"] == BESIDE).count()
                };
                assert_eq!(survivors, 1, "{at}: the neighbour was lost of {body}");
                assert_eq!(taken.len(), if gone { 2 } else { 3 }, "{at}: {body}");
            }
        }
    }
    tried
}

#[tokio::test]
async fn any_fault_in_a_message_costs_that_message_only() {
    let world = World::new();
    let mut tried = 0;
    for (mut sent, _) in every_type() {
        sent["context"] = json!({"id": "wamid.OUT", "from": "15550783881"});
        sent["from_user_id"] = json!("US.1");
        // The envelope is the same around all of them: once is enough.
        let within = if sent["type"] == "text" { "" } else { "/entry/0/changes/0/value/messages/0" };
        tried += damage(&world, messages(&[sent, text(BESIDE, "Hi")]), "messages", within).await;
    }
    assert!(tried > 3_000, "{tried}");
}

#[tokio::test]
async fn any_fault_in_a_status_costs_that_status_only() {
    let world = World::new();
    for first in [status("delivered", TAG), failed(TAG)] {
        let mut beside = status("read", TAG);
        beside["id"] = json!(BESIDE);
        damage(&world, statuses(&[first, beside]), "statuses", "").await;
    }
}

#[tokio::test]
async fn what_a_message_needs_is_an_id_a_sender_and_a_number() {
    let world = World::new();
    for (at, wrong) in [("/id", json!(null)), ("/id", json!("")), ("/id", json!("a\u{0}b")), ("/id", json!({}))] {
        let mut sent = text("wamid.A", "Hi");
        *sent.pointer_mut(at).unwrap() = wrong;
        let taken = world.kept(messages(&[sent.clone()]).to_string()).await;
        assert_eq!((taken.len(), &taken[0].body["kind"]), (1, &json!("unrecognized")), "{sent}");
        assert_eq!(taken[0].body["body"], sent.to_string());
    }
    let mut nobody = messages(&[text("wamid.A", "Hi")]);
    nobody["entry"][0]["changes"][0]["value"]["contacts"] = json!([]);
    nobody["entry"][0]["changes"][0]["value"]["messages"][0]["from"] = json!(null);
    assert_eq!(world.kept(nobody.to_string()).await[0].body["kind"], "unrecognized");
    let mut nowhere = messages(&[text("wamid.A", "Hi")]);
    nowhere["entry"][0]["changes"][0]["value"]["metadata"] = json!({});
    assert_eq!(world.kept(nowhere.to_string()).await[0].body["kind"], "unrecognized");
}

#[tokio::test]
async fn bytes_changed_at_random_are_always_kept_somehow() {
    let world = World::new();
    let whole: Vec<String> =
        every_type().iter().map(|(sent, _)| messages(std::slice::from_ref(sent)).to_string()).collect();
    // A small generator with a fixed seed: the same bytes in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..3_000 {
        let mut body = whole[draw(whole.len())].clone().into_bytes();
        for _ in 0..=draw(4) {
            let at = draw(body.len());
            match draw(4) {
                0 => body.truncate(at.max(1)),
                1 => drop(body.remove(at)),
                2 => body.insert(at, b"{}[]\",:\\u0\0\xff"[draw(12)]),
                _ => body[at] = u8::try_from(draw(256)).unwrap(),
            }
            if body.is_empty() {
                body.push(b' ');
            }
        }
        assert!(!world.kept(body).await.is_empty());
    }
}
