//! A crash at every step of transactions over several cores: at each event of the machine the world is copied as a crash would leave
//! it, started again and emptied.

use super::oracle::{Findings, Kind};
use super::sweep::Workload;
use super::{Control, Crash, Scale, WorkEnd, World};

/// Two cores, a lane each.
const SCALE: Scale = Scale { lanes: 2, cores: 2, only_transactions: true };

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    /// Steps at which there was a crash.
    pub crashes: u64,
    /// Commits that were acked in the world that went on.
    pub acked: u64,
    /// What was wrong after any crash.
    pub findings: Findings,
}

/// Runs small transactions over two cores; there is a crash at every `stride`-th step.
#[must_use]
pub fn crash_at_every_step(seed: u64, operations: u64, stride: u64) -> Steps {
    let workload = Workload { seed, scale: SCALE, operations, sealed: false, control: Control::None };
    let mut world = World::new(seed, &SCALE, Control::None);
    let mut steps = Steps::default();
    if let Err(refusal) = world.start(&[]) {
        world.report(Kind::Broker, refusal.text);
    }
    world.allow(operations);
    let mut at = 0_u64;
    loop {
        match world.work(Some(1)) {
            WorkEnd::Events => {}
            WorkEnd::Done => break,
            end => {
                world.report(Kind::Broker, format!("{end:?}"));
                break;
            }
        }
        at += 1;
        if !at.is_multiple_of(stride.max(1)) {
            continue;
        }
        let crash = if at.is_multiple_of(3) { Crash::Kill } else { Crash::PowerCut };
        if let Some(crashed) = world.after(crash, seed ^ at) {
            steps.crashes += 1;
            steps.findings.merge(&workload.judge(crashed));
        }
    }
    steps.acked = world.counts().acked;
    steps.findings.merge(world.findings());
    steps
}
