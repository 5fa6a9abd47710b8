//! What is promised, and what waits for what.

use super::*;
use crate::ids::{Incarnation, Member};

pub(super) const ME: InstanceId = InstanceId(1);
pub(super) const PEER: InstanceId = InstanceId(2);

pub(super) fn epoch(number: u64) -> Epoch {
    Epoch { number, activation: u128::from(number) }
}

pub(super) fn to<const N: usize>(ends: [u64; N]) -> Vector {
    ends.into_iter().collect()
}

pub(super) fn register(version: u64, members: &[InstanceId], ack_mode: AckMode) -> Register {
    let member = |instance: &InstanceId| Member { instance: *instance, incarnation: Incarnation::default() };
    Register {
        version,
        epoch: epoch(version),
        holder: ME,
        in_sync: members.iter().map(member).collect(),
        ack_mode,
        voters_version: 0,
    }
}

/// The gate of a pair in epoch 1 of two lanes, whose start records end at 4 in each, with the peer on link 1.
fn pair(rules: Rules, mode: AckMode) -> Gate {
    let mut gate = Gate::new(rules, ME, mode, epoch(1), to([0, 0]));
    gate.known(&register(1, &[ME, PEER], mode));
    gate.connected(PEER, Link(1), epoch(1)).unwrap();
    gate.started(to([4, 4]));
    gate
}

fn confirm(gate: &mut Gate, link: u64, number: u64, received: [u64; 2], durable: [u64; 2]) -> bool {
    gate.confirmed(PEER, (Link(link), epoch(number)), &to(received), &to(durable))
}

#[test]
fn nothing_is_promised_before_the_start_of_the_epoch_is_everywhere() {
    let mut gate = pair(Rules::ALL, AckMode::Durable);
    assert!(!gate.durable(&to([9, 9])));
    assert_eq!(gate.waits_for(), Some(WaitsFor::Replica(PEER)));
    // One lane is far enough, the other one lacks its start record.
    assert!(!confirm(&mut gate, 1, 1, [9, 3], [9, 3]));
    assert_eq!(gate.promised(), &to([0, 0]));
    assert!(confirm(&mut gate, 1, 1, [9, 4], [9, 4]));
    assert_eq!(gate.promised(), &to([9, 4]));
}

#[test]
fn each_mode_waits_for_what_it_says() {
    for (mode, promised) in [(AckMode::Durable, 5), (AckMode::Memory, 6), (AckMode::Local, 8)] {
        let mut gate = pair(Rules::ALL, mode);
        gate.durable(&to([8, 8]));
        confirm(&mut gate, 1, 1, [6, 6], [5, 5]);
        assert_eq!(gate.promised(), &to([promised, promised]), "{mode:?}");
        // No mode promises what is not durable here.
        confirm(&mut gate, 1, 1, [20, 20], [20, 20]);
        assert_eq!(gate.promised(), &to([8, 8]), "{mode:?}");
    }
}

#[test]
fn a_confirmation_counts_on_the_connection_of_its_epoch_only() {
    let mut gate = pair(Rules::ALL, AckMode::Durable);
    gate.durable(&to([9, 9]));
    confirm(&mut gate, 1, 1, [5, 5], [5, 5]);
    gate.disconnected(PEER, Link(1));
    assert!(!confirm(&mut gate, 1, 1, [9, 9], [9, 9]), "the connection is lost");
    gate.connected(PEER, Link(2), epoch(1)).unwrap();
    assert!(!confirm(&mut gate, 1, 1, [9, 9], [9, 9]), "an older connection");
    assert!(!confirm(&mut gate, 2, 2, [9, 9], [9, 9]), "another epoch");
    assert!(!gate.covers(PEER, &to([5, 5])), "it has not confirmed that on this connection");
    assert!(confirm(&mut gate, 2, 1, [9, 9], [9, 9]));

    // A new epoch asks for a new connection.
    gate.begin(epoch(2));
    gate.started(to([12, 12]));
    gate.durable(&to([14, 14]));
    assert!(!confirm(&mut gate, 2, 2, [14, 14], [14, 14]));
    gate.connected(PEER, Link(3), epoch(1)).unwrap();
    assert!(!confirm(&mut gate, 3, 2, [14, 14], [14, 14]), "it was made for another epoch");
    gate.connected(PEER, Link(4), epoch(2)).unwrap();
    assert!(confirm(&mut gate, 4, 2, [14, 14], [14, 14]));

    let mut without = pair(Rules::ALL.without(Rule::Sr2), AckMode::Durable);
    without.durable(&to([9, 9]));
    without.disconnected(PEER, Link(1));
    assert!(confirm(&mut without, 1, 1, [9, 9], [9, 9]));
}

