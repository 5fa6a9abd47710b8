//! Snapshots of what a copy held: whole or not there, whatever operation the power fails at, and unchanged by all that happens to the store.

use std::path::{Path, PathBuf};

use journal::testing::{Fault, FaultKind, WorkloadOptions};
use journal::{
    Company, FileStorage, IoError, LaneId, Lsn, MayCut, OldReplica, RecoveryOptions, SPARE_SEGMENTS_MAX,
    SegmentSequence, SnapshotOrder, SnapshotSteps, Storage, StoreLayout, TruncateSteps, Vector, create_filled,
    discard_old_replica, drop_old_replicas, free_segment, old_replicas, prepare_segment, publish, recover,
    remove_unfinished_snapshots, take_snapshot,
};

use crate::copies::{Copy, ends, layout, shape, work};
use crate::truncate::{diverged, truncate_with};

fn order<'a>(ends: &'a Vector, cuts: &'a Vector, steps: SnapshotSteps) -> SnapshotOrder<'a> {
    SnapshotOrder { ends, cuts, newest: 0, is_divergent_acked: false, steps }
}

fn take(copy: &mut Copy, before: &Vector, cuts: &Vector, steps: SnapshotSteps) -> Result<Option<u32>, IoError> {
    let shape = copy.shape();
    take_snapshot(&mut copy.disk, &layout(), &shape, &order(before, cuts, steps))
}

/// The snapshot, read as a store, holds all that the store held.
fn read(copy: &Copy, number: u32, before: &Vector) -> Result<(), String> {
    let (mut copy, at) = (copy.clone(), layout().old_replica(number));
    let shape = copy.shape();
    let recovered = recover(&mut copy.disk, &at, &shape, &RecoveryOptions::alone());
    let recovered = recovered.map_err(|error| format!("snapshot {number}: {error:?}"))?;
    if ends(&recovered) != *before || !recovered.findings.is_empty() {
        return Err(format!("snapshot {number}: {:?}, not {before:?}: {:?}", ends(&recovered), recovered.findings));
    }
    copy.check_in(&at, &recovered)
}

/// After a start: the store as it was, whole snapshots, and nothing of others.
fn judge(copy: &mut Copy, before: &Vector) -> Result<Vec<OldReplica>, String> {
    let recovered = copy.recover(Company::Pair).map_err(|error| format!("{error:?}"))?;
    if ends(&recovered) != *before {
        return Err(format!("the store ends at {:?}", ends(&recovered)));
    }
    copy.check(&recovered)?;
    let found = old_replicas(&mut copy.disk, &layout()).unwrap();
    for one in &found {
        read(copy, one.number, before)?;
    }
    for directory in layout().shared() {
        let expected: Vec<String> = found.iter().map(|one| format!("oldreplica.{}", one.number)).collect();
        let mut names = copy.disk.list(directory).unwrap();
        names.retain(|name| name.starts_with("oldreplica") && !expected.contains(name));
        if !names.is_empty() {
            return Err(format!("{names:?} are left in {}", directory.display()));
        }
    }
    Ok(found)
}

/// Takes a snapshot with a power cut at every operation; gives the number of operations.
fn every_point(seed: u64, lanes: u16, steps: SnapshotSteps) -> Result<u64, String> {
    let (ours, cuts) = diverged(seed, lanes);
    let before = ends(&ours.clone().recover(Company::Alone).unwrap());
    let mut whole = ours.clone();
    assert_eq!(take(&mut whole, &before, &cuts, steps), Ok(Some(1)));
    let operations = whole.disk.operations() - ours.disk.operations();
    for at in 0..operations {
        for random in 0..2 {
            let mut torn = ours.clone();
            torn.disk.plan(Fault { at, kind: FaultKind::PowerCut });
            assert!(take(&mut torn, &before, &cuts, steps).is_err(), "operation {at} of {operations} is not reached");
            torn.disk.cut_power(seed * 1000 + at * 10 + random);
            let found = judge(&mut torn, &before).map_err(|error| format!("operation {at}, {random}: {error}"))?;
            let next = found.last().map_or(1, |last| last.number + 1);
            assert_eq!(take(&mut torn, &before, &cuts, steps), Ok(Some(next)));
        }
    }
    whole.disk.cut_power(seed);
    if judge(&mut whole, &before)?.len() != 1 {
        return Err("a snapshot that was taken is gone".to_owned());
    }
    follow_another(whole, &before, &cuts, seed)?;
    Ok(operations)
}

