//! What all decoders together came to.

use std::fmt;

use super::figures::{Figures, Finding};
use super::target::Target;

/// A packet type that was decoded less often was not proved.
const DECODED_MIN: u64 = 1_000;

/// The figures of every decoder.
#[derive(Debug, Default)]
pub struct Verdict {
    /// One for each decoder, in the order in which they were run.
    pub figures: Vec<Figures>,
    /// Decoders of packets that were too rarely successful.
    pub rare: Vec<String>,
}

impl Verdict {
    /// Takes what came of one decoder.
    pub fn add(&mut self, target: &Target, figures: Figures) {
        if target.is_packet && figures.decoded < DECODED_MIN {
            self.rare.push(format!("{} was decoded {} times only", figures.target, figures.decoded));
        }
        if figures.decoded == 0 {
            self.rare.push(format!("{} was never decoded", figures.target));
        }
        self.figures.push(figures);
    }

    /// Whether nothing was found and everything was decoded often enough.
    pub fn held(&self) -> bool {
        self.rare.is_empty() && self.findings().next().is_none()
    }

    /// Everything that was wrong.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.figures.iter().flat_map(|figures| &figures.findings)
    }

    /// How often something of this kind was found.
    pub fn count(&self, kind: &str) -> usize {
        self.findings().filter(|finding| finding.kind == kind).count()
    }

    fn largest(&self, key: impl Fn(&Figures) -> u64) -> Option<&Figures> {
        self.figures.iter().max_by_key(|figures| key(figures))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packets = self.figures.iter().filter(|figures| figures.target.starts_with("packet "));
        let inputs: u64 = self.figures.iter().map(|figures| figures.inputs).sum();
        let decoded: u64 = self.figures.iter().map(|figures| figures.decoded).sum();
        write!(out, "{} decoders, {inputs} inputs, {decoded} decoded", self.figures.len())?;
        if let Some(least) = packets.min_by_key(|figures| figures.decoded) {
            write!(out, "; rarest: {} ({} times)", least.target, least.decoded)?;
        }
        if let Some(most) = self.largest(|figures| figures.peak_share) {
            write!(out, "; most memory: {} ({} % of what is allowed)", most.target, most.peak_share / 10)?;
        }
        let kinds = ["panic", "hang", "memory", "unstable"];
        kinds.iter().try_for_each(|kind| write!(out, "; {kind} {}", self.count(kind)))
    }
}
