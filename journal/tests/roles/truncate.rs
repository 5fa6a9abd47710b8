//! Truncation to a common point: a power cut at every operation leaves each lane with its old end or cut, doing it again finishes it, and what
//! lay behind is nothing to the history that goes on there.

use journal::testing::{Body, Fault, FaultKind};
use journal::{
    BorderReader, CheckpointWriter, Company, EpochEntry, Finding, LaneId, LaneTail, MayCut, Recovered, TruncateError,
    TruncateOrder, TruncateSteps, Vector, truncate,
};

use crate::copies::{Copy, ends, layout, tail, work};

/// A store that has gone on alone for two epochs behind a common point, and that point. With an odd seed it lies within the first of them,
/// as where the other copy had got a part of it.
pub(crate) fn diverged(seed: u64, lanes: u16) -> (Copy, Vector) {
    let mut common = Copy::new(seed, lanes).live(0, seed, work(60)).live(0, seed + 1, work(40));
    let mut cuts = ends(&common.recover(Company::Alone).unwrap());
    let mut between = common.live(1, seed + 2, work(60));
    if !seed.is_multiple_of(2) {
        let recovered = between.recover(Company::Alone).unwrap();
        let (layout, shape) = (layout(), between.shape());
        for (lane, end) in ends(&recovered).iter() {
            let middle = journal::Lsn(cuts.get(lane).unwrap().0.midpoint(end.0)).plus(4096);
            let mut reader = BorderReader::new(&mut between.disk, &layout, &shape, lane, end);
            cuts.raise(lane, reader.at_or_before(middle).unwrap().lsn);
        }
    }
    let mut ours = between.live(1, seed + 3, work(30));
    ours.stop_clean();
    (ours, cuts)
}

/// Truncates; the power fails at the operation `fault`, counted from the first one of the truncation. Gives the number of operations.
pub(crate) fn truncate_with(
    copy: &mut Copy,
    recovered: &Recovered,
    (cuts, may_cut): (&Vector, MayCut),
    steps: TruncateSteps,
    fault: Option<u64>,
) -> Result<(Vec<LaneTail>, u64), TruncateError> {
    let (shape, mut state) = (copy.shape(), copy.state());
    if let Some(at) = fault {
        copy.disk.plan(Fault { at, kind: FaultKind::PowerCut });
    }
    let from = copy.disk.operations();
    let order = TruncateOrder { cuts, may_cut, steps };
    let tails = truncate(&mut copy.disk, &layout(), &shape, &mut state, recovered, &order);
    state.close(&mut copy.disk);
    Ok((tails?, copy.disk.operations() - from))
}

/// Truncates, and compares what it gives with what a start finds. Gives the number of operations.
fn cut(copy: &mut Copy, cuts: &Vector, steps: TruncateSteps) -> Result<u64, TruncateError> {
    let recovered = copy.recover(Company::Alone).map_err(TruncateError::Recovery)?;
    let (tails, operations) = truncate_with(copy, &recovered, (cuts, MayCut::Promised), steps, None)?;
    let again = copy.recover(Company::Pair).map_err(TruncateError::Recovery)?;
    for found in tails {
        let lane = found.lane;
        assert!(!steps.terminator || &found == tail(&again, lane), "{lane}: {found:?} and {:?}", tail(&again, lane));
    }
    Ok(operations)
}

/// What a start of one of a pair finds must be each lane with its old end or cut, and all that belongs there.
fn judge(copy: &mut Copy, cuts: &Vector, before: &Vector) -> Result<Recovered, String> {
    let recovered = copy.recover(Company::Pair).map_err(|error| format!("{error:?}"))?;
    let told = recovered.findings.iter().find(|finding| !matches!(finding, Finding::CheckpointUnusable { .. }));
    if let Some(finding) = told {
        return Err(format!("{finding:?}"));
    }
    for (lane, end) in ends(&recovered).iter() {
        if Some(end) != cuts.get(lane) && Some(end) != before.get(lane) {
            return Err(format!("{lane} ends at {end}, between {:?} and {:?}", cuts.get(lane), before.get(lane)));
        }
    }
    copy.check(&recovered)?;
    Ok(recovered)
}

/// Whatever the power takes now, the lanes are cut.
fn judge_after(copy: &mut Copy, cuts: &Vector, seed: u64) -> Result<(), String> {
    copy.disk.cut_power(seed);
    judge(copy, cuts, cuts).map(drop)
}

