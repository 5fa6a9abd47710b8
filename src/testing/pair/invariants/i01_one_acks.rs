//! I1: at most one epoch acks: none of an older epoch is issued for what is missing at the start of a newer one.

use ha_engine::ids::Epoch;
use ha_engine::vector::Vector;

use super::{By, Invariant, Seen, beyond};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "I1",
    text: "nothing is promised in an epoch that is missing at the start of a later one",
    by: By::Look,
};

/// The starts of all epochs so far, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Look {
    starts: Vec<(Epoch, Vector)>,
}

impl Look {
    pub(super) fn look(&mut self, sites: [&Seen; 2]) -> Option<String> {
        for site in sites {
            if let Some(began) = &site.began
                && !self.starts.iter().rev().any(|(epoch, _)| *epoch == site.epoch)
            {
                let at = self.starts.partition_point(|(epoch, _)| epoch.number <= site.epoch.number);
                self.starts.insert(at, (site.epoch, began.clone()));
            }
        }
        sites.into_iter().filter(|site| site.began.is_some()).find_map(|site| {
            let later = self.starts.iter().rev().take_while(|(epoch, _)| epoch.number > site.epoch.number);
            let (epoch, start) = later.into_iter().find(|(_, start)| beyond(&site.promised, start))?;
            Some(format!("I1: {} has promised {:?}, and {epoch} began at {start:?}", site.epoch, site.promised))
        })
    }
}
