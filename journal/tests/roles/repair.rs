//! A rotten block is written again from another copy: only if it belongs there, and never half.

use std::path::PathBuf;

use journal::testing::{Fault, FaultKind};
use journal::{BlockError, Company, LaneId, Lsn, RecoveryError, RepairError, RepairSteps, Repaired, repair_block};

use crate::compare::borders;
use crate::copies::{Copy, layout, shape, work};

const LANE: LaneId = LaneId::JOURNAL;

/// A store, and where its blocks begin and end.
fn store(seed: u64) -> (Copy, Vec<(Lsn, Lsn)>) {
    let mut copy = Copy::new(seed, 1).live(0, seed, work(120));
    copy.stop_clean();
    let recovered = copy.recover(Company::Alone).unwrap();
    let all: Vec<Lsn> = borders(&copy, &recovered, LANE).into_iter().map(|(lsn, _)| lsn).collect();
    (copy, all.windows(2).map(|pair| (pair[0], pair[1])).collect())
}

fn place(at: Lsn) -> (PathBuf, u64) {
    let (segment, offset) = shape(1).geometry(LANE).place(at);
    (layout().segment(LANE, segment), offset)
}

fn bytes(copy: &Copy, (at, end): (Lsn, Lsn)) -> Vec<u8> {
    let (path, offset) = place(at);
    copy.disk.content(&path).unwrap()[offset as usize..][..end.since(at) as usize].to_vec()
}

fn rot(copy: &mut Copy, at: Lsn, bit: u64) {
    let (path, offset) = place(at);
    copy.disk.flip_bit(&path, offset + bit / 8, (bit % 8) as u8);
}

fn repair(copy: &mut Copy, at: Lsn, bytes: &[u8], steps: RepairSteps) -> Result<Repaired, RepairError> {
    repair_block(&mut copy.disk, &layout(), &shape(1), (LANE, at), bytes, steps)
}

/// Everything is there again, to the byte.
fn is_whole(copy: &mut Copy, sound: &Copy) -> Result<(), String> {
    let recovered = copy.recover(Company::Alone).map_err(|error| format!("{error:?}"))?;
    copy.check(&recovered)?;
    let differs = sound.disk.files().find(|path| {
        path.extension().is_some_and(|ending| ending == "seg") && copy.disk.content(path) != sound.disk.content(path)
    });
    differs.map_or(Ok(()), |path| Err(format!("{} differs", path.display())))
}

#[test]
fn any_block_is_repaired_and_a_power_cut_leaves_it_damaged_or_sound() {
    let points: u64 = [1, 11].into_iter().map(repair_all).sum();
    println!("{points} crash points");
    assert!(points > 50);
}

/// Repairs each block of a store, with a power cut at every operation; gives the number of operations.
fn repair_all(seed: u64) -> u64 {
    let (sound, blocks) = store(seed);
    let mut points = 0;
    for (index, &block) in blocks.iter().enumerate() {
        let good = bytes(&sound, block);
        let mut rotten = sound.clone();
        rot(&mut rotten, block.0, 8 * 70 + index as u64);
        let refused = rotten.recover(Company::Alone).map(drop);
        assert!(matches!(&refused, Err(RecoveryError::Corruption(damage)) if damage.at == block.0), "{refused:?}");
        let mut whole = rotten.clone();
        assert_eq!(repair(&mut whole, block.0, &good, RepairSteps::ALL), Ok(Repaired::Written), "{index}");
        let operations = whole.disk.operations() - rotten.disk.operations();
        whole.disk.cut_power(index as u64);
        is_whole(&mut whole, &sound).unwrap();
        assert_eq!(repair(&mut whole, block.0, &good, RepairSteps::ALL), Ok(Repaired::NotNeeded));
        for at in 0..operations {
            points += 1;
            let mut torn = rotten.clone();
            torn.disk.plan(Fault { at, kind: FaultKind::PowerCut });
            let _cut = repair(&mut torn, block.0, &good, RepairSteps::ALL);
            torn.disk.cut_power(at + index as u64);
            if torn.recover(Company::Alone).map(drop) != refused {
                is_whole(&mut torn, &sound).unwrap();
            }
            repair(&mut torn, block.0, &good, RepairSteps::ALL).unwrap();
            is_whole(&mut torn, &sound).unwrap();
        }
    }
    points
}

#[test]
fn neighbours_that_rot_together_are_repaired_from_the_first_on() {
    let (sound, blocks) = store(2);
    let mut rotten = sound.clone();
    let from = blocks.len() / 2;
    for block in &blocks[from..from + 3] {
        rot(&mut rotten, block.0, 999);
    }
    let repair_at = |copy: &mut Copy, index: usize| {
        let good = bytes(&sound, blocks[index]);
        repair(copy, blocks[index].0, &good, RepairSteps::ALL)
    };
    let mut middle = rotten.clone();
    assert_eq!(repair_at(&mut middle, from + 1), Err(RepairError::Unproved), "neither side says that it belongs there");
    for index in from..from + 3 {
        assert_eq!(repair_at(&mut rotten, index), Ok(Repaired::Written));
    }
    is_whole(&mut rotten, &sound).unwrap();
}

