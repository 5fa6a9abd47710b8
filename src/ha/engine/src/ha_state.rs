//! What a member knows of itself across its lives: the value that it keeps outside of its lanes, in `ha.state`.
//!
//! The functions change the value only. Whoever calls them writes it down, before or after what the change is for: [`first`] says which when
//! the right to activate is touched, and everything else is written before (a life before anything, a promise before its compare-and-set,
//! a barrier before it is confirmed).

use smallvec::SmallVec;

use crate::ids::{Epoch, Incarnation, InstanceId, Member, NodeId};
use crate::limits::INCARNATIONS_MAX;
use crate::register::Register;
use crate::state::State;
use crate::vector::Vector;

/// What the configuration makes of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// Serves when it can; may make an empty register.
    #[default]
    Primary,
    /// Keeps a copy; serves when the primary is gone.
    Backup,
}

/// Whether what a member holds may be served: it has everything that was acked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Eligible {
    /// It may lack something.
    #[default]
    No,
    /// It has confirmed everything up to these positions, and may have been taken into the in-sync set since. Counts only if the register
    /// lists it.
    Barrier(Vector),
    /// It has everything.
    Yes,
}

/// Whose write comes first: that of `ha.state`, or what others see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum First {
    /// `ha.state` is durable before anybody sees a sign of the change.
    State,
    /// What the change follows from has happened (the register lists the member) before `ha.state` says so.
    Effect,
}

/// What an epoch that a member hears of is to it (SR7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sight {
    /// The one that it knows.
    Same,
    /// A newer one; it is remembered now.
    Newer,
    /// An older one: what comes from it is refused.
    Older,
    /// Another one with the same number: two made it without knowing of each other. Only their histories tell more.
    Rival,
}

/// What one member knows of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HaState {
    /// The logical server.
    pub node: NodeId,
    /// This installation.
    pub instance: InstanceId,
    /// Its last lives, oldest first, at most [`INCARNATIONS_MAX`]; the last one is the present one.
    pub incarnations: SmallVec<[Incarnation; 4]>,
    /// What it is configured to be.
    pub role: Role,
    /// How far it had come.
    pub last: State,
    /// The last state before that one that tells what the copy is worth ([`State::is_telling`]). Starts that die early do not change it.
    pub previous: State,
    /// The epoch with the highest number that is known to exist.
    pub seen: Epoch,
    /// The last epoch that it tried to make: its promise to follow nothing older.
    pub asked: Epoch,
    /// The register as it last saw it.
    pub register: Option<Register>,
    /// Whether it has everything that was acked.
    pub eligible: Eligible,
    /// The ends of its lanes at the last clean stop; none after any other.
    pub clean_stop: Option<Vector>,
    /// How many old replicas it has made; the next one has the number above.
    pub old_replicas: u32,
    /// To whom it has handed over, or whose activation it agreed to, if it did and has followed nobody since.
    pub handed_over: Option<InstanceId>,
    /// Whether it went on alone without a word of its replica, where no register decides: the replica may have gone on as well. Until then, or when
    /// the replica left in good order, what is active alone has everything.
    pub unagreed: bool,
}

impl HaState {
    /// That of an installation that never ran.
    #[must_use]
    pub fn new(node: NodeId, instance: InstanceId, role: Role) -> Self {
        Self { node, instance, role, ..Self::default() }
    }

    /// A new life. To be durable before anything else happens in it.
    ///
    /// The oldest life that is remembered is forgotten beyond the bound. The one that the register last showed stays known by
    /// [`HaState::remembers`], since the copy of the register names it.
    pub fn begin(&mut self, nonce: u64) -> Member {
        let counter = self.incarnations.last().map_or(0, |last| last.counter) + 1;
        if self.incarnations.len() >= INCARNATIONS_MAX {
            self.incarnations.remove(0);
        }
        let incarnation = Incarnation { counter, nonce };
        self.incarnations.push(incarnation);
        Member { instance: self.instance, incarnation }
    }

    /// This installation in its present life; that before the first one if it never began.
    #[must_use]
    pub fn me(&self) -> Member {
        Member { instance: self.instance, incarnation: self.incarnations.last().copied().unwrap_or_default() }
    }

    /// Whether that is one of its own lives, as far as it knows.
    #[must_use]
    pub fn remembers(&self, incarnation: Incarnation) -> bool {
        let shown = self.register.as_ref().and_then(|register| register.member(self.instance));
        self.incarnations.contains(&incarnation) || shown.is_some_and(|member| member.incarnation == incarnation)
    }

