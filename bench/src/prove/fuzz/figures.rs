//! What came of a range of inputs, in a form that survives a line of the progress.

use std::fmt;

/// What was wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `panic`, `hang`, `memory` or `unstable`.
    pub kind: String,
    /// The decoder.
    pub target: String,
    /// The input's number.
    pub number: u64,
    /// What happened, and the beginning of the input.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} in {}, input {}: {}", self.kind, self.target, self.number, self.detail)
    }
}

/// What came of one range of one decoder's inputs, or of several of them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The decoder.
    pub target: String,
    /// Inputs.
    pub inputs: u64,
    /// How many of them were decoded; the others were refused.
    pub decoded: u64,
    /// The most memory of one input, in bytes.
    pub peak_bytes: u64,
    /// The most of the allowed memory that an input took, in thousandths.
    pub peak_share: u64,
    /// What was wrong.
    pub findings: Vec<Finding>,
}

impl Figures {
    /// Nothing yet.
    pub fn of(target: &str) -> Self {
        Self { target: target.to_owned(), ..Self::default() }
    }

    /// Adds what came of another range of the same decoder.
    pub fn merge(&mut self, other: Self) {
        self.inputs += other.inputs;
        self.decoded += other.decoded;
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
        self.peak_share = self.peak_share.max(other.peak_share);
        self.findings.extend(other.findings);
    }

    /// As a line of the progress. Ranges with findings are not kept: they are run again.
    pub fn to_line(&self) -> String {
        let Self { target, inputs, decoded, peak_bytes, peak_share, .. } = self;
        format!("{target}\t{inputs}\t{decoded}\t{peak_bytes}\t{peak_share}")
    }

    /// From a line of the progress.
    pub fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split('\t');
        let target = words.next()?.to_owned();
        let mut number = || words.next()?.parse().ok();
        let (inputs, decoded, peak_bytes, peak_share) = (number()?, number()?, number()?, number()?);
        Some(Self { target, inputs, decoded, peak_bytes, peak_share, findings: Vec::new() })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, inputs, decoded, peak_bytes, peak_share, findings } = self;
        let share = peak_share / 10;
        write!(
            out,
            "{target}: {inputs} inputs, {decoded} decoded, at most {peak_bytes} bytes ({share} % of what is allowed)"
        )?;
        if findings.is_empty() { Ok(()) } else { write!(out, ", {} findings", findings.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_survive_a_line() {
        let figures = Figures {
            target: "packet SESS_SEND".to_owned(),
            inputs: 1,
            decoded: 2,
            peak_bytes: 3,
            peak_share: 4,
            findings: Vec::new(),
        };
        assert_eq!(Figures::from_line(&figures.to_line()), Some(figures));
        assert_eq!(Figures::from_line("frames\t1\t2\t3"), None);
    }
}
