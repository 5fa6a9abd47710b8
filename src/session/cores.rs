//! A set of cores in one word.

use crate::limits;
use crate::message::CoreId;

/// A set of cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreSet(u64);

const _: () = assert!(limits::CORES_MAX <= 64);

impl CoreSet {
    /// Adds a core.
    pub fn add(&mut self, core: CoreId) {
        self.0 |= 1u64.checked_shl(u32::from(core.0)).unwrap_or(0);
    }

    /// Is it a member?
    pub fn contains(self, core: CoreId) -> bool {
        self.iter().any(|member| member == core)
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Are there none?
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Takes the set, and leaves the empty one.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// The members of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The cores, lowest first.
    pub fn iter(self) -> impl Iterator<Item = CoreId> {
        (0..64u16).filter(move |core| self.0 & (1 << core) != 0).map(CoreId)
    }
}
