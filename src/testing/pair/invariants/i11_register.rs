//! I11: epochs are unique, the register's version grows, and its holder was in the in-sync set before.

use ha_engine::ids::Epoch;

use super::{By, Invariant};
use crate::testing::pair::register::{Change, SimRegister};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "I11",
    text: "epochs are unique, the register's version grows, each holder was in the in-sync set before",
    by: By::Look,
};

/// How much of the log was judged, and the epochs in it.
#[derive(Debug, Default)]
pub(super) struct Look {
    judged: usize,
    epochs: Vec<Epoch>,
}

impl Look {
    pub(super) fn look(&mut self, register: &SimRegister) -> Option<String> {
        let mut found = None;
        while let Some(change) = register.log.get(self.judged) {
            self.judged += 1;
            found = found.or_else(|| self.judge(change));
        }
        found
    }

    fn judge(&mut self, change: &Change) -> Option<String> {
        let Change { before, after } = change;
        let Some(before) = before else {
            self.epochs.push(after.epoch);
            return None;
        };
        if after.version <= before.version {
            return Some(format!("I11: version {} follows {}", after.version, before.version));
        }
        if after.epoch != before.epoch {
            if self.epochs.contains(&after.epoch) || after.epoch.number <= before.epoch.number {
                return Some(format!("I11: epoch {} follows {}", after.epoch, before.epoch));
            }
            self.epochs.push(after.epoch);
        }
        let entitled = after.holder == before.holder || before.member(after.holder).is_some();
        let listed = after.member(after.holder).is_some();
        (!entitled || !listed).then(|| format!("I11: {after:?} follows {before:?}"))
    }
}
