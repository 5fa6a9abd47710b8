//! I17: the promised positions in a lane's headers never decrease, and never exceed what both sides had. The scan refuses a lane in which one
//! decreases (I10); what a header carries is what was promised then, which I14 holds to what the replica had.

use super::{By, Invariant};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "I17",
    text: "promised positions in headers never decrease and never exceed what both sides had",
    by: By::Rest,
};
