//! Flushes of a target on a block device of its own.

use super::Plan;
use super::load;
use super::rule::Counted;
use crate::measure::device::Device;
use crate::targets::{Running, Target};

/// Loads the target and counts what its device was asked to flush meanwhile.
pub(super) fn count(target: &dyn Target, plan: &Plan, running: &Running, queue: &str) -> Result<Vec<Counted>, String> {
    let device = Device::under(running.store())?;
    let mut loads = Vec::new();
    for (messages, window) in [(plan.single, 1), (plan.grouped, plan.window)] {
        device.sync()?;
        let before = device.still()?;
        let acks = load::run(target, running.port(), queue, messages, window)?;
        let flushes = device.still()?.since(&before).flushes;
        loads.push(Counted { window, acks: acks.each.len() as u64, flushes, uncovered: None });
    }
    Ok(loads)
}
