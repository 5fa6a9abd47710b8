//! Medians of what the rounds of a goal gave, and their spread in words.

use std::time::Duration;

use crate::result::series::{Spread, spread};

/// Rounds from which a median is a level.
pub(super) const ROUNDS_MIN: usize = 9;

/// How far something is that takes more than two seconds.
pub type Told<'t> = &'t mut dyn FnMut(&str);

/// Of these values.
///
/// # Errors
///
/// There are none.
pub(super) fn of(values: &[f64]) -> Result<Spread, String> {
    spread(values.iter().copied()).ok_or_else(|| "no round gave a figure".to_owned())
}

pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// What the spread of a figure says of how far to trust it.
pub(super) fn note(spread: Spread, left_out: usize) -> String {
    let mut text = format!("n = {}, {:.2} to {:.2}", spread.n, spread.min, spread.max);
    if left_out > 0 {
        text += &format!(", {left_out} left out because their control was disturbed");
    }
    if spread.n < ROUNDS_MIN {
        text += &format!(", fewer than the {ROUNDS_MIN} rounds that a level needs");
    }
    text
}
