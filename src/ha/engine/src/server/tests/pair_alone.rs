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

// proves: S1-007, S1-105
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

// proves: S1-081, S1-083
#[test]
fn with_availability_a_cut_wire_makes_two_and_the_contact_is_reported() {
    let mut world = World::pair_with(availability);
    world.cut();
    world.run(20_000);
    assert_eq!(world.states(), [State::ActiveSolo, State::ActiveSolo]);
    assert!(world.hosts[0].notices.contains(&Notice::WithoutConsent));
    world.send(0, 1);
    world.send(1, 2);
    assert_eq!(world.acked.len(), 6);
    // They meet: both have acked alone, and the one that has acked less keeps what it has and stops.
    world.wire = true;
    world.run(10_000);
    assert_eq!(world.states(), [State::Quarantined, State::ActiveSolo]);
    assert!(world.hosts.iter().all(|host| host.notices.contains(&Notice::SplitBrain)));
    assert_eq!((world.hosts[0].clients, world.hosts[0].ops()), (Clients::Closed, vec![0, 1, 2, 3]));
    world.kill(0);
    world.start(0);
    world.run(10_000);
    assert_eq!(world.states(), [State::Quarantined, State::ActiveSolo], "only the operator ends it");
    world.order(0, Admin::KeepPeer);
    world.run(60_000);
    let states = world.states();
    assert!(states.contains(&State::ActiveReplicated) && states.contains(&State::InSync), "{states:?}");
    assert_eq!((world.hosts[0].ops(), world.hosts[1].ops()), (vec![0, 1, 2, 4, 5], vec![0, 1, 2, 4, 5]));
    assert!(world.hosts[0].snapshots.iter().any(|(_, _, blocks)| *blocks >= 5), "what it had alone is kept aside");
}

#[test]
fn of_two_that_serve_the_one_that_has_acked_nothing_alone_gives_way() {
    for acks in [0, 1] {
        let mut world = World::pair_with(|settings| {
            availability(settings);
            settings.allow_failback = false;
        });
        world.cut();
        world.run(20_000);
        assert_eq!(world.states(), [State::ActiveSolo, State::ActiveSolo]);
        world.send(acks, 2);
        assert_eq!(world.acked.len(), 5);
        world.wire = true;
        world.run(20_000);
        assert_eq!(world.hosts[acks].state(), State::ActiveReplicated, "{:?}", world.states());
        assert_eq!((world.hosts[1 - acks].state(), world.hosts[1 - acks].ops()), (State::InSync, vec![0, 1, 2, 3, 4]));
        assert!(world.hosts.iter().all(|host| !host.notices.contains(&Notice::SplitBrain)));
    }
}

#[test]
fn of_two_that_serve_and_have_acked_nothing_alone_one_gives_way() {
    let mut world = World::pair_with(availability);
    world.cut();
    world.run(20_000);
    world.wire = true;
    world.run(20_000);
    let states = world.states();
    assert!(states.contains(&State::ActiveReplicated) && states.contains(&State::InSync), "{states:?}");
    assert_eq!(world.hosts[0].log, world.hosts[1].log);
}

/// A pair that was cut, both serving: the primary died since and was started again until it had seen a much higher number; then the line is back.
fn returned_with_a_higher_number(acked_alone: usize) -> World {
    let mut world = World::pair_with(|settings| {
        availability(settings);
        settings.allow_failback = false;
        settings.check_for_active = false;
    });
    world.cut();
    world.run(20_000);
    world.send(0, acked_alone);
    for _ in 0..3 {
        world.kill(0);
        world.start(0);
        world.run(20_000);
    }
    world.kill(0);
    world.send(1, 2);
    let (alone, other) = (world.hosts[0].ha.seen, world.hosts[1].ha.seen);
    assert!(alone.number > other.number + 1);
    world.wire = true;
    world.start(0);
    world.run(60_000);
    world
}

#[test]
fn who_serves_goes_on_above_the_number_of_one_that_has_acked_nothing_alone() {
    let world = returned_with_a_higher_number(0);
    assert_eq!(world.states(), [State::InSync, State::ActiveReplicated]);
    let reasons = world.hosts[1].history().entries().iter().map(|entry| entry.reason).collect::<Vec<_>>();
    assert_eq!(
        reasons,
        [Reason::First, Reason::Takeover, Reason::Solo],
        "nobody follows an epoch below what he has seen"
    );
    assert!(world.hosts[1].notices.iter().all(|notice| *notice != Notice::SplitBrain));
}

#[test]
fn who_serves_gives_way_to_a_higher_claim_if_both_have_acked_alone() {
    let world = returned_with_a_higher_number(1);
    assert_eq!(world.states(), [State::ActiveSolo, State::Quarantined]);
    assert_eq!(world.hosts[1].ops(), [0, 1, 2, 4, 5], "it keeps what it has");
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

#[test]
fn of_two_passives_the_one_that_lost_a_promised_block_joins() {
    for damaged in [0, 1] {
        let mut world = World::pair_with(|settings| {
            availability(settings);
            settings.allow_failback = false;
        });
        world.kill_both();
        world.rot(damaged, 2);
        world.start(damaged);
        world.start(1 - damaged);
        world.run(60_000);
        assert_eq!(world.hosts[1 - damaged].state(), State::ActiveReplicated, "{:?}", world.states());
        assert_eq!((world.hosts[damaged].state(), world.hosts[damaged].ops()), (State::InSync, vec![0, 1, 2]));
    }
}
