//! All lanes of a store on one driver, with the model beside them: what the conformance suite and the crash tests run on.

use super::driver::Driver;
use super::model::{Body, Delivered, Model, ModelRecord};
use crate::command::Commands;
use crate::epoch::{AckMode, EpochReason, EpochStart};
use crate::error::AppendError;
use crate::ids::{EpochId, LaneId, Lsn, NodeId, Now};
use crate::lane::{Lane, LaneOptions};
use crate::limits::LANE_BUFFERS_MIN;
use crate::record::{Appended, Record, RecordKind, Run};
use crate::recovery::{Keep, Recovered, RecoveryError, RecoveryOptions, Replayed, recover};
use crate::vector::Vector;

/// Why a rig does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RigError {
    /// Recovery refused.
    Refused(RecoveryError),
    /// Recovery gave something else than what was appended and promised.
    Wrong(String),
    /// The lanes did not start: a write failed, or there is no space.
    Stuck,
}

/// Keeps all of a record.
fn whole(_: RecordKind, body: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(body);
}

/// Everything that one server has of the journal.
pub struct Rig<D: Driver> {
    /// Carries out the commands.
    pub driver: D,
    /// What must come back.
    pub model: Model,
    lanes: Vec<Lane<D::Buffer>>,
    /// What the last start found.
    pub recovered: Recovered,
    /// The time; moved by hand.
    pub now: Now,
    /// The epoch's number.
    pub epoch: u64,
    commands: Commands<D::Buffer>,
    /// A promise that should not have been made.
    pub violation: Option<String>,
    /// A control: appends tell the lanes of no dependencies.
    pub ignore_dependencies: bool,
    /// Part of the activation ids: two copies of a store that go on apart make the same numbers and different epochs.
    salt: u64,
}

const COMMANDS_MAX: usize = 8;

impl<D: Driver> Rig<D> {
    /// Recovers, compares with the model, opens all lanes and starts an epoch on each.
    ///
    /// # Errors
    /// When recovery refuses, when what it gives is wrong, or when the lanes cannot start.
    pub fn start(driver: D, model: Model, options: &RecoveryOptions) -> Result<Self, RigError> {
        Self::start_or_return(driver, model, options).map_err(|(error, _, _)| error)
    }