/// After the cut another history goes on, with the very epoch number that was cut off; the power fails when all is promised.
fn go_on(copy: &Copy, cuts: &Vector, seed: u64) -> Result<(), String> {
    for steps in [4, 40] {
        let mut life = copy.live(2, seed, work(steps));
        let recovered = judge(&mut life, cuts, &Vector::new());
        let recovered = match recovered {
            Err(text) if text.contains("between") => life.recover(Company::Pair).unwrap(),
            other => other?,
        };
        for (lane, cut) in cuts.iter() {
            let is_back = |entry: &EpochEntry| entry.start >= cut && entry.epoch.activation >> 64 == 1;
            if tail(&recovered, lane).history.iter().any(is_back) {
                return Err(format!("{lane}: an epoch that was cut off is back"));
            }
        }
        life.check(&recovered)?;
    }
    Ok(())
}

/// Cuts with a power cut at every operation; gives the number of operations.
fn every_point(seed: u64, lanes: u16, steps: TruncateSteps) -> Result<u64, String> {
    let (ours, cuts) = diverged(seed, lanes);
    let before = ends(&ours.clone().recover(Company::Alone).unwrap());
    let mut whole = ours.clone();
    let operations = cut(&mut whole, &cuts, steps).map_err(|error| format!("{error:?}"))?;
    for at in 0..operations {
        for random in 0..3 {
            let mut torn = ours.clone();
            let recovered = torn.recover(Company::Alone).unwrap();
            let done = truncate_with(&mut torn, &recovered, (&cuts, MayCut::Promised), steps, Some(at));
            assert!(!torn.disk.is_powered(), "operation {at} of {operations} is not reached");
            if done.is_ok() {
                // It struck the last look at what was done.
                judge_after(&mut torn, &cuts, seed)?;
            }
            torn.disk.cut_power(seed * 1000 + at * 10 + random);
            judge(&mut torn, &cuts, &before).map_err(|error| format!("operation {at}, {random}: {error}"))?;
            if random == 0 {
                cut(&mut torn, &cuts, steps).map_err(|error| format!("operation {at}, again: {error:?}"))?;
                judge(&mut torn, &cuts, &cuts)?;
                if at.is_multiple_of(7) {
                    go_on(&torn, &cuts, seed + at)?;
                }
            }
        }
    }
    judge(&mut whole, &cuts, &cuts)?;
    go_on(&whole, &cuts, seed)?;
    Ok(operations)
}

#[test]
fn a_power_cut_at_any_operation_leaves_the_old_end_or_the_cut() {
    let mut points = 0;
    for (seed, lanes) in [(10, 1), (20, 4), (31, 2)] {
        points += every_point(seed, lanes, TruncateSteps::ALL).unwrap_or_else(|error| panic!("{seed}: {error}"));
    }
    println!("{points} operations");
    assert!(points > 150);
}

#[test]
fn each_step_left_out_is_caught() {
    let all = TruncateSteps::ALL;
    let controls = [
        ("checkpoints and clean stop kept", TruncateSteps { forget: false, ..all }),
        ("lane j00 not first", TruncateSteps { journal_first: false, ..all }),
        ("no terminator", TruncateSteps { terminator: false, ..all }),
        ("a terminator that tears", TruncateSteps { one_sector: false, ..all }),
        ("no flush", TruncateSteps { flush: false, ..all }),
        ("nothing erased", TruncateSteps { erase: false, ..all }),
    ];
    for (name, steps) in controls {
        let caught =
            [(31, 2), (11, 1), (10, 1)].into_iter().find_map(|(seed, lanes)| every_point(seed, lanes, steps).err());
        println!("{name}: {caught:?}");
        assert!(caught.is_some(), "{name} is not caught");
    }
}

