//! Damage of every kind at a start: what is cut in silence, what is cut and told, what is refused, and the way out.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::{Path, PathBuf};

use journal::testing::{Body, Driver, Honesty, Model, Rig, RigError, SimDisk, SimDriver};
use journal::{
    BlockView, Checks, Company, Finding, Geometry, LaneId, Lsn, Place, RecoveryError, RecoveryOptions, SEAL_IDLE_NANOS,
    SEGMENT_BYTES_MIN, SegmentSequence, StoreId, StoreLayout, StoreShape, SyncMode, Vector,
};

const LANE: LaneId = LaneId::JOURNAL;

fn layout() -> StoreLayout {
    StoreLayout::under(Path::new("/store"))
}

fn shape(store: u128) -> StoreShape {
    StoreShape::uniform(StoreId(store), 1, Geometry::new(SEGMENT_BYTES_MIN).unwrap())
}

fn driver(disk: SimDisk) -> SimDriver {
    SimDriver::new(disk, layout(), shape(1), SyncMode::Dsync, Honesty::Durable, 1)
}

fn segment(sequence: u64) -> PathBuf {
    layout().segment(LANE, SegmentSequence(sequence))
}

/// A store with `count` blocks of one record each on the lane, all promised; sealed if `seal`.
fn store(count: u64, bytes: usize, seal: bool) -> (SimDisk, Model, Vec<Lsn>) {
    let mut rig = Rig::start(driver(SimDisk::new(1)), Model::default(), &RecoveryOptions::alone()).unwrap();
    rig.wait_nanos(100 * SEAL_IDLE_NANOS);
    let mut blocks = Vec::new();
    for seed in 0..count {
        blocks.push(rig.append(LANE, Body { seed, bytes }).unwrap().location.block());
        assert!(rig.settle());
    }
    if seal {
        rig.wait_nanos(100 * SEAL_IDLE_NANOS);
    }
    let (mut driver, model) = rig.close();
    driver.cut_power(0);
    (driver.disk().clone(), model, blocks)
}

/// Starts, with the model allowed to lose what the options give up.
fn start(disk: &SimDisk, model: &Model, options: &RecoveryOptions) -> Result<(SimDisk, Model, Vec<Finding>), RigError> {
    let mut rig = Rig::start(driver(disk.clone()), model.clone(), options)?;
    let findings = rig.recovered.findings.clone();
    assert!(rig.append(LANE, Body { seed: 99, bytes: 10 }).is_ok());
    assert!(rig.settle());
    let (driver, model) = rig.close();
    Ok((driver.disk().clone(), model, findings))
}

fn refused(disk: &SimDisk, model: &Model) -> RecoveryError {
    match start(disk, model, &RecoveryOptions::alone()) {
        Err(RigError::Refused(error)) => error,
        other => panic!("not refused: {:?}", other.map(|_| ())),
    }
}

fn offset_of(lsn: Lsn) -> (PathBuf, u64) {
    let (sequence, offset) = shape(1).geometry(LANE).place(lsn);
    (segment(sequence.0), offset)
}

fn break_block(disk: &mut SimDisk, lsn: Lsn) {
    let (path, offset) = offset_of(lsn);
    disk.flip_bit(&path, offset + 100, 3);
}

