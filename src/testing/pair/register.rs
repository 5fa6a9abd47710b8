//! The register of the pair: one value, changed by compare-and-set. Requests take effect in any order; answers come late, get lost, and
//! outages leave their askers without; a request without an answer may still take effect, once, long after.

use ha_engine::register::Register;
use ha_engine::register_client::{Answer, Ask, Call, Compare, Request};

use super::wire::SiteNumber;

/// How long the holder counts as alive after its last beat.
pub(super) const LEASE_NANOS: u64 = 2_000_000_000;
/// Requests of one site that are remembered; the oldest is given up beyond.
const REQUESTS_MAX: usize = 8;

/// A request on its way, or its answer.
#[derive(Debug)]
enum Stage {
    Asked(Ask),
    Answered(Answer),
}

/// Something that the register may bring about next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RegisterEvent {
    /// A request of a site takes effect.
    Effect(SiteNumber, usize),
    /// A request of a site is answered.
    Answer(SiteNumber, usize),
    /// A request of a site gets no answer.
    NoAnswer(SiteNumber, usize),
    /// A request that nobody waits for takes effect.
    Late(usize),
}

/// One change of the register.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) before: Option<Register>,
    pub(super) after: Register,
}

/// The register.
#[derive(Debug, Default)]
pub(super) struct SimRegister {
    pub(super) value: Option<Register>,
    asked: [Vec<(Request, Stage)>; 2],
    /// Compare-and-sets that their askers gave up.
    late: Vec<Ask>,
    /// All changes so far.
    pub(super) log: Vec<Change>,
    /// Nobody at this site reaches it.
    pub(super) out: [bool; 2],
    /// When each site beat last.
    beats: [u64; 2],
}

impl SimRegister {
    pub(super) fn ask(&mut self, site: SiteNumber, call: Call) {
        let Some(asked) = self.asked.get_mut(site) else { return };
        if asked.len() >= REQUESTS_MAX {
            let (_, stage) = asked.remove(0);
            self.late.extend(write_of(stage));
        }
        asked.push((call.request, Stage::Asked(call.ask)));
    }

    /// A site that reaches the register renews its lease.
    pub(super) fn beat(&mut self, site: SiteNumber, now: u64) {
        if !self.is_out(site)
            && let Some(beat) = self.beats.get_mut(site)
        {
            *beat = now;
        }
    }

    /// When the lease of a site ends, unless it beats again.
    pub(super) fn lease_end(&self, site: SiteNumber) -> u64 {
        self.beats.get(site).map_or(0, |beat| beat + LEASE_NANOS)
    }

    pub(super) fn is_out(&self, site: SiteNumber) -> bool {
        self.out.get(site).copied().unwrap_or(true)
    }

    pub(super) fn possible(&self, events: &mut Vec<RegisterEvent>) {
        for (site, asked) in self.asked.iter().enumerate() {
            let out = self.is_out(site);
            for (at, (_, stage)) in asked.iter().enumerate() {
                events.push(match stage {
                    _ if out => RegisterEvent::NoAnswer(site, at),
                    Stage::Asked(_) => RegisterEvent::Effect(site, at),
                    Stage::Answered(_) => RegisterEvent::Answer(site, at),
                });
            }
        }
        events.extend((0..self.late.len()).map(RegisterEvent::Late));
    }

    /// Lets it happen; an answer for a site comes back. `lose`: the answer gets lost. `never`: a request without an answer never reaches the
    /// register, and its asker knows that.
    pub(super) fn happen(
        &mut self,
        event: RegisterEvent,
        lose: bool,
        never: bool,
    ) -> Option<(SiteNumber, Request, Answer)> {
        match event {
            RegisterEvent::Effect(site, at) => {
                let ask = match self.asked.get(site)?.get(at)? {
                    (_, Stage::Asked(ask)) => ask.clone(),
                    (_, Stage::Answered(_)) => return None,
                };
                let answer = self.apply(&ask);
                self.asked.get_mut(site)?.get_mut(at)?.1 = Stage::Answered(answer);
                None
            }
            RegisterEvent::Answer(site, at) => {
                let (request, stage) = self.take(site, at)?;
                let Stage::Answered(answer) = stage else { return None };
                Some((site, request, if lose { Answer::Unknown } else { answer }))
            }
            RegisterEvent::NoAnswer(site, at) => {
                let (request, stage) = self.take(site, at)?;
                let answer = match stage {
                    Stage::Asked(Ask::Read) => Answer::Unreachable,
                    Stage::Asked(_) if never => Answer::Unreachable,
                    stage => {
                        self.late.extend(write_of(stage));
                        Answer::Unknown
                    }
                };
                Some((site, request, answer))
            }
            RegisterEvent::Late(at) => {
                if at < self.late.len() {
                    let ask = self.late.swap_remove(at);
                    self.apply(&ask);
                }
                None
            }
        }
    }

    fn take(&mut self, site: SiteNumber, at: usize) -> Option<(Request, Stage)> {
        let asked = self.asked.get_mut(site)?;
        (at < asked.len()).then(|| asked.remove(at))
    }

    fn apply(&mut self, ask: &Ask) -> Answer {
        let Ask::Write { compare, value } = ask else { return Answer::Value(self.value.clone()) };
        let version = self.value.as_ref().map(|value| value.version);
        let equal = match compare {
            Compare::Absent => version.is_none(),
            Compare::Version(wanted) => version == Some(*wanted),
            Compare::Anything => true,
        };
        if !equal {
            return Answer::Lost(self.value.clone());
        }
        self.log.push(Change { before: self.value.replace(value.clone()), after: value.clone() });
        Answer::Applied
    }

    /// The process that asked is gone: what it asked may still take effect.
    pub(super) fn site_gone(&mut self, site: SiteNumber) {
        if let Some(asked) = self.asked.get_mut(site) {
            self.late.extend(asked.drain(..).filter_map(|(_, stage)| write_of(stage)));
        }
    }

    /// How much is under way.
    pub(super) fn under_way(&self) -> usize {
        self.late.len() + self.asked.iter().map(Vec::len).sum::<usize>()
    }
}

/// A compare-and-set that has not taken effect.
fn write_of(stage: Stage) -> Option<Ask> {
    match stage {
        Stage::Asked(ask @ Ask::Write { .. }) => Some(ask),
        Stage::Asked(Ask::Read) | Stage::Answered(_) => None,
    }
}
