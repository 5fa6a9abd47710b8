//! What a copy is worth, taken from what is written down: the member's own record, and the register's value.

use crate::ha_state::{Eligible, HaState};
use crate::ids::Epoch;
use crate::register::{AckMode, Register};
use crate::state::State;
use crate::vector::Vector;

/// What a copy is worth by its own record alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Own {
    /// It never served and never followed.
    New,
    /// It served alone, and whoever had been its replica had agreed: provably nobody has more.
    Alone,
    /// It served alone, without a word of its replica: that one may have served as well.
    Solo,
    /// It had everything when it last heard of its peer, which may have gone on.
    Whole,
    /// It lacks something, or may: it was taken out of the in-sync set, was being made, left in good order, or knows of a newer epoch.
    Lacking,
    /// It has handed over, or agreed that another serves.
    Given,
    /// It has what the other has not, or lacks what it should have.
    Quarantined,
}

impl Own {
    /// Whether nobody else can have what is missing at the end of its lanes: only it has written there.
    #[must_use]
    pub const fn is_sole(self) -> bool {
        matches!(self, Self::Alone | Self::Solo)
    }

    /// What `state` says; `last` is the epoch in which its lanes end.
    #[must_use]
    pub fn of(state: &HaState, last: Epoch) -> Self {
        // An own attempt that died before its start blocks counts as seen, and is nobody else's epoch.
        let passed = state.seen.number > last.number && state.seen != state.asked;
        match state.stood() {
            State::Quarantined => Self::Quarantined,
            _ if state.handed_over.is_some() => Self::Given,
            _ if state.is_fresh() => Self::New,
            _ if state.eligible != Eligible::Yes => Self::Lacking,
            State::Demoting | State::Syncing | State::Lagging | State::Spare => Self::Lacking,
            State::ActiveSolo if passed => Self::Lacking,
            State::ActiveSolo if state.unagreed => Self::Solo,
            State::ActiveSolo => Self::Alone,
            _ => Self::Whole,
        }
    }
}

/// Whether a member may serve by the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Membership {
    /// It is not in the in-sync set.
    None,
    /// It is, but its copy may lack something: it says so itself, or the acks did not wait for its disk and this is another life (SR13).
    Unfit,
    /// It is, and may serve (SR4).
    Entitled,
}

impl Membership {
    /// What `register` says to the member that `state` belongs to, whose lanes end at `end`.
    ///
    /// The holder itself is entitled in any life, in memory mode too: what it acked was durable on its own disk, or it had flushed it before it
    /// became the holder (SR6). Else a server that was alone in the in-sync set could never start again.
    #[must_use]
    pub fn of(state: &HaState, register: &Register, end: &Vector) -> Self {
        let Some(member) = register.member(state.instance) else {
            return Self::None;
        };
        let same_life = member.incarnation == state.me().incarnation;
        let flushed = register.ack_mode != AckMode::Memory || register.holder == state.instance;
        let clean = state.clean_stop.as_ref() == Some(end);
        if state.eligible != Eligible::No && (same_life || flushed || clean) { Self::Entitled } else { Self::Unfit }
    }
}

