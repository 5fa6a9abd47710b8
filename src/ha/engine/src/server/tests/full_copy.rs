//! A joiner whose end the active has freed: its lanes are kept aside, emptied, and copied from where the active's begin.

use super::world::World;
use crate::command::Notice;
use crate::limits::{RETRY_REPLICATION_WAIT, STARTUP_PEER_WAIT};
use crate::state::State;
use crate::vector::Vector;

/// A pair whose backup is away while the primary goes on and frees what the backup would go on behind.
fn left_behind() -> World {
    let mut world = World::pair_with(|settings| settings.allow_failback = false);
    world.kill(1);
    world.run(5_000);
    world.send(0, 5);
    world.run(100);
    assert_eq!((world.acked.len(), world.hosts[1].log.len()), (8, 4));
    world
}

fn is_copied(world: &World) {
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
    assert_eq!(world.hosts[0].log, world.hosts[1].log);
    assert_eq!(world.hosts[0].freed, world.hosts[1].freed);
    let notices = &world.hosts[1].notices;
    let from = Vector::from_iter([6]);
    assert!(notices.contains(&Notice::SyncStarted { from }), "{notices:?}");
    // What it had is kept, and nothing of it was acked and is not in the copy.
    let whole = world.hosts[1].snapshots.iter().any(|(_, acked, blocks)| !acked && *blocks == 4);
    assert!(whole, "{:?}", world.hosts[1].snapshots);
    assert!(notices.iter().any(|notice| matches!(notice, Notice::Cut { at, .. } if at.at(0).0 == 0)));
}

#[test]
fn a_joiner_that_was_away_for_too_long_is_copied_whole() {
    for restarts in [false, true] {
        let mut world = left_behind();
        world.free(0, 6);
        if restarts {
            world.kill(0);
            world.start(0);
            world.run(15_000);
        }
        world.start(1);
        world.run(5_000);
        is_copied(&world);
        // The copy is as good as any: it takes over, and offers no more than it has.
        world.send(0, 1);
        world.kill(0);
        world.run(5_000);
        world.send(1, 1);
        world.run(100);
        assert_eq!((world.hosts[1].state(), world.acked.len()), (State::ActiveSolo, 10));
        let host = &mut world.hosts[0];
        (host.log, host.durable, host.promised) = (Vec::new(), 0, 0);
        host.ha = crate::ha_state::HaState::new(host.ha.node, crate::ids::InstanceId(101), host.settings.role);
        world.start(0);
        world.run(5_000);
        assert_eq!(world.states(), [State::InSync, State::ActiveReplicated], "a new disk is copied from the copy");
        assert_eq!((world.hosts[0].freed, world.hosts[0].log.len()), (6, world.hosts[1].log.len()));
    }
}

#[test]
fn what_is_freed_while_the_joiner_cuts_is_not_asked_for() {
    let mut world = left_behind();
    world.boot(1);
    // The joiner has been told where the lanes begin, and is about to cut.
    let cutting = |world: &World| world.hosts[1].state() == State::Syncing;
    while !cutting(&world) {
        let any = world.event(0) | world.event(1) | world.disk(0) | world.disk(1) | world.register_step(0, 3);
        assert!(any, "{:?}", world.states());
    }
    world.free(0, 6);
    world.run(10_000);
    is_copied(&world);
}

// proves: S1-023, S2-11
#[test]
fn half_a_copy_is_no_copy() {
    let mut world = left_behind();
    world.free(0, 6);
    world.hosts[0].stalled = true;
    world.start(1);
    world.run(3_000);
    assert_eq!((world.hosts[1].state(), world.hosts[1].log.len()), (State::Syncing, 6), "emptied, and begun anew");
    world.kill_both();
    world.start(1);
    let long = u64::try_from((STARTUP_PEER_WAIT + 10 * RETRY_REPLICATION_WAIT).as_millis()).unwrap();
    world.run(long);
    assert_eq!(world.hosts[1].state(), State::Probing, "it lacks what was acked");
    world.hosts[0].stalled = false;
    world.start(0);
    world.run(20_000);
    is_copied(&world);
}
