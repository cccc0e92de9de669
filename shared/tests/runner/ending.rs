//! A process that is to end, and a queue that is let go: start nothing, finish and acknowledge what runs, close.

use crate::world::{Act, HERE, THERE, World, pass, secs};

#[tokio::test(start_paused = true)]
async fn what_runs_is_finished_and_acknowledged_and_nothing_new_begins() {
    let world = World::new();
    world.script.acts("a1", [Act::Takes(secs(5))]);
    world.script.acts("b1", [Act::Takes(secs(2))]);
    world.publish(HERE, &["a1", "a2", "b1", "b2"]);
    let here = world.consume(HERE, 3);
    pass(secs(1)).await;
    let took = here.end().await;
    assert!((secs(3)..=secs(5)).contains(&took), "as long as a1 ran: {took:?}");
    assert_eq!(world.log.names("begin"), ["a1", "b1"]);
    assert_eq!(world.log.names("ack"), ["b1", "a1"]);
    assert_eq!(world.broker.waiting(HERE), ["a2", "b2"], "for whoever comes next, in their order");
    assert_eq!(world.broker.channels(HERE), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_held_message_is_not_acknowledged_and_not_waited_for() {
    let world = World::new();
    world.script.acts("h1", [Act::Hold]);
    world.publish(HERE, &["h1", "h2", "b1"]);
    let here = world.consume(HERE, 10);
    pass(secs(30)).await;
    assert!(here.end().await < secs(1));
    assert_eq!(world.log.names("ack"), ["b1"]);
    assert_eq!(world.log.about("h2"), ["decode"]);
    assert_eq!(world.broker.waiting(HERE), ["h1", "h2"]);
    assert_eq!(world.broker.channels(HERE), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_waits_for_what_is_before_it_is_not_begun() {
    let world = World::new();
    world.script.acts("a1", [Act::Takes(secs(5))]);
    world.publish(HERE, &["a1"]);
    world.came_back(HERE, "s1", 3);
    let here = world.consume(HERE, 10);
    pass(secs(1)).await;
    here.end().await;
    assert_eq!(world.log.names("ack"), ["a1"]);
    assert_eq!(world.log.about("s1"), Vec::<&str>::new());
    assert_eq!(world.broker.waiting(HERE), ["s1"]);
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_waits_for_another_queues_messages_is_not_begun_and_its_queue_goes_at_once() {
    let world = World::new();
    world.script.acts("x1", [Act::Takes(secs(100))]);
    world.publish(THERE, &["x1"]);
    let there = world.consume(THERE, 10);
    world.came_back(HERE, "s1", 3);
    let here = world.consume(HERE, 10);
    pass(secs(1)).await;
    assert!(here.end().await < secs(1));
    assert_eq!(world.log.about("s1"), Vec::<&str>::new());
    assert_eq!(world.broker.waiting(HERE), ["s1"]);
    there.end().await;
    assert_eq!(world.log.names("ack"), ["x1"]);
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_cannot_be_noted_is_not_waited_for() {
    let world = World::new();
    world.record.away(true);
    world.came_back(HERE, "s1", 3);
    let here = world.consume(HERE, 10);
    pass(secs(10)).await;
    assert!(here.end().await < secs(1));
    assert_eq!(world.broker.waiting(HERE), ["s1"]);
    assert_eq!(world.broker.channels(HERE), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_runs_is_finished_struck_out_and_acknowledged() {
    let world = World::new();
    world.script.acts("s1", [Act::Takes(secs(5))]);
    world.came_back(HERE, "s1", 3);
    world.publish(HERE, &["a1"]);
    let here = world.consume(HERE, 10);
    pass(secs(1)).await;
    assert_eq!(world.log.about("s1"), ["note", "decode", "begin"]);
    here.end().await;
    // Three processes that end in order in the middle of it would otherwise make it one that kills.
    assert!(world.record.notes().is_empty());
    assert_eq!(world.log.about("s1"), ["note", "decode", "begin", "done", "strike", "ack"]);
    assert_eq!(world.broker.waiting(HERE), ["a1"]);
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_is_held_is_no_culprit_and_not_waited_for() {
    let world = World::new();
    world.script.acts("s1", [Act::Hold]);
    world.came_back(HERE, "s1", 3);
    let here = world.consume(HERE, 10);
    pass(secs(10)).await;
    assert!(here.end().await < secs(1));
    assert!(world.record.notes().is_empty(), "nobody died of it");
    assert_eq!(world.log.names("ack"), Vec::<String>::new());
    assert_eq!(world.broker.waiting(HERE), ["s1"]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_goes_on_although_another_queues_suspect_is_held() {
    let world = World::new();
    world.script.acts("s1", [Act::Hold]);
    world.came_back(HERE, "s1", 3);
    let here = world.consume(HERE, 10);
    pass(secs(1)).await;
    world.publish(THERE, &["x1"]);
    let there = world.consume(THERE, 10);
    pass(secs(1)).await;
    // The suspect has the floor only while it is tried.
    assert_eq!(world.log.about("x1"), ["decode", "begin", "done", "ack"]);
    assert!(there.end().await < secs(1));
    here.end().await;
}
