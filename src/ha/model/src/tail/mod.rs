//! The end of a lane: torn, rotten, or as it should be? Who may start with what is on his disk, and what is cut.
//!
//! What a disk holds is judged by the recovery of the broker itself, which reads real blocks here; who may start, by the engine's table. What is
//! proved within the bounds:
//!
//! - A block that was promised is never cut while a member of the in-sync set has it whole, unless it rots on the disk of whoever starts
//!   before a later block is durable there: with seals that is the idle time of a seal and one flush. Before that the last block looks torn.
//! - A lane with nothing behind its end never keeps its server from a start, and no block is called lost that was not promised.
//! - When all members of the in-sync set are up, and what was promised is on one of their disks, somebody starts; but where the holder misses
//!   something promised, and the other has blocks behind a hole, the operator decides.

pub(crate) mod disk;
mod pair;
mod scan;
mod two_lanes;

use crate::variant::{Expect, Size, Variant};
use pair::{Bounds, Kept, Pair};
use two_lanes::TwoLanes;

/// Blocks of each lane in the comparison of two.
const BLOCKS: u8 = 3;

fn bounds(size: Size) -> Bounds {
    match size {
        Size::Small => Bounds { operations: 2, crashes: 2, epochs: 2, rots: 1, tears: 0 },
        Size::Large => Bounds { operations: 2, crashes: 2, epochs: 4, rots: 1, tears: 1 },
    }
}

fn pair(kept: Kept) -> impl Fn(Size) -> Pair + Send + Sync + 'static {
    move |size| Pair::new(kept, bounds(size))
}

/// Every variant, those that hold first.
#[must_use]
pub fn variants() -> Vec<Variant> {
    use Expect::{Broken, Holds, Limit};
    vec![
        Variant::new(
            "tail",
            Holds,
            "evidence, seals and promised positions, the recovery of the broker",
            pair(Kept::ALL),
        ),
        Variant::new("longer-tails", Holds, "without a register the longer end of each lane is right", |_| {
            TwoLanes::new(true, BLOCKS)
        }),
        Variant::new("descendant-or-nothing", Broken, "only a copy that is longer in every lane may start", |_| {
            TwoLanes::new(false, BLOCKS)
        }),
        Variant::new(
            "own-durable-in-header",
            Broken,
            "a header says what its writer has on its own disk",
            // Without rot: what is called lost then was never anywhere else.
            |size| Pair::new(Kept { header_promised: false, ..Kept::ALL }, Bounds { rots: 0, ..bounds(size) }),
        ),
        Variant::new("no-seal", Broken, "an idle lane writes no seal", pair(Kept { seal: false, ..Kept::ALL })),
        Variant::new(
            "no-evidence",
            Broken,
            "what stands behind a hole is cut by the holder too",
            pair(Kept { evidence: false, ..Kept::ALL }),
        ),
        Variant::new(
            "row-8-unbound",
            Broken,
            "who is not the holder takes over whatever stands behind a hole",
            pair(Kept { evidence_binds_all: false, ..Kept::ALL }),
        ),
        Variant::new(
            "undecided-eligible",
            Broken,
            "a member that found evidence stays eligible when it joins",
            pair(Kept { undecided_waits: false, ..Kept::ALL }),
        ),
        Variant::new(
            "not-eligible-starts",
            Broken,
            "a member that is not eligible starts by itself once its lane looks as it should",
            |size| {
                let kept = Kept { eligible_binds_start: false, ..Kept::ALL };
                Pair::new(kept, Bounds { crashes: 3, ..bounds(size) })
            },
        ),
        Variant::new(
            "rot-before-cover",
            Limit,
            "rot strikes the last promised block before a later one is durable",
            pair(Kept { rot_is_late: false, ..Kept::ALL }),
        ),
        Variant::new(
            "waits-for-nothing",
            Limit,
            "evidence makes a lone member wait although it has all that was promised",
            pair(Kept { may_wait: false, ..Kept::ALL }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    /// The shortest traces as they are, so that a change of the rules, or of what the model looks at, is noticed.
    const STEPS: [(&str, usize); 9] = [
        ("descendant-or-nothing", 5),
        ("own-durable-in-header", 7),
        ("no-seal", 10),
        ("no-evidence", 10),
        ("row-8-unbound", 11),
        ("undecided-eligible", 12),
        ("not-eligible-starts", 14),
        ("rot-before-cover", 9),
        ("waits-for-nothing", 5),
    ];

    #[test]
    fn every_variant_comes_out_as_it_must() {
        for variant in variants() {
            let limits = Limits { states_max: 2_000_000, threads: 1 };
            let outcome = variant.run(Size::Small, limits, &mut |_| ()).unwrap();
            assert!(variant.is_expected(&outcome), "{variant:?}: {outcome:?}");
            let steps = outcome.trace().map(|trace| trace.steps.len());
            let known = STEPS.iter().find(|(name, _)| *name == variant.name).map(|(_, steps)| *steps);
            assert_eq!(steps, known, "{}", variant.name);
        }
    }
}
