//! `flows import` and `flows lint`: what is in a file, document by document.

use crate::{done, items, output, run, support::Installation};
use serde_json::{Value, json};

fn step(message: &str) -> Value {
    json!([{ "id": "1", "type": "MessageAction", "message": message }])
}

/// An installation with one account.
fn installation() -> Installation {
    let installation = Installation::new("http://127.0.0.1:1", &[]);
    done(&installation, &["accounts", "create", "Ann"]);
    installation
}

/// Saves a file; its path.
fn file(installation: &Installation, name: &str, content: &Value) -> String {
    let path = installation.directory.path().join(name);
    std::fs::write(&path, content.to_string()).expect("written");
    name.to_owned()
}

/// `path code` of the errors of an item.
fn errors(item: &Value) -> Vec<String> {
    let text =
        |error: &Value| format!("{} {}", error["path"].as_str().unwrap_or("?"), error["code"].as_str().unwrap_or("?"));
    item["errors"].as_array().into_iter().flatten().map(text).collect()
}

#[test]
fn a_document_that_is_no_flow_is_refused_and_holds_up_no_other() {
    let installation = installation();
    let many: Vec<Value> = (0..501).map(|n| json!({ "id": n.to_string() })).collect();
    let large = json!([{ "id": "1", "note": "x".repeat(1024 * 1024) }]);
    let cases = [
        (json!({ "name": "n", "triggers": ["x"], "steps": 7 }), "/steps wrong_type"),
        (json!({ "name": "n", "triggers": ["x"], "steps": [7] }), "/steps/0 wrong_type"),
        (json!({ "name": "n", "steps": many }), "/steps too_many_steps"),
        (json!({ "name": "n", "automationJson": large }), "/automationJson too_large"),
        (json!({ "name": "n", "steps": [], "automationJson": [] }), "/steps given_twice"),
        (json!({ "name": "n" }), "/steps missing"),
        (json!({ "name": "n", "triggers": "x", "steps": [] }), "/triggers wrong_type"),
        (json!({ "name": "n", "trigger": "[7]", "steps": [] }), "/trigger/0 wrong_type"),
        (json!({ "name": " ", "steps": [] }), "/name missing"),
        (json!({ "steps": [] }), "/name missing"),
        (json!({ "id": "", "name": "n", "steps": [] }), "/id missing"),
        (json!({ "id": [], "name": "n", "steps": [] }), "/id wrong_type"),
        (json!({ "name": "n", "steps": [], "status": "on" }), "/status wrong_status"),
        (json!({ "name": "n", "steps": [], "recipientArray": "all" }), "/recipientArray wrong_type"),
        (json!("text"), " wrong_type"),
    ];
    let (mut documents, faults): (Vec<Value>, Vec<&str>) = cases.into_iter().unzip();
    documents.push(json!({ "id": "good", "name": "Good", "steps": step("Hi") }));
    let name = file(&installation, "flows.json", &documents.into());

    let (code, imported) = run(&installation, &["flows", "import", &name], "");
    assert_eq!(code, 1);
    assert_eq!([&items(&imported)[0]["id"], &items(&imported)[0]["saved"]], [&json!("good"), &json!(true)]);
    for (checked, command) in [(imported, "import"), (run(&installation, &["flows", "lint", &name], "").1, "lint")] {
        let refused = &items(&checked)[1..];
        assert_eq!(refused.len(), faults.len(), "{command}");
        for (index, (item, fault)) in refused.iter().zip(&faults).enumerate() {
            assert_eq!(errors(item), [format!("/{index}{fault}")], "{command}: {item}");
        }
    }
    let kept = done(&installation, &["flows", "list"]);
    assert_eq!(items(&kept).iter().map(|flow| &flow["id"]).collect::<Vec<_>>(), ["good"]);
}

