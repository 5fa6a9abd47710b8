//! A checkpoint and the segments that are freed after it: what only they say is never passed over.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::Path;

use journal::testing::{Body, Honesty, Model, Rig, SimDisk, SimDriver};
use journal::{
    CheckpointWriter, Geometry, LaneId, LaneMark, RecoveryOptions, SEAL_IDLE_NANOS, SEGMENT_BYTES_MIN, SegmentSequence,
    StoreId, StoreLayout, StoreShape, SyncMode, recover,
};

const LANE: LaneId = LaneId::JOURNAL;

fn layout() -> StoreLayout {
    StoreLayout::under(Path::new("/store"))
}

fn shape() -> StoreShape {
    StoreShape::uniform(StoreId(1), 1, Geometry::new(SEGMENT_BYTES_MIN).unwrap())
}

fn rig() -> Rig<SimDriver> {
    let driver = SimDriver::new(SimDisk::new(1), layout(), shape(), SyncMode::Dsync, Honesty::Durable, 1);
    Rig::start(driver, Model::default(), &RecoveryOptions::alone()).unwrap()
}

fn fill(rig: &mut Rig<SimDriver>, segments: u64) {
    for seed in 0..2 * segments {
        rig.append(LANE, Body { seed, bytes: 60_000 }).unwrap();
        assert!(rig.settle());
    }
}

/// Writes a checkpoint that counts; gives its mark of the lane.
fn checkpoint(rig: &mut Rig<SimDriver>) -> LaneMark {
    let marks: Vec<LaneMark> = rig.data_lanes().into_iter().map(|lane| rig.lane(lane).mark().unwrap()).collect();
    assert!(rig.settle());
    let lane = rig.lane(LaneId::CHECKPOINT);
    let mut writer = CheckpointWriter::begin(lane, &marks).unwrap();
    writer.chunk(lane, &[b"the index"]).unwrap();
    writer.finish(lane).unwrap();
    assert!(rig.wait_nanos(10 * SEAL_IDLE_NANOS));
    marks.into_iter().find(|mark| mark.lane == LANE).unwrap()
}

fn file_of(sequence: u64) -> std::path::PathBuf {
    layout().segment(LANE, SegmentSequence(sequence))
}

/// The segment holds what settles messages of the index. It is freed, and a power cut brings its file back.
#[test]
fn a_freed_segment_behind_the_mark_is_replayed_as_long_as_it_is_there() {
    let mut rig = rig();
    let mark = checkpoint(&mut rig);
    fill(&mut rig, 2);
    let old = rig.driver.disk().content(&file_of(0)).unwrap();
    rig.lane(LANE).free_segment(SegmentSequence(0)).unwrap();
    assert!(rig.settle());
    let (driver, _) = rig.close();
    let mut gone = driver.disk().clone();
    let mut back = gone.clone();
    back.put_file(&file_of(0), old);
    for disk in [&mut gone, &mut back] {
        disk.kill_process();
    }
    let recovered = recover(&mut back, &layout(), &shape(), &RecoveryOptions::alone()).unwrap();
    assert!(recovered.checkpoint.is_some());
    assert_eq!(recovered.lane(LANE).unwrap().replay_from, mark.end);
    let recovered = recover(&mut gone, &layout(), &shape(), &RecoveryOptions::alone()).unwrap();
    assert!(recovered.checkpoint.is_none(), "what settles its messages is gone");
}

/// Two segments are freed, the first of them behind the mark; a power cut brings only the first one's file back.
#[test]
fn a_gap_of_freed_files_behind_the_mark_is_no_damage() {
    let mut rig = rig();
    checkpoint(&mut rig);
    fill(&mut rig, 3);
    let old = rig.driver.disk().content(&file_of(0)).unwrap();
    for sequence in 0..2 {
        rig.lane(LANE).free_segment(SegmentSequence(sequence)).unwrap();
        assert!(rig.settle());
    }
    let (driver, _) = rig.close();
    let mut disk = driver.disk().clone();
    disk.put_file(&file_of(0), old);
    disk.kill_process();
    let recovered = recover(&mut disk, &layout(), &shape(), &RecoveryOptions::alone()).unwrap();
    assert!(recovered.checkpoint.is_none());
    assert_eq!(recovered.lane(LANE).unwrap().tail.first_kept, SegmentSequence(2));
    // The control: a segment that was not freed is missing.
    disk.remove_file(&file_of(2));
    assert!(recover(&mut disk, &layout(), &shape(), &RecoveryOptions::alone()).is_err());
}

#[test]
fn a_checkpoint_counts_although_segments_before_its_mark_were_freed() {
    let mut rig = rig();
    fill(&mut rig, 2);
    let mark = checkpoint(&mut rig);
    assert!(shape().geometry(LANE).place(mark.end).0 >= SegmentSequence(1));
    rig.append(LANE, Body { seed: 1, bytes: 100 }).unwrap();
    rig.lane(LANE).free_segment(SegmentSequence(0)).unwrap();
    assert!(rig.settle());
    let (driver, _) = rig.close();
    let mut disk = driver.disk().clone();
    disk.kill_process();
    assert!(disk.content(&file_of(0)).is_none());
    let recovered = recover(&mut disk, &layout(), &shape(), &RecoveryOptions::alone()).unwrap();
    assert!(recovered.checkpoint.is_some(), "{:?}", recovered.findings);
    assert_eq!(recovered.lane(LANE).unwrap().replay_from, mark.end);
    // The control: a segment that was not freed is missing.
    disk.remove_file(&file_of(1));
    assert!(recover(&mut disk, &layout(), &shape(), &RecoveryOptions::alone()).is_err());
}