    /// Moves on to another state.
    pub fn enter(&mut self, state: State) {
        if state != self.last {
            self.previous = self.stood();
            self.last = state;
        }
    }

    /// The last state that tells what this copy is worth; [`State::Stopped`] if there was none.
    #[must_use]
    pub const fn stood(&self) -> State {
        if self.last.is_telling() { self.last } else { self.previous }
    }

    /// The number of the next epoch that it may make: above every one that it saw or tried to make.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.seen.number.max(self.asked.number).saturating_add(1)
    }

    /// Promises to follow nothing older than `epoch`, which it is about to try to make (SR6). To be durable before the attempt. `false`, and
    /// nothing promised, if its number is not above everything that it saw or tried: then it would not be new.
    pub fn promise(&mut self, epoch: Epoch) -> bool {
        let new = epoch.number >= self.next_number();
        if new {
            self.asked = epoch;
        }
        new
    }

    /// Whether it tried to make an epoch and does not know what came of it. Until a later compare-and-set of its own has told, it may join
    /// nobody (SR7, SR16).
    #[must_use]
    pub const fn unresolved(&self) -> bool {
        self.asked.number > self.seen.number
    }

    /// Hears of an epoch (SR7). To be durable before anything is done about it.
    pub fn see(&mut self, epoch: Epoch) -> Sight {
        if epoch == self.seen {
            Sight::Same
        } else if epoch.number > self.seen.number {
            self.seen = epoch;
            Sight::Newer
        } else if epoch.number == self.seen.number {
            Sight::Rival
        } else {
            Sight::Older
        }
    }

    /// Sees the register, and remembers it.
    pub fn see_register(&mut self, register: &Register) -> Sight {
        let sight = self.see(register.epoch);
        if sight != Sight::Older && self.register.as_ref().is_none_or(|known| known.version <= register.version) {
            self.register = Some(register.clone());
        }
        sight
    }

    /// Whether it may activate by what it holds (SR4): with a register, as one of the in-sync set in a life that it remembers; without one,
    /// only if it knows by itself that it has everything. What else must be true, the start's table and the states say.
    #[must_use]
    pub fn entitled(&self, register: Option<&Register>) -> bool {
        match (register, &self.eligible) {
            (_, Eligible::No) => false,
            (None, eligible) => *eligible == Eligible::Yes,
            (Some(register), _) => {
                register.member(self.instance).is_some_and(|member| self.remembers(member.incarnation))
            }
        }
    }

    /// Whether it never served and never followed: there is nothing that it could lack or have alone.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.seen == Epoch::NONE && self.asked == Epoch::NONE && self.register.is_none()
    }
}

