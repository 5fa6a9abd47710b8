//! I17: what headers say was promised never goes back along a lane, and is on both disks.

use journal::{BlockView, Lsn};

use super::{By, Invariant};
use crate::testing::pair::site::Site;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "I17",
    text: "promises in headers never go back along a lane, and both disks have what they promise",
    by: By::Rest,
};

/// Walks over the lanes of both copies.
pub(in crate::testing::pair) fn promises(sites: &mut [Site; 2]) -> Option<String> {
    let durable = sites.each_ref().map(Site::durable);
    for site in sites {
        let ends = site.positions(&durable[0].lower(&durable[1]));
        for (lane, both) in ends {
            let (mut at, mut before) = (site.first_kept(lane), Lsn::ZERO);
            while at < both {
                let Some(block) = site.block_at(lane, at) else {
                    return Some(format!("I17: site {} has no block of lane {lane} at {at}", site.number));
                };
                let Ok(header) = BlockView::peek(&block) else { break };
                let promised = header.promised;
                if promised < before || promised > both || promised > header.lsn {
                    let number = site.number;
                    return Some(format!(
                        "I17: site {number}, lane {lane}: the block at {at} promises {promised} after {before}; both have {both}"
                    ));
                }
                before = promised;
                at = header.end();
            }
        }
    }
    None
}
