//! Row 38: a full disk under the embedded database. (Row 39, 1,000 × SIGKILL, is `exactness`.)

use crate::support::{
    Installation, crowd, post,
    report::{BACK, Row},
    stage::NO_LIMITS,
    whatsapp,
};
use std::{path::Path, process::Command, sync::Arc, time::Duration};
use testkit::questions;
use whatsapp_simulator::{Statuses, UserMessage};

/// A file system of so many bytes, in memory.
struct Disk(tempfile::TempDir);

impl Disk {
    fn of(size: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let size = format!("size={size}");
        mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], directory.path());
        Self(directory)
    }

    fn grow(&self, size: &str) {
        mount(&["-o", &format!("remount,size={size}")], self.0.path());
    }
}

fn mount(args: &[&str], place: &Path) {
    let mounted = Command::new("mount").args(args).arg(place).status().expect("mount runs");
    assert!(mounted.success(), "a small disk can't be mounted: this test needs root");
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "mounts a disk: run by `./dev faults`"]
async fn row_38_on_a_full_disk_callbacks_are_refused_and_nothing_is_corrupted() {
    let disk = Disk::of("8m");
    let data = disk.0.path().join("data");
    let simulator = Arc::new(whatsapp(Statuses::Read).await);
    let mut installation = Installation::embedded(&simulator.url(), &NO_LIMITS);
    installation.set("FLOW_RUNNER_DATA_DIR", &data.display().to_string());
    installation.start().await;
    simulator.set_webhook_url(&installation.webhook());
    installation.save_flow("Questions", &[questions::TRIGGER], questions::steps(7)).await;

    let people = crowd::people(40, 30, &mut crowd::Dice(38));
    let writing = tokio::spawn({
        let (simulator, webhook, people) = (simulator.clone(), installation.webhook(), people.clone());
        let delivery = crowd::Delivery { copies: 1, pause: Duration::from_millis(20) };
        async move { crowd::write_all(&simulator, &webhook, &people, delivery, 38).await }
    });
    // What is posted beside them, until one is refused: a callback of a hundred kilobytes each.
    let stranger = whatsapp_simulator::User::phone("447700900038");
    let long = UserMessage::Text("x".repeat(100_000));
    let full_for = Duration::from_secs(4);
    let mut refused_since = None;
    while refused_since.is_none_or(|since: tokio::time::Instant| since.elapsed() < full_for) {
        let wamid = simulator.next_wamid(&stranger);
        let body = simulator.callback_body(crate::support::NUMBER, &stranger, &long, &wamid);
        match post(&installation.http, &installation.webhook(), &body).await {
            Some(200) => {}
            Some(503) => {
                refused_since.get_or_insert_with(tokio::time::Instant::now);
            }
            other => panic!("{other:?}"),
        }
    }
    disk.grow("400m");
    let began = tokio::time::Instant::now();
    let user = whatsapp_simulator::User::phone("447700900039");
    let wamid = simulator.next_wamid(&user);
    let text = UserMessage::Text("nothing is answered to this".to_owned());
    let body = simulator.callback_body(crate::support::NUMBER, &user, &text, &wamid);
    crowd::until_taken(&installation.http, &installation.webhook(), &body).await;
    let took = began.elapsed();
    writing.await.expect("everybody wrote");
    crowd::wait_for_jobs(&simulator, crowd::expected_count(&people, 7), 3 * crate::support::PATIENCE).await;
    installation.until_settled().await;
    installation.terminate().await;
    let copies = crowd::assert_exact(&simulator.sends(), &people, 7, Vec::new());
    assert_eq!(copies.len(), 0, "jobs were sent twice");
    installation.assert_sound();
    Row { number: 38, fault: "disk full (SQLite)", holds: "E, 503, no corruption", bound: BACK }.held(took, "");
}
