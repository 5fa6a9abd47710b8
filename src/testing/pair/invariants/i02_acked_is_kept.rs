//! I2: everything that was acked is in the log of every later active.

use ha_engine::ids::Epoch;
use ha_engine::vector::Vector;

use super::{By, Invariant, Seen, beyond};

pub(super) const INVARIANT: Invariant =
    Invariant { name: "I2", text: "an epoch begins behind everything that was promised before", by: By::Look };

/// What was ever promised.
#[derive(Debug, Default)]
pub(super) struct Look {
    promised: Vector,
    judged: Epoch,
}

impl Look {
    pub(super) fn look(&mut self, sites: [&Seen; 2]) -> Option<String> {
        let mut found = None;
        for site in sites {
            if let Some(began) = site.began.as_ref().filter(|_| site.epoch.number > self.judged.number) {
                self.judged = site.epoch;
                if beyond(&self.promised, began) {
                    let promised = &self.promised;
                    found = Some(format!("I2: {} begins at {began:?}, and {promised:?} was promised", site.epoch));
                }
            }
            self.promised = self.promised.higher(&site.promised);
        }
        found
    }
}
