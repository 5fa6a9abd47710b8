//! Registers that do not answer, networks that are cut, stores that fail.

use super::world::{Block, World};
use crate::command::{Clients, Notice};
use crate::detect::Network;
use crate::event::{Admin, Event};
use crate::history::Reason;
use crate::ids::{Epoch, InstanceId};
use crate::state::State;

#[test]
fn a_healthy_pair_goes_on_without_its_register() {
    let mut world = World::pair();
    world.reachable = false;
    world.tell(0, Event::LeaseLost);
    world.run(60_000);
    world.send(0, 2);
    assert_eq!(world.acked.len(), 5);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
}

#[test]
fn without_register_and_replica_nothing_is_acked() {
    let mut world = World::pair();
    world.reachable = false;
    world.kill(1);
    world.run(60_000);
    assert_eq!(world.hosts[0].state(), State::Suspended);
    world.send(0, 1);
    assert_eq!(world.acked.len(), 3);
    // The replica comes back before anything has left for the register.
    world.start(1);
    world.run(10_000);
    // The register knows it in its earlier life; it confirms, and is told that it is in sync when the register is there.
    assert_eq!(world.states(), [State::ActiveReplicated, State::Syncing]);
    world.send(0, 1);
    assert_eq!(world.acked.len(), 4);
    world.reachable = true;
    world.run(10_000);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
}

#[test]
fn a_cut_wire_leaves_one_of_two() {
    let mut world = World::pair();
    world.cut();
    world.run(60_000);
    let serving = world.hosts.iter().filter(|host| host.clients == Clients::Served).count();
    assert_eq!(serving, 1, "{:?}", world.states());
    world.wire = true;
    world.run(60_000);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
}

#[test]
fn an_isolated_active_lets_its_replica_serve_and_an_isolated_passive_takes_nothing() {
    let mut world = World::pair_with(|settings| settings.allow_failback = false);
    world.tell(0, Event::Network(Network::Isolated));
    world.run(5_000);
    assert_eq!(world.states(), [State::InSync, State::ActiveReplicated]);
    world.kill(1);
    world.run(60_000);
    assert!(!world.hosts[0].state().is_active());
    world.tell(0, Event::Network(Network::Healthy));
    world.run(30_000);
    assert_eq!(world.hosts[0].state(), State::ActiveSolo);
    world.tell(0, Event::Network(Network::Isolated));
    assert_eq!((world.hosts[0].state(), world.hosts[0].clients), (State::Suspended, Clients::Held));
    world.tell(0, Event::Network(Network::Healthy));
    world.run(5_000);
    assert_eq!((world.hosts[0].state(), world.hosts[0].clients), (State::ActiveSolo, Clients::Served));
}

#[test]
fn a_store_that_fails_ends_the_life() {
    let mut world = World::pair();
    world.tell(0, Event::StoreFailed);
    assert_eq!(world.hosts[0].exit, Some(76));
    world.run(10_000);
    assert_eq!(world.hosts[1].state(), State::ActiveSolo);
}

#[test]
fn a_deposed_active_steps_down_when_it_hears_of_it() {
    let mut world = World::pair_with(|settings| settings.allow_failback = false);
    // It reaches neither its replica nor the register, and the replica takes over.
    world.cut();
    world.run(1_999);
    world.send(0, 1);
    world.run(20_000);
    let holder = world.register.as_ref().map(|register| register.holder);
    let holder = usize::from(holder == Some(InstanceId(200)));
    world.wire = true;
    world.run(60_000);
    assert!(world.hosts[holder].state().is_active(), "{:?}", world.states());
    assert_eq!(world.hosts[1 - holder].state(), State::InSync);
    assert_eq!(world.hosts[0].log, world.hosts[1].log);
}

