//! What can be seen of a server from outside.

use super::{Known, Server};
use crate::event::Timer;
use crate::ha_state::HaState;
use crate::history::History;
use crate::ids::Epoch;
use crate::message::Holding;
use crate::register::Register;
use crate::state::State;
use crate::vector::Vector;

impl Server {
    /// Its state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The epoch in which it serves, or that of the active that it follows.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How far it knows that everything is promised.
    #[must_use]
    pub const fn promised(&self) -> &Vector {
        &self.promised
    }

    /// The ends of its lanes.
    #[must_use]
    pub const fn end(&self) -> &Vector {
        &self.store.appended
    }

    /// Of that, durable as far as it knows.
    #[must_use]
    pub const fn known_durable(&self) -> &Vector {
        &self.store.durable
    }

    /// What it holds, as it tells its peer.
    #[must_use]
    pub fn held(&self) -> Holding {
        self.copy()
    }

    /// Its epochs.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// What it knows of itself; the last write of it may not be durable yet.
    #[must_use]
    pub const fn ha_state(&self) -> &HaState {
        &self.ha
    }

    /// The register as it last saw it in this life.
    #[must_use]
    pub const fn known_register(&self) -> Option<&Register> {
        match &self.known {
            Known::Value(Some(register)) => Some(register),
            _ => None,
        }
    }

    /// The timers that run.
    pub fn timers(&self) -> impl Iterator<Item = Timer> + '_ {
        Timer::ALL.into_iter().filter(|timer| self.armed(*timer))
    }

    /// Whether it has nothing to do but wait for events that it has not asked for.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.script.is_over() && self.jobs.is_empty() && self.writes == 0 && self.change.is_none()
    }

    /// Counts requests to the register from the beginning again, unless something is under way; whether it does. For an explorer.
    #[cfg(any(test, feature = "mutants"))]
    pub fn renumber(&mut self) -> bool {
        self.client.renumber()
    }
}
