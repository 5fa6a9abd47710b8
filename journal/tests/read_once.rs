//! A start reads what it needs once: every byte behind the marks, every byte where it looks for evidence, and of the checkpoint lane.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::collections::BTreeMap;
use std::path::Path;

use journal::testing::{Body, Honesty, Model, Rig, SimDisk, SimDriver};
use journal::{
    BLOCK_BYTES_MAX, CheckpointWriter, Geometry, Keep, LaneId, LaneMark, Lsn, Operation, PAGE_BYTES, RecordKind,
    Recovered, RecoveryOptions, Run, RunId, SEAL_IDLE_NANOS, SegmentSequence, StoreId, StoreLayout, StoreShape,
    SyncMode, Vector, recover,
};

const LANE: LaneId = LaneId::JOURNAL;

fn layout() -> StoreLayout {
    StoreLayout::under(Path::new("/store"))
}

fn shape(segment_bytes: u64) -> StoreShape {
    StoreShape::uniform(StoreId(1), 1, Geometry::new(segment_bytes).unwrap())
}

/// The first eight bytes of a body.
fn beginning(_: RecordKind, body: &[u8], into: &mut Vec<u8>) {
    into.extend(body.iter().take(8));
}

fn keeping(bytes_max: usize) -> RecoveryOptions {
    RecoveryOptions { keep: Some(Keep { abridge: beginning, bytes_max }), ..RecoveryOptions::alone() }
}

/// A store with records of many sizes on lane j00, and a mark of it in a checkpoint that counts, if that is wanted.
fn disk(segment_bytes: u64, with_checkpoint: bool) -> SimDisk {
    let driver = SimDriver::new(SimDisk::new(1), layout(), shape(segment_bytes), SyncMode::Dsync, Honesty::Durable, 1);
    let mut rig = Rig::start(driver, Model::default(), &RecoveryOptions::alone()).unwrap();
    for seed in 0..40 {
        rig.append(LANE, Body { seed, bytes: 100 + 2_963 * seed as usize }).unwrap();
        assert!(rig.settle());
        if with_checkpoint && seed == 10 {
            let lanes = rig.data_lanes();
            let marks: Vec<LaneMark> = lanes.into_iter().map(|lane| rig.lane(lane).mark().unwrap()).collect();
            assert!(rig.settle());
            let lane = rig.lane(LaneId::CHECKPOINT);
            let mut writer = CheckpointWriter::begin(lane, &marks).unwrap();
            for _ in 0..5 {
                writer.chunk(lane, &[&[7; 60_000]]).unwrap();
            }
            writer.finish(lane).unwrap();
            assert!(rig.wait_nanos(10 * SEAL_IDLE_NANOS));
        }
    }
    assert!(rig.wait_nanos(10 * SEAL_IDLE_NANOS));
    rig.close().0.disk().clone()
}

/// What a start gave of lane j00, and how often it read each page of each segment's blocks.
struct Start {
    recovered: Recovered,
    bodies: Vec<(Lsn, Vec<u8>)>,
    chunks: Vec<Vec<u8>>,
    reads: BTreeMap<(LaneId, Lsn), u32>,
}

fn start(disk: &SimDisk, segment_bytes: u64, at_once: usize, options: &RecoveryOptions) -> Start {
    let (layout, shape) = (layout(), shape(segment_bytes));
    let mut disk = disk.clone();
    disk.set_reads_at_once(at_once);
    let before = disk.trace().len();
    let recovered = recover(&mut disk, &layout, &shape, options).unwrap();
    let (mut bodies, mut chunks) = (Vec::new(), Vec::new());
    if let Some(found) = &recovered.checkpoint {
        found.read(&mut disk, &layout, &shape, &mut |chunk| chunks.push(chunk.to_vec())).unwrap();
    }
    let mut deliver = |record: journal::Replayed<'_>| bodies.push((record.end, record.body.to_vec()));
    recovered.replay(&mut disk, &layout, &shape, LANE, &mut deliver).unwrap();
    let mut reads = BTreeMap::new();
    let geometry = shape.geometry(LANE);
    for lane in [LANE, LaneId::CHECKPOINT] {
        for sequence in (0..60).map(SegmentSequence) {
            let path = layout.segment(lane, sequence);
            let of = disk.trace().iter().skip(before);
            for trace in of.filter(|trace| trace.operation == Operation::Read && trace.path == path) {
                let (offset, bytes) = trace.range;
                // The header is not meant.
                let pages = (offset / PAGE_BYTES as u64).max(1)..(offset + bytes as u64) / PAGE_BYTES as u64;
                for page in pages {
                    let at = geometry.start(sequence).plus((page - 1) * PAGE_BYTES as u64);
                    *reads.entry((lane, at)).or_default() += 1;
                }
            }
        }
    }
    Start { recovered, bodies, chunks, reads }
}

impl Start {
    /// How often the pages of a part of a lane were read: the least and the most.
    fn times(&self, lane: LaneId, from: Lsn, to: Lsn) -> (u32, u32) {
        let pages = (from.0..to.0).step_by(PAGE_BYTES);
        let times = pages.map(|at| self.reads.get(&(lane, Lsn(at))).copied().unwrap_or_default());
        times.fold((u32::MAX, 0), |(least, most), times| (least.min(times), most.max(times)))
    }

