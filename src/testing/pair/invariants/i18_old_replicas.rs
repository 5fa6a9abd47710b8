//! I18: old replicas are numbered one after the other.

use super::{By, Invariant, Seen};

pub(super) const INVARIANT: Invariant =
    Invariant { name: "I18", text: "the numbers of the old replicas of a site grow", by: By::Look };

/// How many there were at each site, and the number of the newest.
#[derive(Debug, Default)]
pub(super) struct Look {
    judged: [(usize, u32); 2],
}

impl Look {
    pub(super) fn look(&mut self, sites: [&Seen; 2]) -> Option<String> {
        let mut found = None;
        for (judged, site) in self.judged.iter_mut().zip(sites) {
            if site.old_replicas.0 > judged.0 && site.old_replicas.1 <= judged.1 {
                found = Some(format!("I18: {} follows {}", site.old_replicas.1, judged.1));
            }
            *judged = site.old_replicas;
        }
        found
    }
}
