//! What the load program of `tests/jms` was told, line by line, and whether a broker may have said that.
//!
//! Takes its lines (see `Load.java`), the drain's last; gives what is wrong. It knows less than the oracle of the other
//! rounds: two consumers share the queue, so order can be judged where one of them empties it.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::{Outcome, Verdict};

/// What is known of a message.
#[derive(Debug, Default)]
struct Known {
    acked: bool,
    /// Sent, and no answer came.
    unknown: bool,
    /// Taken, with an answer.
    taken: u32,
    /// Taken, and no answer came: gone or not.
    perhaps_taken: bool,
}

/// All that the program said.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    messages: BTreeMap<String, Known>,
    /// Messages that the drain took, in order.
    drained: Vec<String>,
    /// Operations that were answered.
    pub(crate) acked: u64,
}

impl Judge {
    /// A line of the load.
    pub(crate) fn heard(&mut self, line: &str) {
        let Some((what, id)) = line.split_once(' ') else { return };
        if !["S", "s", "R", "r"].contains(&what) {
            return;
        }
        let known = self.messages.entry(id.to_owned()).or_default();
        match what {
            "S" => known.acked = true,
            "s" => known.unknown = true,
            "R" => known.taken += 1,
            _ => known.perhaps_taken = true,
        }
        self.acked += u64::from(what == "S" || what == "R");
    }

    /// A line of the drain.
    pub(crate) fn drained(&mut self, line: &str) {
        if let Some(id) = line.strip_prefix("R ") {
            self.heard(line);
            self.drained.push(id.to_owned());
        }
    }

    /// Everything that is wrong, now that the queue is empty.
    pub(crate) fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for (id, known) in &self.messages {
            let Known { acked, unknown, taken, perhaps_taken } = *known;
            if acked && taken == 0 && !perhaps_taken {
                findings.push(format!("acked lost: {id}"));
            }
            if taken > 1 {
                findings.push(format!("resurrected: {id} was taken {taken} times, each time with an answer"));
            }
            if !acked && !unknown {
                findings.push(format!("phantom: {id} was never sent"));
            }
        }
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for id in &self.drained {
            let Some((sender, Ok(number))) = id.rsplit_once('-').map(|(sender, number)| (sender, number.parse()))
            else {
                findings.push(format!("corrupt: `{id}` is no id"));
                continue;
            };
            if let Some(before) = last.insert(sender, number).filter(|before| *before >= number) {
                findings.push(format!("out of order: {id} after {before}"));
            }
        }
        findings
    }

    /// Messages that were still there at the end.
    pub(crate) fn left(&self) -> usize {
        self.drained.iter().collect::<BTreeSet<_>>().len()
    }
}

/// The control of this judge: each kind of lie, told once.
pub(crate) fn a_lie_is_noticed() -> Verdict {
    let tell = |load: &[&str], drain: &[&str]| {
        let mut judge = Judge::default();
        load.iter().for_each(|line| judge.heard(line));
        drain.iter().for_each(|line| judge.drained(line));
        judge.findings().join("; ")
    };
    let honest = tell(&["S a-1", "s a-2", "S a-3", "r a-1", "B a-3", "E why", "END"], &["R a-1", "R a-3", "DRAINED 2"]);
    let lies = [
        ("acked lost", tell(&["S a-1", "B a-1"], &[])),
        ("resurrected", tell(&["S a-1", "R a-1"], &["R a-1"])),
        ("phantom", tell(&["R a-1"], &[])),
        ("out of order", tell(&["S a-1", "S a-2"], &["R a-2", "R a-1"])),
        ("corrupt", tell(&["S a", "S b-x"], &["R a", "R b-x"])),
    ];
    let missed: Vec<&str> = lies.iter().filter(|(lie, found)| !found.contains(lie)).map(|(lie, _)| *lie).collect();
    match (honest.is_empty(), missed.is_empty()) {
        (true, true) => Ok(Outcome::Passed),
        (false, _) => Err(format!("an honest broker is accused: {honest}")),
        (_, false) => Err(format!("not noticed: {}", missed.join(", "))),
    }
}
