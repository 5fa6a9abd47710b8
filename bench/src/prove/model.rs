//! The long run of the model of a pair: its variants within large bounds, and what must be caught first.

use std::fmt;

use ha_model::{Expect, Limits, Look, Outcome, Progress, Size, Variant, Walks, variants};

use super::parts;

/// Steps of a random walk.
const STEPS_MAX: usize = 300;

/// Those in which all rules are kept, in the order of the parts.
#[must_use]
pub fn proved() -> Vec<Variant> {
    variants().into_iter().filter(|variant| variant.expects == Expect::Holds).collect()
}

/// How far to go.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// So many states a variant may have.
    pub states_max: usize,
    /// Random walks through a variant that has more.
    pub walks: u64,
    /// Decides them.
    pub seed: u64,
    /// Threads that look at states.
    pub threads: usize,
}

/// How the look at a variant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Held,
    /// Nothing was wrong in what was seen, and there is more than may be looked at.
    NotFinished,
    Broken,
}

impl End {
    const ALL: [Self; 3] = [Self::Broken, Self::Held, Self::NotFinished];

    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Holds { .. } => Self::Held,
            Outcome::TooMany { .. } => Self::NotFinished,
            Outcome::Broken { .. } => Self::Broken,
        }
    }

    fn number(self) -> u64 {
        Self::ALL.iter().zip(0..).find(|(end, _)| **end == self).map_or(0, |(_, number)| number)
    }
}

/// What came of one variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    /// Its place in [`proved`].
    variant: u64,
    states: u64,
    walked: u64,
    end: End,
}

/// What came of variants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures(Vec<Shown>);

impl Figures {
    /// Looks at one variant.
    ///
    /// # Errors
    ///
    /// There is none of that number, or it does not come about.
    pub fn of(number: u32, extent: Extent) -> Result<Self, String> {
        let all = proved();
        let variant = all.get(number as usize).ok_or("no such variant")?;
        let (states, walked, end);
        match variant.look {
            Look::States => {
                let limits = Limits { states_max: extent.states_max, threads: extent.threads };
                let outcome = variant.run(Size::Large, limits, &mut |progress| told(variant, progress))?;
                (states, walked, end) = (outcome.states() as u64, 0, End::of(&outcome));
                println!("{}: {}", variant.name, in_words(&outcome));
            }
            Look::Walks | Look::Way(_) => {
                let walks = Walks { seed: extent.seed, count: extent.walks, steps_max: STEPS_MAX };
                let outcome = variant.walk(Size::Large, walks)?;
                end = if outcome.trace.is_none() { End::Held } else { End::Broken };
                (states, walked) = (0, outcome.steps);
                let found = outcome.trace.map(|trace| format!("; FOUND:\n{trace}")).unwrap_or_default();
                println!("{}: {walked} steps of {} walks{found}", variant.name, extent.walks);
            }
        }
        Ok(Self(vec![Shown { variant: u64::from(number), states, walked, end }]))
    }

    /// Whether all held.
    #[must_use]
    pub fn held(&self) -> bool {
        self.0.iter().all(|shown| shown.end == End::Held)
    }

    /// Those that did not hold, in words.
    #[must_use]
    pub fn verdict(&self) -> String {
        let all = proved();
        let name = |shown: &Shown| all.get(usize::try_from(shown.variant).ok()?).map(|variant| variant.name);
        let wrong = |shown: &Shown| match shown.end {
            End::Held => None,
            End::NotFinished => name(shown).map(|name| format!("{name} not finished")),
            End::Broken => name(shown).map(|name| format!("{name} broken")),
        };
        let wrong: Vec<String> = self.0.iter().filter_map(wrong).collect();
        if wrong.is_empty() { format!("{} variants", self.0.len()) } else { wrong.join(", ") }
    }
}

fn told(variant: &Variant, progress: Progress) {
    let Progress { states, depth, width } = progress;
    eprintln!("{}: {states} states, {depth} steps deep, {width} at that depth", variant.name);
}

fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Holds { states, depth } => format!("holds in all {states} states, {depth} steps deep"),
        Outcome::TooMany { states, depth } => format!("NOT FINISHED: more than {states} states, {depth} steps deep"),
        Outcome::Broken { states, trace } => format!("FOUND, after {states} states:\n{trace}"),
    }
}

impl parts::Figures for Figures {
    fn numbers(&self) -> Vec<u64> {
        self.0.iter().flat_map(|shown| [shown.variant, shown.states, shown.walked, shown.end.number()]).collect()
    }

    fn from_numbers(numbers: &[u64]) -> Option<Self> {
        let one = |numbers: &[u64]| {
            let [variant, states, walked, end] = numbers.try_into().ok()?;
            let end = *End::ALL.get(usize::try_from(end).ok()?)?;
            Some(Shown { variant, states, walked, end })
        };
        numbers.chunks(4).map(one).collect::<Option<_>>().map(Self)
    }

    fn merge(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |of: fn(&Shown) -> u64| self.0.iter().map(of).sum::<u64>();
        let (states, walked) = (sum(|shown| shown.states), sum(|shown| shown.walked));
        write!(out, "{} variants, {states} states, {walked} steps of random walks", self.0.len())?;
        let all = proved();
        for shown in &self.0 {
            let Some(variant) = usize::try_from(shown.variant).ok().and_then(|number| all.get(number)) else {
                continue;
            };
            match variant.look {
                Look::States => write!(out, "; {} {} states", variant.name, shown.states)?,
                Look::Walks | Look::Way(_) => write!(out, "; {} {} steps", variant.name, shown.walked)?,
            }
        }
        Ok(())
    }
}

/// Whatever lacks a rule must be caught, and the limits of the rules be seen.
///
/// # Errors
///
/// What was not, by name.
pub fn controls() -> Result<String, String> {
    let (mut caught, mut missed) = (Vec::new(), Vec::new());
    let mut judge = |name: &str, steps: Option<usize>| match steps {
        Some(steps) => caught.push(format!("{name} ({steps} steps)")),
        None => missed.push(name.to_owned()),
    };
    for variant in variants().into_iter().filter(|variant| variant.expects != Expect::Holds) {
        judge(variant.name, variant.find(Size::Small)?.map(|trace| trace.steps.len()));
    }
    if missed.is_empty() { Ok(format!("caught: {}", caught.join(", "))) } else { Err(missed.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prove::parts::Figures as _;

    #[test]
    fn figures_survive_a_line() {
        let shown = |variant, end| Shown { variant, states: 7, walked: 3, end };
        let mut figures = Figures(vec![shown(0, End::Held)]);
        assert!(figures.held());
        assert_eq!(Figures::from_line(&figures.to_line()), Some(figures.clone()));
        figures.merge(&Figures(vec![shown(1, End::NotFinished)]));
        assert!(!figures.held());
        assert_eq!(figures.verdict(), format!("{} not finished", proved()[1].name));
        assert_eq!(Figures::from_line(&figures.to_line()), Some(figures));
        assert_eq!(Figures::from_line("1\t2"), None);
        assert_eq!(Figures::from_line("1\t2\t3\t4"), None);
    }

    #[test]
    fn a_variant_with_too_many_states_is_not_proved() {
        let extent = Extent { states_max: 10, walks: 1, seed: 1, threads: 1 };
        let number = proved().iter().position(|variant| variant.name == "tail").unwrap();
        assert!(!Figures::of(u32::try_from(number).unwrap(), extent).unwrap().held());
    }

    #[test]
    fn a_small_variant_is_looked_at_whole() {
        let extent = Extent { states_max: 100_000, walks: 1, seed: 1, threads: 1 };
        let number = proved().iter().position(|variant| variant.name == "longer-tails").unwrap();
        let figures = Figures::of(u32::try_from(number).unwrap(), extent).unwrap();
        assert!(figures.held() && figures.to_string().contains("longer-tails"), "{figures}");
    }
}
