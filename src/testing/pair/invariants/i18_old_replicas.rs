//! I18: old replicas are numbered one after the other.

use super::{By, Invariant, Seen};

pub(super) const INVARIANT: Invariant =
    Invariant { name: "I18", text: "the numbers of the old replicas of a site grow", by: By::Look };

/// How many were judged at each site.
#[derive(Debug, Default)]
pub(super) struct Look {
    judged: [usize; 2],
}

impl Look {
    pub(super) fn look(&mut self, sites: [&Seen; 2]) -> Option<String> {
        let mut found = None;
        for (judged, site) in self.judged.iter_mut().zip(sites) {
            let new = site.old_replicas.get(judged.saturating_sub(1)..).unwrap_or_default();
            if new.windows(2).any(|pair| matches!(pair, [one, two] if two < one)) {
                found = Some(format!("I18: the numbers are {:?}", site.old_replicas));
            }
            *judged = site.old_replicas.len();
        }
        found
    }
}
