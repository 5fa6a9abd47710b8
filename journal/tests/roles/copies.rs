//! Copies of one store that go on apart: what they hold, and what a start makes of them.

use std::path::Path;

use journal::testing::{Delivered, Honesty, Model, Random, Rig, SimDisk, SimDriver, WorkloadOptions, run_workload};
use journal::{
    Company, EpochId, Geometry, HaState, HaStateFile, InstanceId, LaneId, LaneTail, NodeId, Recovered, RecoveryError,
    RecoveryOptions, Replayed, SEGMENT_BYTES_MIN, Storage, StoreId, StoreLayout, StoreShape, SyncMode, Vector, recover,
};

/// A store on its disk, and what it must hold.
#[derive(Clone)]
pub(crate) struct Copy {
    pub(crate) disk: SimDisk,
    pub(crate) model: Model,
    pub(crate) lanes: u16,
}

pub(crate) fn layout() -> StoreLayout {
    StoreLayout::under(Path::new("/store"))
}

pub(crate) fn shape(lanes: u16) -> StoreShape {
    StoreShape::uniform(StoreId(0x51), lanes, Geometry::new(SEGMENT_BYTES_MIN).unwrap())
}

/// What one life does.
pub(crate) fn work(steps: u64) -> WorkloadOptions {
    WorkloadOptions { steps, usual_bytes: 2500, long_records: true, depends_percent: 20, housekeeping: false }
}

impl Copy {
    /// A new store with this many journal lanes.
    pub(crate) fn new(seed: u64, lanes: u16) -> Self {
        let mut disk = SimDisk::new(seed);
        for directory in layout().all() {
            disk.create_directory(directory).unwrap();
        }
        let state = HaState::new(NodeId(1), InstanceId(2), SyncMode::Dsync);
        HaStateFile::create(&mut disk, &layout(), &state).unwrap();
        Self { disk, model: Model::default(), lanes }
    }

    pub(crate) fn shape(&self) -> StoreShape {
        shape(self.lanes)
    }

    pub(crate) fn driver(&self, seed: u64) -> SimDriver {
        let sync = if seed.is_multiple_of(2) { SyncMode::Dsync } else { SyncMode::Fdatasync };
        SimDriver::new(self.disk.clone(), layout(), self.shape(), sync, Honesty::Durable, seed)
    }

    pub(crate) fn start(&self, salt: u64, seed: u64) -> Rig<SimDriver> {
        let options = RecoveryOptions::alone();
        match Rig::start_salted(self.driver(seed), self.model.clone(), &options, salt) {
            Ok(rig) => rig,
            Err((error, ..)) => panic!("seed {seed}: {error:?}"),
        }
    }

    /// The same store after another life in epochs of its own; everything is promised at its end, when the power fails.
    pub(crate) fn live(&self, salt: u64, seed: u64, options: WorkloadOptions) -> Self {
        let mut rig = self.start(salt, seed);
        run_workload(&mut rig, &mut Random::new(seed), options);
        assert!(rig.settle() && rig.violation.is_none(), "seed {seed}");
        self.stopped(rig, seed)
    }

    /// The store as a power cut leaves it.
    pub(crate) fn stopped(&self, rig: Rig<SimDriver>, seed: u64) -> Self {
        let (mut driver, model) = rig.close();
        driver.cut_power(seed);
        Self { disk: driver.disk().clone(), model, lanes: self.lanes }
    }

    /// What a start finds, as `company` has it; the clean stop in `ha.state` counts.
    pub(crate) fn recover(&mut self, company: Company) -> Result<Recovered, RecoveryError> {
        let state = self.state();
        let (known_promised, known_epoch) = (state.state().clean_stop.clone(), state.state().seen.number);
        state.close(&mut self.disk);
        let options = RecoveryOptions { company, known_promised, known_epoch, ..RecoveryOptions::alone() };
        let shape = self.shape();
        recover(&mut self.disk, &layout(), &shape, &options)
    }

    pub(crate) fn state(&mut self) -> HaStateFile {
        HaStateFile::open(&mut self.disk, &layout()).unwrap()
    }

    /// As a clean stop leaves it.
    pub(crate) fn stop_clean(&mut self) {
        let recovered = self.recover(Company::Alone).unwrap();
        let mut state = self.state();
        let clean_stop: Vector = recovered.lanes.iter().map(|lane| (lane.tail.lane, lane.tail.end)).collect();
        let seen = EpochId { number: recovered.newest_epoch().unwrap(), activation: 1 };
        state.update(&mut self.disk, |state| (state.clean_stop, state.seen) = (clean_stop, seen)).unwrap();
        state.close(&mut self.disk);
    }

    /// Whether the lanes hold what they must up to where they end.
    pub(crate) fn check(&mut self, recovered: &Recovered) -> Result<(), String> {
        self.check_in(&layout(), recovered)
    }

    /// The same for a store that lies elsewhere on the disk.
    pub(crate) fn check_in(&mut self, layout: &StoreLayout, recovered: &Recovered) -> Result<(), String> {
        let shape = self.shape();
        for lane in shape.data_lanes() {
            let found = recovered.lane(lane).unwrap();
            let mut delivered = Vec::new();
            let mut deliver = |record: Replayed<'_>| {
                let (location, end, kind, body) = (record.location, record.end, record.kind, record.body.to_vec());
                delivered.push(Delivered { location, end, kind, body });
            };
            let replayed = recovered.replay(&mut self.disk, layout, &shape, lane, &mut deliver);
            replayed.map_err(|error| error.to_string())?;
            self.model.lanes.entry(lane).or_default().promised = found.tail.end;
            self.model.clone().check(&found.tail, found.replay_from, &delivered)?;
        }
        Ok(())
    }
}

/// Where the lanes with data end.
pub(crate) fn ends(recovered: &Recovered) -> Vector {
    let data = recovered.lanes.iter().filter(|lane| lane.tail.lane != LaneId::CHECKPOINT);
    data.map(|lane| (lane.tail.lane, lane.tail.end)).collect()
}

/// The tail of a lane.
pub(crate) fn tail(recovered: &Recovered, lane: LaneId) -> &LaneTail {
    &recovered.lane(lane).unwrap().tail
}
