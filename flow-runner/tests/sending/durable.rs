//! A callback is answered only when it is on disk: seen from the system calls of the process.

use crate::support::{
    NUMBER,
    stage::{NO_LIMITS, Stage, person},
    without_limits,
};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use whatsapp_simulator::{Statuses, UserMessage};

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_synced_to_disk_between_its_reading_and_its_answer() {
    // Without statuses: then the process answers this one callback and nothing else.
    let stage = Stage::with(without_limits(Statuses::None), &NO_LIMITS).await;
    let kim = person(1);
    let wamid = stage.simulator.next_wamid(&kim);
    let body = stage.simulator.callback_body(NUMBER, &kim, &UserMessage::Text("one".to_owned()), &wamid);
    let trace = Trace::attach(stage.installation.pid(), &stage.installation.directory.path().join("calls"));
    assert_eq!(stage.installation.post(&body).await, Some(200));
    stage.until_received(&kim, &["one"]).await;
    let calls = trace.end();

    let find = |from: usize, what: &str, is: &dyn Fn(&str) -> bool| {
        let found = calls.iter().skip(from).position(|call| is(call));
        from + found.unwrap_or_else(|| panic!("{what} after call {from}:\n{}", shown(&calls)))
    };
    let read = find(0, "the request is read", &|call| call.contains("POST /api/whatsapp/messages/webhook"));
    let written = find(read, "the message is written to the log", &|call| {
        call.contains("write") && call.contains("flow-runner.db-wal>") && call.contains(&wamid)
    });
    let sync = find(written, "the log is synced", &|call| {
        (call.contains("fsync(") || call.contains("fdatasync(")) && call.contains("flow-runner.db-wal>")
    });
    let synced = if calls[sync].contains("unfinished") {
        let thread = calls[sync].split_whitespace().next().expect("a thread");
        find(sync, "the sync ends", &|call| call.starts_with(thread) && call.contains("sync resumed>"))
    } else {
        sync
    };
    assert!(calls[synced].trim_end().ends_with("= 0"), "{}", calls[synced]);
    let answered = find(read, "the request is answered", &|call| call.contains("HTTP/1.1 200"));
    assert!(synced < answered, "answered before it was synced:\n{}", shown(&calls));
}

/// The calls, cut to what fits a screen.
fn shown(calls: &[String]) -> String {
    calls.iter().map(|call| call.chars().take(160).collect::<String>() + "\n").collect()
}

/// `strace` on a running process.
struct Trace {
    strace: Child,
    file: PathBuf,
}

impl Trace {
    /// Attaches, and returns once every thread is watched.
    fn attach(pid: u32, file: &Path) -> Self {
        require_strace();
        let mut command = Command::new("strace");
        // `-y` names the files behind descriptors; `-s` is enough for a page of the database.
        command.args([
            "-f",
            "-y",
            "-s",
            "16384",
            "-e",
            "trace=fsync,fdatasync,read,recvfrom,pwrite64,write,writev,sendto",
        ]);
        command.arg("-o").arg(file).args(["-p", &pid.to_string()]).stderr(Stdio::piped());
        let mut strace = command.spawn().expect("strace starts");
        let mut said = String::new();
        BufReader::new(strace.stderr.as_mut().expect("its stderr")).read_line(&mut said).expect("it says something");
        assert!(said.contains("attached"), "strace can't attach to the process: {said}");
        Self { strace, file: file.to_owned() }
    }

    /// Lets the process go; the calls it made, in order.
    fn end(mut self) -> Vec<String> {
        let id = self.strace.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
        self.strace.wait().expect("strace ends");
        let calls = std::fs::read(&self.file).expect("the calls");
        String::from_utf8_lossy(&calls).lines().map(str::to_owned).collect()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // Ended already unless the test failed; a process whose tracer is killed goes on.
        drop(self.strace.kill());
        drop(self.strace.wait());
    }
}

/// Says what to do where strace is missing.
fn require_strace() {
    let found = Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    assert!(found, "this test needs strace; `./dev test` installs it");
}
