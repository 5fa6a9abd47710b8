//! The control of the loop: a broker that answers before the journal's write was submitted must be caught.
//!
//! It is the broker itself, told by its own settings to answer before the disk has the data: then an answer leaves as soon as
//! its record is in memory. A kill leaves alone what the kernel was given, so what is lost is what still lay in the broker:
//! under load, the group that waits for the one before it. No code beside that of the product is needed, so none of it can
//! slip into a product.

use super::broker;
use super::figures::Figures;
use super::oracle::Kind;
use super::round::{CYCLES_PER_ROUND, Plan, round};
use crate::prove::parts::Figures as _;

/// The settings that give up the promise.
const ANSWERS_EARLY: [&str; 2] = ["journal-sync-transactional=false", "journal-sync-non-transactional=false"];
/// Rounds that the loop gets to catch it.
const ROUNDS_MAX: u32 = 6;

/// How the control was caught.
#[derive(Clone, Debug)]
pub struct Caught {
    /// Cycles it took.
    pub cycles: u64,
    /// What was found.
    pub figures: Figures,
}

/// Runs the loop on a broker that answers early until it loses something acked; an error if it never does.
pub fn control(plan: &Plan) -> Result<Caught, String> {
    let mut plan = plan.clone();
    plan.settings.extend(ANSWERS_EARLY.map(str::to_owned));
    let mut figures = Figures::default();
    for number in 0..ROUNDS_MAX {
        figures.merge(&round(&plan, number, CYCLES_PER_ROUND / 2, |_| ())?);
        // A store that lost something is what was wanted: nobody has to look at it.
        broker::empty(&plan.directory)?;
        if figures.findings.of(Kind::Lost) > 0 {
            return Ok(Caught { cycles: figures.cycles, figures });
        }
    }
    Err(format!("a broker that answers before the write is submitted was not caught\n{figures}"))
}
