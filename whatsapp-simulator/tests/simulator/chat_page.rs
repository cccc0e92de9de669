//! The chat page's files. That it works is tested in a browser, by the program's own tests.

use super::stage::{Stage, silent};

impl Stage {
    /// A file of the page: its type, its policy, its text.
    async fn file(&self, path: &str) -> (String, String, String) {
        let answer = self.client.get(format!("{}{path}", self.meta.url())).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let header = |name: &str| answer.headers()[name].to_str().expect("a text").to_owned();
        let (kind, policy) = (header("content-type"), header("content-security-policy"));
        (kind, policy, answer.text().await.expect("a text"))
    }
}

/// What stands in quotes after each of these words.
fn quoted<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split(['"', '\'']).next()).collect()
}

#[tokio::test]
async fn everything_the_page_asks_for_is_there_and_nothing_comes_from_elsewhere() {
    let stage = Stage::set(silent()).await;
    let (kind, policy, page) = stage.file("/").await;
    assert_eq!(kind, "text/html; charset=utf-8");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let mut files: Vec<String> = [quoted(&page, "src=\""), quoted(&page, "href=\"/")]
        .concat()
        .into_iter()
        .map(|path| format!("/{}", path.trim_start_matches('/')))
        .collect();
    assert!(files.len() >= 4, "{files:?}");
    let mut seen = Vec::new();
    while let Some(path) = files.pop() {
        if seen.contains(&path) {
            continue;
        }
        let (kind, _, text) = stage.file(&path).await;
        let expected = if path.ends_with(".js") { "text/javascript" } else { "" };
        assert!(kind.starts_with(expected), "{path}: {kind}");
        files.extend(quoted(&text, "from './").into_iter().map(|name| format!("/chat/{name}")));
        seen.push(path);
    }
    assert!(seen.contains(&"/chat/store.js".to_owned()), "{seen:?}");
}

#[tokio::test]
async fn no_script_writes_markup() {
    let stage = Stage::set(silent()).await;
    let (_, _, page) = stage.file("/").await;
    assert!(!page.contains("onclick") && !page.contains("style="), "the policy would not let it through");
    for file in ["main", "api", "attach", "store", "summary", "dom", "bubble", "content", "people", "sheet"] {
        let (_, _, text) = stage.file(&format!("/chat/{file}.js")).await;
        for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!text.contains(word), "{file}.js has {word}");
        }
    }
}
