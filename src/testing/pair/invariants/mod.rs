//! What a pair may never do, one invariant a file. Some are judged after every event, some where the pair is at rest, some by the oracle of the
//! clients; each says which.

mod i01_one_acks;
mod i02_acked_is_kept;
mod i03_delivered;
mod i05_no_phantom;
mod i06_order;
mod i07_stays_consumed;
mod i08_whole_transactions;
mod i09_equal_lanes;
mod i10_sound_lanes;
mod i11_register;
mod i12_who_activates;
mod i13_passive_serves_nobody;
mod i14_acks_wait;
mod i17_promises;
mod i18_old_replicas;
mod i21_baseline;
mod i22_recovers;

use ha_engine::ids::Epoch;
use ha_engine::state::State;
use ha_engine::vector::Vector;

use super::register::SimRegister;
use super::site::Site;
use crate::testing::oracle::Kind;

pub(super) use i09_equal_lanes::equal_lanes;
pub(super) use i10_sound_lanes::sound_lanes;
pub(super) use i17_promises::promises;
pub(super) use i21_baseline::baseline;
pub(super) use i22_recovers::recovers;

/// Who notices that an invariant is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A look at the pair after every event.
    Look,
    /// A look at the pair at rest.
    Rest,
    /// The oracle, by findings of this kind.
    Oracle(Kind),
}

/// An invariant: its name in the documents, what it says, and who notices.
#[derive(Clone, Copy, Debug)]
pub struct Invariant {
    /// The number in the documents.
    pub name: &'static str,
    /// What must hold.
    pub text: &'static str,
    /// Who notices.
    pub by: By,
}

/// All of them.
pub const ALL: [Invariant; 17] = [
    i01_one_acks::INVARIANT,
    i02_acked_is_kept::INVARIANT,
    i03_delivered::INVARIANT,
    i05_no_phantom::INVARIANT,
    i06_order::INVARIANT,
    i07_stays_consumed::INVARIANT,
    i08_whole_transactions::INVARIANT,
    i09_equal_lanes::INVARIANT,
    i10_sound_lanes::INVARIANT,
    i11_register::INVARIANT,
    i12_who_activates::INVARIANT,
    i13_passive_serves_nobody::INVARIANT,
    i14_acks_wait::INVARIANT,
    i17_promises::INVARIANT,
    i18_old_replicas::INVARIANT,
    i21_baseline::INVARIANT,
    i22_recovers::INVARIANT,
];

/// One site as it is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) state: Option<State>,
    pub(super) epoch: Epoch,
    /// Where its lanes began the epoch in which it serves.
    pub(super) began: Option<Vector>,
    pub(super) received: Vector,
    pub(super) durable: Vector,
    pub(super) promised: Vector,
    pub(super) lets_clients_in: bool,
    /// How many were made, and the number of the newest.
    pub(super) old_replicas: (usize, u32),
}

/// What all looks at the pair remember.
#[derive(Debug, Default)]
pub(super) struct Invariants {
    one_acks: i01_one_acks::Look,
    kept: i02_acked_is_kept::Look,
    register: i11_register::Look,
    activates: i12_who_activates::Look,
    waits: i14_acks_wait::Look,
    old_replicas: i18_old_replicas::Look,
    last: [Seen; 2],
}

impl Invariants {
    /// After an event: what is wrong now.
    pub(super) fn look(&mut self, sites: &[Site; 2], register: &SimRegister) -> Vec<(Kind, String)> {
        let seen = sites.each_ref().map(Site::seen);
        let mut found: Vec<String> = Vec::new();
        found.extend(self.register.look(register));
        if seen != self.last {
            let now = seen.each_ref();
            found.extend(self.kept.look(now));
            found.extend(self.one_acks.look(now));
            found.extend(self.activates.look(now));
            found.extend(self.waits.look(now, register.value.as_ref()));
            found.extend(self.old_replicas.look(now));
            found.extend(i13_passive_serves_nobody::look(now));
            self.last = seen;
        }
        found.into_iter().map(|text| (Kind::Broker, text)).collect()
    }
}

/// Is any lane of `vector` beyond its bound?
fn beyond(vector: &Vector, bound: &Vector) -> bool {
    !bound.covers(vector)
}
