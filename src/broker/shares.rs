//! How the memory that the connections of a core may take together is divided among those who hold it.
//!
//! Takes the core's part of `connection-memory`; gives each holder its bound. In shares, and not one sum for all: who reads nothing must
//! not keep others from sending, nor who sends slowly others from being delivered to. What must stay true: the shares are no more than
//! the whole, and each holder says what happens when its share is used up.

use crate::limits;

/// The shares of one core, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    /// Frames that have begun, and those that wait: `incoming`.
    pub(super) frames: usize,
    /// What clients do not read: `outgoing`.
    pub(super) output: usize,
    /// What they read and do not confirm: `write`, `orphans`.
    pub(super) kept: usize,
    /// What other cores have not read of this one's letters: `postage`.
    pub(super) letters: usize,
    /// Requests that wait for a binding of another core: the home.
    pub(super) parked: usize,
    /// Frames that are set aside: `aside`.
    pub(super) aside: usize,
    /// What clients note about their sessions: `execute`.
    pub(super) notes: usize,
    /// Sessions and their consumers: `session_memory`.
    pub(super) sessions: usize,
}

impl Shares {
    /// Divides the core's part.
    pub(super) fn of(memory_max: usize) -> Self {
        let part = memory_max / 64;
        Self {
            frames: part * 18,
            output: part * 16,
            kept: (part * 16).min(limits::UNCONFIRMED_BYTES_PER_CORE),
            letters: (part * 4).min(limits::LETTER_BYTES_MAX),
            parked: (part * 2).min(limits::PARKED_BYTES_MAX),
            aside: (part * 2).min(limits::ASIDE_BYTES_PER_CORE_MAX),
            notes: part * 2,
            sessions: part * 4,
        }
    }

    /// Unconfirmed bytes beyond which deliveries pause earlier. Beyond the whole share those for whom most is kept are closed.
    pub(super) fn kept_soft(&self) -> usize {
        self.kept / 2
    }

    /// What sessions may keep whose clients are away.
    pub(super) fn kept_away(&self) -> usize {
        (self.kept / 2).min(limits::ORPHAN_BYTES_PER_CORE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_no_more_than_the_whole() {
        for whole in [0, 1, 1 << 20, (1 << 26) + 17, 1 << 30, usize::MAX] {
            let Shares { frames, output, kept, letters, parked, aside, notes, sessions } = Shares::of(whole);
            let all: u128 = [frames, output, kept, letters, parked, aside, notes, sessions]
                .iter()
                .map(|share| *share as u128)
                .sum();
            assert!(all <= whole as u128, "{all} of {whole}");
            assert!(whole >= 1 << 28 || all + 64 > whole as u128, "{all} of {whole}: the rest is nobody's");
        }
    }
}
