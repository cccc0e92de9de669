//! Real Chromium, driven over chromedriver: as much of the W3C's WebDriver protocol as these tests speak.

use crate::support::PATIENCE;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

/// What to do where there is none.
const HINT: &str = "./dev test installs it, or: apt-get install chromium chromium-driver";
/// The key of an element's id, by the protocol.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A chromedriver, and the browsers that it started.
pub struct Browser {
    process: Child,
    /// Read no further than to the port; closing it would end the driver when it next says something.
    _stdout: BufReader<ChildStdout>,
    port: u16,
    http: reqwest::Client,
    /// Profiles and whatever else a browser leaves behind.
    _directory: tempfile::TempDir,
}

impl Browser {
    /// Starts a driver on a free port.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env("TMPDIR", directory.path()).stdin(Stdio::null());
        let spawned = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut process = spawned.unwrap_or_else(|error| panic!("no chromedriver ({error}): {HINT}"));
        let stdout = BufReader::new(process.stdout.take().expect("its output"));
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        let mut browser = Self { process, _stdout: stdout, port: 0, http, _directory: directory };
        browser.port = port(&mut browser._stdout).expect("chromedriver says its port");
        browser
    }

    /// A browser of its own, with this address open.
    pub async fn open(&self, address: &str) -> Page<'_> {
        let args =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1100,900"];
        let wanted = json!({"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": {"args": args}}});
        let session = self.post("/session", &json!({ "capabilities": wanted })).await;
        let session = session.unwrap_or_else(|error| panic!("no Chromium: {HINT}\n{error}"));
        let path = format!("/session/{}", session["sessionId"].as_str().expect("an id"));
        let page = Page { browser: self, path };
        page.post("/url", &json!({ "url": address })).await;
        page
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let request = self.http.post(format!("http://127.0.0.1:{}{path}", self.port)).json(body);
        answer(request).await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Killed it would leave its browsers and their profiles behind; asked it ends them first.
        let mut tries = if shut_down(self.port).is_ok() { 500 } else { 0 };
        while tries > 0 && matches!(self.process.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
            tries -= 1;
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A plain request, as a drop can't wait for a client that is asynchronous.
fn shut_down(port: u16) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    stream.read_to_string(&mut String::new()).map(drop)
}

/// The port in `ChromeDriver was started successfully on port 12345.`
fn port(stdout: &mut impl BufRead) -> Option<u16> {
    stdout.lines().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    })
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let is_good = answer.status().is_success();
    let mut body: Value = answer.json().await.map_err(|error| error.to_string())?;
    if is_good { Ok(body["value"].take()) } else { Err(body["value"]["message"].to_string()) }
}

/// A page in a browser.
pub struct Page<'a> {
    browser: &'a Browser,
    path: String,
}

impl Page<'_> {
    /// Runs a script in the page; what it returns.
    pub async fn script(&self, script: &str, args: &[&str]) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": args})).await
    }

    /// Waits until the script returns something that is true.
    pub async fn until(&self, what: &str, script: &str, args: &[&str]) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.script(script, args).await != true {
            if tokio::time::Instant::now() > deadline {
                let text = self.script("return document.body.innerText", &[]).await;
                panic!("not within {PATIENCE:?}: {what}; the page says {text}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Clicks, as with a mouse, what the XPath finds; the last where it finds several.
    pub async fn click(&self, xpath: &str) {
        let element = self.element(xpath).await;
        self.post(&format!("/element/{element}/click"), &json!({})).await;
    }

    /// Types into what the XPath finds; a line's end is the Enter key.
    pub async fn types(&self, xpath: &str, text: &str) {
        let element = self.element(xpath).await;
        self.post(&format!("/element/{element}/value"), &json!({ "text": text })).await;
    }

    /// What is in sight, as PNG in base64.
    pub async fn picture(&self) -> String {
        let request = self.browser.http.get(format!("http://127.0.0.1:{}{}/screenshot", self.browser.port, self.path));
        let picture = answer(request).await.expect("a picture");
        picture.as_str().expect("a text").to_owned()
    }

    /// Waits until there is such an element.
    async fn element(&self, xpath: &str) -> String {
        let found = "return document.evaluate(arguments[0], document, null, 6, null).snapshotLength > 0";
        self.until(xpath, found, &[xpath]).await;
        let elements = self.post("/elements", &json!({"using": "xpath", "value": xpath})).await;
        let last = elements.as_array().and_then(|all| all.last()).expect("an element");
        last[ELEMENT].as_str().expect("its id").to_owned()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.browser.post(&format!("{}{path}", self.path), body).await;
        answer.unwrap_or_else(|error| panic!("{path} {body}: {error}"))
    }
}