/// An index checkpoint names blocks behind the cut, which lie there whole.
#[test]
fn a_checkpoint_from_behind_the_cut_is_forgotten() {
    let mut common = Copy::new(1, 1).live(0, 1, work(50));
    let cuts = ends(&common.recover(Company::Alone).unwrap());
    let mut rig = common.start(1, 7);
    let lanes = rig.data_lanes();
    for (seed, &lane) in lanes.iter().cycle().take(3 * lanes.len()).enumerate() {
        rig.append(lane, Body { seed: seed as u64, bytes: 3000 }).unwrap();
        assert!(rig.settle());
    }
    let marks: Vec<_> = lanes.iter().filter_map(|&lane| rig.lane(lane).mark()).collect();
    let mut writer = CheckpointWriter::begin(rig.lane(LaneId::CHECKPOINT), &marks).unwrap();
    writer.chunk(rig.lane(LaneId::CHECKPOINT), &[b"index"]).unwrap();
    writer.finish(rig.lane(LaneId::CHECKPOINT)).unwrap();
    rig.wait_nanos(100 * journal::SEAL_IDLE_NANOS);
    let ours = common.stopped(rig, 3);
    assert!(ours.clone().recover(Company::Alone).unwrap().checkpoint.is_some());
    for (steps, sound) in
        [(TruncateSteps::ALL, true), (TruncateSteps { forget: false, erase: false, ..TruncateSteps::ALL }, false)]
    {
        let mut copy = ours.clone();
        let recovered = copy.recover(Company::Alone).unwrap();
        truncate_with(&mut copy, &recovered, (&cuts, MayCut::Promised), steps, None).unwrap();
        let found = ends(&copy.recover(Company::Alone).unwrap());
        assert_eq!(found == cuts, sound, "{found:?}");
    }
}

#[test]
fn what_may_not_be_cut_is_refused_and_nothing_changes() {
    let (ours, cuts) = diverged(3, 1);
    let mut copy = ours.clone();
    let recovered = copy.recover(Company::Alone).unwrap();
    let (shape, mut state) = (copy.shape(), copy.state());
    let lane = LaneId::JOURNAL;
    let end = tail(&recovered, lane).end;
    let mut refuse = |cuts: &Vector, may_cut| {
        let before = copy.disk.trace().len();
        let order = TruncateOrder { cuts, may_cut, steps: TruncateSteps::ALL };
        let refused = truncate(&mut copy.disk, &layout(), &shape, &mut state, &recovered, &order).unwrap_err();
        let changed = copy.disk.trace()[before..].iter().any(|trace| trace.operation != journal::Operation::Read);
        assert!(!changed, "{refused:?}");
        refused
    };
    let promised = recovered.known_promised(lane);
    assert!(matches!(refuse(&cuts, MayCut::Unpromised), TruncateError::Promised { .. }));
    assert!(
        matches!(refuse(&Vector::of(lane, end.plus(4096)), MayCut::Promised), TruncateError::NoBorder { border, .. } if border == end)
    );
    assert!(promised > cuts.get(lane).unwrap());
    // Another lane below what an epoch start says that stays in lane j00.
    let bindings = Vector::of(LaneId::BINDINGS, cuts.get(LaneId::BINDINGS).unwrap());
    assert!(matches!(refuse(&bindings, MayCut::Promised), TruncateError::Promised { lane: LaneId::BINDINGS, .. }));
    let mut again = ours.clone();
    again.recover(Company::Alone).unwrap();
    for path in again.disk.files() {
        assert!(again.disk.content(path) == copy.disk.content(path), "{}", path.display());
    }
}

/// The record by which the lane's beginning is free lies behind the cut: only a new copy helps.
#[test]
fn a_lane_whose_beginning_is_free_is_not_cut_before_the_record_that_says_so() {
    let mut rig = Copy::new(1, 1).start(0, 2);
    let lane = LaneId::JOURNAL;
    for seed in 0..12 {
        rig.append(lane, Body { seed, bytes: 50_000 }).unwrap();
        assert!(rig.settle());
    }
    let middle = rig.lane(lane).appended();
    for seed in 20..24 {
        rig.append(lane, Body { seed, bytes: 50_000 }).unwrap();
        assert!(rig.settle());
    }
    for _ in 0..2 {
        let (oldest, _) = {
            let lane = rig.lane(lane);
            lane.segment_of(lane.first_kept())
        };
        rig.lane(lane).free_segment(oldest).unwrap();
        assert!(rig.settle());
    }
    let mut copy = Copy::new(1, 1).stopped(rig, 2);
    let recovered = copy.recover(Company::Alone).unwrap();
    let (layout, shape) = (layout(), copy.shape());
    let mut reader = BorderReader::new(&mut copy.disk, &layout, &shape, lane, tail(&recovered, lane).end);
    let at = reader.at_or_before(middle).unwrap().lsn;
    drop(reader);
    let refused = cut(&mut copy, &Vector::of(lane, at), TruncateSteps::ALL);
    assert_eq!(refused, Err(TruncateError::BeginningGone { lane, at }));
}