#[test]
fn a_block_that_does_not_belong_there_is_refused_and_nothing_changes() {
    let (sound, blocks) = store(3);
    let middle = blocks.len() / 2;
    let (block, other) = (blocks[middle], blocks[middle + 1]);
    let mut rotten = sound.clone();
    rot(&mut rotten, block.0, 2000);
    let good = bytes(&sound, block);
    let mut half = good.clone();
    half[100] ^= 1;
    let long = [good.clone(), vec![0; 4096]].concat();
    let refusals = [
        (half, RepairError::NotThisBlock(BlockError::Damaged)),
        (bytes(&sound, other), RepairError::NotThisBlock(BlockError::Elsewhere { lane: 0x100, lsn: other.0 })),
        (Vec::new(), RepairError::NotThisBlock(BlockError::Incomplete { needed: 4096 })),
        (long, RepairError::OutOfPlace),
    ];
    for (wrong, expected) in refusals {
        let mut copy = rotten.clone();
        assert_eq!(repair(&mut copy, block.0, &wrong, RepairSteps::ALL), Err(expected));
        assert!(copy.disk.content(&place(block.0).0) == rotten.disk.content(&place(block.0).0));
    }
    let mut occupied = sound.clone();
    assert_eq!(repair(&mut occupied, block.0, &good, RepairSteps::ALL), Ok(Repaired::NotNeeded));
}

/// Two histories part at a border; each has its own sound block there, which follows what is before.
#[test]
fn a_block_of_another_history_is_refused() {
    let mut common = Copy::new(4, 1).live(0, 4, work(60));
    let end = crate::copies::tail(&common.recover(Company::Alone).unwrap(), LANE).end;
    let mut ours = common.live(1, 5, work(40));
    let mut theirs = common.live(2, 6, work(40));
    let [mine, other] = [&mut ours, &mut theirs].map(|copy| {
        let recovered = copy.recover(Company::Alone).unwrap();
        let all = borders(copy, &recovered, LANE);
        let at = all.iter().position(|(lsn, _)| *lsn == end).unwrap();
        (bytes(copy, (end, all[at + 1].0)), all[at + 1].0)
    });
    let mut rotten = ours.clone();
    rot(&mut rotten, end, 900);
    // The block behind follows another one.
    assert_eq!(repair(&mut rotten.clone(), end, &other.0, RepairSteps::ALL), Err(RepairError::OtherHistory));
    assert_eq!(repair(&mut ours.clone(), end, &other.0, RepairSteps::ALL), Err(RepairError::Occupied));
    // The control: without a proof it is written, and the lane ends there.
    let mut broken = rotten.clone();
    let blind = RepairSteps { prove: false, ..RepairSteps::ALL };
    assert_eq!(repair(&mut broken, end, &other.0, blind), Ok(Repaired::Written));
    assert!(is_whole(&mut broken, &ours).is_err());
    // Nothing is behind: the chain before fits both, and only the epoch tells.
    let (path, offset) = place(mine.1);
    let rest = rotten.disk.content(&path).unwrap().len() - offset as usize;
    rotten.disk.overwrite(&path, offset, &vec![0; rest]);
    assert_eq!(repair(&mut rotten, end, &other.0, RepairSteps::ALL), Err(RepairError::Unproved));
    assert_eq!(
        repair(&mut rotten, end, &mine.0, RepairSteps::ALL),
        Err(RepairError::Unproved),
        "so does ours: it begins an epoch"
    );
}

#[test]
fn a_repair_that_is_not_flushed_or_not_read_back_is_caught() {
    let (sound, blocks) = store(5);
    let block = blocks[blocks.len() / 2];
    let good = bytes(&sound, block);
    let rotten = || {
        let mut copy = sound.clone();
        rot(&mut copy, block.0, 777);
        copy
    };
    let survives = |steps| {
        (0..12).all(|seed| {
            let mut copy = rotten();
            assert_eq!(repair(&mut copy, block.0, &good, steps), Ok(Repaired::Written));
            copy.disk.cut_power(seed);
            is_whole(&mut copy, &sound).is_ok()
        })
    };
    assert!(survives(RepairSteps::ALL) && !survives(RepairSteps { flush: false, ..RepairSteps::ALL }));
    // The disk reports a write that it did not do.
    for (steps, is_caught) in [(RepairSteps::ALL, true), (RepairSteps { read_back: false, ..RepairSteps::ALL }, false)]
    {
        let mut copy = rotten();
        let from = copy.disk.operations();
        repair(&mut copy.clone(), block.0, &good, steps).unwrap();
        let mut trial = copy.clone();
        repair(&mut trial, block.0, &good, steps).unwrap();
        let write = trial.disk.trace().iter().rposition(|trace| trace.operation == journal::Operation::Write).unwrap();
        let before = copy.disk.trace().len();
        copy.disk.plan(Fault { at: (write - before) as u64, kind: FaultKind::Lost });
        let repaired = repair(&mut copy, block.0, &good, steps);
        assert_eq!(matches!(repaired, Err(RepairError::NotGivenBack(_))), is_caught, "{repaired:?} from {from}");
    }
}