/// The store is cut and goes on with another history, frees segments and uses files again; the snapshot stays what it was.
fn follow_another(mut copy: Copy, before: &Vector, cuts: &Vector, seed: u64) -> Result<(), String> {
    let model = copy.model.clone();
    let recovered = copy.recover(Company::Alone).unwrap();
    truncate_with(&mut copy, &recovered, (cuts, MayCut::Promised), TruncateSteps::ALL, None)
        .map_err(|error| format!("{error:?}"))?;
    let cut = copy.recover(Company::Pair).map_err(|error| format!("{error:?}"))?;
    copy.check(&cut)?;
    let busy = WorkloadOptions { usual_bytes: 9000, housekeeping: true, ..work(250) };
    for salt in 2..4 {
        copy = copy.live(salt, seed + salt, busy);
        let now = std::mem::replace(&mut copy.model, model.clone());
        read(&copy, 1, before)?;
        copy.model = now;
    }
    Ok(())
}

#[test]
fn a_power_cut_at_any_operation_leaves_a_whole_snapshot_or_none() {
    let mut points = 0;
    for (seed, lanes) in [(10, 1), (31, 2)] {
        points += every_point(seed, lanes, SnapshotSteps::ALL).unwrap_or_else(|error| panic!("{seed}: {error}"));
    }
    println!("{points} operations");
    assert!(points > 60);
}

#[test]
fn each_step_left_out_is_caught() {
    let all = SnapshotSteps::ALL;
    let controls = [
        ("the segment that changes is shared", SnapshotSteps { copy_changed: false, ..all }),
        ("directories not flushed", SnapshotSteps { flush: false, ..all }),
        ("the journal's directory first", SnapshotSteps { journal_last: false, ..all }),
    ];
    for (name, steps) in controls {
        let caught = [(10, 1), (31, 2)].into_iter().find_map(|(seed, lanes)| every_point(seed, lanes, steps).err());
        println!("{name}: {caught:?}");
        assert!(caught.is_some(), "{name} is not caught");
    }
}

#[test]
fn old_ones_go_and_marked_ones_stay_whatever_operation_the_power_fails_at() {
    let (mut ours, cuts) = diverged(10, 1);
    let before = ends(&ours.recover(Company::Alone).unwrap());
    let shape = ours.shape();
    for number in 1..=5 {
        let is_divergent_acked = number == 2;
        let order = SnapshotOrder { is_divergent_acked, ..order(&before, &cuts, SnapshotSteps::ALL) };
        assert_eq!(take_snapshot(&mut ours.disk, &layout(), &shape, &order), Ok(Some(number)));
    }
    let numbers = |copy: &mut Copy| {
        let found = old_replicas(&mut copy.disk, &layout()).unwrap();
        found.into_iter().map(|one| (one.number, one.is_divergent_acked)).collect::<Vec<_>>()
    };
    let mut dropped = ours.clone();
    assert_eq!(drop_old_replicas(&mut dropped.disk, &layout(), 2), Ok(vec![1, 3]));
    let left = vec![(2, true), (4, false), (5, false)];
    assert_eq!(numbers(&mut dropped), left);
    let operations = dropped.disk.operations() - ours.disk.operations();
    for at in 0..operations {
        let mut torn = ours.clone();
        torn.disk.plan(Fault { at, kind: FaultKind::PowerCut });
        assert!(drop_old_replicas(&mut torn.disk, &layout(), 2).is_err());
        torn.disk.cut_power(at);
        let found = judge(&mut torn, &before).unwrap_or_else(|error| panic!("operation {at}: {error}"));
        assert!(found.iter().any(|one| one.is_divergent_acked), "operation {at}");
        drop_old_replicas(&mut torn.disk, &layout(), 2).unwrap();
        assert_eq!(numbers(&mut torn), left, "operation {at}");
    }
    // Numbers are never used again, not even those that only the host remembers.
    discard_old_replica(&mut dropped.disk, &layout(), 5).unwrap();
    discard_old_replica(&mut dropped.disk, &layout(), 2).unwrap();
    assert_eq!(numbers(&mut dropped), [(4, false)]);
    let order = SnapshotOrder { newest: 7, ..order(&before, &cuts, SnapshotSteps::ALL) };
    assert_eq!(take_snapshot(&mut dropped.disk, &layout(), &shape, &order), Ok(Some(8)));
    assert!(remove_unfinished_snapshots(&mut dropped.disk, &layout()).is_ok());
    assert_eq!(numbers(&mut dropped), [(4, false), (8, false)]);
}

