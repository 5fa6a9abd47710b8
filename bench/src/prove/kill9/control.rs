//! The control of the loop: a broker that answers before the journal's write was submitted must be caught.
//!
//! A kill leaves the page cache alone, so what is lost is what still lay in the broker's memory: under load, the group that
//! waits for the one before it. Such a broker exists only in a build of its own (feature `controls`).

use super::figures::Figures;
use super::oracle::Kind;
use super::round::{CYCLES_PER_ROUND, Plan, round};

/// The variable that tells a build with controls which one to be.
pub const CONTROL_VARIABLE: &str = "RINGMQ_CONTROL";
/// What it is set to here.
const ACK_BEFORE_SUBMISSION: &str = "ack-before-submission";
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

/// Runs the loop on a build with controls until it loses something acked; an error if it never does.
pub fn control(plan: &Plan) -> Result<Caught, String> {
    let mut plan = plan.clone();
    plan.environment.push((CONTROL_VARIABLE.to_owned(), ACK_BEFORE_SUBMISSION.to_owned()));
    let mut figures = Figures::default();
    for number in 0..ROUNDS_MAX {
        figures.merge(&round(&plan, number, CYCLES_PER_ROUND / 2, |_| ())?);
        if figures.findings.of(Kind::Lost) > 0 {
            return Ok(Caught { cycles: figures.cycles, figures });
        }
    }
    Err(format!("a broker that answers before the write is submitted was not caught\n{figures}"))
}
