//! Planned changes: stops, switchovers, failbacks, and what goes wrong in the middle of them.

use super::world::World;
use crate::command::{Clients, Notice};
use crate::event::{Admin, Event, Timer};
use crate::ids::InstanceId;
use crate::state::State;

// proves: S1-038, S1-044
#[test]
fn a_planned_stop_hands_over_at_once() {
    let mut world = World::pair();
    world.order(0, Admin::Stop);
    world.run(100);
    assert_eq!(world.hosts[0].exit, Some(0));
    assert_eq!(world.hosts[1].state(), State::ActiveSolo);
    let register = world.register.clone().unwrap();
    assert_eq!((register.holder, register.in_sync.len()), (InstanceId(200), 1));
    world.send(1, 1);
    assert_eq!(world.acked.len(), 4);
    // The one that handed over knows that it is behind.
    world.kill(1);
    world.start(0);
    world.run(300_000);
    assert_eq!(world.hosts[0].state(), State::Probing);
    world.start(1);
    world.run(60_000);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
}

#[test]
fn a_switchover_keeps_both_in_sync() {
    let mut world = World::pair_with(|settings| settings.allow_failback = false);
    world.order(0, Admin::Switchover);
    world.run(3_000);
    assert_eq!(world.states(), [State::InSync, State::ActiveReplicated]);
    assert_eq!(world.hosts[0].snapshots, [], "nothing was cut and nothing copied");
    world.send(1, 2);
    assert_eq!(world.acked.len(), 5);
    assert_eq!(world.hosts[0].log, world.hosts[1].log);
    world.run(60_000);
    assert_eq!(world.states(), [State::InSync, State::ActiveReplicated], "failback is not allowed");
}

#[test]
fn a_stop_of_the_replica_and_of_one_that_is_alone() {
    let mut world = World::pair();
    world.order(1, Admin::Stop);
    world.run(5_000);
    assert_eq!(world.hosts[1].exit, Some(0));
    assert_eq!(world.hosts[0].state(), State::ActiveSolo);
    world.order(0, Admin::Stop);
    world.run(100);
    assert_eq!(world.hosts[0].exit, Some(0));
    assert_eq!(world.hosts[0].ha.clean_stop.as_ref().map(|end| end.at(0).0), Some(world.hosts[0].log.len() as u64));
    world.start(0);
    world.run(20_000);
    assert_eq!(world.hosts[0].state(), State::ActiveSolo);
}

#[test]
fn the_successor_dies_before_it_serves() {
    let mut world = World::pair_with(|settings| settings.allow_failback = false);
    world.order(0, Admin::Switchover);
    world.kill(1);
    world.run(60_000);
    assert_eq!(world.hosts[0].state(), State::ActiveSolo, "{:?}", world.register);
    world.send(0, 1);
    assert_eq!(world.acked.len(), 4);
    world.start(1);
    world.run(60_000);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
}

#[test]
fn a_handover_without_a_register_that_answers_stays_frozen() {
    let mut world = World::pair_with(|settings| settings.allow_failback = false);
    world.reachable = false;
    world.order(0, Admin::Switchover);
    world.run(1_000);
    assert_eq!(world.hosts[0].state(), State::Handover);
    assert_eq!(world.hosts[0].clients, Clients::Held);
    // It has not left, so it can be taken back.
    world.run(70_000);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
    world.send(0, 1);
    assert_eq!(world.acked.len(), 4);
}

#[test]
fn a_handover_that_does_not_drain_comes_to_nothing() {
    let mut world = World::pair_with(|settings| settings.allow_failback = false);
    world.cut();
    world.send(0, 1);
    world.order(0, Admin::Switchover);
    assert_eq!(world.hosts[0].state(), State::Handover);
    world.tell(0, Event::Timer(Timer::Handover));
    assert_eq!(world.hosts[0].state(), State::ActiveReplicated);
    world.run(10_000);
    assert!(world.hosts.iter().filter(|host| host.clients == Clients::Served).count() == 1, "{:?}", world.states());
}

#[test]
fn a_primary_that_fails_again_and_again_is_not_handed_its_place_for_ever() {
    let mut world = World::pair_with(|settings| settings.failback_max_per_hour = 2);
    let mut given = Vec::new();
    for _ in 0..4 {
        world.kill(0);
        world.run(5_000);
        world.start(0);
        world.run(60_000);
        given.push(world.hosts[0].state() == State::ActiveReplicated);
        if given.last() == Some(&false) {
            // It follows, and serves only when its turn comes.
            assert_eq!(world.states(), [State::InSync, State::ActiveReplicated]);
        }
    }
    assert_eq!(given, [true, true, false, false]);
    let told = world.hosts[1].notices.iter().filter(|notice| **notice == Notice::HandedOver).count();
    assert_eq!(told, 2);
    // The hour that began with the first one is over.
    world.tell(1, Event::Timer(Timer::FailbackHour));
    world.run(10_000);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
    // What an operator orders is not counted.
    world.order(0, Admin::Switchover);
    world.run(1_000);
    assert_eq!(world.states(), [State::InSync, State::ActiveReplicated]);
}
