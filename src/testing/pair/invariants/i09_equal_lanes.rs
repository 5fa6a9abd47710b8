//! I9: in sync, both copies of every lane are equal, byte for byte.

use journal::BlockView;

use super::{By, Invariant};
use crate::testing::pair::site::Site;

pub(super) const INVARIANT: Invariant =
    Invariant { name: "I9", text: "at rest and in sync both copies of every lane are equal", by: By::Rest };

/// Compares the two copies, from the later of their beginnings to their ends.
pub(in crate::testing::pair) fn equal_lanes(sites: &mut [Site; 2]) -> Option<String> {
    let ends = sites.each_ref().map(Site::appended);
    let [one, two] = sites;
    if ends[0] != ends[1] {
        return Some(format!("I9: the copies end at {:?} and {:?}", ends[0], ends[1]));
    }
    for (lane, end) in one.positions(&ends[0]) {
        let mut at = one.first_kept(lane).max(two.first_kept(lane));
        while at < end {
            let (mine, theirs) = (one.block_at(lane, at), two.block_at(lane, at));
            let Some(block) = mine.as_deref().filter(|_| mine == theirs) else {
                let there = (mine.is_some(), theirs.is_some());
                return Some(format!("I9: lane {lane} differs at {at}; is it there? {there:?}"));
            };
            let Ok(header) = BlockView::peek(block) else { break };
            at = header.end();
        }
    }
    None
}
