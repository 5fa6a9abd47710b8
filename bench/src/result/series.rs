//! Rounds put together: the same target under the same load, and two targets round by round.
//!
//! Must stay true: a ratio is made within a round, never between rounds; a round whose control was disturbed is left out, and how many were is told.

use super::schema::{Parameters, Results, Round};

/// A round whose control is so many times off the median of all its controls was disturbed.
const DISTURBED: f64 = 1.5;

/// What makes rounds comparable.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The scenario.
    pub scenario: String,
    /// Its numbers.
    pub parameters: Parameters,
}

impl Key {
    fn of(round: &Round) -> Self {
        Self { scenario: round.scenario.clone(), parameters: round.parameters.clone() }
    }
}

/// All rounds of one target under one load.
#[derive(Clone, Debug)]
pub struct Series<'a> {
    /// The target.
    pub target: &'a str,
    /// The load.
    pub key: Key,
    /// In the order in which they ran.
    pub rounds: Vec<&'a Round>,
}

/// The rounds of a result by target and load, in the order of their first round.
pub fn all(results: &Results) -> Vec<Series<'_>> {
    let mut all: Vec<Series<'_>> = Vec::new();
    for round in &results.rounds {
        let key = Key::of(round);
        match all.iter_mut().find(|series| series.target == round.target && series.key == key) {
            Some(series) => series.rounds.push(round),
            None => all.push(Series { target: &round.target, key, rounds: vec![round] }),
        }
    }
    all
}

/// The middle, and how far the others were from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// How many values.
    pub n: usize,
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

/// Of these values; none of none. Values that are no number are left out.
pub fn spread(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
    let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let (low, high) = (sorted.get(n.checked_sub(1)? / 2)?, sorted.get(n / 2)?);
    Some(Spread { n, median: f64::midpoint(*low, *high), min: *sorted.first()?, max: *sorted.last()? })
}

impl Series<'_> {
    /// One figure of all rounds that have it.
    pub fn figures(&self, of: impl Fn(&Round) -> Option<f64>) -> Option<Spread> {
        spread(self.rounds.iter().filter_map(|round| of(round)))
    }
}

/// Two series round by round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The ratios of the rounds that count.
    pub ratio: Spread,
    /// The median of the first's figure in them.
    pub value: f64,
    /// The median of the control's.
    pub control: f64,
    /// Rounds that were left out because their control was disturbed.
    pub left_out: usize,
}

/// One figure of `ours` over the same of `control`, in rounds of the same number. None where no round has both.
pub fn ratio(ours: &Series<'_>, control: &Series<'_>, of: impl Fn(&Round) -> Option<f64>) -> Option<Ratio> {
    let partner = |number: u32| control.rounds.iter().find(|round| round.round == number);
    let pairs: Vec<(f64, f64)> =
        ours.rounds.iter().filter_map(|round| Some((of(round)?, of(partner(round.round)?)?))).collect();
    paired(pairs)
}

/// A figure and that of its control, as pairs of the same round. None where no round has both.
pub fn paired(pairs: Vec<(f64, f64)>) -> Option<Ratio> {
    let pairs: Vec<(f64, f64)> =
        pairs.into_iter().filter(|(value, control)| value.is_finite() && *control > 0.0).collect();
    let usual = spread(pairs.iter().map(|(_, control)| *control))?.median;
    let is_quiet = |control: f64| control <= usual * DISTURBED && control >= usual / DISTURBED;
    let quiet: Vec<(f64, f64)> = pairs.iter().copied().filter(|(_, control)| is_quiet(*control)).collect();
    Some(Ratio {
        ratio: spread(quiet.iter().map(|(value, control)| value / control))?,
        value: spread(quiet.iter().map(|(value, _)| *value))?.median,
        control: spread(quiet.iter().map(|(_, control)| *control))?.median,
        left_out: pairs.len() - quiet.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::schema::Figures;

    fn round(target: &str, number: u32, messages: u64) -> Round {
        let figures = Figures { messages, seconds: 1.0, ..Figures::default() };
        Round { target: target.to_owned(), round: number, figures, ..Round::default() }
    }

    fn rate(round: &Round) -> Option<f64> {
        Some(round.figures.rate())
    }

    #[test]
    fn the_median_of_few_and_of_none() {
        assert_eq!(spread([]), None);
        assert_eq!(spread([f64::NAN]), None);
        assert_eq!(spread([3.0]).unwrap().median, 3.0);
        let four = spread([4.0, 1.0, 3.0, 100.0]).unwrap();
        assert_eq!((four.n, four.median, four.min, four.max), (4, 3.5, 1.0, 100.0));
    }

    #[test]
    fn ratios_are_those_of_each_round() {
        // The machine is twice as fast in the second round: the ratio does not see it.
        let rounds = vec![round("a", 0, 50), round("b", 0, 100), round("b", 1, 140), round("a", 1, 70)];
        let results = Results { rounds, ..Results::default() };
        let series = all(&results);
        let found = ratio(&series[0], &series[1], rate).unwrap();
        assert_eq!((found.ratio.median, found.ratio.min, found.ratio.max, found.left_out), (0.5, 0.5, 0.5, 0));
    }

    #[test]
    fn a_round_with_a_disturbed_control_is_left_out_and_told() {
        let mut rounds: Vec<Round> = (0..3).flat_map(|at| [round("a", at, 50), round("b", at, 100)]).collect();
        rounds.extend([round("a", 3, 50), round("b", 3, 10)]);
        let results = Results { rounds, ..Results::default() };
        let series = all(&results);
        let found = ratio(&series[0], &series[1], rate).unwrap();
        assert_eq!((found.ratio.n, found.ratio.max, found.left_out), (3, 0.5, 1));
    }

    #[test]
    fn without_a_common_round_there_is_no_ratio() {
        let results = Results { rounds: vec![round("a", 0, 1), round("b", 1, 1)], ..Results::default() };
        let series = all(&results);
        assert_eq!(ratio(&series[0], &series[1], rate), None);
    }
}
