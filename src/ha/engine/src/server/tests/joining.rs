//! First starts, joins, takeovers, and what returns.

use super::world::World;
use crate::command::Clients;
use crate::ids::InstanceId;
use crate::state::State;

// proves: S1-003, S2-06
#[test]
fn a_primary_makes_the_register_and_a_backup_joins() {
    let mut world = World::new();
    world.start(0);
    world.run(20_000);
    assert_eq!(world.hosts[0].state(), State::ActiveSolo);
    assert_eq!(world.register.as_ref().map(|register| register.holder), Some(InstanceId(100)));
    world.send(0, 2);
    world.run(100);
    assert_eq!(world.acked, [0, 1]);
    world.start(1);
    world.run(20_000);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
    assert_eq!(world.register.as_ref().map(|register| register.in_sync.len()), Some(2));
    world.send(0, 2);
    world.run(100);
    assert_eq!(world.acked, [0, 1, 2, 3]);
    assert_eq!(world.hosts[0].log, world.hosts[1].log);
    assert_eq!(world.hosts[1].clients, Clients::Closed);
}

#[test]
fn a_backup_alone_makes_no_register() {
    let mut world = World::new();
    world.start(1);
    world.run(120_000);
    assert_eq!(world.hosts[1].state(), State::Probing);
    assert_eq!(world.register, None);
}

// proves: S1-006, S1-007, S1-026, S1-027, S1-038, S1-039, S1-054, S1-058, S2-09
#[test]
fn the_replica_takes_over_and_the_former_active_returns() {
    let mut world = World::pair();
    world.kill(0);
    world.run(5_000);
    assert_eq!(world.hosts[1].state(), State::ActiveSolo);
    world.send(1, 2);
    world.run(100);
    assert_eq!(world.acked.len(), 5);
    // It comes back, joins, and is handed its place.
    world.start(0);
    world.run(3_000);
    assert_eq!(world.states(), [State::InSync, State::ActiveReplicated]);
    world.run(30_000);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
    assert_eq!(world.register.as_ref().map(|register| register.holder), Some(InstanceId(100)));
    world.send(0, 1);
    world.run(100);
    assert_eq!(world.acked.len(), 6);
    assert_eq!(world.hosts[0].log, world.hosts[1].log);
}

#[test]
fn what_the_former_active_had_alone_is_cut_and_kept_aside() {
    let mut world = World::pair();
    // The blocks do not reach the replica: they are not acked.
    world.cut();
    world.send(0, 2);
    assert_eq!(world.acked.len(), 3);
    world.kill(0);
    world.wire = true;
    world.run(10_000);
    assert_eq!(world.hosts[1].state(), State::ActiveSolo);
    world.start(0);
    world.run(30_000);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
    assert_eq!(world.hosts[0].ops(), [0, 1, 2]);
    assert!(world.hosts[0].snapshots.iter().any(|(_, acked, _)| !acked));
}

#[test]
fn an_active_that_loses_its_replica_goes_on_alone_in_a_new_epoch() {
    let mut world = World::pair();
    let before = world.register.clone().unwrap();
    world.kill(1);
    world.run(5_000);
    assert_eq!(world.hosts[0].state(), State::ActiveSolo);
    let after = world.register.clone().unwrap();
    assert!(after.epoch.number > before.epoch.number && after.is_solo());
    world.send(0, 1);
    world.run(100);
    assert_eq!(world.acked.len(), 4);
    world.start(1);
    world.run(30_000);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
    assert_eq!(world.hosts[0].log, world.hosts[1].log);
}

// proves: S1-023, S1-029
#[test]
fn whoever_was_left_behind_waits_for_ever() {
    let mut world = World::pair();
    world.kill(1);
    world.run(5_000);
    world.send(0, 1);
    world.kill(0);
    world.start(1);
    world.run(300_000);
    assert_eq!(world.hosts[1].state(), State::Probing, "it lacks an acked operation");
    world.start(0);
    world.run(30_000);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
}

#[test]
fn both_die_and_the_replica_comes_first() {
    let mut world = World::pair();
    world.kill_both();
    world.start(1);
    world.run(5_000);
    assert_eq!(world.hosts[1].state(), State::Probing, "it waits for its peer");
    world.run(15_000);
    assert_eq!(world.hosts[1].state(), State::ActiveSolo);
    world.send(1, 1);
    world.start(0);
    world.run(60_000);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
    assert_eq!(world.acked.len(), 4);
}

#[test]
fn a_restarted_active_begins_a_new_epoch() {
    let mut world = World::pair();
    let before = world.register.clone().unwrap();
    world.hosts[1].server = None;
    world.kill(0);
    world.start(0);
    world.run(20_000);
    assert_eq!(world.hosts[0].state(), State::ActiveSolo);
    assert!(world.register.as_ref().unwrap().epoch.number > before.epoch.number);
}
