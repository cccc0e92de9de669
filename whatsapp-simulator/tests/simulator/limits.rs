//! The limits, on a clock that is turned by hand.

use std::time::Duration;

use serde_json::Value;
use whatsapp_simulator::{Clock, Config, ManualClock, PairLimit, User, UserMessage};

use super::stage::{NUMBER, Stage, USER, code, silent, text_to};

fn clock() -> ManualClock {
    ManualClock::at(Duration::from_secs(1_790_000_000))
}

/// Sends so many texts and counts those accepted; all others must be refused with this code.
async fn send(stage: &Stage, count: usize, to: impl Fn(usize) -> String, refusal: i64) -> usize {
    let mut accepted = 0;
    for nth in 0..count {
        let (status, answer) = stage.send(&text_to(&to(nth), "hello")).await;
        if status == 200 {
            accepted += 1;
        } else {
            assert_eq!((status, code(&answer)), (400, refusal), "{answer}");
            assert_eq!(answer["error"]["is_transient"], Value::Bool(true));
        }
    }
    accepted
}

fn somebody(nth: usize) -> String {
    format!("1555000{nth:04}")
}

#[tokio::test]
async fn a_number_sends_so_many_a_second() {
    let clock = clock();
    let stage = Stage::set(Config { number_rate: 10, clock: Clock::Manual(clock.clone()), ..silent() }).await;
    assert_eq!(send(&stage, 15, somebody, 130_429).await, 10);
    clock.advance(Duration::from_millis(300));
    assert_eq!(send(&stage, 15, somebody, 130_429).await, 3);
    clock.advance(Duration::from_secs(1));
    assert_eq!(send(&stage, 15, somebody, 130_429).await, 10);
    assert_eq!(stage.meta.sends().len(), 23);
    assert_eq!(stage.meta.refusals().len(), 22);
}

#[tokio::test]
async fn what_users_write_comes_off_the_next_second() {
    let clock = clock();
    let stage = Stage::set(Config { number_rate: 10, clock: Clock::Manual(clock.clone()), ..silent() }).await;
    assert_eq!(send(&stage, 12, somebody, 130_429).await, 10);
    for _ in 0..3 {
        let user = User::phone(USER);
        stage.meta.user_writes(NUMBER, &user, UserMessage::Text("hi".into())).await.unwrap();
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(send(&stage, 12, somebody, 130_429).await, 10);
    clock.advance(Duration::from_secs(1));
    assert_eq!(send(&stage, 12, somebody, 130_429).await, 7);
    clock.advance(Duration::from_secs(1));
    assert_eq!(send(&stage, 12, somebody, 130_429).await, 10);
}

#[tokio::test]
async fn mild_a_pair_gets_45_and_then_one_each_six_seconds() {
    let clock = clock();
    let config = Config { pair_limit: PairLimit::Mild, clock: Clock::Manual(clock.clone()), ..silent() };
    let stage = Stage::set(config).await;
    let same = |_| USER.to_owned();
    assert_eq!(send(&stage, 50, same, 131_056).await, 45);
    assert_eq!(send(&stage, 50, somebody, 131_056).await, 50, "other users are not affected");
    clock.advance(Duration::from_secs(5));
    assert_eq!(send(&stage, 2, same, 131_056).await, 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(send(&stage, 2, same, 131_056).await, 1);
    clock.advance(Duration::from_secs(60));
    assert_eq!(send(&stage, 20, same, 131_056).await, 10);
}

#[tokio::test]
async fn strict_a_burst_is_followed_by_silence() {
    let clock = clock();
    let config = Config { pair_limit: PairLimit::Strict, clock: Clock::Manual(clock.clone()), ..silent() };
    let stage = Stage::set(config).await;
    let same = |_| USER.to_owned();
    assert_eq!(send(&stage, 3, same, 131_056).await, 3);
    clock.advance(Duration::from_secs(4));
    assert_eq!(send(&stage, 1, same, 131_056).await, 1, "within 6 s it still is the same burst");
    clock.advance(Duration::from_secs(23));
    assert_eq!(send(&stage, 3, same, 131_056).await, 0, "a burst of 4 means 24 s");
    assert_eq!(send(&stage, 5, somebody, 131_056).await, 5, "other users are not affected");
    clock.advance(Duration::from_secs(1));
    assert_eq!(send(&stage, 50, same, 131_056).await, 45);
    clock.advance(Duration::from_secs(6 * 45 - 1));
    assert_eq!(send(&stage, 1, same, 131_056).await, 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(send(&stage, 1, same, 131_056).await, 1);
}

#[tokio::test]
async fn limits_can_be_changed_and_forgotten() {
    let stage = Stage::set(Config { number_rate: 2, clock: Clock::Manual(clock()), ..silent() }).await;
    assert_eq!(send(&stage, 4, somebody, 130_429).await, 2);
    stage.meta.set_limits(0, PairLimit::Off);
    assert_eq!(send(&stage, 4, somebody, 130_429).await, 4);
    stage.meta.set_limits(2, PairLimit::Off);
    assert_eq!(send(&stage, 1, somebody, 130_429).await, 0);
    stage.meta.reset();
    assert_eq!(send(&stage, 3, somebody, 130_429).await, 2);
    assert_eq!(stage.meta.sends().len(), 2);
}
