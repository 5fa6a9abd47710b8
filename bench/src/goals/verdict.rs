//! What came of a goal.

use serde::{Deserialize, Serialize};

/// What a value must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Bound {
    /// At most so much.
    AtMost(f64),
    /// At least so much.
    AtLeast(f64),
}

impl Bound {
    /// Does the value keep to it?
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(bound) => write!(out, "<= {}", short(*bound)),
            Self::AtLeast(bound) => write!(out, ">= {}", short(*bound)),
        }
    }
}

/// One judged figure of a goal: a goal may have several, and all must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The goal, such as `P06`.
    pub id: String,
    /// Which figure of it.
    pub what: String,
    /// What was measured.
    pub value: f64,
    /// Its unit, and that of the limit.
    pub unit: String,
    /// The control or the physical limit, in the same unit, measured in the same run; none where a count is judged by itself.
    pub limit: Option<f64>,
    /// What is judged: the value over the limit, or the value itself.
    pub ratio: f64,
    /// What the ratio must keep to.
    pub gate: Bound,
    /// What it is meant to reach one day.
    pub moonshot: Option<Bound>,
    /// How it was measured: rounds, spread, what was left out.
    pub note: String,
}

impl Verdict {
    /// Did it hold?
    pub fn holds(&self) -> bool {
        self.gate.holds(self.ratio)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, what, value, unit, limit, ratio, gate, moonshot, note } = self;
        write!(out, "{id} {what}: {} {unit}", short(*value))?;
        if let Some(limit) = limit {
            write!(out, ", limit {} {unit}, ratio {}", short(*limit), short(*ratio))?;
        }
        write!(out, ", gate {gate}")?;
        if let Some(moonshot) = moonshot {
            write!(out, ", moonshot {moonshot}")?;
        }
        write!(out, ": {}", if self.holds() { "holds" } else { "MISSED" })?;
        if note.is_empty() { Ok(()) } else { write!(out, " ({note})") }
    }
}

/// Three digits that count, without noise behind them.
fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else if size >= 0.1 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(ratio: f64) -> Verdict {
        Verdict {
            id: "P01".to_owned(),
            what: "durable send p50".to_owned(),
            value: 230.0 * ratio,
            unit: "us".to_owned(),
            limit: Some(230.0),
            ratio,
            gate: Bound::AtMost(1.15),
            moonshot: Some(Bound::AtMost(0.95)),
            note: String::new(),
        }
    }

    #[test]
    fn a_gate_is_kept_up_to_its_border() {
        assert!(verdict(1.15).holds());
        assert!(!verdict(1.16).holds());
        assert!(Bound::AtLeast(0.8).holds(0.8) && !Bound::AtLeast(0.8).holds(0.79));
    }

    #[test]
    fn a_line_says_all_of_it() {
        assert_eq!(
            verdict(1.1).to_string(),
            "P01 durable send p50: 253 us, limit 230 us, ratio 1.10, gate <= 1.15, moonshot <= 0.95: holds"
        );
        assert!(verdict(f64::NAN).to_string().ends_with("MISSED"), "what is no number holds nothing");
    }
}