/// Whether the disk of a member was rolled back: the register knows it in a life that it does not remember, or `committed`, which voters keep
/// for the epoch in which its lanes end, lies beyond their `end`.
#[must_use]
pub fn is_rolled_back(state: &HaState, register: &Register, committed: Option<&Vector>, end: &Vector) -> bool {
    let unknown = register.member(state.instance).is_some_and(|member| !state.remembers(member.incarnation));
    unknown || committed.is_some_and(|committed| !end.covers(committed))
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;
    use crate::ha_state::Role;
    use crate::ids::{Incarnation, InstanceId, Member, NodeId};

    const SEEN: Epoch = Epoch { number: 5, activation: 50 };

    fn ended(stood: State) -> HaState {
        let mut state = HaState::new(NodeId(1), InstanceId(2), Role::Primary);
        state.begin(7);
        state.see(SEEN);
        state.asked = SEEN;
        state.eligible = Eligible::Yes;
        state.enter(stood);
        state.enter(State::Stopped);
        state
    }

    #[test]
    fn what_each_last_state_is_worth() {
        let new = HaState::new(NodeId(1), InstanceId(2), Role::Primary);
        assert_eq!(Own::of(&new, Epoch::NONE), Own::New);
        for (stood, own) in [
            (State::ActiveSolo, Own::Alone),
            (State::ActiveReplicated, Own::Whole),
            (State::InSync, Own::Whole),
            (State::Lagging, Own::Lacking),
            (State::Syncing, Own::Lacking),
            (State::Spare, Own::Lacking),
            (State::Demoting, Own::Lacking),
            (State::Quarantined, Own::Quarantined),
        ] {
            assert_eq!(Own::of(&ended(stood), SEEN), own, "{stood}");
        }
    }

    #[test]
    fn alone_is_alone_only_if_all_agreed_and_nobody_is_newer() {
        let alone = ended(State::ActiveSolo);
        assert_eq!(Own::of(&alone, Epoch { number: 4, activation: 4 }), Own::Alone, "an own attempt is seen too");
        let unagreed = HaState { unagreed: true, ..alone.clone() };
        assert_eq!(Own::of(&unagreed, SEEN), Own::Solo);
        let mut passed = alone.clone();
        passed.see(Epoch { number: 6, activation: 60 });
        assert_eq!(Own::of(&passed, SEEN), Own::Lacking);
        let given = HaState { handed_over: Some(InstanceId(3)), ..alone.clone() };
        assert_eq!(Own::of(&given, SEEN), Own::Given);
        let barrier = HaState { eligible: Eligible::Barrier(Vector::zero(1)), ..alone };
        assert_eq!(Own::of(&barrier, SEEN), Own::Lacking, "without a register a barrier is no right");
    }

    #[test]
    fn memory_mode_forgets_a_life_unless_it_ended_well_or_holds() {
        let (end, mut state) = (Vector::from_iter([10]), ended(State::InSync));
        let old = state.me();
        state.begin(8);
        let now = state.me();
        let register = |member: Member, holder, ack_mode| Register {
            version: 1,
            epoch: SEEN,
            holder: InstanceId(holder),
            in_sync: smallvec![member],
            ack_mode,
            voters_version: 0,
        };
        let mut of = |member, holder, mode, clean: Option<Vector>| {
            state.clean_stop = clean;
            Membership::of(&state, &register(member, holder, mode), &end)
        };
        assert_eq!(of(old, 3, AckMode::Durable, None), Membership::Entitled);
        assert_eq!(of(old, 3, AckMode::Memory, None), Membership::Unfit);
        assert_eq!(of(now, 3, AckMode::Memory, None), Membership::Entitled);
        assert_eq!(of(old, 2, AckMode::Memory, None), Membership::Entitled, "the holder");
        assert_eq!(of(old, 3, AckMode::Memory, Some(end.clone())), Membership::Entitled);
        assert_eq!(of(old, 3, AckMode::Memory, Some(Vector::from_iter([11]))), Membership::Unfit);
        let other = Member { instance: InstanceId(3), ..old };
        assert_eq!(of(other, 3, AckMode::Durable, None), Membership::None);
        state.eligible = Eligible::No;
        assert_eq!(Membership::of(&state, &register(now, 2, AckMode::Durable), &end), Membership::Unfit);
    }

    #[test]
    fn a_disk_that_was_rolled_back_is_found_out() {
        let (end, mut state) = (Vector::from_iter([10]), ended(State::InSync));
        let restored = state.clone();
        let told = state.begin(8);
        let register = Register {
            in_sync: smallvec![told],
            epoch: SEEN,
            holder: told.instance,
            version: 1,
            ack_mode: AckMode::Durable,
            voters_version: 0,
        };
        assert!(!is_rolled_back(&state, &register, Some(&end), &end));
        assert!(is_rolled_back(&restored, &register, None, &end));
        let mut again = restored;
        again.begin(9);
        assert_eq!(again.me().incarnation, Incarnation { counter: told.incarnation.counter, nonce: 9 });
        assert!(is_rolled_back(&again, &register, None, &end), "the counter alone would say that it is the same life");
        assert!(is_rolled_back(&state, &register, Some(&Vector::from_iter([11])), &end));
    }
}
