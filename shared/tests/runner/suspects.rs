//! Deliveries that came back so often that they may have killed whoever handled them.

use crate::world::{Act, GIVE_BACK, HERE, THERE, World, newer, pass, secs, unreadable};
use shared::ports::suspects::Noted;
use std::time::Duration;

/// What happens to a suspect that is handled.
const HANDLED: [&str; 6] = ["note", "decode", "begin", "done", "strike", "ack"];

#[tokio::test(start_paused = true)]
async fn a_suspect_is_handled_alone_in_its_process_and_in_its_place() {
    let world = World::new();
    for (name, time) in [("a1", 1), ("s1", 2), ("x1", 3)] {
        world.script.acts(name, [Act::Takes(secs(time))]);
    }
    world.publish(HERE, &["a1"]);
    world.came_back(HERE, "s1", 3);
    world.publish(HERE, &["a2"]);
    world.publish(THERE, &["x1", "x2"]);
    let (here, there) = (world.consume(HERE, 10), world.consume(THERE, 10));
    pass(secs(2)).await;
    assert_eq!(world.log.about("s1"), Vec::<&str>::new(), "x1 is under way, though of another queue");
    pass(secs(2)).await;
    assert_eq!(world.log.about("s1"), ["note", "decode", "begin"]);
    world.publish(THERE, &["y1"]);
    pass(secs(10)).await;
    assert_eq!(world.log.about("s1"), HANDLED);
    assert!(world.log.beside("s1").is_empty());
    world.log.assert_order(&[("done", "a1"), ("note", "s1"), ("strike", "s1"), ("begin", "a2")]);
    world.log.assert_order(&[("ack", "a1"), ("ack", "s1"), ("ack", "a2")]);
    assert_eq!(world.acknowledged(), ["a1", "a2", "s1", "x1", "x2", "y1"]);
    assert!(world.record.notes().is_empty());
    here.end().await;
    there.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_others_noted_waits_until_the_process_is_steady_and_hinders_nobody_meanwhile() {
    let world = World::new().steady_after(secs(5));
    world.record.was_noted(HERE, "s1", Noted::Open(1));
    world.came_back(HERE, "s1", 5);
    world.came_back(HERE, "s2", 5);
    world.came_back(THERE, "t1", 5);
    world.publish(THERE, &["x1"]);
    let (here, there) = (world.consume(HERE, 10), world.consume(THERE, 10));
    pass(secs(4)).await;
    assert_eq!(world.log.about("t1"), HANDLED, "nobody noted it");
    assert_eq!(world.log.names("ack"), ["t1", "x1"]);
    assert_eq!(world.log.about("s1"), Vec::<&str>::new(), "not even noted");
    pass(secs(2)).await;
    assert_eq!(world.log.names("ack"), ["t1", "x1", "s1", "s2"]);
    world.came_back(HERE, "s3", 5);
    world.record.was_noted(HERE, "s3", Noted::Open(1));
    pass(Duration::from_millis(1)).await;
    assert_eq!(world.log.about("s3"), HANDLED, "steady from then on");
    here.end().await;
    there.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_until_the_process_is_steady_does_not_keep_it_from_ending() {
    let world = World::new().steady_after(secs(5));
    world.record.was_noted(HERE, "s1", Noted::Open(1));
    world.came_back(HERE, "s1", 5);
    let here = world.consume(HERE, 10);
    pass(secs(1)).await;
    assert_eq!(here.end().await, Duration::ZERO);
    assert_eq!(world.broker.waiting(HERE), ["s1"]);
    assert_eq!(world.record.notes(), [("s1".to_owned(), Noted::Open(1))], "no more was noted");
}

#[tokio::test(start_paused = true)]
async fn without_the_record_nobody_knows_whether_one_was_noted() {
    let world = World::new().steady_after(secs(600));
    world.came_back(HERE, "s1", 5);
    world.record.away(true);
    let here = world.consume(HERE, 10);
    pass(secs(20)).await;
    assert_eq!(world.log.about("s1"), Vec::<&str>::new());
    world.record.away(false);
    pass(secs(6)).await;
    assert_eq!(world.log.about("s1"), HANDLED);
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn suspects_of_two_queues_take_turns() {
    let world = World::new();
    for (queue, name) in [(HERE, "s1"), (THERE, "t1"), (HERE, "s2"), (THERE, "t2")] {
        world.script.acts(name, [Act::Takes(secs(1))]);
        world.came_back(queue, name, 7);
    }
    let (here, there) = (world.consume(HERE, 10), world.consume(THERE, 10));
    pass(secs(10)).await;
    for name in ["s1", "s2", "t1", "t2"] {
        assert_eq!(world.log.about(name), HANDLED);
        assert!(world.log.beside(name).is_empty(), "{name}");
    }
    world.log.assert_order(&[("ack", "s1"), ("note", "s2")]);
    here.end().await;
    there.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_came_back_twice_is_no_suspect() {
    let world = World::new();
    world.script.acts("a1", [Act::Takes(secs(1))]);
    world.publish(HERE, &["a1"]);
    world.came_back(HERE, "b1", 2);
    let here = world.consume(HERE, 10);
    pass(secs(2)).await;
    assert_eq!(world.log.about("b1"), ["decode", "begin", "done", "ack"]);
    assert!(world.log.beside("a1").contains("b1"));
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn with_three_open_notes_it_is_given_up_unread_and_the_queue_flows_on() {
    let world = World::new();
    world.record.was_noted(HERE, "s1", Noted::Open(3));
    world.publish(HERE, &["a1"]);
    world.came_back(HERE, "s1", 6);
    world.publish(HERE, &["a2"]);
    let here = world.consume(HERE, 10);
    pass(secs(1)).await;
    assert_eq!(world.log.about("s1"), ["note", "give-up", "ack"]);
    assert_eq!(world.log.names("ack"), ["a1", "s1", "a2"]);
    assert_eq!(world.record.notes(), [("s1".to_owned(), Noted::GivenUp)]);
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn with_two_open_notes_it_has_one_more_chance() {
    let world = World::new();
    world.record.was_noted(HERE, "s1", Noted::Open(2));
    // Another queue's notes are not its own.
    world.record.was_noted(THERE, "s1", Noted::Open(3));
    world.came_back(HERE, "s1", 5);
    let here = world.consume(HERE, 10);
    pass(secs(1)).await;
    assert_eq!(world.log.about("s1"), HANDLED);
    assert_eq!(world.record.notes(), [("s1".to_owned(), Noted::Open(3))], "that of the other queue");
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_given_up_before_is_only_acknowledged() {
    let world = World::new();
    world.record.was_noted(HERE, "s1", Noted::GivenUp);
    world.came_back(HERE, "s1", 7);
    world.publish(HERE, &["a1"]);
    let here = world.consume(HERE, 10);
    pass(secs(1)).await;
    assert_eq!(world.log.about("s1"), ["note", "ack"]);
    assert_eq!(world.log.names("ack"), ["s1", "a1"]);
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn while_it_cannot_be_given_up_it_is_held_unread() {
    let world = World::new();
    world.record.takes_no_letters(true);
    world.record.was_noted(HERE, "s1", Noted::Open(3));
    world.came_back(HERE, "s1", 6);
    world.publish(HERE, &["a1"]);
    let here = world.consume(HERE, 10);
    pass(secs(60)).await;
    assert!(world.log.about("s1").iter().all(|what| *what == "note"));
    assert_eq!(world.log.about("a1"), Vec::<&str>::new(), "nothing behind it is taken");
    world.record.takes_no_letters(false);
    pass(secs(10)).await;
    assert!(world.log.about("s1").ends_with(&["note", "give-up", "ack"]));
    assert_eq!(world.log.names("ack"), ["s1", "a1"]);
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_panics_three_times_is_given_up_too() {
    let world = World::new();
    world.script.acts("s1", [Act::Panic]);
    world.came_back(HERE, "s1", 3);
    world.publish(HERE, &["a1"]);
    let here = world.consume(HERE, 10);
    pass(secs(20)).await;
    let tried = ["note", "decode", "begin", "panic", "strike"];
    assert_eq!(world.log.about("s1"), [&tried[..], &tried, &tried, &["give-up", "ack"]].concat());
    assert_eq!(world.record.notes(), [("s1".to_owned(), Noted::GivenUp)], "and stays so");
    assert_eq!(world.log.names("ack"), ["s1", "a1"]);
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_cannot_be_read_is_rejected_and_no_culprit() {
    let world = World::new();
    world.broker.publish(HERE, unreadable("s1"), 3);
    world.publish(HERE, &["a1"]);
    let here = world.consume(HERE, 10);
    pass(secs(1)).await;
    assert_eq!(world.log.about("s1"), ["note", "decode", "strike", "reject"]);
    assert_eq!(world.log.names("ack"), ["a1"]);
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_suspect_of_a_newer_schema_lets_the_queue_go_and_is_no_culprit() {
    let world = World::new();
    world.broker.publish(HERE, newer("s1"), 3);
    world.publish(HERE, &["a1"]);
    let here = world.consume(HERE, 10);
    pass(secs(1)).await;
    assert_eq!(world.log.about("s1"), ["note", "decode", "strike"]);
    assert_eq!(world.broker.waiting(HERE), ["s1", "a1"]);
    assert_eq!(world.broker.channels(HERE), (1, 1));
    assert!(world.record.notes().is_empty());
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_is_held_while_the_record_is_there_is_never_given_up() {
    let world = World::new();
    world.script.acts("s1", [Act::Hold]);
    world.came_back(HERE, "s1", 3);
    let here = world.consume(HERE, 10);
    // Each try is noted and struck out: it is not given up as one that kills although nobody died.
    pass(5 * GIVE_BACK).await;
    assert_eq!(world.log.names("give-up"), Vec::<String>::new());
    assert_eq!(world.log.names("note").len(), world.log.names("strike").len());
    world.script.acts("s1", [Act::Done]);
    pass(secs(10)).await;
    assert_eq!(world.log.names("ack"), ["s1"]);
    assert_eq!((world.record.notes(), world.broker.channels(HERE)), (vec![], (1, 0)));
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_suspect_under_way_is_not_cut_off_because_it_waited_for_the_record_before() {
    let world = World::new();
    world.script.acts("s1", [Act::Takes(secs(30))]);
    world.record.away(true);
    world.came_back(HERE, "s1", 3);
    let here = world.consume(HERE, 10);
    // Back just before the queue would have been given back for it.
    pass(GIVE_BACK - secs(10)).await;
    world.record.away(false);
    pass(secs(60)).await;
    assert_eq!(world.log.about("s1"), HANDLED);
    here.end().await;
}
