//! Crash points: moments of a record are made disks again, and judged.
//!
//! A place behind a flush or behind a write that is durable by itself is one, and so are some places between them, where of what no flush covers
//! any part may be missing; of so many, a choice. Takes a plan and a number, gives figures.

use super::hold::HOLD;
use super::judge::{add_own, judge};
use super::log::Log;
use super::record::{Recording, record};
use super::work::LabPlan;
use crate::prove::kill9::broker::empty;
use crate::prove::kill9::oracle::Oracle;
use crate::prove::power::figures::Figures;
use crate::prove::power::recorder::Entry;
use crate::prove::power::state::{after, put};
use crate::prove::random::Random;

/// Of the places between flushes, one for so many flushes.
const FLUSHES_FOR_ONE_BETWEEN: usize = 3;

/// Points of a record, unless fewer are left.
pub const POINTS_PER_ROUND: u32 = 100;

/// A place in the record, within a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    hold: usize,
    /// So many entries were there.
    entries: usize,
}

/// Records a life, and judges at most so many points of it; `each` hears of them.
pub fn log_writes(plan: &LabPlan, number: u32, most: u32, mut each: impl FnMut(&str)) -> Result<Figures, String> {
    let mut random = Random::of(plan.seed, u64::from(number));
    let recording = record(plan, number, &mut random)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the runtime of the clients cannot be built: {error}"))?;
    let points = points(&recording.log, most as usize, &mut random);
    let mut figures = Figures { recorded: recording.log.entries.len() as u64, ..Figures::default() };
    let set = tokio::task::LocalSet::new();
    set.block_on(&runtime, look_at(plan, &recording, &points, &mut random, &mut figures, &mut each))?;
    if figures.findings.is_empty() || plan.unsafe_disk {
        empty(&recording.place.directory)?;
    }
    Ok(figures)
}

async fn look_at(
    plan: &LabPlan,
    recording: &Recording,
    points: &[Point],
    random: &mut Random,
    figures: &mut Figures,
    each: &mut impl FnMut(&str),
) -> Result<(), String> {
    let Recording { before, log, diary, seed, place } = recording;
    let mut diary = diary.lines();
    let (mut history, mut holds) = (Oracle::default(), 0);
    let (mut safe, mut disk) = (0, before.clone());
    for (number, point) in points.iter().enumerate() {
        while holds <= point.hold {
            match diary.next() {
                Some(HOLD) => holds += 1,
                Some(line) => history.happens(line)?,
                None => return Err(format!("the diary ends before hold {}", point.hold)),
            }
        }
        // What is safe at one point is safe at all later ones.
        let now = log.entries.get(..point.entries).unwrap_or(&log.entries);
        let flushed = now.iter().rposition(|entry| *entry == Entry::Flush).map_or(0, |at| at + 1);
        let (until, open) = now.split_at_checked(flushed).unwrap_or((now, &[]));
        for entry in until.get(safe..).unwrap_or_default() {
            if let Entry::Write { at, bytes } = entry {
                put(&mut disk, *at, bytes);
            }
        }
        safe = flushed;
        let state = after(&disk, open, random);
        let name = format!("hold {}, entry {}", point.hold, point.entries);
        judge(plan, place, *seed, &state, history.clone(), &name, figures).await;
        figures.points += 1;
        each(&format!("record of {} lanes: {} of {} points", place.lanes, number + 1, points.len()));
    }
    add_own(&history, figures);
    Ok(())
}

/// The points of a record, in its order.
fn points(log: &Log, most: usize, random: &mut Random) -> Vec<Point> {
    let (mut borders, mut between) = (Vec::new(), Vec::new());
    for (hold, range) in log.holds.iter().enumerate() {
        for entries in range.clone() {
            let flushed = entries.checked_sub(1).and_then(|last| log.entries.get(last)) == Some(&Entry::Flush);
            let list = if flushed || entries == *range.start() { &mut borders } else { &mut between };
            list.push(Point { hold, entries });
        }
    }
    let some = between.len().min(borders.len().div_ceil(FLUSHES_FOR_ONE_BETWEEN));
    let mut points = choose(between, some, random);
    points.append(&mut borders);
    let most = points.len().min(most);
    let mut points = choose(points, most, random);
    points.sort_unstable();
    points
}

/// So many of them.
fn choose(mut from: Vec<Point>, count: usize, random: &mut Random) -> Vec<Point> {
    while from.len() > count {
        let last = from.len() - 1;
        from.swap_remove(usize::try_from(random.between(0, last as u64)).unwrap_or(last));
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flush_is_a_point_and_some_places_between() {
        let write = || Entry::Write { at: 0, bytes: vec![1] };
        let entries =
            vec![write(), Entry::Flush, write(), write(), Entry::Flush, write(), write(), Entry::Flush, write()];
        let log = Log { entries, holds: vec![2..=5, 7..=8] };
        let of = |most| points(&log, most, &mut Random::new(3));
        let all = of(100);
        for (hold, entries) in [(0, 2), (0, 5), (1, 7), (1, 8)] {
            assert!(all.contains(&Point { hold, entries }), "{all:?}");
        }
        assert_eq!(all.len(), 6, "two of the two places between: {all:?}");
        assert!(all.is_sorted());
        assert_eq!(of(3).len(), 3);
    }
}