/// Which of two writes comes first when the right to activate changes: `ha.state`, or what others see of the change.
///
/// A right is taken away before anybody acts on it being gone, and given only after what gives it: whatever a crash leaves between the two, the
/// member claims less than it could, never more. A barrier is written first although it adds something: it gives no right
/// by itself, only the register does, and a member that the register listed without it could not take over.
#[must_use]
pub const fn first(from: &Eligible, to: &Eligible) -> First {
    match (from, to) {
        (Eligible::No | Eligible::Barrier(_), Eligible::Yes) => First::Effect,
        (_, Eligible::No | Eligible::Barrier(_)) | (Eligible::Yes, Eligible::Yes) => First::State,
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;
    use crate::register::AckMode;

    const EPOCH: Epoch = Epoch { number: 5, activation: 50 };

    fn state() -> HaState {
        HaState::new(NodeId(1), InstanceId(2), Role::Backup)
    }

    fn register(version: u64, epoch: Epoch, member: Member) -> Register {
        let in_sync = smallvec![member];
        Register { version, epoch, holder: member.instance, in_sync, ack_mode: AckMode::Durable, voters_version: 0 }
    }

    #[test]
    fn lives_are_counted_and_the_last_ones_remembered() {
        let mut state = state();
        let first = state.begin(100);
        assert_eq!(first.incarnation, Incarnation { counter: 1, nonce: 100 });
        for nonce in 101..=100 + INCARNATIONS_MAX as u64 - 1 {
            state.begin(nonce);
        }
        assert!(state.remembers(first.incarnation));
        state.begin(900);
        assert_eq!(state.incarnations.len(), INCARNATIONS_MAX);
        assert!(!state.remembers(first.incarnation));
        assert_eq!(state.me().incarnation, Incarnation { counter: 17, nonce: 900 });
        assert!(!state.remembers(Incarnation { counter: 17, nonce: 901 }), "a restored disk counts as far");
    }

    #[test]
    fn the_life_that_the_register_showed_is_never_forgotten() {
        let mut state = state();
        let shown = state.begin(100);
        state.see_register(&register(1, EPOCH, shown));
        for nonce in 0..40 {
            state.begin(nonce);
        }
        assert!(!state.incarnations.contains(&shown.incarnation));
        assert!(state.remembers(shown.incarnation));
    }

    #[test]
    fn a_number_is_never_promised_twice() {
        let mut state = state();
        assert_eq!(state.see(EPOCH), Sight::Newer);
        assert!(!state.promise(Epoch { number: 5, activation: 51 }));
        assert!(state.promise(Epoch { number: 6, activation: 60 }));
        assert!(state.unresolved());
        assert!(!state.promise(Epoch { number: 6, activation: 61 }), "it may be in the register");
        assert_eq!(state.next_number(), 7);
        assert_eq!(state.see(Epoch { number: 6, activation: 60 }), Sight::Newer);
        assert!(!state.unresolved());
    }

    #[test]
    fn epochs_are_told_apart_by_both_numbers() {
        let mut state = state();
        assert!(state.is_fresh());
        state.see(EPOCH);
        assert!(!state.is_fresh());
        assert_eq!(state.see(EPOCH), Sight::Same);
        assert_eq!(state.see(Epoch { activation: 51, ..EPOCH }), Sight::Rival);
        assert_eq!(state.see(Epoch { number: 4, activation: 99 }), Sight::Older);
        assert_eq!(state.seen, EPOCH);
    }

    #[test]
    fn an_old_register_is_not_remembered() {
        let mut state = state();
        let me = state.begin(1);
        state.see_register(&register(8, EPOCH, me));
        assert_eq!(state.see_register(&register(7, Epoch { number: 4, activation: 4 }, me)), Sight::Older);
        assert_eq!(state.see_register(&register(7, EPOCH, me)), Sight::Same);
        assert_eq!(state.register.as_ref().map(|known| known.version), Some(8));
    }

    #[test]
    fn a_barrier_counts_only_where_the_register_lists_the_member() {
        let mut state = state();
        let me = state.begin(1);
        let barrier = Eligible::Barrier(Vector::zero(2));
        let lists = register(1, EPOCH, me);
        let other = register(1, EPOCH, Member { instance: InstanceId(9), ..me });
        let unknown = register(1, EPOCH, Member { incarnation: Incarnation { counter: 1, nonce: 2 }, ..me });
        for (eligible, with_none, with_mine) in
            [(Eligible::No, false, false), (barrier, false, true), (Eligible::Yes, true, true)]
        {
            state.eligible = eligible;
            assert_eq!(state.entitled(None), with_none);
            assert_eq!(state.entitled(Some(&lists)), with_mine);
            assert!(!state.entitled(Some(&other)));
            assert!(!state.entitled(Some(&unknown)));
        }
    }

    #[test]
    fn a_right_goes_before_its_effect_and_comes_after() {
        let barrier = Eligible::Barrier(Vector::zero(1));
        for from in [Eligible::No, barrier.clone(), Eligible::Yes] {
            assert_eq!(first(&from, &Eligible::No), First::State);
            assert_eq!(first(&from, &barrier), First::State);
        }
        assert_eq!(first(&Eligible::No, &Eligible::Yes), First::Effect);
        assert_eq!(first(&barrier, &Eligible::Yes), First::Effect);
    }

    #[test]
    fn what_it_was_is_known_after_starts_that_die_early() {
        let mut state = state();
        assert_eq!(state.stood(), State::Stopped);
        state.enter(State::ActiveSolo);
        for _ in 0..3 {
            state.enter(State::Starting);
            state.enter(State::Probing);
            assert_eq!((state.last, state.previous), (State::Probing, State::ActiveSolo));
        }
        assert_eq!(state.stood(), State::ActiveSolo);
        state.enter(State::Syncing);
        assert_eq!((state.stood(), state.previous), (State::Syncing, State::ActiveSolo));
    }
}
