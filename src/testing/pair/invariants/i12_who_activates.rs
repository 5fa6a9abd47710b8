//! I12: who may lack something never activates.

use ha_engine::state::State;

use super::{By, Invariant, Seen};

pub(super) const INVARIANT: Invariant =
    Invariant { name: "I12", text: "nobody activates who is syncing, lagging, spare or quarantined", by: By::Look };

/// The states that were seen last.
#[derive(Debug, Default)]
pub(super) struct Look {
    last: [Option<State>; 2],
}

impl Look {
    pub(super) fn look(&mut self, sites: [&Seen; 2]) -> Option<String> {
        let mut found = None;
        for (last, site) in self.last.iter_mut().zip(sites) {
            let lacks = matches!(last, Some(State::Syncing | State::Lagging | State::Spare | State::Quarantined));
            if lacks && site.state.is_some_and(|state| state == State::Activating || state.is_active()) {
                found = Some(format!("I12: from {last:?} to {:?}", site.state));
            }
            *last = site.state;
        }
        found
    }
}
