//! The time as it comes in with events: no rule looks at a clock.

use std::time::Duration;

/// Time since the machine started, sleep included (`CLOCK_BOOTTIME`), as the driver saw it. Only times of one machine can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Now(pub Duration);

impl Now {
    /// That much later.
    #[must_use]
    pub const fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }

    /// How long ago `earlier` was; zero if it was not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
