//! A pair without a register.

use super::world::World;
use crate::command::{Clients, Notice};
use crate::event::Admin;
use crate::history::Reason;
use crate::register_client::{PairPolicy, Provider};
use crate::settings::{Settings, StaleStart};
use crate::state::State;

fn availability(settings: &mut Settings) {
    settings.provider = Provider::None { policy: PairPolicy::Availability };
}

fn primary_wins(settings: &mut Settings) {
    settings.provider = Provider::None { policy: PairPolicy::PrimaryWins };
}

#[test]
fn a_pair_starts_and_acks() {
    let mut world = World::pair_with(availability);
    world.send(0, 1);
    assert_eq!(world.acked.len(), 4);
    assert_eq!(world.hosts[0].log, world.hosts[1].log);
}

#[test]
fn the_backup_takes_over_and_gives_back() {
    let mut world = World::pair_with(availability);
    world.kill(0);
    world.run(5_000);
    assert_eq!(world.hosts[1].state(), State::ActiveSolo);
    world.send(1, 1);
    world.start(0);
    world.run(60_000);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
    assert_eq!(world.hosts[0].ops(), [0, 1, 2, 3]);
}

#[test]
fn with_availability_a_cut_wire_makes_two_and_the_contact_is_reported() {
    let mut world = World::pair_with(availability);
    world.cut();
    world.run(20_000);
    assert_eq!(world.states(), [State::ActiveSolo, State::ActiveSolo]);
    assert!(world.hosts[0].notices.contains(&Notice::WithoutConsent));
    world.send(0, 1);
    world.send(1, 1);
    assert_eq!(world.acked.len(), 5);
}

#[test]
fn where_the_primary_wins_a_cut_wire_makes_one() {
    let mut world = World::pair_with(primary_wins);
    world.cut();
    world.run(100_000);
    assert_eq!(world.hosts[0].state(), State::ActiveSolo);
    assert!(!world.hosts[1].state().is_active());
    world.send(0, 1);
    world.wire = true;
    world.run(60_000);
    assert_eq!(world.states(), [State::ActiveReplicated, State::InSync]);
}

#[test]
fn where_the_primary_wins_its_death_needs_the_operator() {
    let mut world = World::pair_with(primary_wins);
    world.kill(0);
    world.run(100_000);
    assert!(!world.hosts[1].state().is_active());
    world.order(1, Admin::Promote);
    world.run(5_000);
    assert_eq!(world.hosts[1].state(), State::ActiveSolo);
}

#[test]
fn a_planned_stop_grants_by_message() {
    let mut world = World::pair_with(primary_wins);
    world.order(0, Admin::Stop);
    world.run(100);
    assert_eq!(world.hosts[0].exit, Some(0));
    assert_eq!(world.hosts[1].state(), State::ActiveSolo);
    world.kill(1);
    world.start(0);
    world.run(100_000);
    assert_eq!(world.hosts[0].state(), State::Probing, "it has handed over");
}

#[test]
fn a_stale_primary_starts_and_says_so_or_refuses() {
    for (refuses, state) in [(StaleStart::Warn, State::ActiveSolo), (StaleStart::Refuse, State::Probing)] {
        let mut world = World::pair_with(|settings| {
            availability(settings);
            settings.stale_start = refuses;
        });
        world.kill_both();
        world.start(0);
        world.run(60_000);
        assert_eq!(world.hosts[0].state(), state);
        let served = world.hosts[0].clients == Clients::Served;
        assert_eq!(served, refuses == StaleStart::Warn);
    }
}

#[test]
fn two_passives_compare_and_one_serves() {
    let mut world = World::pair_with(availability);
    world.kill_both();
    // Both come back at the same time: neither activates before it has met the other.
    world.start(1);
    world.start(0);
    world.run(60_000);
    let states = world.states();
    assert!(states.contains(&State::ActiveReplicated) && states.contains(&State::InSync), "{states:?}");
}

// proves: S1-043
#[test]
fn a_backup_that_starts_alone_waits_until_it_is_promoted() {
    let mut world = World::pair_with(availability);
    world.kill_both();
    world.start(1);
    world.run(600_000);
    assert_eq!((world.hosts[1].state(), world.hosts[1].clients), (State::Probing, Clients::Closed));
    world.order(1, Admin::Promote);
    world.run(5_000);
    assert_eq!((world.hosts[1].state(), world.hosts[1].clients), (State::ActiveSolo, Clients::Served));
    let forced = world.hosts[1].history().entries().last().map(|entry| entry.reason);
    assert_eq!(forced, Some(Reason::Forced), "and its history says so");
}
