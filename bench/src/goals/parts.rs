//! Goals of several figures: which are missing, so that none holds by what was not measured.

use super::rounds::ARTEMIS;
use super::verdict::Verdict;
use crate::result::schema::{Durability, Results};

/// What each goal of several figures is judged by, as its verdicts begin.
const PARTS: [(&str, &[&str]); 3] = [
    ("P03", &["rate against the floor", "rate against the best peer"]),
    ("P24", &["system calls for a message, window 1", "system calls for a message, window 64"]),
    (
        "P30",
        &[
            "rate 1 x 64",
            "rate 64 x 1",
            "p50 1 x 1",
            "p99 1 x 1",
            "processor 1 x 64",
            "start to the first durable ack",
            "memory idle",
            "memory of a connection",
            "memory of a message that waits",
        ],
    ),
];

/// The goals among these verdicts' that lack figures: which, and why if it is known. What is not there at all is none of them.
pub fn missing(results: &Results, verdicts: &[Verdict]) -> Vec<(String, String)> {
    let lacks =
        |id: &str, part: &str| !verdicts.iter().any(|verdict| verdict.id == id && verdict.what.starts_with(part));
    let of = |(id, parts): &(&str, &[&str])| {
        let lacking: Vec<&str> = parts.iter().copied().filter(|part| lacks(id, part)).collect();
        (!lacking.is_empty())
            .then(|| ((*id).to_owned(), format!("not measured: {}{}", lacking.join(", "), why(results, id))))
    };
    PARTS.iter().filter_map(of).collect()
}

/// What is known of a goal's peers that were not measured or have no label: one of them does for P03, Artemis alone for P30.
fn why(results: &Results, id: &str) -> String {
    let others = ["nats", "rabbitmq", "activemq"];
    let counts = |what: &str| id != "P30" || !others.contains(&what);
    let skipped = results.skipped.iter().filter(|(what, _)| counts(what));
    let mut text: String = skipped.map(|(what, why)| format!("; {what}: {why}")).collect();
    let durability = results.rounds.iter().find(|round| round.target == ARTEMIS).map(|round| &round.durability);
    if durability == Some(&Durability::Unknown) {
        text += "; artemis has no durability label: run `bench audit artemis`";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goals::rounds::{OURS, judge};
    use crate::result::schema::{Figures, Parameters, Round};

    #[test]
    fn a_goal_does_not_hold_by_what_was_not_measured() {
        let round = |target: &str, messages| Round {
            target: target.to_owned(),
            parameters: Parameters { connections: 1, window: 64, size: 1024, queues: 1, ..Parameters::default() },
            durability: Durability::Local,
            figures: Figures { messages, seconds: 1.0, ..Figures::default() },
            ..Round::default()
        };
        let rounds = vec![round(OURS, 1000), round(ARTEMIS, 100)];
        let skip = |what: &str, why: &str| (what.to_owned(), why.to_owned());
        let skipped = vec![skip(ARTEMIS, "start and memory: no memory"), skip("nats", "not installed")];
        let results = Results { rounds, skipped, ..Results::default() };
        let verdicts = judge(&results);
        assert!(verdicts.iter().filter(|verdict| verdict.id == "P30").all(Verdict::holds));
        let missing = missing(&results, &verdicts);
        let of = |id: &str| missing.iter().find(|(missing, _)| missing == id).map(|(_, why)| why.as_str()).unwrap();
        assert!(of("P30").contains("memory idle") && of("P30").contains("no memory"), "{missing:?}");
        assert!(!of("P30").contains("rate 1 x 64") && !of("P30").contains("nats"), "{missing:?}");
        assert!(of("P03").contains("nats: not installed"), "{missing:?}");
        assert!(of("P03").contains("against the floor") && !of("P03").contains("best peer"), "{missing:?}");
    }
}
