//! What goes wrong by itself, whatever the processes are doing.

use crate::{weather::Spell, world::World};
use std::sync::Arc;

/// Something every now and then, until it is called off.
pub async fn rages(world: Arc<World>) {
    loop {
        tokio::time::sleep(world.millis(100..2_500)).await;
        happens(&world);
    }
}

fn happens(world: &World) {
    let (die, time) = (world.roll(11), world.millis(300..7_000));
    let begins = |spell: &Spell, what: &str| {
        world.note(format!("{what} for {time:?}"));
        spell.begins(time);
    };
    match die {
        0 => return begins(&world.room.away, "nobody sees who is alive"),
        1 => return begins(&world.cache.away, "the cache is away"),
        2 => return begins(&world.queues.blocked, "the broker takes nothing"),
        3 => return begins(&world.record.away, "the record is away"),
        4 => return world.cache.flush(world),
        5 => return world.cache.roll_back(world),
        _ => {}
    }
    let Some(process) = world.some_process() else { return };
    match die {
        6 => process.is_told_to_end(),
        7 => world.room.turn(world, process.number()),
        // Crashes, or what looks like them.
        _ if world.is_gentle() => {}
        8 => process.dies("some moment"),
        9 => process.freezes("some moment", time),
        _ => process.is_cut("some moment"),
    }
}
