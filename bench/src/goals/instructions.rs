//! P25, and the instructions of P10: counted by callgrind on one core in a loop, without disk and sockets, in the release build.
//!
//! Allocations are counted in this process, on the same core in the same loop: they do not depend on how it was built.

#[allow(dead_code, reason = "others drive the same core in more ways")]
#[path = "../../icount/src/broker.rs"]
mod broker;
#[allow(dead_code, reason = "others drive the same core in more ways")]
#[path = "../../icount/src/client.rs"]
mod client;
#[allow(dead_code, reason = "others drive the same core in more ways")]
#[path = "../../icount/src/consumer.rs"]
mod consumer;
#[allow(dead_code, reason = "others drive the same core in more ways")]
#[path = "../../icount/src/warm.rs"]
mod warm;

use super::figures::Told;
use super::verdict::{Bound, Verdict};
use crate::measure::callgrind::{Counted, MESSAGES, Work};
use warm::Warm;

/// Messages that arrive together: one at a time, and as many as are in flight where throughput is measured.
const GROUPS: [(usize, &str); 2] = [(1, "alone in its group"), (64, "in groups of 64")];

/// More than a warm core has.
const BUFFERS_OF_DELIVERIES: usize = 8;

/// Judges P25.
///
/// # Errors
///
/// Valgrind is missing, or the program does not build or run.
pub fn judge(told: Told<'_>) -> Result<Vec<Verdict>, String> {
    told("building the program that is counted, in the release profile");
    let program = program()?;
    let mut verdicts = Vec::new();
    for (group, how) in GROUPS {
        told(&format!("counting instructions and allocations of a message {how}"));
        let instructions = program.count("whole", group)?;
        let allocations = allocations(group)?;
        let verdict = |what: &str, value: f64, gate: f64, moonshot: f64, note: String| Verdict {
            id: "P25".to_owned(),
            what: format!("{what} for a durable message of 1 KiB {how}"),
            value,
            unit: String::new(),
            limit: None,
            ratio: value,
            gate: Bound::AtMost(gate),
            moonshot: Some(Bound::AtMost(moonshot)),
            note,
        };
        let counted = format!("callgrind, {MESSAGES} messages; exact, so one round says all");
        verdicts.push(verdict("instructions", instructions, 6_000.0, 2_500.0, counted));
        let counted = format!("{allocations} for {MESSAGES} messages");
        verdicts.push(verdict("allocations", allocations as f64 / MESSAGES as f64, 0.0, 0.0, counted));
    }
    Ok(verdicts)
}

/// Instructions of a message into a queue that is so long, in groups of 64, each with its share of the writing of one index.
pub(super) fn at_depths(depths: [u64; 2]) -> Result<[f64; 2], String> {
    let program = program()?;
    let [one, other] =
        depths.map(|deep| program.count_work(Work { measure: "deep-round", messages: 1, group: 64, deep }));
    Ok([one?, other?])
}

pub(super) fn program() -> Result<Counted, String> {
    let built = Counted::built(None)?;
    built.ok_or_else(|| "instructions are counted by valgrind, and it is missing (apt-get install valgrind)".to_owned())
}

/// Allocations of [`MESSAGES`] messages in such groups, once a queue has been as long before.
fn allocations(group: usize) -> Result<u64, String> {
    let groups = MESSAGES / group;
    let mut warm = Warm::new(2 * groups, group).ok_or("the core did not do what it was asked for")?;
    // Buffers that were full of deliveries are no use for answers, and each goes when it was used for one.
    (0..BUFFERS_OF_DELIVERIES).for_each(|_| {
        warm.group();
    });
    let mut answers = 0;
    let counted = allocation_counter::measure(|| answers = (0..groups).map(|_| warm.group()).sum());
    if answers == groups * group * client::answer_bytes() {
        Ok(counted.count_total)
    } else {
        Err(format!("{groups} groups of {group} messages gave {answers} bytes of answers"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_are_counted_and_one_too_many_is_seen() {
        assert_eq!(allocations(64), Ok(0));
        let seen = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(7))));
        assert_eq!(seen.count_total, 1);
    }
}