#[test]
fn damage_below_a_promise_is_refused_with_the_place_and_the_way_out() {
    let (mut disk, model, blocks) = store(5, 100, true);
    break_block(&mut disk, blocks[2]);
    let error = refused(&disk, &model);
    let RecoveryError::Corruption(damage) = &error else { panic!("{error:?}") };
    assert_eq!((damage.lane, damage.at, damage.place), (LANE, blocks[2], Place::Torn));
    assert_eq!(damage.blocks_behind, 3);
    let text = error.to_string();
    for part in ["j00", &damage.at.to_string(), "j00-0000000000000000.seg", "--accept-loss j00@"] {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
    assert_eq!(refused(&disk, &model), error, "refusing changes nothing");
}

/// Where it is not known how the lane goes on; `tests/patched.rs` has the other case.
#[test]
fn an_accepted_loss_cuts_there_and_stays_in_the_history() {
    let (disk, model, blocks) = store(5, 100, true);
    let (mut disk, mut model, _) = start(&disk, &model, &RecoveryOptions::alone()).unwrap();
    // The start of the second epoch, behind the seal of the first.
    let at = blocks[4].plus(2 * 4096);
    break_block(&mut disk, at);
    let elsewhere = RecoveryOptions { accept_loss: vec![(LANE, blocks[3])], ..RecoveryOptions::alone() };
    assert!(matches!(start(&disk, &model, &elsewhere), Err(RigError::Refused(RecoveryError::Corruption(_)))));
    model.lanes.get_mut(&LANE).unwrap().promised = at;
    let here = RecoveryOptions { accept_loss: vec![(LANE, at)], ..RecoveryOptions::alone() };
    let (disk, model, findings) = start(&disk, &model, &here).unwrap();
    assert!(
        matches!(findings[..], [_, Finding::LossAccepted { lane: LANE, loss }] if loss.at == at && loss.promised > at)
    );
    // From now on the lane is sound, the old blocks behind the cut are nothing, and the consent names nothing any more.
    let (disk, model, findings) = start(&disk, &model, &RecoveryOptions::alone()).unwrap();
    assert_eq!(findings, []);
    let rig = Rig::start(driver(disk.clone()), model.clone(), &RecoveryOptions::alone()).unwrap();
    let history = &rig.recovered.lane(LANE).unwrap().tail.history;
    let losses: Vec<_> = history.iter().filter_map(|entry| entry.loss).collect();
    assert_eq!((losses.len(), losses[0].at), (1, at));
    let again = start(&disk, &model, &here);
    assert!(
        matches!(again, Err(RigError::Refused(RecoveryError::WrongConsent { lane: LANE, .. }))),
        "{:?}",
        again.map(|_| ())
    );
}

/// (1) A loss is accepted on a lane; (2) its epoch start becomes durable, that of lane j00 does not, so j00 still says what the lane had promised
/// before; (3) the next start must not refuse again.
#[test]
fn a_crash_right_after_an_accepted_loss_does_not_ask_again() {
    let (disk, model, _) = store(3, 100, true);
    let (disk, mut model, _) = start(&disk, &model, &RecoveryOptions::alone()).unwrap();
    let bindings = layout().segment(LaneId::BINDINGS, SegmentSequence(0));
    let mut damaged = disk.clone();
    damaged.flip_bit(&bindings, 4096 + 10, 1);
    let at = Lsn(0);
    assert!(
        matches!(refused(&damaged, &model), RecoveryError::Corruption(damage) if damage.at == at && damage.lane == LaneId::BINDINGS)
    );
    model.lanes.get_mut(&LaneId::BINDINGS).unwrap().promised = at;
    let accept = RecoveryOptions { accept_loss: vec![(LaneId::BINDINGS, at)], ..RecoveryOptions::alone() };
    let (after, _, _) = start(&damaged, &model, &accept).unwrap();
    // The bindings lane as the start left it, and everything else as it was before.
    let mut mixed = disk.clone();
    mixed.put_file(&bindings, after.content(&bindings).unwrap());
    assert!(start(&mixed, &model, &RecoveryOptions::alone()).is_ok());
}

#[test]
fn a_torn_tail_is_cut_in_silence() {
    let (mut disk, mut model, blocks) = store(3, 100, false);
    break_block(&mut disk, blocks[2]);
    // The limit that the format states: the last block before any later one looks torn.
    model.lanes.get_mut(&LANE).unwrap().promised = blocks[2];
    let (_, _, findings) = start(&disk, &model, &RecoveryOptions::alone()).unwrap();
    assert!(matches!(&findings[..], [Finding::TornTail { lane: LANE, at, .. }] if *at == blocks[2]));
}

#[test]
fn a_clean_stop_covers_even_the_last_block() {
    let (mut disk, model, blocks) = store(3, 100, false);
    break_block(&mut disk, blocks[2]);
    let promised = blocks[2].plus(4096);
    let options = RecoveryOptions { known_promised: Vector::of(LANE, promised), ..RecoveryOptions::alone() };
    let error = start(&disk, &model, &options).map(|_| ());
    assert!(matches!(error, Err(RigError::Refused(RecoveryError::Corruption(damage))) if damage.promised == promised));
}

/// Blocks side by side, the first of them lost: what stands behind was never promised.
fn hole_with_evidence() -> (SimDisk, Model, Lsn) {
    let mut rig = Rig::start(driver(SimDisk::new(1)), Model::default(), &RecoveryOptions::alone()).unwrap();
    let other = rig.append(LaneId::BINDINGS, Body { seed: 7, bytes: 5 }).unwrap();
    let first = rig.append(LANE, Body { seed: 1, bytes: 100 }).unwrap().location.block();
    for seed in 2..4 {
        let depends = Vector::of(LaneId::BINDINGS, other.end.plus(seed));
        rig.append_record(
            LANE,
            journal::RecordKind::USER_FIRST,
            journal::Run::None,
            Body { seed, bytes: 100 },
            &depends,
        )
        .unwrap();
    }
    // The lane writes three blocks of one group; the lane that they rely on is never polled, so they stay un-promised.
    let mut commands = journal::Commands::with_capacity(8);
    let now = rig.now;
    rig.lane(LANE).poll(now, &mut commands);
    while let Some(command) = commands.pop() {
        rig.driver.submit(LANE, command);
    }
    while rig.driver.complete().is_some() {}
    let (driver, model) = rig.close();
    let mut disk = driver.disk().clone();
    let (path, offset) = offset_of(first);
    disk.overwrite(&path, offset, &[0; 4096]);
    disk.kill_process();
    (disk, model, first)
}

#[test]
fn blocks_behind_a_hole_are_evidence_and_never_data() {
    let (disk, model, first) = hole_with_evidence();
    let (disk, model, findings) = start(&disk, &model, &RecoveryOptions::alone()).unwrap();
    assert!(
        matches!(&findings[..], [Finding::EvidenceCut { lane: LANE, at, blocks_behind: 2, .. }] if *at == first),
        "{findings:?}"
    );
    // The old blocks are still there and fit to the byte behind the new ones; their epoch and their chain do not.
    let sound = start(&disk, &model, &RecoveryOptions::alone()).unwrap();
    assert_eq!(sound.2, []);
    let either = [Checks { chain: false, ..Checks::ALL }, Checks { order: false, ..Checks::ALL }];
    for checks in either {
        assert!(
            start(&disk, &model, &RecoveryOptions { checks, ..RecoveryOptions::alone() }).is_ok(),
            "one check is enough here"
        );
    }
    // The control: without both, the last of them is taken for data.
    let blind =
        RecoveryOptions { checks: Checks { chain: false, order: false, ..Checks::ALL }, ..RecoveryOptions::alone() };
    let invented = start(&disk, &model, &blind).map(|_| ());
    assert!(matches!(&invented, Err(RigError::Wrong(text)) if text.starts_with("INVENTED")), "{invented:?}");
}

#[test]
fn a_member_of_a_pair_waits_when_there_is_evidence() {
    let (disk, model, first) = hole_with_evidence();
    let pair = RecoveryOptions { company: Company::Pair, ..RecoveryOptions::alone() };
    let waits = start(&disk, &model, &pair).map(|_| ());
    assert!(matches!(waits, Err(RigError::Refused(RecoveryError::Undecided(damage))) if damage.at == first));
}

#[test]
fn files_of_another_store_lane_or_place_are_refused() {
    let (disk, model, _) = store(3, 60_000, true);
    let foreign = {
        let mut other = disk.clone();
        let header = shape(2).segment_header(LANE, SegmentSequence(0));
        other.overwrite(&segment(0), 0, &header.encode());
        refused(&other, &model)
    };
    assert!(matches!(&foreign, RecoveryError::Foreign(damage) if damage.at == Lsn(0)), "{foreign:?}");
    assert!(foreign.to_string().contains("Move it out"));
    for (lane, sequence) in [(LaneId::LARGE, 1), (LANE, 7)] {
        let mut other = disk.clone();
        let header = shape(1).segment_header(lane, SegmentSequence(sequence));
        other.overwrite(&segment(1), 0, &header.encode());
        assert!(matches!(refused(&other, &model), RecoveryError::Foreign(_)));
    }
}

#[test]
fn a_missing_or_headless_segment_in_the_middle_is_damage() {
    let (disk, model, _) = store(9, 60_000, true);
    let payload = shape(1).geometry(LANE).payload_bytes();
    for (change, place) in [
        (
            Box::new(|disk: &mut SimDisk| drop(disk.remove_file(&segment(1)))) as Box<dyn Fn(&mut SimDisk)>,
            Place::NoFile,
        ),
        (Box::new(|disk: &mut SimDisk| disk.overwrite(&segment(1), 0, &[7; 512])), Place::BadHeader),
        (Box::new(|disk: &mut SimDisk| disk.break_page(&segment(1), 0)), Place::Unreadable),
    ] {
        let mut damaged = disk.clone();
        change(&mut damaged);
        let error = refused(&damaged, &model);
        assert!(
            matches!(&error, RecoveryError::Corruption(damage) if damage.place == place && damage.at == Lsn(payload)),
            "{error:?}"
        );
    }
    let mut damaged = disk.clone();
    damaged.remove_file(&segment(0));
    assert!(matches!(refused(&damaged, &model), RecoveryError::Corruption(damage) if damage.place == Place::NoFile));
}

/// Two segments are freed; a power cut brings the file of the older one back, that of the newer one stays gone.
#[test]
fn a_freed_file_that_comes_back_without_its_successor_is_no_damage() {
    let mut rig = Rig::start(driver(SimDisk::new(1)), Model::default(), &RecoveryOptions::alone()).unwrap();
    for seed in 0..9 {
        rig.append(LANE, Body { seed, bytes: 60_000 }).unwrap();
        assert!(rig.settle());
    }
    let old = rig.driver.disk().content(&segment(0)).unwrap();
    for sequence in 0..2 {
        rig.lane(LANE).free_segment(SegmentSequence(sequence)).unwrap();
        assert!(rig.settle());
    }
    let (driver, model) = rig.close();
    let mut disk = driver.disk().clone();
    assert!(disk.content(&segment(1)).is_none());
    disk.put_file(&segment(0), old);
    disk.kill_process();
    let (mut disk, model, _) = start(&disk, &model, &RecoveryOptions::alone()).unwrap();
    assert!(disk.content(&segment(0)).is_none(), "it is freed again");
    // The control: a file missing from the kept ones is damage all the same.
    disk.remove_file(&segment(3));
    assert!(matches!(refused(&disk, &model), RecoveryError::Corruption(_)));
}

#[test]
fn all_segments_of_a_lane_gone_is_damage() {
    let (mut disk, model, _) = store(3, 100, true);
    // Another start records in lane j00 what every lane had promised.
    let bindings = layout().segment(LaneId::BINDINGS, SegmentSequence(0));
    let (mut again, model, _) = start(&disk, &model, &RecoveryOptions::alone()).unwrap();
    again.remove_file(&bindings);
    assert!(matches!(refused(&again, &model), RecoveryError::Corruption(damage) if damage.lane == LaneId::BINDINGS));
    // A lane of which nothing is known to be promised begins anew.
    disk = SimDisk::new(2);
    assert!(start(&disk, &Model::default(), &RecoveryOptions::alone()).is_ok());
}

#[test]
fn a_sector_that_cannot_be_read_is_damage_only_below_a_promise() {
    let (mut disk, model, blocks) = store(4, 100, true);
    let (path, offset) = offset_of(blocks[1]);
    disk.break_page(&path, offset);
    let error = refused(&disk, &model);
    assert!(
        matches!(&error, RecoveryError::Corruption(damage) if damage.place == Place::Unreadable && damage.at == blocks[1]),
        "{error:?}"
    );
}

#[test]
fn a_damaged_checkpoint_lane_never_stops_a_start() {
    let (mut disk, model, _) = store(4, 100, true);
    let path = layout().segment(LaneId::CHECKPOINT, SegmentSequence(0));
    disk.flip_bit(&path, 4096 + 20, 1);
    let (_, _, findings) = start(&disk, &model, &RecoveryOptions::alone()).unwrap();
    assert!(matches!(&findings[..], [Finding::CheckpointUnusable { .. }]), "{findings:?}");
}

#[test]
fn a_flipped_bit_anywhere_below_a_promise_is_never_passed_over() {
    let (disk, model, blocks) = store(6, 3000, true);
    let end = blocks[5].plus(4096);
    let (path, from) = offset_of(blocks[0]);
    let (_, to) = offset_of(end);
    for offset in (from..to).step_by(61) {
        let mut rotten = disk.clone();
        rotten.flip_bit(&path, offset, (offset % 8) as u8);
        let error = refused(&rotten, &model);
        assert!(matches!(error, RecoveryError::Corruption(_)), "offset {offset}: {error:?}");
    }
}

#[test]
fn rubbish_in_the_place_of_blocks_never_panics() {
    let mut random = journal::testing::Random::new(5);
    for _ in 0..20_000 {
        let mut bytes = vec![0; 4096];
        let real = random.percent(50);
        if real {
            bytes[..4].copy_from_slice(b"RMQB");
            bytes[4] = 1;
            bytes[9] = 1;
            bytes[10] = 1;
        }
        for _ in 0..random.index(60) {
            let at = random.index(if real { 80 } else { 4096 });
            bytes[at] = random.next() as u8;
        }
        let _ = BlockView::peek(&bytes);
        if let Ok(view) = BlockView::parse(&bytes, LANE, Lsn(0)) {
            let _ = (view.well_formed(), view.record_at(random.next() as u32));
        }
        let _ = journal::EpochStartRecord::decode(&bytes);
        let _ = journal::SegmentFreeRecord::decode(&bytes);
        let _ = journal::SegmentHeader::decode(&bytes);
    }
}