    fn lane(&self, lane: LaneId) -> (Lsn, Lsn) {
        let lane = self.recovered.lane(lane).unwrap();
        (lane.replay_from, lane.tail.end)
    }
}

const SIZES: [u64; 3] = [128 * 1024, 1024 * 1024, 20 * 1024 * 1024];

#[test]
fn without_a_checkpoint_every_byte_is_read_once() {
    for segment_bytes in SIZES {
        let disk = disk(segment_bytes, false);
        for at_once in [0, 1, 4] {
            let start = start(&disk, segment_bytes, at_once, &keeping(1 << 20));
            let (from, end) = start.lane(LANE);
            assert!(from == Lsn::ZERO && end.0 > 2_000_000);
            assert_eq!(start.times(LANE, from, end), (1, 1), "segments of {segment_bytes}, {at_once} at once");
            let most = start.reads.values().max();
            assert_eq!(
                most,
                Some(&1),
                "nor is anything else read twice: segments of {segment_bytes}, {at_once} at once"
            );
        }
    }
}

#[test]
fn behind_a_mark_every_byte_is_read_once_and_of_what_lies_before_one_block() {
    for segment_bytes in SIZES {
        let disk = disk(segment_bytes, true);
        for at_once in [0, 1, 4] {
            let start = start(&disk, segment_bytes, at_once, &keeping(1 << 20));
            assert_eq!(start.chunks, vec![vec![7; 60_000]; 5]);
            let (from, end) = start.lane(LANE);
            assert!(from > Lsn::ZERO);
            assert_eq!(start.times(LANE, from, end), (1, 1), "segments of {segment_bytes}, {at_once} at once");
            let before: u32 =
                start.reads.iter().filter(|((of, at), _)| *of == LANE && *at < from).map(|(_, n)| n).sum();
            assert!(before <= (BLOCK_BYTES_MAX / PAGE_BYTES) as u32 + 1, "{before} pages before the mark");
            let (from, end) = start.lane(LaneId::CHECKPOINT);
            assert_eq!(start.times(LaneId::CHECKPOINT, from, end), (1, 1));
        }
    }
}

/// Control: a start that keeps nothing for its replay is caught.
#[test]
fn a_start_that_keeps_nothing_reads_twice() {
    let disk = disk(SIZES[1], true);
    let start = start(&disk, SIZES[1], 4, &RecoveryOptions::alone());
    let (from, end) = start.lane(LANE);
    assert_eq!(start.times(LANE, from, end), (2, 2));
    let (_, most) = start.times(LaneId::CHECKPOINT, Lsn::ZERO, start.lane(LaneId::CHECKPOINT).1);
    assert_eq!(most, 3, "the scan, the search for the newest checkpoint, and its chunks");
}

/// Whatever the bound, the records are the same; what is beyond it is read again, and no more.
#[test]
fn what_does_not_fit_is_read_again() {
    let disk = disk(SIZES[1], false);
    let full = start(&disk, SIZES[1], 0, &keeping(1 << 20));
    assert!(full.bodies.len() == 40 && full.bodies.iter().all(|(_, body)| body.len() == 8));
    for at_once in [0, 4] {
        let mut again = Vec::new();
        for bytes_max in (0..2_500).step_by(97) {
            let part = start(&disk, SIZES[1], at_once, &keeping(bytes_max));
            assert_eq!(part.bodies, full.bodies, "{bytes_max} bytes are kept");
            let (from, end) = part.lane(LANE);
            let (least, most) = part.times(LANE, from, end);
            assert!(least >= 1 && most <= 2);
            again.push(part.reads.iter().filter(|((of, _), times)| *of == LANE && **times == 2).count());
        }
        assert!(again.is_sorted_by(|more, less| more >= less), "{again:?}");
        assert!(again.first() > Some(&400) && again.last() == Some(&0), "{again:?}");
    }
}

/// A run of which a replay keeps no body: its members are read again, and come as short.
#[test]
fn the_members_of_a_long_run_are_read_again_and_come_as_short() {
    let driver = SimDriver::new(SimDisk::new(1), layout(), shape(SIZES[1]), SyncMode::Dsync, Honesty::Durable, 1);
    let mut rig = Rig::start(driver, Model::default(), &RecoveryOptions::alone()).unwrap();
    let run = RunId(1);
    for seed in 0..12 {
        let run = if seed < 11 { Run::Member(run) } else { Run::Commit(run) };
        rig.append_record(LANE, RecordKind::USER_FIRST, run, Body { seed, bytes: 90_000 }, &Vector::new()).unwrap();
        assert!(rig.settle());
    }
    let mut disk = rig.close().0.disk().clone();
    let (layout, shape) = (layout(), shape(SIZES[1]));
    for bytes_max in [1 << 20, 200, 0] {
        let recovered = recover(&mut disk, &layout, &shape, &keeping(bytes_max)).unwrap();
        for run_bytes in [0, 30, 1 << 20] {
            let mut lengths = Vec::new();
            let mut deliver = |record: journal::Replayed<'_>| lengths.push(record.body.len());
            recovered.replay_with(&mut disk, &layout, &shape, LANE, run_bytes, &mut deliver).unwrap();
            assert_eq!(lengths, [8; 12], "{bytes_max} and {run_bytes} bytes");
        }
    }
}
