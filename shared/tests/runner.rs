//! The consumer runner: lanes, verdicts, panics, bodies that can't be read, channels that get lost.

#[cfg(test)]
#[path = "runner/broker.rs"]
mod broker;
#[cfg(test)]
#[path = "runner/ending.rs"]
mod ending;
#[cfg(test)]
#[path = "runner/giving_back.rs"]
mod giving_back;
#[cfg(test)]
#[path = "runner/log.rs"]
mod log;
#[cfg(test)]
#[path = "runner/record.rs"]
mod record;
#[cfg(test)]
#[path = "runner/suspects.rs"]
mod suspects;
#[cfg(test)]
#[path = "runner/world.rs"]
mod world;

use shared::ports::suspects::Noted;
use std::time::Duration;
use world::{Act, HERE, World, newer, pass, secs, unreadable};

#[tokio::test(start_paused = true)]
async fn a_lane_runs_in_order_and_lanes_run_side_by_side_up_to_the_prefetch() {
    let world = World::new();
    ["a1", "b1", "c1"].iter().for_each(|name| world.script.acts(name, [Act::Takes(secs(2))]));
    world.publish(HERE, &["a1", "a2", "b1", "c1", "d1"]);
    let here = world.consume(HERE, 4);
    pass(secs(1)).await;
    assert_eq!(world.log.names("begin"), ["a1", "b1", "c1"], "one of each lane");
    assert_eq!(world.broker.waiting(HERE), ["d1"], "four are open");
    pass(secs(2)).await;
    assert_eq!(world.acknowledged(), ["a1", "a2", "b1", "c1", "d1"]);
    let beside = world.log.beside("a1");
    assert!(beside.contains("b1") && beside.contains("c1") && !beside.contains("a2"), "{beside:?}");
    world.log.assert_order(&[("done", "a1"), ("begin", "a2")]);
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn hundreds_are_acknowledged_each_once_and_each_lane_in_its_order() {
    let world = World::new();
    // As many of a lane as come in a row; the broker minds that no tag is settled twice.
    let names: Vec<String> = (0..900).map(|n| format!("{}{n:03}", char::from(b'a' + (n / 3 % 26) as u8))).collect();
    names.iter().step_by(7).for_each(|name| world.script.acts(name, [Act::Takes(Duration::from_millis(30))]));
    names.iter().for_each(|name| world.publish(HERE, &[name]));
    let here = world.consume(HERE, 500);
    pass(secs(10)).await;
    for lane in 'a'..='z' {
        let of_lane =
            |names: &[String]| -> Vec<String> { names.iter().filter(|name| name.starts_with(lane)).cloned().collect() };
        assert_eq!(of_lane(&world.log.names("begin")), of_lane(&names), "begun");
        assert_eq!(of_lane(&world.log.names("ack")), of_lane(&names), "acknowledged");
    }
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_held_message_keeps_its_lane_waiting_and_no_other() {
    let world = World::new();
    world.script.acts("h1", [Act::Hold]);
    world.publish(HERE, &["h1", "h2", "b1", "b2"]);
    let here = world.consume(HERE, 10);
    pass(secs(60)).await;
    assert_eq!(world.log.names("ack"), ["b1", "b2"]);
    assert_eq!(world.log.about("h2"), ["decode"], "it waits behind the one that is held");
    let tries = world.log.names("hold").len();
    assert!((10..=30).contains(&tries), "run again and again, but not without a pause: {tries}");
    world.script.acts("h1", [Act::Done]);
    pass(secs(10)).await;
    assert_eq!(world.log.names("ack"), ["b1", "b2", "h1", "h2"]);
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_panics_now_and_then_is_run_again_until_it_is_done() {
    let world = World::new();
    // Never three in a row.
    world.script.acts("p1", [Act::Panic, Act::Panic, Act::Hold, Act::Panic, Act::Panic, Act::Done]);
    world.publish(HERE, &["p1", "p2"]);
    let here = world.consume(HERE, 10);
    pass(secs(20)).await;
    let tries = ["begin", "panic", "begin", "panic", "begin", "hold", "begin", "panic", "begin", "panic"];
    let about = world.log.about("p1");
    assert_eq!(about, [&["decode"][..], &tries[..], &["begin", "done", "ack"][..]].concat());
    world.log.assert_order(&[("done", "p1"), ("begin", "p2"), ("ack", "p2")]);
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_third_panic_in_a_row_gives_a_message_up_and_its_lane_goes_on() {
    let world = World::new();
    world.script.acts("p1", [Act::Panic]);
    world.publish(HERE, &["p1", "p2"]);
    let here = world.consume(HERE, 10);
    pass(secs(20)).await;
    let about = world.log.about("p1");
    assert_eq!(about, ["decode", "begin", "panic", "begin", "panic", "begin", "panic", "give-up", "ack"]);
    world.log.assert_order(&[("give-up", "p1"), ("begin", "p2"), ("ack", "p2")]);
    assert_eq!(world.record.notes(), [("p1".to_owned(), Noted::GivenUp)]);
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_panics_is_held_while_it_cannot_be_given_up() {
    let world = World::new();
    world.record.takes_no_letters(true);
    world.script.acts("p1", [Act::Panic]);
    world.publish(HERE, &["p1", "p2", "q1"]);
    let here = world.consume(HERE, 10);
    pass(secs(60)).await;
    assert_eq!(world.log.names("ack"), ["q1"]);
    assert_eq!(world.log.about("p2"), ["decode"]);
    world.record.takes_no_letters(false);
    pass(secs(10)).await;
    assert_eq!(world.log.names("give-up"), ["p1"]);
    assert_eq!(world.log.names("ack"), ["q1", "p1", "p2"]);
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_cannot_be_read_is_rejected_and_the_rest_flows() {
    let world = World::new();
    world.publish(HERE, &["a1"]);
    world.broker.publish(HERE, unreadable("a2"), 0);
    world.publish(HERE, &["a3"]);
    let here = world.consume(HERE, 10);
    pass(secs(1)).await;
    assert_eq!(world.log.about("a2"), ["decode", "reject"]);
    assert_eq!(world.log.names("ack"), ["a1", "a3"]);
    assert_eq!(world.broker.channels(HERE), (1, 0));
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_newer_schema_lets_the_queue_go_and_is_nobodys_loss() {
    let world = World::new();
    world.script.acts("a1", [Act::Takes(secs(2))]);
    world.publish(HERE, &["a1", "a2"]);
    let here = world.consume(HERE, 10);
    pass(secs(1)).await;
    world.broker.publish(HERE, newer("n1"), 0);
    world.publish(HERE, &["b1"]);
    pass(secs(3)).await;
    assert_eq!(world.log.names("ack"), ["a1"], "what ran is finished, what waited is not begun");
    assert_eq!(world.log.about("n1"), ["decode"]);
    assert_eq!(world.broker.waiting(HERE), ["a2", "n1", "b1"], "for a newer program, in their order");
    pass(secs(240)).await;
    assert_eq!(world.broker.channels(HERE), (1, 1), "each time it is delivered it comes nearer the broker's limit");
    pass(secs(120)).await;
    assert_eq!(world.broker.channels(HERE), (2, 2), "none is there yet");
    assert_eq!(world.log.names("reject"), Vec::<String>::new());
    assert!(here.end().await < secs(1));
}

#[tokio::test(start_paused = true)]
async fn what_was_open_on_a_channel_that_is_lost_comes_again() {
    // With a prefetch of 1 there is no room for more, and the loss is seen only when it is acknowledged.
    for prefetch in [10, 1] {
        let world = World::new();
        world.script.acts("a1", [Act::Takes(secs(5)), Act::Done]);
        world.publish(HERE, &["a1"]);
        let here = world.consume(HERE, prefetch);
        pass(secs(1)).await;
        world.broker.lose(HERE);
        pass(secs(20)).await;
        assert_eq!(world.log.about("a1"), ["decode", "begin", "done", "decode", "begin", "done", "ack"]);
        assert_eq!(world.broker.channels(HERE), (2, 0));
        here.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_tally_shows_what_is_in_hand_and_how_fast_it_is_handled() {
    let world = World::new();
    world.script.acts("a1", [Act::Takes(secs(5))]);
    world.publish(HERE, &["a1", "a2", "b1"]);
    world.came_back(HERE, "s1", 3);
    let here = world.consume(HERE, 10);
    let served = || {
        let served = world.served();
        assert_eq!(served.len(), 1, "{served:?}");
        let served = served.into_iter().next().expect("one");
        (served.queue, served.in_hand, (served.rate * 10.0).round() as u64, served.served_since.is_some())
    };
    pass(Duration::from_millis(1500)).await;
    assert_eq!(served(), ("inbound.00".into(), 3, 1, true), "b1 was handled; a1, a2 and the suspect are open");
    pass(secs(9)).await;
    assert_eq!(served(), ("inbound.00".into(), 0, 4, true), "four in ten seconds");
    here.end().await;
    assert!(world.served().is_empty(), "its subscription is over");
}
