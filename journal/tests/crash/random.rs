//! Random larger workloads with crashes at random moments: power cuts and deaths of the process, one after the other.

use journal::testing::{Fault, FaultKind, Random, WorkloadOptions};

use crate::harness::Life;

#[test]
fn nothing_promised_is_lost_in_random_lives() {
    // More of them on demand: the seeds are the same ones, and further ones.
    let lives = std::env::var("RINGMQ_JOURNAL_LIVES").ok().and_then(|lives| lives.parse().ok()).unwrap_or(60);
    for seed in 100..100 + lives {
        let mut random = Random::new(seed);
        let workload = WorkloadOptions {
            steps: 100 + random.below(500),
            usual_bytes: [40, 1000, 6000, 40_000][random.index(4)],
            long_records: true,
            depends_percent: random.below(60),
            housekeeping: true,
        };
        let life = Life { workload, journal_lanes: 1 + random.below(3) as u16, kill_percent: 30, ..Life::small(seed) };
        let fault = random.percent(50).then(|| Fault { at: random.below(600), kind: FaultKind::PowerCut });
        if let Err(error) = life.live(4, fault) {
            panic!("seed {seed}, {fault:?}: {error:?}");
        }
    }
}
