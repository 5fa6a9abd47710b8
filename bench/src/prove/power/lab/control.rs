//! The controls of the lab: a file system that never flushes its disk, and a disk that takes writes and forgets them.
//!
//! The first is what a broker without O_DSYNC and fdatasync would be, with not a line of its own changed; the second is for guests that are
//! killed, whose disk keeps all that it has taken. Each must lose something acked.

use super::kills::guest_kills;
use super::points::log_writes;
use super::work::LabPlan;
use crate::prove::kill9::oracle::Kind;
use crate::prove::parts::Figures as _;
use crate::prove::power::figures::Figures;

/// Rounds that each gets to be caught.
const ROUNDS_MAX: u32 = 3;
/// Holds of a control's recording, and points of it that are looked at.
const HOLDS: u32 = 6;
const POINTS: u32 = 12;

/// Records a disk that is never flushed. The error says that this was not caught.
pub fn log_control(plan: &LabPlan) -> Result<String, String> {
    let plan = LabPlan { holds: HOLDS, ..control_of(plan) };
    caught("a file system that never flushes its disk", |number| log_writes(&plan, number, POINTS, |_| ()))
}

/// Kills a guest whose disk forgets. The error says that this was not caught.
pub fn kills_control(plan: &LabPlan) -> Result<String, String> {
    let plan = control_of(plan);
    caught("a disk that forgets what it has taken", |number| guest_kills(&plan, number, 1, |_| ()))
}

fn control_of(plan: &LabPlan) -> LabPlan {
    LabPlan { directory: plan.directory.join("control"), unsafe_disk: true, ..plan.clone() }
}

fn caught(what: &str, mut round: impl FnMut(u32) -> Result<Figures, String>) -> Result<String, String> {
    let mut all = Figures::default();
    for number in 0..ROUNDS_MAX {
        all.merge(&round(number)?);
        let (lost, states) = (all.findings.of(Kind::Lost), all.points + all.cuts);
        if lost > 0 {
            return Ok(format!("caught: {what} lost {lost} acked in {states} states"));
        }
    }
    Err(format!("{what} was not caught: {}; {all}", all.findings))
}
