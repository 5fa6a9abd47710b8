//! P23: copies of a message's bytes from what the socket gave to the journal's block, counted by valgrind on one core in a loop.
//!
//! Every call of the C library's copying functions is counted with its bytes, in two runs that differ by nothing but by so many messages
//! that are published. What is copied of heads, answers and tables is among it, so that the figure is a little too high and never too low; copies
//! of a few bytes that the compiler makes by itself are not seen.

use super::figures::Told;
use super::instructions::program;
use super::verdict::{Bound, Verdict};
use crate::measure::callgrind::Work;

/// Messages by which the two runs differ.
const MESSAGES: u64 = 8_192;
/// Messages that arrive together.
const GROUP: usize = 64;
/// A message of 1 KiB with its headers, as the journal keeps it.
const MESSAGE_BYTES: f64 = 1_130.0;

/// Judges it.
///
/// # Errors
///
/// Valgrind is missing, or the program does not build or run.
pub fn judge(told: Told<'_>) -> Result<Vec<Verdict>, String> {
    told("building the program that is counted, in the release profile");
    let program = program()?;
    told("counting copies");
    let copied = |deep| program.copied_bytes(Work { measure: "deep", messages: GROUP, group: GROUP, deep });
    let (some, more) = (copied(MESSAGES)?, copied(2 * MESSAGES)?);
    let each = more.saturating_sub(some) as f64 / MESSAGES as f64;
    let copies = each / MESSAGE_BYTES;
    Ok(vec![Verdict {
        id: "P23".to_owned(),
        what: "copies of a byte of a durable message of 1 KiB, from receive buffer to block".to_owned(),
        value: copies,
        unit: String::new(),
        limit: None,
        ratio: copies,
        gate: Bound::AtMost(1.0),
        moonshot: None,
        note: format!(
            "{each:.0} bytes copied for a message of {MESSAGE_BYTES:.0}, heads and answers among them; the hot window keeps a copy of its own"
        ),
    }])
}
