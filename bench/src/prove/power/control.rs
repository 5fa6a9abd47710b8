//! The controls of the cuts: a file system that never flushes its device, and a broker that answers before the disk has the data.
//!
//! Both must lose something acked in the judgement of every other round. The first is what a broker without O_DSYNC and fdatasync would be, with
//! not a line of its own changed.

use super::figures::Figures;
use super::round::{Plan, round};
use crate::prove::kill9::broker::empty;
use crate::prove::kill9::oracle::Kind;
use crate::prove::parts::Figures as _;

/// The settings that give up the promise.
const ANSWERS_EARLY: [&str; 2] = ["journal-sync-transactional=false", "journal-sync-non-transactional=false"];
/// Rounds that each gets to be caught.
const ROUNDS_MAX: u32 = 4;
/// Cuts of such a round, and moments within each life.
const CUTS: u32 = 2;
const POINTS: u32 = 4;

/// Runs both. The error says which was not caught.
pub fn control(plan: &Plan) -> Result<String, String> {
    let plan = Plan { directory: plan.directory.join("control"), points: POINTS, ..plan.clone() };
    let never = Plan { never_flushes: true, ..plan.clone() };
    let early = Plan { settings: ANSWERS_EARLY.map(str::to_owned).to_vec(), ..plan.clone() };
    let never = caught(&never, "a file system that never flushes its device")?;
    let early = caught(&early, "a broker that answers before the disk has the data")?;
    Ok(format!("caught: {never}; {early}"))
}

fn caught(plan: &Plan, what: &str) -> Result<String, String> {
    let mut all = Figures::default();
    for number in 0..ROUNDS_MAX {
        all.merge(&round(plan, number, CUTS, |_| ())?);
        // A store that lost something is what was wanted: nobody has to look at it.
        empty(&plan.directory)?;
        let (lost, points) = (all.findings.of(Kind::Lost), all.points + all.cuts);
        if lost > 0 {
            return Ok(format!("{what} lost {lost} acked in {points} states"));
        }
    }
    Err(format!("{what} was not caught: {}; {all}", all.findings))
}
