//! One simulated life after another: start, work, crash, start, compare.

use std::path::Path;

use journal::testing::{
    Fault, Honesty, Model, Random, Rig, RigError, SimDisk, SimDriver, WorkloadOptions, run_workload,
};
use journal::{Checks, Geometry, RecoveryOptions, SEGMENT_BYTES_MIN, StoreId, StoreLayout, StoreShape, SyncMode};

/// What differs between runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) seed: u64,
    pub(crate) journal_lanes: u16,
    pub(crate) sync: SyncMode,
    pub(crate) honesty: Honesty,
    pub(crate) checks: Checks,
    pub(crate) ignore_dependencies: bool,
    pub(crate) workload: WorkloadOptions,
    /// Of 100 crashes, how many are a death of the process with the machine going on.
    pub(crate) kill_percent: u64,
}

impl Life {
    pub(crate) fn small(seed: u64) -> Self {
        Self {
            seed,
            journal_lanes: 1 + (seed % 2) as u16,
            sync: if seed.is_multiple_of(3) { SyncMode::Dsync } else { SyncMode::Fdatasync },
            honesty: Honesty::Durable,
            checks: Checks::ALL,
            ignore_dependencies: false,
            workload: WorkloadOptions {
                steps: 60,
                usual_bytes: 2500,
                long_records: true,
                depends_percent: 25,
                housekeeping: true,
            },
            kill_percent: 0,
        }
    }

    pub(crate) fn options(&self) -> RecoveryOptions {
        RecoveryOptions { checks: self.checks, ..RecoveryOptions::alone() }
    }

    pub(crate) fn driver(&self, disk: SimDisk) -> SimDriver {
        let shape = StoreShape::uniform(StoreId(0x51), self.journal_lanes, Geometry::new(SEGMENT_BYTES_MIN).unwrap());
        let layout = StoreLayout::under(Path::new("/store"));
        SimDriver::new(disk, layout, shape, self.sync, self.honesty, self.seed)
    }

    /// Starts and works on the driver until the work is done or the disk fails; gives both back as the crash finds them.
    pub(crate) fn work(
        &self,
        driver: SimDriver,
        model: Model,
        random: &mut Random,
    ) -> Result<(SimDriver, Model), RigError> {
        match Rig::start_or_return(driver, model, &self.options()) {
            Ok(mut rig) => {
                rig.ignore_dependencies = self.ignore_dependencies;
                run_workload(&mut rig, random, self.workload);
                match rig.violation.take() {
                    Some(violation) => Err(RigError::Wrong(violation)),
                    None => Ok(rig.close()),
                }
            }
            // With the power gone, or a fault in the way, a start may fail; it may not give wrong data.
            Err((RigError::Stuck, driver, model)) => Ok((driver, model)),
            Err((RigError::Refused(journal::RecoveryError::Io(_)), driver, model)) if faulted(&driver) => {
                Ok((driver, model))
            }
            Err((error, ..)) => Err(error),
        }
    }

    /// The crash between two lives.
    pub(crate) fn crash(&self, driver: &mut SimDriver, random: &mut Random) {
        if random.percent(self.kill_percent) {
            driver.kill_process();
        } else {
            driver.cut_power(random.next());
        }
    }

    /// Works, crashes, works again, as often as `lives`; the first one meets `fault`.
    pub(crate) fn live(&self, lives: u32, fault: Option<Fault>) -> Result<(), RigError> {
        let mut random = Random::new(self.seed);
        let mut disk = SimDisk::new(self.seed);
        if let Some(fault) = fault {
            disk.plan(fault);
        }
        let (mut driver, mut model) = (self.driver(disk), Model::default());
        for _ in 0..lives {
            (driver, model) = self.work(driver, model, &mut random)?;
            self.crash(&mut driver, &mut random);
        }
        Rig::start(driver, model, &self.options()).map(|rig| drop(rig.close()))
    }

    /// How many operations the first life asks for.
    pub(crate) fn operations(&self) -> u64 {
        let mut random = Random::new(self.seed);
        let (driver, _) = self.work(self.driver(SimDisk::new(self.seed)), Model::default(), &mut random).unwrap();
        driver.disk().operations()
    }
}

fn faulted(driver: &SimDriver) -> bool {
    !driver.disk().is_powered() || driver.disk().fault_hit().is_some()
}
