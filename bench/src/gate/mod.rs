//! Two measurements compared by what they count: instructions, allocations, system calls, device writes. Never by time.
//!
//! Takes two files, results (`result.json`) or tables of instructions (`icount.tsv`); gives what is off by more than [`TOLERANCE`], up or
//! down. Less is as surprising as more: it is good news that belongs into the base before it is lost again. A count that one side lacks is off
//! too, so that none can drop out silently.

mod counts;

use std::collections::BTreeMap;

pub use counts::read;

/// How far a count may be from the base's.
pub const TOLERANCE: f64 = 0.02;

/// Counts by their names.
pub type Counts = BTreeMap<String, f64>;

/// What is off with one count.
#[derive(Clone, Debug, PartialEq)]
pub enum Off {
    /// More than the base.
    More(f64, f64),
    /// Less than the base.
    Less(f64, f64),
    /// Only in the base.
    Missing(f64),
    /// Only in the new one.
    New(f64),
}

impl std::fmt::Display for Off {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |base: &f64, new: &f64| (new - base) / base * 100.0;
        match self {
            Self::More(base, new) => write!(out, "worse: {new:.3} for {base:.3}, {:+.1} %", percent(base, new)),
            Self::Less(base, new) => {
                write!(
                    out,
                    "better: {new:.3} for {base:.3}, {:+.1} %: take the new one as the base",
                    percent(base, new)
                )
            }
            Self::Missing(base) => write!(out, "in the base ({base:.3}) and not in the new one"),
            Self::New(new) => write!(out, "in the new one ({new:.3}) and not in the base"),
        }
    }
}

/// All that is off, by name.
pub fn compare(base: &Counts, new: &Counts) -> Vec<(String, Off)> {
    let mut off = Vec::new();
    for (name, known) in base {
        match new.get(name) {
            Some(found) => off.extend(difference(*known, *found).map(|what| (name.clone(), what))),
            None => off.push((name.clone(), Off::Missing(*known))),
        }
    }
    let strangers = new.iter().filter(|(name, _)| !base.contains_key(*name));
    off.extend(strangers.map(|(name, found)| (name.clone(), Off::New(*found))));
    off
}

fn difference(base: f64, new: f64) -> Option<Off> {
    // Of nothing, any change is too much: no allocation may become one.
    let room = base.abs() * TOLERANCE;
    if new > base + room {
        Some(Off::More(base, new))
    } else if new < base - room {
        Some(Off::Less(base, new))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, f64)]) -> Counts {
        of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn two_percent_up_or_down_are_off() {
        let base = counts(&[("a", 1000.0), ("b", 1000.0), ("c", 1000.0), ("d", 1000.0)]);
        let new = counts(&[("a", 1020.0), ("b", 1021.0), ("c", 979.0), ("d", 980.0)]);
        let off = compare(&base, &new);
        assert_eq!(off.len(), 2, "{off:?}");
        assert_eq!(off[0].1, Off::More(1000.0, 1021.0));
        assert!(off[1].1.to_string().contains("better"), "{}", off[1].1);
    }

    #[test]
    fn nothing_drops_out_and_nothing_comes_unseen() {
        let off = compare(&counts(&[("a", 1.0)]), &counts(&[("b", 2.0)]));
        assert_eq!(off.iter().map(|(_, off)| off.clone()).collect::<Vec<_>>(), [Off::Missing(1.0), Off::New(2.0)]);
    }

    #[test]
    fn the_first_allocation_is_off() {
        assert_eq!(compare(&counts(&[("a", 0.0)]), &counts(&[("a", 0.001)])).len(), 1);
    }
}
