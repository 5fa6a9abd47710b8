//! The safety rules by name. Model and simulator take one away, or a few, to show that it is needed; a server keeps them all.
//!
//! A build of the whole workspace has the feature `mutants` in the broker's library too, since the simulator of pairs stands there. What holds
//! in every build: [`Rules`] comes with all of them, taking one away needs its name, and the broker names none (`tests/tidy/pair_rules.rs`).

/// A safety rule. The texts are in `docs/ha-rules.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)] // Each is a name of a text.
pub enum Rule {
    Sr1 = 1,
    Sr2,
    Sr3,
    Sr4,
    Sr5,
    Sr6,
    Sr7,
    Sr8,
    Sr9,
    Sr10,
    Sr11,
    Sr12,
    Sr13,
    Sr14,
    Sr15,
    Sr16,
    Sr17,
    Sr18,
    Sr19,
}

/// Which rules are in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rules {
    #[cfg(any(test, feature = "mutants"))]
    removed: u32,
}

impl Rules {
    /// All of them.
    pub const ALL: Self = Self {
        #[cfg(any(test, feature = "mutants"))]
        removed: 0,
    };

    /// All but `rule`, and those taken away before.
    #[cfg(any(test, feature = "mutants"))]
    #[must_use]
    pub const fn without(self, rule: Rule) -> Self {
        Self { removed: self.removed | 1 << rule as u32 }
    }

    /// Whether `rule` is in force. Always, in a server.
    #[must_use]
    pub const fn keep(self, rule: Rule) -> bool {
        #[cfg(any(test, feature = "mutants"))]
        {
            self.removed & (1 << rule as u32) == 0
        }
        #[cfg(not(any(test, feature = "mutants")))]
        {
            let _ = (self, rule);
            true
        }
    }
}
