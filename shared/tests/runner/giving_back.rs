//! A queue whose messages all wait for a record that is away: given back before the broker takes its consumer for dead.

use crate::world::{Act, GIVE_BACK, HERE, THERE, World, pass, secs};

const HOUR: u64 = 3600;

#[tokio::test(start_paused = true)]
async fn a_queue_that_waits_for_the_record_is_given_back_once_and_taken_again() {
    let world = World::new();
    world.record.away(true);
    ["h1", "i1"].iter().for_each(|name| world.script.acts(name, [Act::Hold]));
    world.publish(HERE, &["h1", "h2", "i1"]);
    let here = world.consume(HERE, 10);
    pass(GIVE_BACK - secs(1)).await;
    assert_eq!((world.broker.channels(HERE), world.record.asked()), ((1, 0), 0));
    pass(secs(2)).await;
    assert_eq!(world.broker.channels(HERE), (1, 1));
    assert_eq!(world.broker.waiting(HERE), ["h1", "h2", "i1"], "in their order");
    let tries = world.log.names("begin").len();
    pass(secs(HOUR)).await;
    assert_eq!(
        world.broker.channels(HERE),
        (1, 1),
        "once, however long it takes: each time brings them nearer a limit"
    );
    assert_eq!(world.log.names("begin").len(), tries);
    let asked = world.record.asked();
    assert!((3000..=3700).contains(&asked), "about once a second: {asked}");

    ["h1", "i1"].iter().for_each(|name| world.script.acts(name, [Act::Done]));
    world.record.away(false);
    pass(secs(10)).await;
    assert_eq!(world.broker.channels(HERE), (2, 1));
    assert_eq!(world.acknowledged(), ["h1", "h2", "i1"]);
    world.log.assert_order(&[("done", "h1"), ("begin", "h2")]);
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn with_the_record_there_the_channel_stays_however_long_messages_are_held() {
    let world = World::new();
    world.script.acts("h1", [Act::Hold]);
    world.publish(HERE, &["h1"]);
    let here = world.consume(HERE, 10);
    pass(4 * GIVE_BACK).await;
    assert_eq!(world.broker.channels(HERE), (1, 0));
    let asked = world.record.asked();
    assert!((3..=4).contains(&asked), "each time anew: {asked}");
    world.publish(HERE, &["b1"]);
    pass(secs(1)).await;
    assert_eq!(world.log.names("ack"), ["b1"], "what isn't held flows");
    world.script.acts("h1", [Act::Done]);
    pass(secs(10)).await;
    assert_eq!(world.log.names("ack"), ["b1", "h1"]);
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn while_anything_comes_to_an_end_nothing_is_given_back() {
    let world = World::new();
    world.record.away(true);
    world.script.acts("h1", [Act::Hold]);
    world.publish(HERE, &["h1"]);
    let here = world.consume(HERE, 10);
    for number in 1..=12 {
        pass(secs(100)).await;
        world.publish(HERE, &[&format!("b{number}")]);
    }
    pass(secs(100)).await;
    assert_eq!(world.log.names("ack").len(), 12);
    assert_eq!((world.broker.channels(HERE), world.record.asked()), ((1, 0), 0));
    // And with nothing coming to an end any more it is.
    pass(GIVE_BACK).await;
    assert_eq!(world.broker.channels(HERE), (1, 1));
    here.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_whose_suspect_cannot_be_noted_is_given_back_once_and_taken_again() {
    let world = World::new();
    world.record.away(true);
    world.came_back(HERE, "s1", 3);
    world.publish(HERE, &["a1"]);
    let here = world.consume(HERE, 10);
    pass(GIVE_BACK - secs(1)).await;
    assert_eq!(world.broker.channels(HERE), (1, 0));
    pass(secs(2)).await;
    assert_eq!(world.broker.channels(HERE), (1, 1));
    assert_eq!(world.broker.waiting(HERE), ["s1", "a1"]);
    // Nothing needs no record: no other queue of this process is taken either.
    world.publish(THERE, &["x1"]);
    let there = world.consume(THERE, 10);
    pass(secs(HOUR)).await;
    assert_eq!(world.log.names("ack"), Vec::<String>::new());
    assert_eq!(world.broker.channels(HERE), (1, 1));
    assert_eq!(world.log.about("s1"), Vec::<&str>::new(), "not begun without a note");

    world.record.away(false);
    pass(secs(10)).await;
    assert_eq!(world.broker.channels(HERE), (2, 1));
    assert_eq!(world.log.about("s1"), ["note", "decode", "begin", "done", "strike", "ack"]);
    let acks = world.log.names("ack");
    assert_eq!(acks.iter().filter(|name| *name != "x1").collect::<Vec<_>>(), ["s1", "a1"]);
    assert_eq!(acks.len(), 3, "{acks:?}");
    here.end().await;
    there.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_was_given_back_does_not_keep_the_process_from_ending() {
    let world = World::new();
    world.record.away(true);
    world.script.acts("h1", [Act::Hold]);
    world.publish(HERE, &["h1"]);
    let here = world.consume(HERE, 10);
    pass(2 * GIVE_BACK).await;
    assert_eq!(world.broker.channels(HERE), (1, 1));
    assert!(here.end().await < secs(1));
    assert_eq!(world.broker.channels(HERE), (1, 1));
}
