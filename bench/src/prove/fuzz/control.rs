//! Decoders that are wrong on purpose, one in each way that the proof looks for. Each must be caught.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::run::{Part, run};
use super::target::Target;

/// A decoder that is wrong, and what must be found in it.
pub struct Planted {
    /// The decoder.
    pub target: Arc<Target>,
    /// The kind of the finding.
    pub kind: &'static str,
    /// Ends a decoder that goes round in circles, once that was found.
    pub stop: Arc<AtomicBool>,
}

/// All of them: four bytes of length and as many bytes, read wrongly.
pub fn planted() -> Vec<Planted> {
    let examples = || vec![vec![0, 0, 0, 4, 1, 2, 3, 4]];
    let stop = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&stop);
    let panics = Target::new("planted panic", examples(), |bytes, _| match declared(bytes) {
        // As indexing does, without the noise.
        Some((length, rest)) if length > rest.len() => resume_unwind(Box::new("a length was believed")),
        other => other.is_some(),
    });
    let allocates = Target::new("planted memory", examples(), |bytes, _| match declared(bytes) {
        Some((length, rest)) => {
            let mut copy: Vec<u8> = Vec::with_capacity(length);
            copy.extend_from_slice(rest.get(..length).unwrap_or_default());
            !std::hint::black_box(copy).is_empty()
        }
        None => false,
    });
    let loops = Target::new("planted hang", examples(), move |bytes, _| {
        // A step of nothing goes nowhere.
        while declared(bytes).is_some_and(|(length, _)| length == 0) && !ended.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
        true
    });
    let forgets =
        Target::new("planted unstable", examples(), |bytes, _| declared(bytes).is_some()).checked(|bytes, _| {
            if bytes.len().is_multiple_of(2) { Ok(()) } else { Err("comes back otherwise".to_owned()) }
        });
    let never = || Arc::new(AtomicBool::new(false));
    [(panics, "panic", never()), (allocates, "memory", never()), (loops, "hang", stop), (forgets, "unstable", never())]
        .map(|(target, kind, stop)| Planted { target: Arc::new(target), kind, stop })
        .into()
}

/// Whether each is found out within so many inputs, and what was found.
pub fn caught(seed: u64, count: u64, budget: Duration) -> (bool, String) {
    let mut all = true;
    let mut said = Vec::new();
    for plant in planted() {
        let figures = run(&plant.target, Part { seed, first: 0, count }, budget);
        plant.stop.store(true, Ordering::Relaxed);
        let found = figures.findings.iter().find(|finding| finding.kind == plant.kind);
        all &= found.is_some();
        let outcome = found.map_or("missed".to_owned(), |finding| format!("caught at input {}", finding.number));
        said.push(format!("{}: {outcome}", plant.target.name));
    }
    (all, said.join(", "))
}

fn declared(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(i32::from_be_bytes(*length)).ok()?, rest))
}
