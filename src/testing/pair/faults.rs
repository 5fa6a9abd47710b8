//! What goes wrong: a crash, a cut, a pause, an outage, a full disk, a flipped bit; each begins, lasts, and is healed.

use journal::testing::Random;

use super::wire::SiteNumber;
use super::world::PairWorld;
use crate::testing::Crash;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// The process dies; the service manager starts it again.
    Kill,
    /// The host loses its power: what was not flushed is kept, dropped or torn.
    PowerCut,
    /// Both hosts lose their power at once.
    PowerCutOfBoth,
    /// Nothing gets from one site to the other.
    CutOneWay,
    /// Nothing gets through in either direction.
    Cut,
    /// What goes to one site is late.
    Delay,
    /// Nothing happens at one site for a while.
    Pause,
    /// The clock of one site runs at another pace.
    Clock,
    /// One site does not reach the register; what it asks takes effect late, or never.
    RegisterOut,
    /// Nobody reaches the register.
    RegisterOutForAll,
    /// Answers of the register get lost.
    AnswersLost,
    /// There is no space left on one disk.
    DiskFull,
    /// One bit of a block flips on the disk of the one that does not serve, behind which a later one is durable.
    BitRot,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Kill,
        Self::PowerCut,
        Self::PowerCutOfBoth,
        Self::CutOneWay,
        Self::Cut,
        Self::Delay,
        Self::Pause,
        Self::Clock,
        Self::RegisterOut,
        Self::RegisterOutForAll,
        Self::AnswersLost,
        Self::DiskFull,
        Self::BitRot,
    ];
}

/// A fault at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// Where.
    pub site: SiteNumber,
    /// How long, in nanoseconds of that world.
    pub nanos: u64,
}

/// Which faults a run may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults(pub &'static [FaultKind]);

impl Faults {
    /// None.
    pub const NONE: Self = Self(&[]);
    /// All of them.
    pub const ALL: Self = Self(&FaultKind::ALL);

    /// All after which a pair needs no operator, however often they come.
    pub const NO_ROT: Self = Self((&FaultKind::ALL as &[FaultKind]).split_at(FaultKind::ALL.len() - 1).0);

    /// The next one.
    pub(super) fn draw(self, random: &mut Random) -> Option<Fault> {
        let kind = self.0.get(random.index(self.0.len())).copied()?;
        let site = random.index(2);
        // Some are over before anybody notices, some last longer than every timeout.
        let nanos = match random.below(4) {
            0 => random.below(200_000_000),
            1 => random.below(3_000_000_000),
            2 => random.below(15_000_000_000),
            _ => random.below(60_000_000_000),
        };
        Some(Fault { kind, site, nanos })
    }
}

impl PairWorld {
    /// The fault begins. What it does at once is done; the rest lasts until [`PairWorld::heal`].
    pub(super) fn strike(&mut self, fault: Fault) {
        let Fault { kind, site, nanos } = fault;
        let until = self.now + nanos;
        match kind {
            FaultKind::Kill => {
                self.crash(site, Crash::Kill);
                self.start_later(site, until);
            }
            FaultKind::PowerCut => self.cut_power(site),
            FaultKind::PowerCutOfBoth => {
                self.cut_power(site);
                self.cut_power(1 - site);
            }
            FaultKind::CutOneWay => {
                if let Some(cut) = self.wire.cut.get_mut(site) {
                    *cut = true;
                }
            }
            FaultKind::Cut => self.wire.cut = [true; 2],
            FaultKind::Delay => {
                if let Some(stalled) = self.wire.stalled.get_mut(site) {
                    *stalled = until;
                }
            }
            FaultKind::Pause => {
                if let Some(site) = self.sites.get_mut(site) {
                    site.paused_until = until;
                }
            }
            FaultKind::Clock => {
                let pace = if self.random.percent(50) { 10 } else { 400 };
                if let Some(site) = self.sites.get_mut(site) {
                    site.pace = pace;
                }
            }
            FaultKind::RegisterOut => {
                if let Some(out) = self.register.out.get_mut(site) {
                    *out = true;
                }
            }
            FaultKind::RegisterOutForAll => self.register.out = [true; 2],
            FaultKind::AnswersLost => self.lose_answers_percent = 50,
            FaultKind::DiskFull => {
                if let Some(site) = self.sites.get_mut(site) {
                    site.disk_mut().set_space(0);
                }
            }
            FaultKind::BitRot => {
                // While its process is down: what runs has read its lanes already, and finds damage when it reads again.
                let passive = (0..2).find(|at| self.sites.get(*at).is_some_and(super::site::Site::is_passive));
                let Some(at) = passive else { return };
                self.crash(at, Crash::Kill);
                self.rotted |= self.sites.get_mut(at).is_some_and(|site| site.rot(&mut self.random));
                self.start_later(at, until);
            }
        }
    }

    fn cut_power(&mut self, site: SiteNumber) {
        self.crash(site, Crash::PowerCut);
        if let Some(site) = self.sites.get_mut(site) {
            site.powered = false;
        }
    }

    fn start_later(&mut self, site: SiteNumber, at: u64) {
        if let Some(site) = self.sites.get_mut(site) {
            site.start_later(at);
        }
    }

    /// Everything is as it should be again; what does not run is started.
    pub(super) fn heal(&mut self) {
        let now = self.now;
        self.wire.cut = [false; 2];
        self.wire.stalled = [0; 2];
        self.register.out = [false; 2];
        self.lose_answers_percent = 0;
        for site in &mut self.sites {
            site.pace = 100;
            site.paused_until = 0;
            site.powered = true;
            site.disk_mut().set_space(u64::MAX);
            let at = now + self.random.below(2_000_000_000);
            site.start_later(at);
        }
    }
}
