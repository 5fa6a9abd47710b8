//! Snapshots: what a copy held before it was changed to follow another one, as `oldreplica.N` in each of the store's directories.
//!
//! Takes what a start found and where the lanes will be cut; gives a snapshot that can be read as a store. A segment that no one writes to
//! any more is a second name of its file and costs nothing; the one in which a lane goes on is copied. What must stay true: a snapshot is
//! there whole or not at all, and nothing that happens to the store afterwards changes it.
//!
//! It exists when it has its name in the journal's directory. So that directory begins first, as `oldreplica.N.tmp`, and ends last; when a
//! snapshot goes, it loses that name first. Whatever the power leaves, a number with a `.tmp` in the journal's directory is removed.

use std::path::{Path, PathBuf};

use super::layout::{OLD_REPLICA, StoreLayout, StoreShape};
use crate::error::IoError;
use crate::ids::{LaneId, SegmentSequence};
use crate::limits::{OLD_REPLICA_NAME_BYTES_MAX, PAGE_BYTES};
use crate::segment::{UNFINISHED_ENDING, segment_name};
use crate::segment_files::segments_of;
use crate::storage::{Storage, create_filled, publish};
use crate::vector::Vector;

/// The file that says that the snapshot holds what was acked and is in no other copy. The manifest has its own name, as in the store.
const DIVERGENT_ACKED: &str = "divergent-acked";
const MANIFEST: &str = "store";

/// A snapshot that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OldReplica {
    /// Its number: one more for each.
    pub number: u32,
    /// It holds acked operations that were cut off. Nothing but an operator's word removes it.
    pub is_divergent_acked: bool,
}

/// What a snapshot takes care of. Everything, except in the controls that prove that each is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotSteps {
    /// The segment in which a lane goes on is copied.
    pub copy_changed: bool,
    /// The directories are flushed before they get their names.
    pub flush: bool,
    /// It gets its name in the journal's directory last.
    pub journal_last: bool,
}

impl SnapshotSteps {
    /// What every snapshot does.
    pub const ALL: Self = Self { copy_changed: true, flush: true, journal_last: true };
}

/// What is to be kept.
#[derive(Clone, Debug)]
pub struct SnapshotOrder<'a> {
    /// Where the lanes with data end.
    pub ends: &'a Vector,
    /// Where they will be cut; a lane that is not named goes on at its end.
    pub cuts: &'a Vector,
    /// The highest number ever given, as far as it is remembered elsewhere.
    pub newest: u32,
    /// Whether what will be cut off was acked.
    pub is_divergent_acked: bool,
    /// Everything, except in the controls of the tests.
    pub steps: SnapshotSteps,
}

