//! P30, what rounds of a load do not tell: start and memory of RingMQ against those of Artemis, by footprints of the same rounds.
//!
//! Must stay true: only footprints with the same durability label are compared. A message that waits is counted for both from where RingMQ's
//! window of recent bodies is full, as P13 counts it, since that window has a bound; what the count from the first message on gives stands in
//! the note.

use super::rounds::{ARTEMIS, OURS, verdict};
use super::verdict::{Bound, Verdict};
use crate::result::schema::Footprint;
use crate::result::series::{Ratio, paired};

const MIB: f64 = 1_048_576.0;
const KIB: f64 = 1_024.0;

/// All that can be judged from these.
pub(super) fn judge(footprints: &[Footprint]) -> Vec<Verdict> {
    let connection: Taken = Footprint::connection_bytes;
    let rows: [(&str, &str, f64, Taken, f64, f64); 3] = [
        ("start to the first durable ack", "ms", 1.0, start, 30.0, 100.0),
        ("memory idle", "MiB", MIB, idle, 16.0, 30.0),
        ("memory of a connection", "KiB", KIB, connection, 12.0, 50.0),
    ];
    let judged = rows.into_iter().filter_map(|(what, unit, scale, of, gate, moonshot)| {
        let ratio = ratio(footprints, of)?;
        let ratio = Ratio { value: ratio.value / scale, control: ratio.control / scale, ..ratio };
        Some(row(what, unit, ratio, gate, moonshot))
    });
    judged.chain(message(footprints)).collect()
}

fn message(footprints: &[Footprint]) -> Option<Verdict> {
    let whole = ratio(footprints, Footprint::message_bytes)?;
    let beyond = ratio(footprints, Footprint::message_bytes_beyond_window)?;
    let mut judged = row("memory of a message that waits", "bytes", beyond, 30.0, 70.0);
    judged.note += &format!(
        "; beyond RingMQ's hot window, which has a bound: with the window in it {:.0} bytes, ratio {:.2}",
        whole.value, whole.ratio.median
    );
    Some(judged)
}

fn row(what: &str, unit: &str, ratio: Ratio, gate: f64, moonshot: f64) -> Verdict {
    let (gate, moonshot) = (Bound::AtMost(1.0 / gate), Bound::AtMost(1.0 / moonshot));
    verdict("P30", format!("{what} against Artemis"), unit, ratio, gate, Some(moonshot))
}

/// What RingMQ took against what Artemis took, in the same rounds and with the same label.
fn ratio(footprints: &[Footprint], of: Taken) -> Option<Ratio> {
    let named = |name: &'static str| footprints.iter().filter(move |taken| taken.target == name);
    let partner = |ours: &Footprint| {
        named(ARTEMIS).find(|theirs| theirs.round == ours.round && theirs.durability == ours.durability)
    };
    paired(named(OURS).filter_map(|ours| Some((of(ours)?, of(partner(ours)?)?))).collect())
}

/// One figure of a start, if it has it.
type Taken = fn(&Footprint) -> Option<f64>;

#[allow(clippy::unnecessary_wraps, reason = "a figure is one that may be missing")]
fn start(taken: &Footprint) -> Option<f64> {
    Some(taken.start_ms)
}

#[allow(clippy::unnecessary_wraps, reason = "a figure is one that may be missing")]
fn idle(taken: &Footprint) -> Option<f64> {
    Some(taken.idle_bytes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::schema::{Durability, Level};

    fn taken(target: &str, start_ms: f64, idle_kib: u64, connection: u64, message: u64) -> Footprint {
        let level = |count, resident_bytes| Level { count, resident_bytes };
        let idle_bytes = idle_kib << 10;
        Footprint {
            target: target.to_owned(),
            durability: Durability::Local,
            start_ms,
            idle_bytes,
            connected: Some(level(1_000, idle_bytes + 1_000 * connection)),
            queued: vec![level(0, 0), level(1_000, 1_000 * 1_800), level(2_000, 1_000 * 1_800 + 1_000 * message)],
            ..Footprint::default()
        }
    }

    #[test]
    fn start_and_memory_are_judged_and_each_fault_is_seen() {
        let theirs = taken(ARTEMIS, 3_000.0, 272 << 10, 54 << 10, 1_800);
        let verdicts = |ours: Footprint| judge(&[theirs.clone(), ours]);
        let good = verdicts(taken(OURS, 40.0, 9 << 10, 900, 40));
        assert!(good.len() == 4 && good.iter().all(Verdict::holds), "{good:?}");
        assert!(good[3].note.contains("beyond RingMQ's hot window"), "{}", good[3]);
        for (at, ours) in [
            taken(OURS, 140.0, 9 << 10, 900, 40),
            taken(OURS, 40.0, 19 << 10, 900, 40),
            taken(OURS, 40.0, 9 << 10, 5_000, 40),
            taken(OURS, 40.0, 9 << 10, 900, 80),
        ]
        .into_iter()
        .enumerate()
        {
            let held: Vec<bool> = verdicts(ours).iter().map(Verdict::holds).collect();
            assert_eq!(held, [0, 1, 2, 3].map(|other| other != at));
        }
        let unlike = Footprint { durability: Durability::Unknown, ..taken(OURS, 40.0, 9 << 10, 900, 40) };
        assert!(verdicts(unlike).is_empty(), "another label");
        let later = Footprint { round: 1, ..taken(OURS, 40.0, 9 << 10, 900, 40) };
        assert!(verdicts(later).is_empty(), "another round");
    }
}
