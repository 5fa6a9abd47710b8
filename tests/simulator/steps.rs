//! Transactions over two cores, with a crash at every step; here at every few of them.

use ringmq::testing::steps::crash_at_every_step;

#[test]
fn a_transaction_over_two_cores_is_whole_whatever_step_it_crashes_at() {
    let number = |name, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    for seed in 0..number("RINGMQ_STEPS_SEEDS", 2) {
        let steps = crash_at_every_step(seed, 60, number("RINGMQ_STEPS_STRIDE", 7));
        println!("seed {seed}: {} crashes, {} acked", steps.crashes, steps.acked);
        assert!(steps.findings.is_empty(), "seed {seed}: {}\n{:#?}", steps.findings, steps.findings.texts());
        assert!(steps.crashes > 20 && steps.acked > 2, "seed {seed}: {steps:?}");
    }
}
