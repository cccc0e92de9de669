//! Somebody at the chat page.

use crate::browser::{Browser, Page};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use whatsapp_simulator::Simulator;

/// The messages in sight: who, what, ticks.
const LINES: &str = "const lines = [...document.querySelectorAll('#log .line')].map((line) => ({
    isTheirs: line.classList.contains('theirs'), text: line.querySelector('.bubble').innerText,
    ticks: line.querySelector('.ticks')?.getAttribute('aria-label') ?? '' }));";

/// A person with a browser.
pub struct Person<'a> {
    page: Page<'a>,
}

impl<'a> Person<'a> {
    /// Opens the chat page.
    pub async fn opens(browser: &'a Browser, simulator: &Simulator) -> Self {
        Self { page: browser.open(&format!("{}/", simulator.url())).await }
    }

    /// Is added to the people at the left, and chosen. `phone` or `bsuid` may be empty.
    pub async fn becomes(&self, name: &str, phone: &str, bsuid: &str) {
        self.page.click("//button[@aria-label='Add a person']").await;
        self.page.types("//input[@name='phone']", phone).await;
        self.page.types("//input[@name='bsuid']", bsuid).await;
        self.page.types("//input[@name='name']", &format!("{name}\n")).await;
        let is_chosen = "return document.getElementById('whoami').textContent.startsWith('You are ' + arguments[0])";
        self.page.until("somebody else is chosen", is_chosen, &[name]).await;
    }

    /// Types a message and presses Enter.
    pub async fn writes(&self, text: &str) {
        self.page.types("//textarea", &format!("{text}\n")).await;
    }

    /// Clicks a button, by its label.
    pub async fn taps(&self, label: &str) {
        self.page.click(&format!("//button[normalize-space()=\"{label}\"]")).await;
    }

    /// Chooses what bears this label in the list behind a button, or in a menu.
    pub async fn chooses(&self, label: &str) {
        self.page.click(&format!("//dialog//button[contains(normalize-space(), \"{label}\")]")).await;
    }

    /// Picks what is sent beside text.
    pub async fn attaches(&self, what: &str) {
        self.page.click("//button[@id='attach']").await;
        self.chooses(what).await;
    }

    /// Goes on as one of the people at the left.
    pub async fn turns_to(&self, name: &str) {
        self.page.click(&format!("//button[contains(@class, 'person')][.//strong='{name}']")).await;
    }

    /// Waits until the business said this.
    pub async fn is_told(&self, text: &str) {
        let script = format!("{LINES} return lines.some((line) => line.isTheirs && line.text.includes(arguments[0]))");
        self.page.until(&format!("the business says {text:?}"), &script, &[text]).await;
    }

    /// Waits until what the business said bears these ticks.
    pub async fn sees_ticks(&self, text: &str, ticks: &str) {
        let script = format!(
            "{LINES} return lines.some((line) => line.isTheirs && line.text.includes(arguments[0])
                && line.ticks === arguments[1])"
        );
        self.page.until(&format!("{text:?} is {ticks}"), &script, &[text, ticks]).await;
    }

    /// Waits until the page's own words have this in them: the alarm, a note, the list of people.
    pub async fn notices(&self, text: &str) {
        let script = "return document.body.innerText.includes(arguments[0])";
        self.page.until(&format!("the page says {text:?}"), script, &[text]).await;
    }

    /// Waits until so many messages of somebody else are unread.
    pub async fn has_unread(&self, name: &str, count: usize) {
        let script = "return [...document.querySelectorAll('.person')].some((person) =>
            person.querySelector('strong').textContent === arguments[0]
            && (person.querySelector('.badge')?.textContent ?? '0') === arguments[1])";
        self.page.until(&format!("{count} unread of {name}"), script, &[name, &count.to_string()]).await;
    }

    /// What stands in the chat, first line of each message.
    pub async fn chat(&self) -> Vec<String> {
        let script =
            "return [...document.querySelectorAll('#log .line .words:first-of-type')].map((it) => it.textContent)";
        let lines = self.page.script(script, &[]).await;
        serde_json::from_value(lines).expect("texts")
    }

    /// How many elements a selector finds in the chat.
    pub async fn count(&self, selector: &str) -> u64 {
        let script = "return document.querySelectorAll('#log ' + arguments[0]).length";
        self.page.script(script, &[selector]).await.as_u64().expect("a number")
    }

    /// Puts a picture of the page into the target directory, in a folder of this test program's.
    pub async fn is_pictured(&self, name: &str) {
        let picture = STANDARD.decode(self.page.picture().await).expect("base64");
        let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
        std::fs::create_dir_all(&directory).expect("made");
        let file = directory.join(name);
        std::fs::write(&file, picture).expect("written");
        println!("{}", file.display());
    }
}
