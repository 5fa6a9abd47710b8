//! I10: chains are valid from the first kept block to the end, epochs never decrease along a lane, and both copies agree on where each began.

use super::{By, Invariant};
use crate::testing::pair::site::Site;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "I10",
    text: "a scan finds every lane sound to its end, and both copies have the same epochs",
    by: By::Rest,
};

/// Scans both copies as a start would.
pub(in crate::testing::pair) fn sound_lanes(sites: &mut [Site; 2]) -> Option<String> {
    let mut epochs = Vec::new();
    for site in sites {
        let (number, durable) = (site.number, site.durable());
        match site.scan_of_a_start() {
            Ok(scan) if scan.lost => return Some(format!("I10: site {number} has lost what was promised")),
            Ok(scan) if !scan.end.covers(&durable) => {
                return Some(format!("I10: site {number} ends at {:?}, {durable:?} was durable", scan.end));
            }
            Ok(scan) => {
                let entries = scan.history.entries().iter().map(|entry| (entry.epoch, entry.starts.clone()));
                epochs.push(entries.collect::<Vec<_>>());
            }
            Err(text) => return Some(format!("I10: site {number}: {text}")),
        }
    }
    let differ = epochs.first() != epochs.last();
    differ.then(|| format!("I10: the epochs are {:?} and {:?}", epochs.first(), epochs.last()))
}
