//! The conformance suite: what every driver must make true. Each case gets a new driver on an empty store of three data lanes and more, with
//! segments of 1 MiB.

use super::driver::Driver;
use super::model::{Body, Model};
use super::random::Random;
use super::rig::Rig;
use super::workload::{WorkloadOptions, run_workload};
use crate::checkpoint::CheckpointWriter;
use crate::error::AppendError;
use crate::ids::LaneId;
use crate::lane::LaneTail;
use crate::limits::{GROUP_BYTES_PARALLEL, RECORD_BYTES_MAX, SEAL_IDLE_NANOS};
use crate::reader::{RecordRead, Step, read_record};
use crate::record::{RecordKind, Run};
use crate::recovery::RecoveryOptions;
use crate::vector::Vector;

/// A case: its name, and what it does with a new rig.
type Case<D> = (&'static str, fn(Rig<D>));

/// Runs every case on a driver of its own.
///
/// # Panics
/// When the driver breaks a rule; the message names the case.
pub fn run_all<D: Driver>(make: &mut dyn FnMut() -> D) {
    let cases: [Case<D>; 11] = [
        ("records of all sizes come back in order", all_sizes),
        ("a lane takes no more than its buffers hold, and goes on after completions", back_pressure),
        ("one group below 64 KiB, more above", groups),
        ("segments roll, are freed and used again", segments),
        ("a promise waits for other lanes and never for ever", dependencies),
        ("a run counts as a whole or not at all", runs),
        ("an idle lane is sealed once", idle_seal),
        ("a record is read back by its location", read_back),
        ("a replay begins at the checkpoint", checkpoint),
        ("the end of an epoch is known", epochs),
        ("a random workload comes back", workload),
    ];
    for (name, case) in cases {
        println!("conformance: {name}");
        case(begin(make()));
    }
}

fn begin<D: Driver>(driver: D) -> Rig<D> {
    restart_with(driver, Model::default(), &RecoveryOptions::alone())
}

fn restart<D: Driver>(rig: Rig<D>) -> Rig<D> {
    assert_eq!(rig.violation, None);
    let (mut driver, model) = rig.close();
    driver.restarted();
    restart_with(driver, model, &RecoveryOptions::alone())
}

fn restart_with<D: Driver>(driver: D, model: Model, options: &RecoveryOptions) -> Rig<D> {
    match Rig::start(driver, model, options) {
        Ok(rig) => rig,
        Err(error) => panic!("the start failed: {error:?}"),
    }
}

/// Appends, making room as often as it takes.
fn append<D: Driver>(
    rig: &mut Rig<D>,
    lane: LaneId,
    run: Run,
    body: Body,
    depends: &Vector,
) -> crate::record::Appended {
    for _ in 0..10_000 {
        match rig.append_record(lane, RecordKind::USER_FIRST, run, body, depends) {
            Ok(appended) => return appended,
            Err(AppendError::Full | AppendError::Blocked) => {
                rig.poll();
                rig.complete_one();
            }
            Err(error) => panic!("{lane}: {error}"),
        }
    }
    panic!("{lane}: no room after 10,000 completions");
}

fn alone<D: Driver>(rig: &mut Rig<D>, lane: LaneId, seed: u64, bytes: usize) -> crate::record::Appended {
    append(rig, lane, Run::None, Body { seed, bytes }, &Vector::new())
}

fn all_sizes<D: Driver>(mut rig: Rig<D>) {
    let mut sizes: Vec<usize> = (0..70).collect();
    sizes.extend([4000, 4016, 4024, 4032, 4096, 8192, 65536, 100_000, RECORD_BYTES_MAX - 1, RECORD_BYTES_MAX, 1, 0]);
    for (seed, &bytes) in sizes.iter().enumerate() {
        alone(&mut rig, LaneId::JOURNAL, seed as u64, bytes);
        alone(&mut rig, LaneId::LARGE, seed as u64, bytes);
    }
    let too_long = Body { seed: 0, bytes: RECORD_BYTES_MAX + 1 };
    assert_eq!(rig.append(LaneId::JOURNAL, too_long), Err(AppendError::TooLong));
    assert!(rig.settle());
    let stats = rig.lane(LaneId::JOURNAL).stats();
    assert!(stats.bytes_written >= stats.payload_bytes && stats.records as usize > sizes.len());
    restart(restart(rig));
}

fn back_pressure<D: Driver>(mut rig: Rig<D>) {
    let mut accepted = 0_u64;
    let full = loop {
        match rig.append(LaneId::JOURNAL, Body { seed: accepted, bytes: 60_000 }) {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 1000, "a lane without completions takes no more than its buffers and segments hold");
    };
    assert!(matches!(full, AppendError::Full | AppendError::Blocked));
    let before = rig.lane(LaneId::JOURNAL).appended();
    assert!(rig.append(LaneId::JOURNAL, Body { seed: 0, bytes: RECORD_BYTES_MAX }).is_err());
    assert_eq!(rig.lane(LaneId::JOURNAL).appended(), before, "a refused record leaves nothing behind");
    assert!(rig.settle());
    alone(&mut rig, LaneId::JOURNAL, accepted, 60_000);
    restart(rig);
}

fn groups<D: Driver>(mut rig: Rig<D>) {
    let lane = LaneId::JOURNAL;
    let group = |rig: &mut Rig<D>| rig.lane(lane).stats().groups;
    let before = group(&mut rig);
    alone(&mut rig, lane, 1, 100);
    rig.poll();
    assert_eq!(group(&mut rig), before + 1, "with nothing in flight a group leaves at once");
    alone(&mut rig, lane, 2, 100);
    rig.poll();
    assert_eq!(group(&mut rig), before + 1, "a small one waits for the first");
    alone(&mut rig, lane, 3, GROUP_BYTES_PARALLEL);
    rig.poll();
    assert_eq!(group(&mut rig), before + 2, "64 KiB do not");
    for seed in 4..6 {
        alone(&mut rig, lane, seed, GROUP_BYTES_PARALLEL);
        rig.poll();
    }
    assert_eq!(group(&mut rig), before + 4);
    alone(&mut rig, lane, 6, GROUP_BYTES_PARALLEL);
    rig.poll();
    assert_eq!(group(&mut rig), before + 4, "four are in flight, and no fifth");
    assert!(rig.settle());
    restart(rig);
}

fn segments<D: Driver>(mut rig: Rig<D>) {
    let lane = LaneId::JOURNAL;
    for round in 0..6_u64 {
        for seed in 0..12 {
            alone(&mut rig, lane, round * 100 + seed, 100_000);
        }
        assert!(rig.settle());
        let journal = rig.lane(lane);
        let (oldest, _) = journal.segment_of(journal.first_kept());
        let (newest, _) = journal.segment_of(journal.appended());
        assert!(journal.free_segment(newest).is_err() || newest == oldest);
        if newest.0 >= oldest.0 + 2 {
            assert!(journal.free_segment(oldest).is_ok());
            assert!(rig.settle());
        }
    }
    assert!(rig.lane(lane).first_kept() > crate::ids::Lsn::ZERO);
    let mut rig = restart(rig);
    alone(&mut rig, lane, 1, 1);
    // The record of a free must be found wherever the filling block stands: here too little room is left for it in one piece.
    while rig.lane(lane).segments_before_promised() < 3 {
        alone(&mut rig, lane, 4, 100_000);
        rig.settle();
    }
    for seed in 0..2 {
        alone(&mut rig, lane, seed, 131_000);
        alone(&mut rig, lane, seed, 130_900);
        let journal = rig.lane(lane);
        let (oldest, _) = journal.segment_of(journal.first_kept());
        let freed = journal.free_segment(oldest);
        assert!(freed.is_ok() && rig.settle(), "{freed:?}");
        let kept = rig.lane(lane).first_kept();
        rig = restart(rig);
        assert_eq!(rig.lane(lane).first_kept(), kept);
    }
}

fn dependencies<D: Driver>(mut rig: Rig<D>) {
    let (a, b) = (LaneId::BINDINGS, LaneId::JOURNAL);
    let first = alone(&mut rig, a, 1, 10);
    let second = append(&mut rig, b, Run::None, Body { seed: 2, bytes: 10 }, &Vector::of(a, first.end));
    // Relies on what relies on the first record's own block: with one block for both, neither lane could ever promise.
    let third = append(&mut rig, a, Run::None, Body { seed: 3, bytes: 10 }, &Vector::of(b, second.end));
    append(&mut rig, b, Run::None, Body { seed: 4, bytes: 10 }, &Vector::of(a, third.end));
    assert!(rig.settle(), "two lanes wait for each other");
    // The other lane first, and alone: durable, not promised.
    let on_a = alone(&mut rig, a, 5, 10);
    let on_b = append(&mut rig, b, Run::None, Body { seed: 6, bytes: 10 }, &Vector::of(a, on_a.end));
    assert!(rig.lane(b).promised() < on_b.end);
    assert!(rig.settle());
    assert!(rig.lane(b).promised() >= on_b.end);
    restart(rig);
}

fn runs<D: Driver>(mut rig: Rig<D>) {
    let lane = LaneId::JOURNAL;
    let ids = [(); 4].map(|()| rig.lane(lane).next_run());
    let [kept, open, dropped, long] = ids;
    for seed in 0..20 {
        for run in &ids {
            append(&mut rig, lane, Run::Member(*run), Body { seed: run.0 * 1000 + seed, bytes: 9000 }, &Vector::new());
        }
        alone(&mut rig, lane, seed, 100);
    }
    append(&mut rig, lane, Run::Commit(kept), Body { seed: 1, bytes: 0 }, &Vector::new());
    append(&mut rig, lane, Run::Abort(dropped), Body { seed: 2, bytes: 0 }, &Vector::new());
    append(&mut rig, lane, Run::Commit(long), Body { seed: 3, bytes: RECORD_BYTES_MAX }, &Vector::new());
    assert!(rig.settle());
    let mut rig = restart(rig);
    // The open run ended with its epoch: closing its number now brings nothing back.
    append(&mut rig, lane, Run::Commit(open), Body { seed: 4, bytes: 10 }, &Vector::new());
    assert!(rig.settle());
    let mut rig = restart(rig);
    let (layout, shape) = (rig.driver.layout(), rig.driver.shape());
    let end = rig.lane(lane).appended();
    let expected = rig.model.expected(lane, crate::ids::Lsn::ZERO, end);
    let mut count = 0;
    let recovered = rig.recovered.clone();
    let replay = recovered.replay_with(rig.driver.storage(), &layout, &shape, lane, 20_000, &mut |record| {
        let wanted = expected.get(count).map(|record| record.body.as_slice());
        assert_eq!(wanted, Some(record.body), "members that were not kept are read again");
        count += 1;
    });
    assert_eq!(replay, Ok(()));
    assert_eq!(count, expected.len());
}

fn idle_seal<D: Driver>(mut rig: Rig<D>) {
    let lane = LaneId::JOURNAL;
    rig.wait_nanos(10 * SEAL_IDLE_NANOS);
    let before = rig.lane(lane).stats().idle_seals;
    alone(&mut rig, lane, 1, 10);
    assert!(rig.settle());
    let now = rig.now;
    let deadline = rig.lane(lane).deadline(now);
    assert!(deadline.is_some_and(|deadline| deadline <= now.plus_nanos(SEAL_IDLE_NANOS)));
    rig.wait_nanos(SEAL_IDLE_NANOS - 1);
    assert_eq!(rig.lane(lane).stats().idle_seals, before);
    rig.wait_nanos(1);
    rig.wait_nanos(100 * SEAL_IDLE_NANOS);
    assert_eq!(rig.lane(lane).stats().idle_seals, before + 1, "one seal, and none for the seal");
    let now = rig.now;
    assert_eq!(rig.lane(lane).deadline(now), None);
    restart(rig);
}

fn read_back<D: Driver>(mut rig: Rig<D>) {
    let mut written = Vec::new();
    let sizes = [0, 1, 100, 5000, 70_000, RECORD_BYTES_MAX];
    for (seed, bytes) in (0..40).zip(sizes.into_iter().cycle()) {
        written.push((Body { seed, bytes }, alone(&mut rig, LaneId::LARGE, seed, bytes)));
    }
    assert!(rig.settle());
    let (layout, shape) = (rig.driver.layout(), rig.driver.shape());
    for (body, appended) in written {
        for length in [body.bytes, 0] {
            let read = read_record(rig.driver.storage(), &layout, &shape, LaneId::LARGE, appended.location, length);
            assert_eq!(read, Ok((RecordKind::USER_FIRST, body.make())));
            let mut read = RecordRead::new(LaneId::LARGE, shape.geometry(LaneId::LARGE), appended.location, length);
            while let Step::Read(request) = read.next() {
                let bytes = rig.driver.read(LaneId::LARGE, request);
                let supplied = bytes.map(|bytes| read.supply(&bytes).is_ok());
                assert_eq!(supplied, Ok(true), "{request:?}");
            }
            assert_eq!(read.finish(), Some((RecordKind::USER_FIRST, body.make())));
        }
        let elsewhere = crate::ids::Location::new(appended.location.block(), appended.location.offset() + 1);
        assert!(read_record(rig.driver.storage(), &layout, &shape, LaneId::LARGE, elsewhere, body.bytes).is_err());
    }
}

fn checkpoint<D: Driver>(mut rig: Rig<D>) {
    let lanes = rig.data_lanes();
    for (seed, &lane) in lanes.iter().enumerate() {
        alone(&mut rig, lane, seed as u64, 50_000);
    }
    let marks: Vec<_> = lanes.iter().filter_map(|&lane| rig.lane(lane).mark()).collect();
    assert_eq!(marks.len(), lanes.len());
    rig.settle();
    let chunks: Vec<Vec<u8>> = (0..30).map(|seed| Body { seed, bytes: 40_000 }.make()).collect();
    let Ok(mut writer) = CheckpointWriter::begin(rig.lane(LaneId::CHECKPOINT), &marks) else {
        panic!("no room for a checkpoint")
    };
    for chunk in &chunks {
        while writer.chunk(rig.lane(LaneId::CHECKPOINT), &[chunk]).is_err() {
            rig.settle();
        }
    }
    let written = writer.finish(rig.lane(LaneId::CHECKPOINT));
    assert!(written.is_ok() && rig.settle());
    // The seal of the idle checkpoint lane says that it is promised.
    rig.wait_nanos(10 * SEAL_IDLE_NANOS);
    for (seed, &lane) in lanes.iter().enumerate() {
        alone(&mut rig, lane, 100 + seed as u64, 3000);
    }
    assert!(rig.settle());
    let full = rig.model.clone();
    let mut rig = restart(rig);
    for mark in &marks {
        let recovered = rig.recovered.lane(mark.lane).map(|lane| lane.replay_from);
        assert_eq!(recovered, Some(mark.end), "the replay begins at the mark");
    }
    let (layout, shape) = (rig.driver.layout(), rig.driver.shape());
    let Some(found) = rig.recovered.checkpoint.clone() else { panic!("no checkpoint was found") };
    let mut read = Vec::new();
    assert_eq!(found.read(rig.driver.storage(), &layout, &shape, &mut |chunk| read.push(chunk.to_vec())), Ok(()));
    assert_eq!(read, chunks);
    let (mut driver, _) = rig.close();
    driver.restarted();
    let whole = RecoveryOptions { use_checkpoint: false, ..RecoveryOptions::alone() };
    restart_with(driver, full, &whole);
}

fn epochs<D: Driver>(mut rig: Rig<D>) {
    let lane = LaneId::JOURNAL;
    alone(&mut rig, lane, 1, 10);
    assert!(rig.settle());
    let (first, end) = (rig.epoch, rig.lane(lane).appended());
    let mut rig = restart(rig);
    assert_eq!(rig.recovered.epoch_end(lane, first), end);
    assert!(rig.next_epoch().is_ok() && rig.settle());
    alone(&mut rig, lane, 2, 10);
    assert!(rig.settle());
    let last = rig.epoch;
    let rig = restart(rig);
    assert_eq!(last, first + 2);
    assert_eq!(rig.recovered.epoch_end(lane, first), end, "a later epoch does not move it");
    let tail = rig.recovered.lane(lane).map(|lane| lane.tail.clone());
    let Some(LaneTail { history, end: tail_end, .. }) = tail else { panic!("lane j00 is gone") };
    assert_eq!(history.len(), 3);
    assert_eq!(rig.recovered.epoch_end(lane, last), tail_end);
}

fn workload<D: Driver>(mut rig: Rig<D>) {
    for seed in 1..4 {
        let mut random = Random::new(seed);
        let options = WorkloadOptions {
            steps: 400,
            usual_bytes: 3000,
            long_records: true,
            depends_percent: 20,
            housekeeping: true,
        };
        run_workload(&mut rig, &mut random, options);
        assert!(rig.settle());
        rig = restart(rig);
    }
}

impl<B: crate::buffer::BlockBuffer> crate::lane::Lane<B> {
    /// How many whole segments could be freed.
    fn segments_before_promised(&self) -> u64 {
        self.segment_of(self.promised()).0.0 - self.segment_of(self.first_kept()).0.0
    }
}
