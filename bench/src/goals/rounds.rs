//! Goals that are judged from compared rounds: RingMQ beside the floor, and beside peers with the same label, in the same rounds.
//!
//! Takes [`Results`], gives verdicts. What the results do not hold is not judged: a missing control is no success (`parts` says what is missing).

use super::artemis;
use super::figures::note;
use super::verdict::{Bound, Verdict};
use crate::result::schema::{Durability, Parameters, Results, Round};
use crate::result::series::{self, Ratio, Series};

/// The name of the product in results.
pub const OURS: &str = "ringmq";
/// The name of the control in results.
pub const FLOOR: &str = "floor";
/// The name of the broker that RingMQ is a replacement for.
pub const ARTEMIS: &str = "artemis";

/// Bytes of the body that goals are measured with.
const SIZE: u32 = 1024;

/// A load of the goals: senders, messages in flight, consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    connections: u32,
    window: u32,
    consumers: u32,
}

const ONE: Shape = Shape { connections: 1, window: 1, consumers: 0 };
const PIPELINED: Shape = Shape { connections: 1, window: 64, consumers: 0 };
const MANY: Shape = Shape { connections: 64, window: 1, consumers: 0 };
const THROUGH: Shape = Shape { connections: 1, window: 64, consumers: 1 };

impl Shape {
    fn is(self, load: &Parameters) -> bool {
        let Self { connections, window, consumers } = self;
        let plain = load.rate.is_none() && load.transaction.is_none() && load.depth == 0 && load.idle_connections == 0;
        (load.connections, load.window, load.consumers) == (connections, window, consumers)
            && (load.size, load.queues) == (SIZE, 1)
            && plain
    }
}

/// All that can be judged from these rounds.
pub fn judge(results: &Results) -> Vec<Verdict> {
    let rounds = Rounds { all: series::all(results) };
    let mut verdicts = Vec::new();
    verdicts.extend(rounds.against_floor("P01", "send p50", "us", ONE, p50, Bound::AtMost(1.15), Bound::AtMost(0.95)));
    verdicts.extend(rounds.against_floor(
        "P03",
        "rate",
        "/s",
        PIPELINED,
        rate,
        Bound::AtLeast(0.8),
        Bound::AtLeast(1.0),
    ));
    verdicts.extend(rounds.best_peer());
    verdicts.extend(rounds.against_floor("P04", "rate", "/s", MANY, rate, Bound::AtLeast(0.9), Bound::AtLeast(1.3)));
    verdicts.extend(rounds.against_floor(
        "P05",
        "processor",
        "us",
        PIPELINED,
        cost,
        Bound::AtMost(2.5),
        Bound::AtMost(1.5),
    ));
    verdicts.extend(rounds.end_to_end());
    verdicts.extend(rounds.system_calls("window 1", ONE, 3.0, 2.0));
    verdicts.extend(rounds.system_calls("window 64", PIPELINED, 0.15, 0.05));
    verdicts.extend(rounds.artemis());
    verdicts.extend(artemis::judge(&results.footprints));
    verdicts
}

/// One figure of a round, if it has it.
type Figure = fn(&Round) -> Option<f64>;

#[allow(clippy::unnecessary_wraps, reason = "a figure is one that may be missing")]
fn rate(round: &Round) -> Option<f64> {
    Some(round.figures.rate())
}

#[allow(clippy::unnecessary_wraps, reason = "a figure is one that may be missing")]
fn delivered(round: &Round) -> Option<f64> {
    let figures = &round.figures;
    (figures.seconds > 0.0).then(|| figures.delivered as f64 / figures.seconds)
}

fn p50(round: &Round) -> Option<f64> {
    round.figures.ack.p50
}

fn p99(round: &Round) -> Option<f64> {
    round.figures.ack.p99
}

fn cost(round: &Round) -> Option<f64> {
    round.figures.target_us_per_message()
}

fn calls(round: &Round) -> Option<f64> {
    round.figures.per_message(round.figures.target_system_calls?)
}

struct Rounds<'a> {
    all: Vec<Series<'a>>,
}

