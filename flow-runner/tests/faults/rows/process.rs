//! Rows 40 and 41: clocks that jump, and processes that are told to end.

use crate::{
    scene::Scene,
    support::{
        fleet::{Role, Urls},
        free_address,
        report::{BACK, Row},
    },
};
use std::time::Duration;

/// Whoever is told to end has ended within this.
const ENDED: Option<(&str, Duration)> = Some(("SIGTERM to exit", Duration::from_secs(30)));
/// Where Debian's package `libfaketime` has it.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

#[tokio::test(flavor = "multi_thread")]
async fn row_41_whoever_is_told_to_end_under_load_ends_in_order() {
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let address = free_address();
    let mut gateway = scene.fleet.start_at(Role::Gateway, address, &[]).await;
    scene.written_to(&gateway.url("/api/whatsapp/messages/webhook"));
    scene.save_flows(&gateway).await;
    let mut worker = scene.fleet.start(Role::Worker, &[]).await;
    let mut sender = scene.fleet.start(Role::Sender, &[]).await;
    scene.until_served().await;
    scene.write(60, 30, 2, Duration::from_millis(150));
    let mut longest = Duration::ZERO;
    for part in [0.15, 0.3] {
        scene.until_sent(part).await;
        for member in [&mut gateway, &mut worker, &mut sender] {
            member.signal("TERM");
            let (status, took) = member.until_ended(Duration::from_secs(31)).await;
            assert!(status.success(), "{:?} ended with {status}", member.role);
            longest = longest.max(took);
            *member = scene.fleet.start_at(member.role, address_of(member.role, address), &[]).await;
        }
    }
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    Row { number: 41, fault: "SIGTERM under load, each role twice", holds: "E D O", bound: ENDED }.held(longest, "");
}

fn address_of(role: Role, gateway: std::net::SocketAddr) -> std::net::SocketAddr {
    if role == Role::Gateway { gateway } else { free_address() }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Debian's package libfaketime: run by `./dev faults`"]
async fn row_40_clocks_that_jump_by_an_hour_break_nothing() {
    assert!(std::path::Path::new(FAKETIME).exists(), "{FAKETIME} is missing: install libfaketime");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let offset = directory.path().join("offset");
    let jump = |to: &str| std::fs::write(&offset, to).expect("written");
    jump("+0");
    let file = offset.display().to_string();
    let faked = [
        ("LD_PRELOAD", FAKETIME),
        ("FAKETIME_TIMESTAMP_FILE", file.as_str()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let mut scene = Scene::new(&Urls::shared(), &[]).await;
    let gateway = scene.gateway(&[]).await;
    scene.save_flows(&gateway).await;
    let _worker = scene.fleet.start(Role::Worker, &faked).await;
    // Another one whose machine has been up for an hour longer.
    let _other = scene
        .fleet
        .start_under(&["unshare", "--time", "--fork", "--kill-child", "--monotonic", "3600"], Role::Worker)
        .await;
    let _sender = scene.fleet.start(Role::Sender, &faked).await;
    scene.until_served().await;
    scene.write(40, 40, 1, Duration::from_millis(500));
    let mut longest = Duration::ZERO;
    for (part, to) in [(0.15, "+3600"), (0.3, "-3600"), (0.45, "+0")] {
        scene.until_sent(part).await;
        jump(to);
        longest = longest.max(scene.until_served().await);
    }
    assert_eq!(scene.assert_exact().await, 0, "jobs were sent twice");
    let jumped = "SELECT max(claimed_at) - min(claimed_at) > 5400000 FROM jobs";
    assert_eq!(scene.fleet.database.ask(jumped), "t", "no clock jumped");
    Row { number: 40, fault: "clocks jump by ±1 h", holds: "E D O", bound: BACK }.held(longest, "");
}
