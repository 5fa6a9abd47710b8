//! Damage in the middle of a lane that the operator gives up: exactly that is gone, and everything behind it is kept.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::{Path, PathBuf};

use journal::testing::{Body, Fault, FaultKind, Honesty, Model, Rig, RigError, SimDisk, SimDriver};
use journal::{
    BlockFlags, BlockHeader, BlockView, Chain, Finding, Geometry, LaneId, Lsn, Patch, RecordKind, RecoveryError,
    RecoveryOptions, Run, RunId, SEAL_IDLE_NANOS, SEGMENT_BYTES_MIN, SegmentSequence, StoreId, StoreLayout, StoreShape,
    SyncMode, Vector, seal,
};

const LANE: LaneId = LaneId::JOURNAL;
const KIND: RecordKind = RecordKind::USER_FIRST;
const PAGE: u64 = 4096;

fn layout() -> StoreLayout {
    StoreLayout::under(Path::new("/store"))
}

fn shape() -> StoreShape {
    StoreShape::uniform(StoreId(1), 1, Geometry::new(SEGMENT_BYTES_MIN).unwrap())
}

fn driver(disk: SimDisk) -> SimDriver {
    SimDriver::new(disk, layout(), shape(), SyncMode::Dsync, Honesty::Durable, 1)
}

/// What is on the disk, what a replay must give, and where each block begins.
struct Store {
    disk: SimDisk,
    model: Model,
    blocks: Vec<Lsn>,
}

fn rig() -> Rig<SimDriver> {
    let mut rig = Rig::start(driver(SimDisk::new(1)), Model::default(), &RecoveryOptions::alone()).unwrap();
    rig.wait_nanos(100 * SEAL_IDLE_NANOS);
    rig
}

fn closed(mut rig: Rig<SimDriver>, blocks: Vec<Lsn>) -> Store {
    rig.wait_nanos(100 * SEAL_IDLE_NANOS);
    let (mut driver, model) = rig.close();
    driver.cut_power(0);
    Store { disk: driver.disk().clone(), model, blocks }
}

/// A store with a block for each of these records, and a seal.
fn store(sizes: &[usize]) -> Store {
    let mut rig = rig();
    let mut blocks = Vec::new();
    for (seed, bytes) in (0..).zip(sizes) {
        blocks.push(rig.append(LANE, Body { seed, bytes: *bytes }).unwrap().location.block());
        assert!(rig.settle());
    }
    closed(rig, blocks)
}

fn place(lsn: Lsn) -> (PathBuf, u64) {
    let (sequence, offset) = shape().geometry(LANE).place(lsn);
    (layout().segment(LANE, sequence), offset)
}

fn accepting(places: &[Lsn]) -> RecoveryOptions {
    RecoveryOptions { accept_loss: places.iter().map(|lsn| (LANE, *lsn)).collect(), ..RecoveryOptions::alone() }
}

impl Store {
    fn damage(&mut self, at: Lsn) {
        let (path, offset) = place(at);
        self.disk.flip_bit(&path, offset + 100, 3);
    }

    /// The model forgets the records that begin here.
    fn forget(&mut self, gone: impl Fn(Lsn) -> bool) {
        let lane = self.model.lanes.get_mut(&LANE).unwrap();
        lane.records.retain(|record| !gone(record.appended.location.block()));
        lane.checked = lane.records.len();
    }

    /// Where a start says that promised data is missing.
    fn refused_at(&self) -> Lsn {
        match Rig::start(driver(self.disk.clone()), self.model.clone(), &RecoveryOptions::alone()) {
            Err(RigError::Refused(RecoveryError::Corruption(damage))) => damage.at,
            other => panic!("not refused: {:?}", other.map(|_| ())),
        }
    }

    /// Starts; what comes back must be what the model knows. Appends a little. Gives what was patched.
    fn start(&mut self, options: &RecoveryOptions) -> Result<Vec<Patch>, RigError> {
        let mut rig = Rig::start(driver(self.disk.clone()), self.model.clone(), options)?;
        let patch_of = |finding: &Finding| match finding {
            Finding::Patched { lane: LANE, patch } => Some(*patch),
            Finding::CheckpointUnusable { .. } => None,
            other => panic!("{other:?}"),
        };
        let patches = rig.recovered.findings.iter().filter_map(patch_of).collect();
        rig.append(LANE, Body { seed: 99, bytes: 10 }).unwrap();
        assert!(rig.settle());
        let (driver, model) = rig.close();
        (self.disk, self.model) = (driver.disk().clone(), model);
        Ok(patches)
    }
}

