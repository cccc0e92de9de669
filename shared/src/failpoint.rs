//! Points at which a test has a process killed. Without the feature `failpoints` they are nothing.
//!
//! `FLOW_RUNNER_FAILPOINTS` names them, separated by commas: `worker.before_commit@3` kills the process with SIGKILL, as a
//! machine that loses power does, when it gets there for the third time; `worker.decode=begin` when it gets there with
//! something in hand that contains `begin`. A `!` after the name freezes the process, as SIGSTOP does, instead of killing it.

/// The process is there.
#[inline]
pub fn reached(name: &'static str) {
    #[cfg(feature = "failpoints")]
    armed::reached(name, b"");
    #[cfg(not(feature = "failpoints"))]
    let _ = name;
}

/// The process is there with this in hand.
#[inline]
pub fn reached_with(name: &'static str, in_hand: &[u8]) {
    #[cfg(feature = "failpoints")]
    armed::reached(name, in_hand);
    #[cfg(not(feature = "failpoints"))]
    let _ = (name, in_hand);
}

/// Whether a test waits at this point, for what has to be done in smaller steps so that there is one.
#[inline]
#[must_use]
pub fn is_set(name: &'static str) -> bool {
    #[cfg(feature = "failpoints")]
    return armed::is_set(name);
    #[cfg(not(feature = "failpoints"))]
    {
        let _ = name;
        false
    }
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    };

    struct Armed {
        name: String,
        freezes: bool,
        /// Only with this in hand.
        with: String,
        /// At which time.
        at: u64,
        times: AtomicU64,
    }

    static ARMED: LazyLock<Vec<Armed>> = LazyLock::new(|| {
        let named = std::env::var("FLOW_RUNNER_FAILPOINTS").unwrap_or_default();
        named.split(',').filter(|text| !text.is_empty()).map(read).collect()
    });

    fn read(text: &str) -> Armed {
        let (text, at) = text.rsplit_once('@').map_or((text, 1), |(text, at)| (text, at.parse().expect("a number")));
        let (name, with) = text.split_once('=').unwrap_or((text, ""));
        let (name, freezes) = name.strip_suffix('!').map_or((name, false), |name| (name, true));
        Armed { name: name.to_owned(), freezes, with: with.to_owned(), at, times: AtomicU64::new(0) }
    }

    pub fn is_set(name: &str) -> bool {
        ARMED.iter().any(|armed| armed.name == name)
    }

    pub fn reached(name: &str, in_hand: &[u8]) {
        for armed in ARMED.iter().filter(|armed| armed.name == name && contains(in_hand, armed.with.as_bytes())) {
            if armed.times.fetch_add(1, Ordering::Relaxed) + 1 == armed.at {
                if armed.freezes { freeze() } else { die() }
            }
        }
    }

    fn contains(text: &[u8], part: &[u8]) -> bool {
        part.is_empty() || text.windows(part.len()).any(|window| window == part)
    }

    /// Until somebody sends SIGCONT.
    fn freeze() {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
    }

    /// At once, with nothing of it tidied up.
    fn die() -> ! {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::process::abort()
    }
}