#[test]
fn a_replica_without_room_leaves_and_comes_back() {
    let mut world = World::pair();
    world.tell(1, Event::NoSpace);
    world.run(1_000);
    world.send(0, 1);
    world.run(60_000);
    assert_eq!(world.acked.len(), 4);
    let epoch = world.register.as_ref().map(|register| register.epoch);
    assert_eq!(world.states(), [State::ActiveSolo, State::Probing], "without room it waits");
    world.tell(1, Event::Room);
    world.run(30_000);
    assert_eq!(world.register.as_ref().map(|register| register.epoch), epoch, "and has made no epoch meanwhile");
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
}

#[test]
fn acked_work_of_its_own_is_quarantined_and_released_by_the_operator() {
    let mut world = World::pair();
    // The copy of the primary goes on by itself, as after a restore of an old disk elsewhere: two have acked.
    world.kill(1);
    world.run(5_000);
    world.send(0, 1);
    world.kill(0);
    world.forced = true;
    // The operator forces the one that was left behind.
    world.start(1);
    world.order(1, Admin::Promote);
    world.run(20_000);
    assert_eq!(world.hosts[1].state(), State::ActiveSolo);
    assert!(world.hosts[1].log.iter().any(|block| matches!(block, Block::Start(_, Reason::Forced))));
    world.start(0);
    world.run(20_000);
    assert_eq!(world.hosts[0].state(), State::Quarantined);
    assert!(world.hosts[0].notices.contains(&Notice::SplitBrain));
    world.order(0, Admin::KeepPeer);
    world.run(20_000);
    assert_eq!(world.hosts[0].state(), State::ActiveReplicated, "{:?}", world.states());
}

#[test]
fn another_installation_of_the_same_name_stops_both_from_harm() {
    let mut world = World::pair();
    world.tell(0, Event::DuplicateInstance(InstanceId(5)));
    assert_eq!(world.hosts[0].state(), State::ActiveReplicated);
    world.tell(0, Event::DuplicateInstance(InstanceId(100)));
    assert_eq!((world.hosts[0].state(), world.hosts[0].clients), (State::Quarantined, Clients::Closed));
}

#[test]
fn epochs_of_one_life_differ_and_their_numbers_rise() {
    let mut world = World::pair();
    for _ in 0..3 {
        world.kill(1);
        world.run(5_000);
        world.start(1);
        world.run(20_000);
    }
    let epochs: Vec<Epoch> = world.hosts[0].history().entries().iter().map(|entry| entry.epoch).collect();
    assert!(epochs.windows(2).all(|two| two[0].number < two[1].number && two[0].activation != two[1].activation));
    assert_eq!(epochs.len(), 4);
}

#[test]
fn a_holder_that_lost_a_promised_block_joins_the_other_which_serves() {
    for failback in [false, true] {
        let mut world = World::pair_with(|settings| settings.allow_failback = failback);
        world.kill_both();
        world.rot(0, 2);
        world.start(0);
        world.run(30_000);
        assert_eq!(world.hosts[0].state(), State::Probing, "the other one has what is missing");
        assert!(world.hosts[0].notices.contains(&Notice::Start(crate::start::Notice::KnownStale)));
        world.start(1);
        world.run(3_000);
        // Its peer runs and is not about to serve: it waits for nothing.
        assert_eq!(world.states(), [State::InSync, State::ActiveReplicated]);
        world.run(30_000);
        let serves = usize::from(!failback);
        assert!(world.hosts[serves].state().is_active(), "{:?}", world.states());
        assert_eq!((world.hosts[0].ops(), world.hosts[1].ops()), (vec![0, 1, 2], vec![0, 1, 2]));
        world.send(serves, 1);
        assert_eq!(world.acked.len(), 4);
    }
}

#[test]
fn a_lone_holder_that_lost_a_promised_block_waits_for_the_operator() {
    let mut world = World::pair();
    world.kill(1);
    world.run(5_000);
    world.send(0, 1);
    world.kill(0);
    world.rot(0, 2);
    world.start(0);
    world.start(1);
    world.run(60_000);
    assert_eq!(world.states(), [State::Quarantined, State::Probing]);
}
