//! What does not change in a run: who takes part, under which rules, and how much may happen.

use ha_engine::ha_state::Role;
use ha_engine::ids::InstanceId;
use ha_engine::register::AckMode;
use ha_engine::register_client::{PairPolicy, Provider};
use ha_engine::rules::Rules;
use ha_engine::settings::Settings;

/// How often what may happen may happen. Steps that use up nothing (a packet arrives, a write ends) are possible whenever they are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Operations that clients begin.
    pub operations: u8,
    /// Ends of processes, with or without the power.
    pub crashes: u8,
    /// Epochs beside those that there are when exploring begins. The register answers no request that would make more.
    pub epochs: u8,
    /// Connections that are cut, and dials that nobody answers.
    pub cuts: u8,
    /// Timers that fire without need: silence, a slow answer, a slow activation.
    pub suspicions: u8,
    /// Orders to switch over or to stop, and primaries that ask to serve.
    pub orders: u8,
    /// Requests to the register whose answer is not waited for any longer.
    pub timeouts: u8,
    /// Times at which a server looks again at the register and for its peer.
    pub looks: u8,
    /// Heartbeats.
    pub beats: u8,
}

/// How finely the work of one server is taken apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Grain {
    /// Whatever may come between comes between.
    #[default]
    Fine,
    /// A server's own work (writes of its state, jobs of its store) ends before anything else happens, but for its crash. What it would hear meanwhile
    /// it hears later. What others do meanwhile is no loss: they can see nothing of that work before its end.
    Coarse,
}

/// What is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Judged {
    /// All that can be seen.
    #[default]
    All,
    /// All but that one serves at a time, and again in the end: `availability` lets two serve that cannot hear each other.
    Split,
    /// Only whether something that was acked or delivered is missing where it must be: what a mutant costs in the end.
    Losses,
}

/// What does not change in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    /// The settings of each server, the primary's first.
    pub settings: Vec<Settings>,
    /// The rules of all of them.
    pub rules: Rules,
    /// How much may happen.
    pub bounds: Bounds,
    /// How finely it is taken apart.
    pub grain: Grain,
    /// What is judged.
    pub judged: Judged,
}

impl Cast {
    /// A pair with a register.
    #[must_use]
    pub fn pair(bounds: Bounds) -> Self {
        let of = |role| Settings { role, ..Settings::default() };
        Self {
            settings: vec![of(Role::Primary), of(Role::Backup)],
            rules: Rules::ALL,
            bounds,
            grain: Grain::Coarse,
            judged: Judged::All,
        }
    }

    /// The same without a register: what each may do by itself is the policy's.
    #[must_use]
    pub fn without_register(self, policy: PairPolicy) -> Self {
        self.with(|settings| settings.provider = Provider::None { policy })
    }

    /// The same with a third server, a second backup.
    #[must_use]
    pub fn with_spare(mut self) -> Self {
        self.settings.push(Settings { role: Role::Backup, ..Settings::default() });
        self
    }

    /// The same with other settings.
    #[must_use]
    pub fn with(mut self, change: impl Fn(&mut Settings)) -> Self {
        self.settings.iter_mut().for_each(change);
        self
    }

    /// The same without rules.
    #[must_use]
    pub fn under(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    pub(crate) fn lanes(&self) -> usize {
        self.settings.first().map_or(1, |settings| usize::from(settings.lanes))
    }

    pub(crate) fn ack_mode(&self) -> AckMode {
        self.settings.first().map(|settings| settings.ack_mode).unwrap_or_default()
    }

    pub(crate) fn has_register(&self) -> bool {
        self.settings.iter().all(|settings| !matches!(settings.provider, Provider::None { .. }))
    }
}

/// The installation of a server; they are numbered from 1.
pub(crate) fn instance(side: usize) -> InstanceId {
    InstanceId(side as u128 + 1)
}

/// The server of an installation.
pub(crate) fn side_of(instance: InstanceId) -> usize {
    usize::try_from(instance.0.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// What a server is called in a trace.
pub(crate) fn name(side: usize) -> &'static str {
    ["A", "B", "C", "D"].get(side).copied().unwrap_or("?")
}