#[test]
fn a_file_may_have_the_form_of_the_api() {
    let installation = installation();
    let flow = json!({
        "id": 1_750_792_206, "name": "Menu", "status": "Active", "trigger": "[\"go\",\"*\"]",
        "automationJson": step("Hi").to_string(), "recipientArray": [],
    });
    let name = file(&installation, "api.json", &flow);
    done(&installation, &["flows", "lint", &name]);
    let saved = items(&done(&installation, &["flows", "import", &name]))[0].clone();
    assert_eq!([&saved["id"], &saved["status"]], ["1750792206", "ACTIVE"]);
    let kept = done(&installation, &["flows", "show", "1750792206"]);
    assert_eq!([&kept["triggers"], &kept["steps"]], [&json!(["go", "*"]), &step("Hi")]);
    let played = output(&installation, &["play", &name], "go\n").stdout;
    assert!(String::from_utf8_lossy(&played).contains("Hi"));
}

#[test]
fn what_is_said_of_a_flow_leads_into_its_file() {
    let installation = installation();
    let wrong = json!([{ "id": "1", "type": "Nope" }]);
    let document = json!({ "name": "D", "triggers": ["go"], "steps": wrong });
    let api = json!({ "name": "A", "trigger": ["go"], "automationJson": wrong, "recipientArray": ["?"] });
    let paths = |item: &Value| -> Vec<String> {
        let found = ["errors", "warnings"].into_iter().flat_map(|list| item[list].as_array().into_iter().flatten());
        found.map(|finding| finding["path"].as_str().expect("a path").to_owned()).collect()
    };
    let alone = file(&installation, "alone.json", &document);
    let several = file(&installation, "several.json", &json!([document, api]));
    let checked = run(&installation, &["flows", "lint", &alone, &several], "").1;
    assert_eq!(paths(&items(&checked)[0]), ["/steps/0/type", "/triggers"]);
    assert_eq!(paths(&items(&checked)[1]), ["/0/steps/0/type", "/0/triggers"]);
    let of_api = ["/1/automationJson/0/type", "/1/recipientArray/0", "/1/trigger"];
    assert_eq!(paths(&items(&checked)[2]), of_api);
    let (code, imported) = run(&installation, &["flows", "import", &several, "--keep-recipients"], "");
    assert_eq!((code, paths(&items(&imported)[1])), (0, of_api.map(str::to_owned).to_vec()));
}

#[test]
fn another_flow_is_named_so_that_people_find_it() {
    let installation = installation();
    let flow = |name: &str| json!({ "name": name, "status": "active", "triggers": ["go", "*"], "steps": step("Hi") });
    let one = file(&installation, "one.json", &json!([flow("First"), flow("Second")]));
    let checked = done(&installation, &["flows", "lint", &one]);
    let said = items(&checked)[1]["warnings"][0]["message"].as_str().expect("a warning");
    assert!(said.starts_with("flow \"First\" in one.json/0 has the trigger"), "{said}");
}

#[test]
fn the_id_of_anothers_flow_is_refused_beside_what_is_saved() {
    let installation = Installation::new("http://127.0.0.1:1", &[]);
    let create = |name: &str| done(&installation, &["accounts", "create", name])["accountId"].clone();
    let (ann, bob) = (create("Ann"), create("Bob"));
    let bob = bob.as_str().expect("an id");
    let flow = |id: &str| json!({ "id": id, "name": id, "steps": step("Hi") });
    let of_bob = file(&installation, "bob.json", &flow("taken"));
    done(&installation, &["flows", "import", &of_bob, "--account", bob]);
    let of_ann = file(&installation, "ann.json", &json!([flow("taken"), flow("free")]));
    let args = ["flows", "import", &of_ann, "--account", ann.as_str().expect("an id")];
    let (code, imported) = run(&installation, &args, "");
    let told: Vec<_> = items(&imported).iter().map(|item| (&item["id"], &item["saved"])).collect();
    assert_eq!((code, told), (1, vec![(&json!("free"), &json!(true)), (&json!("taken"), &json!(false))]));
    let failed = output(&installation, &args, "");
    let [shown, said] = [&failed.stdout, &failed.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(shown.contains("another account") && shown.contains("version 2"), "{shown}");
    assert!(said.contains("1 of 2 flows were not saved"), "{said}");
}