#[test]
fn exactly_the_damaged_block_is_given_up() {
    for victim in 0..8 {
        let mut store = store(&[100; 8]);
        let at = *store.blocks.get(victim).unwrap();
        store.damage(at);
        assert_eq!(store.refused_at(), at);
        store.forget(|block| block == at);
        let patches = store.start(&accepting(&[at])).unwrap();
        assert_eq!(patches.iter().map(|patch| (patch.from, patch.to)).collect::<Vec<_>>(), [(at, at.plus(PAGE))]);
        // From now on the lane is sound. The same consent says nothing new, and one for another place is none.
        assert_eq!(store.start(&RecoveryOptions::alone()).unwrap(), []);
        assert_eq!(store.start(&accepting(&[at])).unwrap(), patches);
        let wrong = store.start(&accepting(&[at, at.plus(PAGE)]));
        assert!(matches!(wrong, Err(RigError::Refused(RecoveryError::WrongConsent { .. }))), "{:?}", wrong.map(|_| ()));
    }
}

#[test]
fn a_wide_place_is_filled_with_several_blocks() {
    let mut store = store(&[100, 120_000, 120_000, 120_000, 100, 100]);
    let (from, to) = (store.blocks[1], store.blocks[4]);
    assert_eq!(place(to).1, PAGE, "it reaches to the end of its segment");
    for victim in 1..4 {
        store.damage(store.blocks[victim]);
    }
    store.forget(|block| block >= from && block < to);
    let patches = store.start(&accepting(&[from])).unwrap();
    assert_eq!(patches.iter().map(|patch| (patch.from, patch.to)).collect::<Vec<_>>(), [(from, to)]);
    assert_eq!(store.start(&RecoveryOptions::alone()).unwrap(), []);
}

#[test]
fn places_that_lie_far_apart_are_given_up_one_by_one() {
    let mut store = store(&[100_000; 12]);
    let (first, second) = (store.blocks[2], store.blocks[8]);
    store.damage(first);
    store.damage(second);
    let (mut only_first, model) = (accepting(&[first]), store.model.clone());
    store.forget(|block| block == first);
    assert!(
        matches!(store.start(&only_first), Err(RigError::Refused(RecoveryError::Corruption(damage))) if damage.at == second)
    );
    store.model = model;
    store.forget(|block| block == first || block == second);
    only_first.accept_loss.push((LANE, second));
    assert_eq!(store.start(&only_first).unwrap().len(), 2);
    assert_eq!(store.start(&RecoveryOptions::alone()).unwrap(), []);
}

#[test]
fn records_that_reach_into_the_place_are_gone_whole() {
    let mut rig = rig();
    let mut begins = Vec::new();
    for seed in 0..40 {
        let body = Body { seed, bytes: 30_000 };
        begins.push(rig.append(LANE, body).or_else(|_| {
            rig.settle();
            rig.append(LANE, body)
        }));
    }
    let mut store = closed(rig, Vec::new());
    // A record that lies in two blocks: the second one is damaged.
    let end_of = |at: Lsn| {
        let (path, offset) = place(at);
        let content = store.disk.content(&path).unwrap();
        BlockView::parse(content.get(offset as usize..).unwrap(), LANE, at).unwrap().header.end()
    };
    let split = |begin: &&journal::Appended| begin.end > end_of(begin.location.block());
    let at = end_of(begins.iter().flatten().find(split).unwrap().location.block());
    let to = end_of(at);
    store.damage(at);
    let before = store.model.lanes[&LANE].records.len();
    let lane = store.model.lanes.get_mut(&LANE).unwrap();
    lane.records.retain(|record| record.appended.end <= at || record.appended.location.block() >= to);
    lane.checked = lane.records.len();
    assert!(before - lane.records.len() > 1 && !lane.records.is_empty());
    assert_eq!(store.start(&accepting(&[at])).unwrap().len(), 1);
}

#[test]
fn a_run_of_which_something_is_given_up_does_not_count() {
    for victim in 0..5 {
        let mut rig = rig();
        let run = RunId(7);
        let mut blocks = Vec::new();
        let all = [Run::None, Run::Member(run), Run::Member(run), Run::Commit(run), Run::None, Run::None];
        for (seed, run) in (0..).zip(all) {
            let body = Body { seed, bytes: 100 };
            blocks.push(rig.append_record(LANE, KIND, run, body, &Vector::new()).unwrap().location.block());
            assert!(rig.settle());
        }
        let mut store = closed(rig, blocks);
        let at = *store.blocks.get(victim).unwrap();
        store.damage(at);
        // That of the first one is followed by the run, which may have begun in it: nobody knows that it did not.
        let last = store.blocks[4];
        let in_run = |block: Lsn| block > store.blocks[0] && block < last;
        let blocks = store.blocks.clone();
        let gone = |block: Lsn| block == at || ((in_run(at) || at == blocks[0]) && block > blocks[0] && block < last);
        let lane = store.model.lanes.get_mut(&LANE).unwrap();
        lane.records.retain(|record| !gone(record.appended.location.block()));
        lane.checked = lane.records.len();
        assert_eq!(store.start(&accepting(&[at])).unwrap().len(), 1, "victim {victim}");
    }
}

