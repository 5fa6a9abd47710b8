//! I14: while the register lists the replica, nothing is acked that the replica does not have.

use ha_engine::register::{AckMode, Register};
use ha_engine::vector::Vector;

use super::{By, Invariant, Seen, beyond};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "I14",
    text: "nothing is promised beyond what every member of the in-sync set has: on its disk, or in its memory where that counts",
    by: By::Look,
};

/// How far each site's disk was flushed when that was known last, how far it had received, and how far each had promised.
#[derive(Debug, Default)]
pub(super) struct Look {
    received: [Vector; 2],
    durable: [Vector; 2],
    promised: [Vector; 2],
}

impl Look {
    pub(super) fn look(&mut self, sites: [&Seen; 2], register: Option<&Register>) -> Option<String> {
        for (durable, site) in self.durable.iter_mut().zip(sites) {
            if site.state.is_some() {
                // What a start has not flushed yet was flushed by an earlier life.
                *durable = if durable.covers(&site.durable) && site.began.is_none() {
                    durable.clone()
                } else {
                    site.durable.clone()
                };
            }
        }
        for (received, site) in self.received.iter_mut().zip(sites).filter(|(_, site)| site.state.is_some()) {
            received.clone_from(&site.received);
        }
        let memory = register.is_some_and(|value| value.ack_mode == AckMode::Memory);
        let has = if memory { &self.received } else { &self.durable };
        let mut found = None;
        for (number, site) in sites.into_iter().enumerate() {
            let (Some(before), Some(theirs)) = (self.promised.get_mut(number), has.get(1 - number)) else {
                continue;
            };
            let more = beyond(&site.promised, before);
            before.clone_from(&site.promised);
            let holds = register.is_some_and(|value| value.epoch == site.epoch && !value.is_solo());
            if more && holds && site.began.is_some() && beyond(&site.promised, theirs) {
                let promised = &site.promised;
                found = Some(format!("I14: site {number} has promised {promised:?}, its replica has {theirs:?}"));
            }
        }
        found
    }
}