    /// As [`Self::start`]; gives driver and model back when it fails.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn start_or_return(driver: D, model: Model, options: &RecoveryOptions) -> Result<Self, (RigError, D, Model)> {
        Self::start_salted(driver, model, options, 0)
    }

    /// As [`Self::start_or_return`], with epochs that no other salt makes.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn start_salted(
        mut driver: D,
        mut model: Model,
        options: &RecoveryOptions,
        salt: u64,
    ) -> Result<Self, (RigError, D, Model)> {
        let shape = driver.shape();
        let recovered = match Self::recover(&mut driver, &mut model, options) {
            Ok(recovered) => recovered,
            Err(error) => return Err((error, driver, model)),
        };
        let epoch = recovered.newest_epoch().unwrap_or(0) + 1;
        let mut lanes = Vec::new();
        for lane in &recovered.lanes {
            let id = lane.tail.lane;
            let options = LaneOptions { geometry: shape.geometry(id), segments_ahead: 1 };
            lanes.push(Lane::open(options, lane.tail.clone(), driver.buffers(LANE_BUFFERS_MIN + 2)));
        }
        let commands = Commands::with_capacity(COMMANDS_MAX);
        let mut rig = Self {
            driver,
            model,
            lanes,
            recovered,
            now: Now(1),
            epoch,
            commands,
            violation: None,
            ignore_dependencies: false,
            salt,
        };
        // The segments of all lanes first, then the epoch on all of them, then nothing else until every start block is promised.
        rig.settle();
        let started = rig.start_epoch(epoch, EpochReason::Restart).is_ok();
        rig.settle();
        let promised = rig.lanes.iter().all(|lane| lane.promised() == lane.appended());
        if started && promised {
            return Ok(rig);
        }
        let (driver, model) = rig.close();
        Err((RigError::Stuck, driver, model))
    }

    fn recover(driver: &mut D, model: &mut Model, options: &RecoveryOptions) -> Result<Recovered, RigError> {
        let (layout, shape) = (driver.layout(), driver.shape());
        let storage = driver.storage();
        for directory in layout.all() {
            storage.create_directory(directory).map_err(|error| RigError::Refused(error.into()))?;
        }
        let mut options = options.clone();
        // All of it, nothing, or something between.
        let appended = model.lanes.values().map(|lane| lane.records.len()).sum::<usize>();
        let bytes_max = [usize::MAX, 0, 700, 9_000, 70_000].get(appended % 5).copied().unwrap_or_default();
        options.keep = Some(options.keep.unwrap_or(Keep { abridge: whole, bytes_max }));
        let recovered = recover(storage, &layout, &shape, &options).map_err(RigError::Refused)?;
        for lane in recovered.lanes.iter().filter(|lane| lane.tail.lane != LaneId::CHECKPOINT) {
            let mut replay = || {
                let mut all = Vec::new();
                let mut deliver = |record: Replayed<'_>| {
                    let (location, end, kind, body) = (record.location, record.end, record.kind, record.body.to_vec());
                    all.push((Delivered { location, end, kind, body }, record.run, record.epoch));
                };
                let replayed = recovered.replay(storage, &layout, &shape, lane.tail.lane, &mut deliver);
                replayed.map(|()| all).map_err(RigError::Refused)
            };
            let (kept, read) = (replay()?, replay()?);
            if kept != read {
                // What was kept is gone after the first time, so the second one reads.
                return Err(RigError::Wrong(format!("lane {}: what is kept is not what is read", lane.tail.lane)));
            }
            let delivered: Vec<Delivered> = kept.into_iter().map(|(delivered, ..)| delivered).collect();
            model.check(&lane.tail, lane.replay_from, &delivered).map_err(RigError::Wrong)?;
        }
        Ok(recovered)
    }

    fn start_epoch(&mut self, number: u64, reason: EpochReason) -> Result<(), AppendError> {
        let vector: Vector = self.lanes.iter().map(|lane| (lane.id(), lane.promised())).collect();
        for lane in &mut self.lanes {
            let vector = if lane.id() == LaneId::JOURNAL { vector.clone() } else { Vector::new() };
            let activation = u128::from(self.salt) << 64 | (u128::from(number) * 0x1_0001);
            let epoch = EpochId { number, activation };
            lane.start_epoch(&EpochStart { node: NodeId(0xabc), epoch, reason, ack_mode: AckMode::LiveOnly, vector })?;
        }
        self.epoch = number;
        Ok(())
    }

    /// The next epoch, while the lanes run.
    ///
    /// # Errors
    /// When a lane has no room now.
    pub fn next_epoch(&mut self) -> Result<(), AppendError> {
        self.settle();
        self.start_epoch(self.epoch + 1, EpochReason::Solo)
    }

    /// The in-sync set changes on these lanes: a new number, by the same writer. To the model it is the same epoch.
    ///
    /// # Errors
    /// When a lane has no room now.
    pub fn change_epoch(&mut self, number: u64, lanes: &[LaneId]) -> Result<(), AppendError> {
        let vector: Vector = self.lanes.iter().map(|lane| (lane.id(), lane.promised())).collect();
        let epoch = EpochId { number, activation: u128::from(number) * 0x1_0001 };
        let (reason, ack_mode) = (EpochReason::Solo, AckMode::Durable);
        let start = EpochStart { node: NodeId(0xabc), epoch, reason, ack_mode, vector };
        for lane in self.lanes.iter_mut().filter(|lane| lanes.contains(&lane.id())) {
            lane.change_epoch(&start)?;
        }
        Ok(())
    }

    /// Stops without a word: gives driver and model back.
    pub fn close(self) -> (D, Model) {
        let (mut driver, model) = (self.driver, self.model);
        for lane in self.lanes {
            driver.take_back(lane.into_buffers());
        }
        (driver, model)
    }

    /// A lane.
    ///
    /// # Panics
    /// When the store has no such lane.
    pub fn lane(&mut self, id: LaneId) -> &mut Lane<D::Buffer> {
        match self.lanes.iter_mut().find(|lane| lane.id() == id) {
            Some(lane) => lane,
            None => panic!("the store has no lane {id}"),
        }
    }

    /// Whether a write failed on any lane.
    #[must_use]
    pub fn lanes_latched(&self) -> bool {
        self.lanes.iter().any(|lane| lane.latch().is_some())
    }

    /// The lanes with data.
    #[must_use]
    pub fn data_lanes(&self) -> Vec<LaneId> {
        self.lanes.iter().map(Lane::id).filter(|&id| id != LaneId::CHECKPOINT).collect()
    }

    /// Appends a record that stands alone.
    ///
    /// # Errors
    /// As [`Lane::append`].
    pub fn append(&mut self, lane: LaneId, body: Body) -> Result<Appended, AppendError> {
        self.append_record(lane, RecordKind::USER_FIRST, Run::None, body, &Vector::new())
    }

    /// Appends a record to a lane and to the model.
    ///
    /// # Errors
    /// As [`Lane::append`].
    pub fn append_record(
        &mut self,
        lane: LaneId,
        kind: RecordKind,
        run: Run,
        body: Body,
        depends: &Vector,
    ) -> Result<Appended, AppendError> {
        let bytes = body.make();
        // In three parts, as a caller that does not copy would have them.
        let (head, rest) = bytes.split_at(bytes.len() / 3);
        let (middle, tail) = rest.split_at(rest.len() / 2);
        let told = if self.ignore_dependencies { &Vector::new() } else { depends };
        let epoch = self.epoch;
        let appended = self.lane(lane).append(Record { kind, run, parts: &[head, middle, tail] }, told)?;
        self.model.append(lane, ModelRecord { kind, run, body, appended, depends: depends.clone(), epoch });
        Ok(appended)
    }

    /// Polls every lane once and hands its commands to the driver. Says whether there were any.
    pub fn poll(&mut self) -> bool {
        let mut any = false;
        for lane in &mut self.lanes {
            loop {
                lane.poll(self.now, &mut self.commands);
                let mut took = false;
                while let Some(command) = self.commands.pop() {
                    took = true;
                    self.driver.submit(lane.id(), command);
                }
                any |= took;
                if !took {
                    break;
                }
            }
        }
        any
    }

    /// Takes one completion. Says whether there was one.
    pub fn complete_one(&mut self) -> bool {
        let Some((id, completion)) = self.driver.complete() else { return false };
        self.lane(id).complete(completion);
        self.observe();
        true
    }

    /// Tells every lane what the others have promised, and the model too.
    pub fn observe(&mut self) {
        loop {
            let promised: Vec<(LaneId, Lsn)> = self.lanes.iter().map(|lane| (lane.id(), lane.promised())).collect();
            for lane in &mut self.lanes {
                for &(other, lsn) in &promised {
                    if other != lane.id() {
                        lane.note_promised(other, lsn);
                    }
                }
            }
            let of = |id: LaneId| promised.iter().find(|(lane, _)| *lane == id).map_or(Lsn::ZERO, |(_, lsn)| *lsn);
            for &(lane, lsn) in &promised {
                if lane != LaneId::CHECKPOINT {
                    let checked = self.model.promise(lane, lsn, of);
                    self.violation = self.violation.take().or(checked.err());
                }
            }
            if self.lanes.iter().all(|lane| lane.promised() == of(lane.id())) {
                return;
            }
        }
    }

    /// Runs until nothing moves any more. Says whether everything that was appended is promised.
    pub fn settle(&mut self) -> bool {
        while self.poll() || self.complete_one() {}
        self.lanes.iter().all(|lane| lane.promised() == lane.appended())
    }

    /// Lets time pass and settles: idle seals are written, failed segments asked for again.
    pub fn wait_nanos(&mut self, nanos: u64) -> bool {
        self.settle();
        self.now = self.now.plus_nanos(nanos);
        self.settle()
    }
}
