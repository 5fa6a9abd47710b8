//! Decodes a range of inputs on a thread of its own, and watches it.
//!
//! The memory that one input takes is counted by the allocator; a panic is caught; an input that takes longer than the budget is a hang, and
//! its thread is left behind, because nothing can end it. A range ends at its first findings.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::figures::{Figures, Finding};
use super::target::{Input, Target};

/// A range is given up at so many findings.
const FINDINGS_MAX: usize = 5;
/// Bytes of an input that a finding shows.
const SHOWN_BYTES: usize = 160;

/// A range of a decoder's inputs.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Decides every input together with its number.
    pub seed: u64,
    /// The first number.
    pub first: u64,
    /// How many.
    pub count: u64,
}

/// Runs a range. No input may take longer than `budget`, which is a bound against hanging and no measure of speed.
pub fn run(target: &Arc<Target>, part: Part, budget: Duration) -> Figures {
    let at = Arc::new(AtomicU64::new(part.first));
    let (sender, receiver) = mpsc::channel();
    let (worker, beat) = (Arc::clone(target), Arc::clone(&at));
    std::thread::spawn(move || {
        // Nobody listens any more after a hang.
        let _given_up = sender.send(decode_all(&worker, part, &beat));
    });
    let mut last = None;
    loop {
        match receiver.recv_timeout(budget) {
            Ok(figures) => return figures,
            Err(RecvTimeoutError::Disconnected) => {
                return failed(
                    target,
                    part.seed,
                    at.load(Ordering::Relaxed),
                    "panic",
                    "outside of the decoder".to_owned(),
                );
            }
            Err(RecvTimeoutError::Timeout) => {
                let now = at.load(Ordering::Relaxed);
                if last == Some(now) {
                    return failed(target, part.seed, now, "hang", format!("no end within {budget:?}"));
                }
                last = Some(now);
            }
        }
    }
}

fn failed(target: &Target, seed: u64, number: u64, kind: &str, detail: String) -> Figures {
    let mut figures = Figures::of(&target.name);
    figures.findings.push(finding(target, number, kind, detail, &target.input(seed, number)));
    figures
}

fn finding(target: &Target, number: u64, kind: &str, detail: String, input: &Input) -> Finding {
    let shown: String = input.bytes.iter().take(SHOWN_BYTES).fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _never = write!(text, "{byte:02x}");
        text
    });
    let detail = format!("{detail}; {} bytes, choice {}: {shown}", input.bytes.len(), input.choice);
    Finding { kind: kind.to_owned(), target: target.name.clone(), number, detail }
}

fn decode_all(target: &Target, part: Part, at: &AtomicU64) -> Figures {
    let mut figures = Figures::of(&target.name);
    for number in part.first..part.first + part.count {
        at.store(number, Ordering::Relaxed);
        decode_one(target, part.seed, number, &mut figures);
        if figures.findings.len() >= FINDINGS_MAX {
            break;
        }
    }
    figures
}

fn decode_one(target: &Target, seed: u64, number: u64, figures: &mut Figures) {
    let input = target.input(seed, number);
    let mut outcome = Ok(false);
    let used = allocation_counter::measure(|| {
        outcome = catch_unwind(AssertUnwindSafe(|| target.decode(&input)));
    });
    let allowed = target.allowed_bytes(input.bytes.len());
    figures.inputs += 1;
    figures.peak_bytes = figures.peak_bytes.max(used.bytes_max);
    figures.peak_share = figures.peak_share.max(used.bytes_max.saturating_mul(1000) / allowed);
    if used.bytes_max > allowed {
        let detail = format!("{} bytes at one time, {allowed} are allowed", used.bytes_max);
        figures.findings.push(finding(target, number, "memory", detail, &input));
    }
    let checked = match outcome {
        Ok(false) => return,
        Ok(true) => catch_unwind(AssertUnwindSafe(|| target.check(&input))),
        Err(panic) => Err(panic),
    };
    figures.decoded += 1;
    match checked {
        Ok(Ok(())) => {}
        Ok(Err(what)) => figures.findings.push(finding(target, number, "unstable", what, &input)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
            let detail = text.unwrap_or("without a text").to_owned();
            figures.findings.push(finding(target, number, "panic", detail, &input));
        }
    }
}
