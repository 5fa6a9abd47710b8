//! Parts of a proof: each gives figures, which survive a line of the progress and are added up.
//!
//! Takes what to do for the part of a number, gives the sum over all. Must stay true: a part counts once, whether it was done now or by
//! an earlier run, and the lines of the progress are those of the first parts, in order, however many run at a time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use ringmq::testing::oracle::{Findings, Kind};

use super::progress::Progress;

/// What came of a part: numbers.
pub trait Figures: Default + Send {
    /// All of them, always in the same order and as many.
    fn numbers(&self) -> Vec<u64>;

    /// From such numbers; nothing if they are others.
    fn from_numbers(numbers: &[u64]) -> Option<Self>;

    /// Adds those of another part.
    fn merge(&mut self, other: &Self);

    /// One line of the progress. The words of findings stay behind, their numbers do not.
    fn to_line(&self) -> String {
        self.numbers().iter().map(u64::to_string).collect::<Vec<_>>().join("\t")
    }

    /// Reads such a line; nothing if it is another.
    fn from_line(line: &str) -> Option<Self> {
        let numbers: Vec<u64> = line.split('\t').map(str::parse).collect::<Result<_, _>>().ok()?;
        Self::from_numbers(&numbers)
    }
}

/// How many findings there are of each kind.
pub fn counts_of(findings: &Findings) -> impl Iterator<Item = u64> {
    Kind::ALL.into_iter().map(|kind| findings.of(kind))
}

/// Findings of so many of each kind, without words; nothing if there are more or fewer kinds.
pub fn findings_of(counts: &[u64]) -> Option<Findings> {
    let mut findings = Findings::default();
    if counts.len() != Kind::ALL.len() {
        return None;
    }
    Kind::ALL.into_iter().zip(counts).for_each(|(kind, count)| findings.count(kind, *count));
    Some(findings)
}

/// Runs the parts of all numbers below `count` that were not done before, `threads` at a time; `told` hears the sum after each.
///
/// Ends at the first part that cannot be done, with its error; those that were under way are waited for, and not lost if they come next.
pub fn run<F: Figures>(
    progress: &mut Progress,
    count: u32,
    threads: u32,
    part: &(dyn Fn(u32) -> Result<F, String> + Sync),
    told: &mut dyn FnMut(&F),
) -> Result<F, String> {
    let mut all = F::default();
    for line in progress.done() {
        let figures = F::from_line(line).ok_or_else(|| format!("a line of the progress cannot be read: {line}"))?;
        all.merge(&figures);
    }
    let done = u32::try_from(progress.done().len()).unwrap_or(count);
    if done > 0 {
        eprintln!("{done} of {count} parts were done before");
        told(&all);
    }
    let (next, (sender, came)) = (AtomicU32::new(done), mpsc::channel());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count || sender.send((number, part(number))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let kept = keep(progress, done, &came, &mut all, told);
        if kept.is_err() {
            next.store(count, Ordering::Relaxed);
        }
        kept
    })?;
    if progress.done().len() < count as usize {
        return Err("a part panicked".to_owned());
    }
    Ok(all)
}

/// Writes down what came, in order, until nobody sends any more.
fn keep<F: Figures>(
    progress: &mut Progress,
    first: u32,
    came: &mpsc::Receiver<(u32, Result<F, String>)>,
    all: &mut F,
    told: &mut dyn FnMut(&F),
) -> Result<(), String> {
    let (mut due, mut early) = (first, BTreeMap::new());
    for (number, figures) in came {
        early.insert(number, figures?);
        while let Some(figures) = early.remove(&due) {
            progress.add(&figures.to_line())?;
            all.merge(&figures);
            told(all);
            due += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Sum(u64, u64);

    impl Figures for Sum {
        fn numbers(&self) -> Vec<u64> {
            vec![self.0, self.1]
        }

        fn from_numbers(numbers: &[u64]) -> Option<Self> {
            let [parts, sum] = numbers.try_into().ok()?;
            Some(Self(parts, sum))
        }

        fn merge(&mut self, other: &Self) {
            self.0 += other.0;
            self.1 += other.1;
        }
    }

    #[test]
    fn every_part_counts_once_over_interruptions_and_threads() {
        let directory = std::env::temp_dir().join(format!("ringmq-parts-{}", std::process::id()));
        let path = directory.join("sum.tsv");
        let fails_at = |limit: u32| {
            move |number: u32| {
                if number == limit { Err("interrupted".to_owned()) } else { Ok(Sum(1, u64::from(number))) }
            }
        };
        for threads in [1, 3] {
            let mut progress = Progress::open(&path, "sum").unwrap();
            let came = run(&mut progress, 40, threads, &fails_at(17), &mut |_: &Sum| ());
            assert_eq!(came, Err("interrupted".to_owned()));
            assert!(progress.done().len() <= 17, "what is written down is in order: {}", progress.done().len());
            let mut progress = Progress::open(&path, "sum").unwrap();
            let mut heard = 0;
            let all = run(&mut progress, 40, threads, &fails_at(40), &mut |sum: &Sum| heard = sum.0).unwrap();
            assert_eq!((all, heard), (Sum(40, 39 * 40 / 2), 40));
            progress.finish().unwrap();
        }
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_line_of_other_figures_is_refused() {
        let directory = std::env::temp_dir().join(format!("ringmq-parts-other-{}", std::process::id()));
        let path = directory.join("sum.tsv");
        let mut progress = Progress::open(&path, "sum").unwrap();
        progress.add("1\t2\t3").unwrap();
        let came = run(&mut progress, 2, 1, &|_| Ok(Sum(1, 1)), &mut |_: &Sum| ());
        assert!(came.unwrap_err().contains("1\t2\t3"));
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn findings_survive_as_counts() {
        let mut findings = Findings::default();
        findings.count(Kind::Torn, 4);
        let counts: Vec<u64> = counts_of(&findings).collect();
        assert_eq!(findings_of(&counts).unwrap().of(Kind::Torn), 4);
        assert!(findings_of(&counts[1..]).is_none());
    }
}
