//! Epochs that begin while lanes run, and handovers: whatever operation the power fails at, the next start finds all that was promised, and
//! nothing that refuses it.

use journal::testing::{Body, Driver, Fault, FaultKind, Model, Random, Rig, RigError, SimDriver, run_workload};
use journal::{
    AckMode, AppendError, BlockFlags, BlockView, Company, EpochId, EpochReason, EpochStart, FreeError, LaneId, Lsn,
    NodeId, RecordKind, RecoveryOptions, Run, Vector,
};

use crate::compare::borders;
use crate::copies::{Copy, ends, layout, tail, work};

/// Tries again until there is room; `None` when a lane is latched.
fn with_room<T>(
    rig: &mut Rig<SimDriver>,
    mut act: impl FnMut(&mut Rig<SimDriver>) -> Result<T, AppendError>,
) -> Option<T> {
    for _ in 0..10_000 {
        if rig.lanes_latched() {
            return None;
        }
        match act(rig) {
            Ok(done) => return Some(done),
            Err(AppendError::Full | AppendError::Blocked) => {
                if !rig.poll() && !rig.complete_one() {
                    return None;
                }
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    None
}

/// The active goes on alone: its lanes begin the epoch one after the other while records come. The vector says what was promised, or, where
/// `is_honest` is false, what was merely appended.
fn go_solo(rig: &mut Rig<SimDriver>, random: &mut Random, is_honest: bool) -> Option<()> {
    let mut lanes = rig.data_lanes();
    lanes.push(LaneId::CHECKPOINT);
    let said = |rig: &mut Rig<SimDriver>, lane| {
        let lane = rig.lane(lane);
        if is_honest { lane.promised() } else { lane.appended() }
    };
    let vector: Vector = lanes.iter().map(|&lane| (lane, said(rig, lane))).collect();
    let epoch = EpochId { number: rig.epoch + 1, activation: 77 };
    let (reason, ack_mode) = (EpochReason::Solo, AckMode::Durable);
    let start = EpochStart { node: NodeId(0xabc), epoch, reason, ack_mode, vector };
    for lane in lanes {
        with_room(rig, |rig| rig.lane(lane).change_epoch(&start))?;
        run_workload(rig, random, work(4));
    }
    Some(())
}

/// Starts what a life left; the model says whether all is there.
fn judge(driver: SimDriver, model: Model) -> Result<Rig<SimDriver>, String> {
    match Rig::start_salted(driver, model, &RecoveryOptions::alone(), 9) {
        Ok(rig) => Ok(rig),
        Err((RigError::Refused(error), ..)) => Err(format!("refused: {error:?}")),
        Err((error, ..)) => Err(format!("{error:?}")),
    }
}

/// Works, changes the epoch in the middle of it, works on; the power fails at `fault` or at the end. Gives the operations since the change.
fn solo(seed: u64, fault: Option<u64>, is_honest: bool) -> Result<u64, String> {
    let lanes = [1, 2, 4][seed as usize % 3];
    let mut random = Random::new(seed);
    let mut rig = Copy::new(seed, lanes).live(0, seed, work(40)).start(0, seed);
    run_workload(&mut rig, &mut random, work(30));
    if let Some(at) = fault {
        rig.driver.disk_mut().plan(Fault { at, kind: FaultKind::PowerCut });
    }
    let from = rig.driver.disk().operations();
    if go_solo(&mut rig, &mut random, is_honest).is_some() {
        run_workload(&mut rig, &mut random, work(20));
        rig.settle();
    }
    if let Some(violation) = rig.violation.take() {
        return Err(violation);
    }
    let operations = rig.driver.disk().operations() - from;
    let (mut driver, model) = rig.close();
    driver.cut_power(seed + fault.unwrap_or_default());
    let rig = judge(driver, model)?;
    for lane in &rig.recovered.lanes {
        let numbers: Vec<u64> = lane.tail.history.iter().map(|entry| entry.epoch.number).collect();
        if !numbers.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err(format!("{}: {numbers:?}", lane.tail.lane));
        }
    }
    let solo = rig.recovered.lanes.iter().filter(|lane| lane.tail.history.iter().any(|entry| entry.continues)).count();
    if fault.is_none() && solo != rig.recovered.lanes.len() {
        return Err(format!("only {solo} lanes are in the epoch"));
    }
    Ok(operations)
}

#[test]
fn an_epoch_that_begins_in_running_lanes_survives_a_power_cut_at_any_operation() {
    let mut points = 0;
    for seed in 0..3 {
        let operations = solo(seed, None, true).unwrap();
        for at in (0..operations).step_by(2) {
            points += 1;
            solo(seed, Some(at), true).unwrap_or_else(|error| panic!("seed {seed}, operation {at}: {error}"));
        }
    }
    println!("{points} crash points");
    assert!(points > 50);
}

/// The control: a start block that calls promised what was only appended has the next start refuse a store that lost nothing.
#[test]
fn a_vector_of_what_was_only_appended_is_caught() {
    let mut caught = Vec::new();
    for seed in 0..12 {
        caught.extend((0..24).step_by(3).filter_map(|at| solo(seed, Some(at), false).err()));
    }
    println!("{} of 96 caught, {:?}", caught.len(), caught.first());
    assert!(caught.iter().any(|error| error.starts_with("refused")), "{caught:?}");
}

/// Works and hands over; gives where the lanes ended, if all of them did, and the operations since.
fn hand_over(copy: &Copy, seed: u64, fault: Option<u64>) -> (SimDriver, Model, Option<Vector>, u64) {
    let mut rig = copy.start(0, seed);
    let mut random = Random::new(seed);
    run_workload(&mut rig, &mut random, work(30));
    if let Some(at) = fault {
        rig.driver.disk_mut().plan(Fault { at, kind: FaultKind::PowerCut });
    }
    let from = rig.driver.disk().operations();
    let lanes = rig.data_lanes();
    let handed: Option<Vector> = lanes
        .iter()
        .map(|&lane| with_room(&mut rig, |rig| rig.lane(lane).hand_over()).map(|end| (lane, end)))
        .collect();
    for lane in lanes {
        let lane = rig.lane(lane);
        if handed.is_some() && lane.latch().is_none() {
            let first = lane.segment_of(lane.first_kept()).0;
            let refused = [
                lane.hand_over().unwrap_err(),
                lane.append(
                    journal::Record { kind: RecordKind::USER_FIRST, run: Run::None, parts: &[] },
                    &Vector::new(),
                )
                .unwrap_err(),
            ];
            assert_eq!(refused, [AppendError::NoEpoch; 2]);
            assert!(matches!(
                lane.free_segment(first),
                Err(FreeError::InUse | FreeError::Append(AppendError::NoEpoch))
            ));
        }
    }
    let settled = rig.settle();
    let handed = handed.filter(|handed| settled && handed.iter().all(|(lane, end)| rig.lane(lane).promised() == end));
    let operations = rig.driver.disk().operations() - from;
    let (mut driver, model) = rig.close();
    driver.cut_power(seed + fault.unwrap_or_default());
    (driver, model, handed, operations)
}

#[test]
fn a_handover_ends_every_lane_with_its_mark_whatever_the_power_does() {
    for seed in [1, 2] {
        let copy = Copy::new(seed, [1, 2][seed as usize % 2]).live(0, seed, work(30));
        let (_, _, handed, operations) = hand_over(&copy, seed, None);
        assert!(handed.is_some());
        for at in (0..operations).map(Some).chain([None]) {
            let (driver, model, handed, _) = hand_over(&copy, seed, at);
            let mut left = Copy { disk: driver.disk().clone(), model: model.clone(), ..copy.clone() };
            drop(judge(driver, model).unwrap_or_else(|error| panic!("seed {seed}, {at:?}: {error}")));
            // A crash in the middle may leave evidence, which one of a pair would wait with.
            let recovered = left.recover(Company::Alone).unwrap();
            let Some(handed) = handed else { continue };
            assert_eq!(ends(&recovered), handed, "what was promised everywhere is the whole lane");
            for (lane, end) in handed.iter() {
                let all = borders(&left, &recovered, lane);
                let before: Lsn = all[all.len() - 2].0;
                let (segment, offset) = left.shape().geometry(lane).place(before);
                let content = left.disk.content(&layout().segment(lane, segment)).unwrap();
                let view = BlockView::parse(&content[offset as usize..], lane, before).unwrap();
                assert!(view.header.flags.contains(BlockFlags::HANDOVER) && view.header.fragments == 0);
                assert_eq!((view.header.end(), tail(&recovered, lane).end), (end, end));
            }
        }
    }
}

#[test]
fn a_handover_that_came_to_nothing_is_taken_back_with_its_open_runs() {
    let lane = LaneId::JOURNAL;
    let mut rig = Copy::new(1, 1).start(0, 1);
    let (run, none) = (rig.lane(lane).next_run(), Vector::new());
    let kind = RecordKind::USER_FIRST;
    rig.append_record(lane, kind, Run::Member(run), Body { seed: 1, bytes: 100 }, &none).unwrap();
    rig.lane(lane).hand_over().unwrap();
    assert_eq!(rig.append(lane, Body { seed: 2, bytes: 1 }), Err(AppendError::NoEpoch));
    assert!(rig.settle());
    rig.lane(lane).take_back();
    rig.append_record(lane, kind, Run::Commit(run), Body { seed: 3, bytes: 100 }, &none).unwrap();
    assert!(rig.settle());
    let (mut driver, model) = rig.close();
    driver.cut_power(1);
    let rig = judge(driver, model).unwrap();
    let (mut driver, _) = rig.close();
    // Without a handover there is nothing to take back: a lane without an epoch still has none.
    let mut fresh = journal::Lane::open(
        journal::LaneOptions { geometry: driver.shape().geometry(lane), segments_ahead: 1 },
        journal::LaneTail::fresh(lane),
        driver.buffers(journal::LANE_BUFFERS_MIN),
    );
    fresh.take_back();
    assert_eq!(fresh.hand_over(), Err(AppendError::NoEpoch));
    driver.take_back(fresh.into_buffers());
}