impl<'a> Rounds<'a> {
    fn find(&self, target: &str, shape: Shape) -> Option<&Series<'a>> {
        self.all.iter().find(|series| series.target == target && shape.is(&series.key.parameters))
    }

    #[allow(clippy::too_many_arguments, reason = "a row of a table")]
    fn against_floor(
        &self,
        id: &str,
        what: &str,
        unit: &str,
        shape: Shape,
        of: Figure,
        gate: Bound,
        moonshot: Bound,
    ) -> Option<Verdict> {
        let ratio = series::ratio(self.find(OURS, shape)?, self.find(FLOOR, shape)?, of)?;
        Some(verdict(id, format!("{what} against the floor"), unit, ratio, gate, Some(moonshot)))
    }

    /// P03 against the best peer that promises as much.
    fn best_peer(&self) -> Option<Verdict> {
        let ours = self.find(OURS, PIPELINED)?;
        let is_peer = |series: &&Series<'a>| {
            let label = series.rounds.first().map(|round| &round.durability);
            ![OURS, FLOOR].contains(&series.target)
                && PIPELINED.is(&series.key.parameters)
                && label == Some(&Durability::Local)
        };
        let ratios = self.all.iter().filter(is_peer).filter_map(|peer| Some((peer, series::ratio(ours, peer, rate)?)));
        let (peer, ratio) = ratios.max_by(|one, other| one.1.control.total_cmp(&other.1.control))?;
        let what = format!("rate against the best peer, {}", peer.target);
        Some(verdict("P03", what, "/s", ratio, Bound::AtLeast(4.0), None))
    }

    /// P08: what goes through the queue against what goes into it, both of RingMQ, in the same rounds.
    fn end_to_end(&self) -> Option<Verdict> {
        let (through, sent) = (self.find(OURS, THROUGH)?, self.find(OURS, PIPELINED)?);
        // Delivered against sent: two figures, so each round is asked for the one that it has.
        let of = |round: &Round| if round.parameters.consumers > 0 { delivered(round) } else { rate(round) };
        let ratio = series::ratio(through, sent, of)?;
        let (gate, moonshot) = (Bound::AtLeast(0.5), Bound::AtLeast(0.7));
        Some(verdict("P08", "rate through the queue against sends alone".to_owned(), "/s", ratio, gate, Some(moonshot)))
    }

    fn system_calls(&self, what: &str, shape: Shape, gate: f64, moonshot: f64) -> Option<Verdict> {
        let counted = self.find(OURS, shape)?.figures(calls)?;
        Some(Verdict {
            id: "P24".to_owned(),
            what: format!("system calls for a message, {what}"),
            value: counted.median,
            unit: "calls".to_owned(),
            limit: None,
            ratio: counted.median,
            gate: Bound::AtMost(gate),
            moonshot: Some(Bound::AtMost(moonshot)),
            note: note(counted, 0),
        })
    }

    /// P30: throughput, latency and processor time with the same generator, only beside an Artemis that promises as much; `artemis` has the rest.
    fn artemis(&self) -> Vec<Verdict> {
        let rows: [(&str, &str, Shape, Figure, Bound, Bound); 5] = [
            ("rate 1 x 64", "/s", PIPELINED, rate, Bound::AtLeast(4.5), Bound::AtLeast(6.3)),
            ("rate 64 x 1", "/s", MANY, rate, Bound::AtLeast(2.2), Bound::AtLeast(3.5)),
            ("p50 1 x 1", "us", ONE, p50, Bound::AtMost(0.55), Bound::AtMost(0.4)),
            ("p99 1 x 1", "us", ONE, p99, Bound::AtMost(0.4), Bound::AtMost(0.2)),
            ("processor 1 x 64", "us", PIPELINED, cost, Bound::AtMost(1.0 / 6.0), Bound::AtMost(1.0 / 14.0)),
        ];
        let judged = rows.into_iter().filter_map(|(what, unit, shape, of, gate, moonshot)| {
            let (ours, theirs) = (self.find(OURS, shape)?, self.find(ARTEMIS, shape)?);
            let label = |series: &Series<'_>| series.rounds.first().map(|round| round.durability.clone());
            let ratio = series::ratio(ours, theirs, of).filter(|_| label(ours) == label(theirs))?;
            Some(verdict("P30", format!("{what} against Artemis"), unit, ratio, gate, Some(moonshot)))
        });
        judged.collect()
    }
}

pub(super) fn verdict(
    id: &str,
    what: String,
    unit: &str,
    ratio: Ratio,
    gate: Bound,
    moonshot: Option<Bound>,
) -> Verdict {
    Verdict {
        id: id.to_owned(),
        what,
        value: ratio.value,
        unit: unit.to_owned(),
        limit: Some(ratio.control),
        ratio: ratio.ratio.median,
        gate,
        moonshot,
        note: note(ratio.ratio, ratio.left_out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::latency::Summary;
    use crate::result::schema::Figures;

    fn round(target: &str, shape: Shape, messages: u64, p50: f64) -> Round {
        let Shape { connections, window, consumers } = shape;
        Round {
            target: target.to_owned(),
            durability: Durability::Local,
            parameters: Parameters { connections, window, consumers, size: SIZE, queues: 1, ..Parameters::default() },
            figures: Figures {
                messages,
                delivered: if consumers > 0 { messages / 2 } else { 0 },
                seconds: 1.0,
                ack: Summary { n: 100, p50: Some(p50), ..Summary::default() },
                ..Figures::default()
            },
            ..Round::default()
        }
    }

    fn found<'v>(verdicts: &'v [Verdict], id: &str, what: &str) -> &'v Verdict {
        verdicts.iter().find(|verdict| verdict.id == id && verdict.what.contains(what)).unwrap()
    }

    #[test]
    fn a_goal_is_judged_against_its_control() {
        let rounds = vec![
            round(OURS, ONE, 1000, 110.0),
            round(FLOOR, ONE, 1000, 100.0),
            round(OURS, PIPELINED, 90_000, 1.0),
            round(FLOOR, PIPELINED, 100_000, 1.0),
            round(ARTEMIS, PIPELINED, 25_000, 1.0),
            round("slow", PIPELINED, 1_000, 1.0),
            round(OURS, THROUGH, 80_000, 1.0),
        ];
        let verdicts = judge(&Results { rounds, ..Results::default() });
        assert!(found(&verdicts, "P01", "floor").holds());
        assert!(found(&verdicts, "P03", "floor").holds());
        let peer = found(&verdicts, "P03", "best peer");
        assert!(peer.what.contains("artemis") && !peer.holds(), "{peer}");
        assert!(!found(&verdicts, "P08", "through").holds(), "40,000 of 90,000");
        assert!(!found(&verdicts, "P30", "rate 1 x 64").holds());
    }

    #[test]
    fn without_its_control_a_goal_is_not_judged() {
        let rounds = vec![round(OURS, ONE, 1000, 1.0), round(OURS, MANY, 1000, 1.0)];
        assert!(judge(&Results { rounds, ..Results::default() }).is_empty());
    }

    #[test]
    fn a_hasty_peer_is_no_measure() {
        let mut hasty = round("hasty", PIPELINED, 1_000_000, 1.0);
        hasty.durability = Durability::NotDurable;
        let rounds = vec![round(OURS, PIPELINED, 1000, 1.0), hasty];
        assert!(judge(&Results { rounds, ..Results::default() }).is_empty());
    }
}
