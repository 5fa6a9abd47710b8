//! What a message costs in instructions, for callgrind to count: one core of the broker in a loop, without disk or sockets.
//!
//! `icount MEASURE MESSAGES GROUP [DEEP]` warms up, then does MESSAGES messages in groups of GROUP, everything that counts inside of
//! [`measured_work`], and prints nothing but a line to check the run by; the measure `deep` puts DEEP messages into the queue before.
//! Callgrind is told to collect in that function only (`bench/src/measure/callgrind.rs`); without callgrind the run shows that the measure
//! works. A package of its own: its build is what the broker needs and no more.
//!
//! What runs: the release build as it is shipped. Callgrind shows the program a processor with SSE4.2 and, if the machine has it,
//! AVX2: CRC32C runs on its instruction in three streams, XXH3 and the copies of the C library on AVX2. It counts every step of a
//! `rep` instruction, which no processor does, so the C library is told to do without those.

mod broker;
mod client;
mod consumer;
mod measures;
mod warm;

use std::process::ExitCode;

use measures::{MEASURES, Run};

/// The part of a run that is counted. Its name is what callgrind is told.
#[inline(never)]
pub(crate) fn measured_work<T>(work: impl FnOnce() -> T) -> T {
    std::hint::black_box(work())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let run = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [measure, messages, group] => Run::new(messages, group, "0").zip(measures::find(measure)),
        [measure, messages, group, deep] => Run::new(messages, group, deep).zip(measures::find(measure)),
        _ => None,
    };
    let Some((run, measure)) = run else {
        let names: Vec<&str> = MEASURES.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: icount MEASURE MESSAGES GROUP [DEEP]\nmeasures: {}", names.join(" "));
        return ExitCode::from(2);
    };
    match measure(run) {
        Some(done) => {
            println!("{done} messages");
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("error: the core did not do what it was asked for");
            ExitCode::FAILURE
        }
    }
}