#[test]
fn a_lost_member_holds_everything_up_until_the_register_let_it_go() {
    let mut gate = pair(Rules::ALL, AckMode::Durable);
    confirm(&mut gate, 1, 1, [5, 5], [5, 5]);
    gate.durable(&to([9, 9]));
    assert_eq!(gate.promised(), &to([5, 5]));
    assert!(!gate.disconnected(PEER, Link(1)));
    assert_eq!(gate.waits_for(), Some(WaitsFor::Replica(PEER)));
    gate.hold(Hold::Suspended);
    assert_eq!(gate.waits_for(), Some(WaitsFor::Register));
    gate.begin(epoch(2));
    assert!(!gate.known(&register(2, &[ME], AckMode::Durable)));
    assert!(!gate.release(Hold::Suspended), "the new epoch has no start yet");
    assert!(!gate.started(to([11, 11])));
    assert_eq!(gate.waits_for(), Some(WaitsFor::Local));
    assert!(gate.durable(&to([11, 11])));
    assert_eq!(gate.promised(), &to([11, 11]));
    assert_eq!(gate.waits_for(), None);
}

#[test]
fn a_joiner_holds_up_what_comes_and_takes_nothing_back() {
    let mut gate = Gate::new(Rules::ALL, ME, AckMode::Durable, epoch(1), to([0, 0]));
    gate.known(&register(1, &[ME], AckMode::Durable));
    gate.started(to([4, 4]));
    gate.durable(&to([9, 9]));
    assert_eq!(gate.promised(), &to([9, 9]));
    gate.connected(PEER, Link(1), epoch(1)).unwrap();
    assert!(!gate.in_view(PEER));
    gate.durable(&to([10, 10]));
    assert_eq!(gate.promised(), &to([10, 10]), "it is not waited for yet");

    gate.join(PEER).unwrap();
    let barrier = gate.promised().clone();
    assert!(!gate.durable(&to([12, 12])));
    confirm(&mut gate, 1, 1, [12, 12], [9, 12]);
    assert!(!gate.covers(PEER, &barrier));
    assert_eq!(gate.promised(), &to([10, 12]), "a lane on which it is far enough goes on");
    confirm(&mut gate, 1, 1, [12, 12], [12, 12]);
    assert!(gate.covers(PEER, &barrier));

    // The join came to nothing: it goes out of the view when that is known, and not when its connection ends.
    gate.disconnected(PEER, Link(1));
    assert!(!gate.durable(&to([13, 13])));
    assert!(gate.known(&register(2, &[ME], AckMode::Durable)));
    assert_eq!(gate.promised(), &to([13, 13]));
}

#[test]
fn holds_do_not_cover_for_each_other() {
    let mut gate = pair(Rules::ALL, AckMode::Local);
    for hold in [Hold::Barrier, Hold::Frozen, Hold::Suspended] {
        gate.hold(hold);
    }
    gate.hold(Hold::Frozen);
    assert!(!gate.durable(&to([9, 9])));
    assert_eq!(gate.waits_for(), Some(WaitsFor::Register));
    assert!(!gate.release(Hold::Suspended));
    assert_eq!(gate.waits_for(), Some(WaitsFor::Handover));
    assert!(!gate.release(Hold::Frozen));
    assert_eq!(gate.waits_for(), Some(WaitsFor::Barrier));
    assert!(gate.release(Hold::Barrier));
    assert_eq!(gate.waits_for(), None);
}

#[test]
fn there_is_an_answer_when_too_many_come() {
    let mut gate = pair(Rules::ALL, AckMode::Durable);
    for other in 3..3 + IN_SYNC_MAX as u128 - 1 {
        assert_eq!(gate.connected(InstanceId(other), Link(other as u64), epoch(1)), Ok(()));
    }
    assert_eq!(gate.connected(InstanceId(99), Link(99), epoch(1)), Err(TooManyMembers));
    assert_eq!(gate.join(InstanceId(99)), Err(TooManyMembers));
    // One that was none of the view and has gone makes room.
    gate.disconnected(InstanceId(3), Link(3));
    assert_eq!(gate.connected(InstanceId(99), Link(99), epoch(1)), Ok(()));
}