#[test]
fn of_a_store_that_holds_nothing_there_is_no_snapshot() {
    let mut empty = Copy::new(1, 1);
    assert_eq!(take(&mut empty, &Vector::new(), &Vector::new(), SnapshotSteps::ALL), Ok(None));
    assert!(empty.disk.list(&layout().journal).unwrap().is_empty());
}

/// The control for the rule that a file with another name is not used again: by hand it is, and the snapshot is another one.
#[test]
fn a_file_that_is_used_again_would_change_the_snapshot() {
    let mut ours = Copy::new(4, 1).live(0, 4, WorkloadOptions { usual_bytes: 9000, ..work(150) });
    let (before, lane, shape) = (ends(&ours.recover(Company::Alone).unwrap()), LaneId::JOURNAL, shape(1));
    assert!(before.get(lane).unwrap() > shape.geometry(lane).start(SegmentSequence(2)));
    take(&mut ours, &before, &Vector::new(), SnapshotSteps::ALL).unwrap();
    let (first, next) = (layout().segment(lane, SegmentSequence(0)), SegmentSequence(900));
    assert_eq!(ours.disk.links(&first), Ok(2));
    let mut sound = ours.clone();
    free_segment(&mut sound.disk, &layout(), lane, SegmentSequence(0)).unwrap();
    prepare_segment(&mut sound.disk, &layout(), &shape, lane, next).unwrap();
    assert_eq!(read(&sound, 1, &before), Ok(()));
    publish(&mut ours.disk, &first, &first.with_extension("free")).unwrap();
    prepare_segment(&mut ours.disk, &layout(), &shape, lane, next).unwrap();
    assert!(read(&ours, 1, &before).is_err(), "the header of segment 900 stands in the snapshot");
}

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn on_real_files_closed_segments_are_shared_and_never_used_again() {
    let scratch = Scratch(std::env::temp_dir().join(format!("ringmq-journal-snapshot-{}", std::process::id())));
    let _none = std::fs::remove_dir_all(&scratch.0);
    let (layout, shape, lane) = (StoreLayout::under(&scratch.0), shape(1), LaneId::JOURNAL);
    let mut files = FileStorage::new();
    layout.all().for_each(|directory| files.create_directory(directory).unwrap());
    for sequence in 0..4 {
        prepare_segment(&mut files, &layout, &shape, lane, SegmentSequence(sequence)).unwrap();
    }
    create_filled(&mut files, &layout.journal.join("store"), 4096, &[b'm'; 4096]).unwrap();
    let end = Vector::of(lane, Lsn(shape.geometry(lane).start(SegmentSequence(2)).0 + 4096));
    let taken = take_snapshot(&mut files, &layout, &shape, &order(&end, &Vector::new(), SnapshotSteps::ALL));
    assert_eq!(taken, Ok(Some(1)));
    let inside = layout.old_replica(1);
    let links = [0, 1, 2, 3].map(|sequence| files.links(&layout.segment(lane, SegmentSequence(sequence))).unwrap());
    assert_eq!(links, [2, 2, 1, 1], "the last one that holds something is copied, the one made ahead is not kept");
    assert_eq!(files.list(&inside.journal).unwrap().len(), 4);
    let content = |path: &Path| std::fs::read(path).unwrap();
    let (old, new) = (inside.segment(lane, SegmentSequence(2)), layout.segment(lane, SegmentSequence(2)));
    assert!(content(&old) == content(&new) && content(&inside.journal.join("store")).starts_with(b"mm"));
    for sequence in 0..2 {
        let kept = content(&inside.segment(lane, SegmentSequence(sequence)));
        free_segment(&mut files, &layout, lane, SegmentSequence(sequence)).unwrap();
        assert!(files.list(&layout.journal).unwrap().iter().all(|name| !name.ends_with(".free")));
        assert!(content(&inside.segment(lane, SegmentSequence(sequence))) == kept);
    }
    free_segment(&mut files, &layout, lane, SegmentSequence(3)).unwrap();
    assert!(SPARE_SEGMENTS_MAX > 0 && files.list(&layout.journal).unwrap().iter().any(|name| name.ends_with(".free")));
    assert_eq!(drop_old_replicas(&mut files, &layout, 0), Ok(vec![1]));
    assert!(layout.shared().all(|directory| files.list(directory).unwrap().iter().all(|name| !name.contains("old"))));
}