#[test]
fn a_picture_of_blocks_in_a_damaged_one_is_no_block() {
    let mut store = store(&[100, 100_000, 100, 100]);
    let (at, to) = (store.blocks[1], store.blocks[2]);
    let (path, offset) = place(at);
    let mut chain = Chain(5);
    for page in 3..20 {
        let lsn = at.plus(page * PAGE);
        let mut picture = vec![0; PAGE as usize];
        let (flags, promised) = (BlockFlags::default(), lsn);
        let header = BlockHeader { flags, lane: LANE, epoch: 1, lsn, promised, payload_bytes: 0, fragments: 0 };
        (_, chain) = seal(&mut picture, &header, chain).unwrap();
        assert!(BlockView::parse(&picture, LANE, lsn).is_ok(), "it looks like one");
        store.disk.overwrite(&path, offset + page * PAGE, &picture);
    }
    store.forget(|block| block == at);
    let patches = store.start(&accepting(&[at])).unwrap();
    assert_eq!(patches.iter().map(|patch| (patch.from, patch.to)).collect::<Vec<_>>(), [(at, to)]);
}

#[test]
fn an_epoch_that_began_in_the_place_is_not_guessed_at() {
    let mut store = store(&[100; 3]);
    store.start(&RecoveryOptions::alone()).unwrap();
    store.start(&RecoveryOptions::alone()).unwrap();
    // The start of the second epoch lies behind the seal of the first.
    let at = store.blocks[2].plus(2 * PAGE);
    store.damage(at);
    assert_eq!(store.refused_at(), at);
    store.model.lanes.get_mut(&LANE).unwrap().promised = at;
    let rig = Rig::start(driver(store.disk), store.model, &accepting(&[at])).unwrap();
    assert!(matches!(rig.recovered.findings[..], [_, Finding::LossAccepted { lane: LANE, loss }] if loss.at == at));
}

#[test]
fn a_crash_while_it_is_patched_leaves_it_as_it_was_or_patched() {
    let mut seen = [0, 0];
    for operation in 0..400 {
        let mut store = store(&[100, 140_000, 140_000, 100, 100]);
        let (from, to) = (store.blocks[1], store.blocks[3]);
        store.damage(from);
        store.damage(store.blocks[2]);
        store.forget(|block| block >= from && block < to);
        let mut crashing = driver(store.disk.clone());
        crashing.disk_mut().plan(Fault { at: operation, kind: FaultKind::PowerCut });
        let Err((_, mut crashed, _)) = Rig::start_or_return(crashing, store.model.clone(), &accepting(&[from])) else {
            assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
            return;
        };
        crashed.cut_power(operation);
        store.disk = crashed.disk().clone();
        match store.start(&RecoveryOptions::alone()) {
            Ok(_) => seen[0] += 1,
            Err(RigError::Refused(RecoveryError::Corruption(damage))) => {
                assert_eq!(damage.at, from, "operation {operation}");
                seen[1] += 1;
                assert_eq!(store.start(&accepting(&[from])).unwrap().len(), 1);
            }
            Err(other) => panic!("operation {operation}: {other:?}"),
        }
    }
    panic!("the start never ends");
}

#[test]
fn a_disk_that_does_not_give_the_patch_back_ends_the_start() {
    let mut store = store(&[100; 4]);
    let at = store.blocks[1];
    let (path, offset) = place(at);
    store.disk.break_page(&path, offset);
    let ended = Rig::start(driver(store.disk), store.model, &accepting(&[at]));
    assert!(matches!(&ended, Err(RigError::Refused(RecoveryError::Io(_)))), "{:?}", ended.map(|_| ()));
}

/// The record that the first segment is free lies in the damaged block. What stands behind it says so too.
#[test]
fn damage_is_asked_about_before_a_beginning_that_is_free() {
    let mut rig = rig();
    let mut blocks = Vec::new();
    for seed in 0..8 {
        blocks.push(rig.append(LANE, Body { seed, bytes: 120_000 }).unwrap().location.block());
        assert!(rig.settle());
    }
    let free = |rig: &mut Rig<SimDriver>, sequence| {
        let freed = rig.lane(LANE).free_segment(SegmentSequence(sequence)).unwrap();
        assert!(rig.settle());
        freed.location.block()
    };
    let first = free(&mut rig, 0);
    free(&mut rig, 1);
    let kept = shape().geometry(LANE).start(SegmentSequence(2));
    let mut store = closed(rig, blocks);
    store.forget(|block| block < kept);
    store.damage(first);
    assert_eq!(store.refused_at(), first);
    assert_eq!(store.start(&accepting(&[first])).unwrap().len(), 1);
}
