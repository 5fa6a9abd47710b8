//! A random workload: records of all sizes, alone and in runs, with dependencies between lanes, segments freed, checkpoints written, epochs
//! started. One seed replays it.

use super::driver::Driver;
use super::model::Body;
use super::random::Random;
use super::rig::Rig;
use crate::checkpoint::CheckpointWriter;
use crate::ids::{LaneId, Lsn, RunId};
use crate::limits::RECORD_BYTES_MAX;
use crate::record::{RecordKind, Run};
use crate::vector::Vector;

/// What the workload does.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadOptions {
    /// Steps in all.
    pub steps: u64,
    /// Records above this length are rare.
    pub usual_bytes: u64,
    /// Whether the longest records occur.
    pub long_records: bool,
    /// Of 100 records, how many rely on another lane.
    pub depends_percent: u64,
    /// Whether segments are freed and checkpoints written.
    pub housekeeping: bool,
}

/// Runs the workload until its steps are done or a lane is latched. Nothing is settled at its end: a crash finds everything under way.
pub fn run_workload<D: Driver>(rig: &mut Rig<D>, random: &mut Random, options: WorkloadOptions) {
    let lanes = rig.data_lanes();
    let mut open_runs: Vec<(LaneId, RunId)> = Vec::new();
    for _ in 0..options.steps {
        match random.below(100) {
            0..55 => append(rig, random, &lanes, &mut open_runs, options),
            55..75 => {
                rig.poll();
            }
            75..96 => {
                rig.complete_one();
            }
            96 => rig.now = rig.now.plus_nanos(20_000_000),
            97 if options.housekeeping => free_oldest(rig, random, &lanes),
            98 if options.housekeeping => checkpoint(rig, random, &lanes),
            99 if options.housekeeping && random.percent(20) => {
                open_runs.clear();
                let _ = rig.next_epoch();
            }
            _ => {}
        }
        if rig.lanes_latched() || rig.violation.is_some() {
            return;
        }
    }
}

fn append<D: Driver>(
    rig: &mut Rig<D>,
    random: &mut Random,
    lanes: &[LaneId],
    open_runs: &mut Vec<(LaneId, RunId)>,
    options: WorkloadOptions,
) {
    let pick = random.index(lanes.len());
    let Some(&lane) = lanes.get(pick) else { return };
    let bytes = match random.below(100) {
        0 if options.long_records => RECORD_BYTES_MAX as u64 - random.below(3),
        1..4 => random.below(options.usual_bytes * 20),
        4..7 => random.below(3),
        _ => random.below(options.usual_bytes),
    };
    let body = Body { seed: random.next(), bytes: (bytes as usize).min(RECORD_BYTES_MAX) };
    let mut depends = Vector::new();
    if random.percent(options.depends_percent) {
        let other = lanes.get(random.index(lanes.len())).copied().filter(|&other| other != lane);
        depends = other.map(|other| Vector::of(other, rig.lane(other).appended())).unwrap_or_default();
    }
    let kind = RecordKind(RecordKind::USER_FIRST.0 + random.below(8) as u8);
    let open = open_runs.iter().position(|(of, _)| *of == lane);
    let run = match (random.below(10), open.and_then(|at| open_runs.get(at)).map(|(_, run)| *run)) {
        (0, None) => Run::Member(rig.lane(lane).next_run()),
        (0..4, Some(run)) => Run::Member(run),
        (4, Some(run)) => Run::Commit(run),
        (5, Some(run)) if random.percent(30) => Run::Abort(run),
        _ => Run::None,
    };
    if rig.append_record(lane, kind, run, body, &depends).is_ok() {
        match (run, open) {
            (Run::Member(run), None) => open_runs.push((lane, run)),
            (Run::Commit(_) | Run::Abort(_), Some(at)) => {
                open_runs.swap_remove(at);
            }
            _ => {}
        }
    }
}

fn free_oldest<D: Driver>(rig: &mut Rig<D>, random: &mut Random, lanes: &[LaneId]) {
    if let Some(&lane) = lanes.get(random.index(lanes.len())) {
        let lane = rig.lane(lane);
        let (oldest, _) = lane.segment_of(lane.first_kept());
        let _ = lane.free_segment(oldest);
    }
}

fn checkpoint<D: Driver>(rig: &mut Rig<D>, random: &mut Random, lanes: &[LaneId]) {
    let marks: Vec<_> = lanes.iter().filter_map(|&lane| rig.lane(lane).mark()).collect();
    let chunk = Body { seed: random.next(), bytes: 1 + random.index(5000) }.make();
    let lane = rig.lane(LaneId::CHECKPOINT);
    let Ok(mut writer) = CheckpointWriter::begin(lane, &marks) else { return };
    if writer.chunk(lane, &[&chunk]).is_err() {
        return;
    }
    if let Ok(written) = writer.finish(lane)
        && random.percent(50)
        && rig.settle()
    {
        let lane = rig.lane(LaneId::CHECKPOINT);
        assert!(lane.promised() >= written.end);
        let _ = written.free_older(lane);
    }
}

/// The promised positions of all lanes.
#[must_use]
pub fn promised_of<D: Driver>(rig: &mut Rig<D>) -> Vec<(LaneId, Lsn)> {
    let lanes = rig.data_lanes();
    lanes.into_iter().map(|lane| (lane, rig.lane(lane).promised())).collect()
}
