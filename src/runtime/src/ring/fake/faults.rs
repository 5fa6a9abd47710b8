//! Which faults are played, how often, and the dice that decide.

/// How many marks of ended operations are remembered.
pub(super) const ENDED_MAX: usize = 64;

/// Chances in a thousand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Faults {
    /// A transfer moves less than it could.
    pub short: u32,
    /// EAGAIN.
    pub again: u32,
    /// EINTR.
    pub interrupted: u32,
    /// ECANCELED though nobody cancelled.
    pub canceled: u32,
    /// A receive finds no buffer though some are free.
    pub no_buffers: u32,
    /// A multishot operation ends after a success.
    pub lost_more: u32,
    /// An accept fails for want of descriptors.
    pub no_descriptors: u32,
    /// An operation that could go on waits for another pass.
    pub delay: u32,
    /// A write or sync fails for good.
    pub broken: u32,
    /// A second last completion of an operation that has ended.
    pub ghost: u32,
    /// A sync, or the sync of a durable write, is reported and not done. No driver can know: a control of tests that cut the power.
    pub hollow: u32,
    /// A last completion never comes. No driver survives this: a control of the tests themselves.
    pub swallow: u32,
}

impl Faults {
    /// A kernel on a good day.
    pub const fn none() -> Self {
        Self {
            short: 0,
            again: 0,
            interrupted: 0,
            canceled: 0,
            no_buffers: 0,
            lost_more: 0,
            no_descriptors: 0,
            delay: 0,
            broken: 0,
            ghost: 0,
            hollow: 0,
            swallow: 0,
        }
    }

    /// All of them, often.
    pub const fn all() -> Self {
        Self {
            short: 300,
            again: 100,
            interrupted: 50,
            canceled: 50,
            no_buffers: 50,
            lost_more: 100,
            no_descriptors: 20,
            delay: 300,
            broken: 20,
            ghost: 100,
            hollow: 0,
            swallow: 0,
        }
    }
}

/// How often each fault was played.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "named as the faults are")]
pub struct Counts {
    pub short: u64,
    pub again: u64,
    pub interrupted: u64,
    pub canceled: u64,
    pub no_buffers: u64,
    pub lost_more: u64,
    pub no_descriptors: u64,
    pub broken: u64,
    pub ghosts: u64,
    pub hollow: u64,
    /// Operations that succeeded after their cancel.
    pub late: u64,
    /// Submissions put off because completions were not taken.
    pub busy: u64,
    /// Pushes refused because the queue was full.
    pub queue_full: u64,
    /// File operations on registered buffers: no fault.
    pub registered: u64,
}

impl Counts {
    /// Adds another run's counts.
    pub fn add(&mut self, other: &Self) {
        self.short += other.short;
        self.again += other.again;
        self.interrupted += other.interrupted;
        self.canceled += other.canceled;
        self.no_buffers += other.no_buffers;
        self.lost_more += other.lost_more;
        self.no_descriptors += other.no_descriptors;
        self.broken += other.broken;
        self.ghosts += other.ghosts;
        self.hollow += other.hollow;
        self.late += other.late;
        self.busy += other.busy;
        self.queue_full += other.queue_full;
        self.registered += other.registered;
    }
}

/// A generator of 64-bit numbers from a seed (SplitMix64).
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; zero for a bound of zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % (bound.max(1) as u64)).unwrap_or(0)
    }

    /// True `permille` times in a thousand.
    pub(crate) fn chance(&mut self, permille: u32) -> bool {
        self.roll() % 1000 < u64::from(permille)
    }
}
