//! Hostile clients beside those that behave, the short run: memory, limits on time, descriptors. Nothing here depends on speed.

use std::time::Duration;

use bench::prove::hostile::{Judged, Kind, Scale, Stage, controls, descriptors, in_time, part};

use crate::harness::{Outcome, Verdict};

/// In percent of those that the long run has, `bench prove hostile`.
const SCALE: Scale = Scale(20);
/// No measurement of time comes of it.
const MEASURE_MS: u64 = 300;
/// Of the broker's process.
const MEMORY_MAX: u64 = 512 << 20;
/// Of the broker whose limits are looked at.
const LIMIT: Duration = Duration::from_secs(1);
/// A machine with other work may be late; a broker that never looks is later.
const IN_TIME: Duration = Duration::from_secs(60);

pub(crate) fn they_cost_little() -> Verdict {
    for kind in [Kind::Slow, Kind::Deaf, Kind::Hoard, Kind::All] {
        let figures = part(&stage("hostile"), kind, 1, &mut |_| ())?;
        println!("{figures}");
        let faults = figures.faults(MEMORY_MAX, Judged::MemoryAlone);
        if !faults.is_empty() {
            return Err(faults.join("\n"));
        }
    }
    Ok(Outcome::Passed)
}

pub(crate) fn halves_are_closed_in_time() -> Verdict {
    println!("{}", in_time(&stage("hostile-in-time"), LIMIT, IN_TIME)?);
    Ok(Outcome::Passed)
}

pub(crate) fn they_leave_the_store_its_descriptors() -> Verdict {
    println!("{}", descriptors(&stage("hostile-descriptors"))?);
    Ok(Outcome::Passed)
}

pub(crate) fn waste_is_caught() -> Verdict {
    println!("{}", controls(&stage("hostile-controls"), 1, Judged::MemoryAlone)?);
    Ok(Outcome::Passed)
}

fn stage(name: &str) -> Stage {
    Stage {
        binary: crate::binary(),
        directory: crate::folder(name),
        seed: crate::SEED,
        scale: SCALE,
        measure_ms: MEASURE_MS,
        memory_max: MEMORY_MAX,
    }
}