/// The snapshots of a store, oldest first.
///
/// # Errors
/// When a directory cannot be read.
pub fn old_replicas(storage: &mut dyn Storage, layout: &StoreLayout) -> Result<Vec<OldReplica>, IoError> {
    let mut found = Vec::new();
    for (number, unfinished) in numbers(storage, &layout.journal)? {
        if !unfinished {
            let names = storage.list(&layout.old_replica(number).journal)?;
            let is_divergent_acked = names.iter().any(|name| name == DIVERGENT_ACKED);
            found.push(OldReplica { number, is_divergent_acked });
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Takes a snapshot; gives its number, or `None` where there is nothing to keep. All that is kept must have been flushed, as a start does.
///
/// # Errors
/// When a step fails. What was made of it by then goes at the next start, or when it is tried again.
pub fn take_snapshot(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    order: &SnapshotOrder<'_>,
) -> Result<Option<u32>, IoError> {
    remove_unfinished_snapshots(storage, layout)?;
    if shape.data_lanes().all(|lane| order.ends.get(lane).unwrap_or_default().0 == 0) {
        return Ok(None);
    }
    let mut newest = order.newest;
    for directory in layout.shared() {
        newest = numbers(storage, directory)?.into_iter().map(|(number, _)| number).fold(newest, u32::max);
    }
    let number = newest.saturating_add(1);
    let whole = layout.old_replica(number);
    let begun = unfinished(&whole);
    storage.create_directory(&begun.journal)?;
    for directory in begun.shared().filter(|directory| *directory != begun.journal) {
        storage.create_directory(directory)?;
    }
    for lane in shape.data_lanes() {
        keep_lane(storage, layout, shape, &begun, lane, order)?;
    }
    match storage.copy(&layout.journal.join(MANIFEST), &begun.journal.join(MANIFEST)) {
        Err(error) if error.is_not_found() => {}
        copied => copied?,
    }
    if order.is_divergent_acked {
        create_filled(storage, &begun.journal.join(DIVERGENT_ACKED), PAGE_BYTES as u64, &[])?;
    }
    if order.steps.flush {
        for directory in begun.shared() {
            storage.sync_directory(directory)?;
        }
    }
    // In the order of `shared`, the journal's directory is the last one.
    let mut pairs: Vec<(&Path, &Path)> = begun.shared().zip(whole.shared()).collect();
    if !order.steps.journal_last {
        pairs.reverse();
    }
    for (from, to) in pairs {
        publish(storage, from, to)?;
    }
    Ok(Some(number))
}

/// Gives the segments of a lane, up to its end, a place in the snapshot.
fn keep_lane(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    begun: &StoreLayout,
    lane: LaneId,
    order: &SnapshotOrder<'_>,
) -> Result<(), IoError> {
    let geometry = shape.geometry(lane);
    let end = order.ends.get(lane).unwrap_or_default();
    let (changed, _) = geometry.place(order.cuts.get(lane).unwrap_or(end).min(end));
    let kept = segments_of(storage, layout, lane)?.into_iter();
    for sequence in kept.filter(|sequence: &SegmentSequence| geometry.start(*sequence) < end) {
        let from = layout.segment(lane, sequence);
        let to = begun.directory(lane.directory()).join(segment_name(lane, sequence));
        if sequence == changed && order.steps.copy_changed {
            storage.copy(&from, &to)?;
            continue;
        }
        match storage.link(&from, &to) {
            Err(error) if error.is_not_linkable() => storage.copy(&from, &to)?,
            linked => linked?,
        }
    }
    Ok(())
}

/// Removes the oldest snapshots beyond the newest `keep`. One that holds what was acked stays and is not counted. Gives the numbers of those
/// that are gone.
///
/// # Errors
/// When a step fails.
pub fn drop_old_replicas(storage: &mut dyn Storage, layout: &StoreLayout, keep: usize) -> Result<Vec<u32>, IoError> {
    let found = old_replicas(storage, layout)?;
    let numbers: Vec<u32> = found.iter().filter(|found| !found.is_divergent_acked).map(|found| found.number).collect();
    let gone = numbers.get(..numbers.len().saturating_sub(keep)).unwrap_or_default().to_vec();
    for number in &gone {
        discard_old_replica(storage, layout, *number)?;
    }
    Ok(gone)
}

/// Removes one snapshot, whatever it holds: an operator said so.
///
/// # Errors
/// When a step fails. The rest goes at the next start.
pub fn discard_old_replica(storage: &mut dyn Storage, layout: &StoreLayout, number: u32) -> Result<(), IoError> {
    let whole = layout.old_replica(number);
    publish(storage, &whole.journal, &unfinished(&whole).journal)?;
    remove_unfinished_snapshots(storage, layout)
}

/// Removes what an interrupted snapshot, or an interrupted removal, left behind. To be done at every start.
///
/// # Errors
/// When a step fails.
pub fn remove_unfinished_snapshots(storage: &mut dyn Storage, layout: &StoreLayout) -> Result<(), IoError> {
    for (number, is_unfinished) in numbers(storage, &layout.journal)? {
        if !is_unfinished {
            continue;
        }
        let whole = layout.old_replica(number);
        let begun = unfinished(&whole);
        let elsewhere = whole.shared().zip(begun.shared()).filter(|(whole_path, _)| *whole_path != whole.journal);
        for (whole_path, begun_path) in elsewhere {
            remove_directory(storage, whole_path)?;
            remove_directory(storage, begun_path)?;
        }
        // What says that all of it is to go is the last to go.
        remove_directory(storage, &begun.journal)?;
    }
    Ok(())
}

fn remove_directory(storage: &mut dyn Storage, path: &Path) -> Result<(), IoError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let names = match storage.list(parent) {
        Err(error) if error.is_not_found() => return Ok(()),
        names => names?,
    };
    if names.iter().any(|found| Path::new(found) == Path::new(name)) {
        for inside in storage.list(path)? {
            storage.delete(&path.join(inside))?;
        }
        storage.delete_directory(path)?;
        storage.sync_directory(parent)?;
    }
    Ok(())
}

/// The layout while it is made.
fn unfinished(whole: &StoreLayout) -> StoreLayout {
    let ending = |path: &PathBuf| {
        let mut name = path.clone().into_os_string();
        name.push(".");
        name.push(UNFINISHED_ENDING);
        PathBuf::from(name)
    };
    StoreLayout {
        bindings: ending(&whole.bindings),
        journal: ending(&whole.journal),
        large_messages: ending(&whole.large_messages),
        paging: ending(&whole.paging),
        ha: whole.ha.clone(),
    }
}

/// The numbers of the snapshots in a directory, and whether they are unfinished.
fn numbers(storage: &mut dyn Storage, directory: &Path) -> Result<Vec<(u32, bool)>, IoError> {
    let names = match storage.list(directory) {
        Err(error) if error.is_not_found() => Vec::new(),
        names => names?,
    };
    Ok(names.iter().filter_map(|name| number_of(name)).collect())
}

fn number_of(name: &str) -> Option<(u32, bool)> {
    let rest = name.strip_prefix(OLD_REPLICA).filter(|_| name.len() <= OLD_REPLICA_NAME_BYTES_MAX)?;
    let (digits, is_unfinished) = match rest.split_once('.') {
        Some((digits, UNFINISHED_ENDING)) => (digits, true),
        Some(_) => return None,
        None => (rest, false),
    };
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    Some((digits.parse().ok().filter(|_| is_plain)?, is_unfinished))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_were_given_are_taken_for_snapshots() {
        assert_eq!(number_of("oldreplica.7"), Some((7, false)));
        assert_eq!(number_of("oldreplica.4294967295.tmp"), Some((u32::MAX, true)));
        for other in [
            "oldreplica.",
            "oldreplica.07",
            "oldreplica.7.bak",
            "oldreplica.-1",
            "oldreplica.+1",
            "old.7",
            "oldreplica.4294967296",
            "oldreplica.7.tmp.tmp",
            "oldreplica.7.tmp ",
        ] {
            assert_eq!(number_of(other), None, "{other}");
        }
    }
}
