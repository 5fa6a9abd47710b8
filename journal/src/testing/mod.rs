//! What proves the journal: the simulated disk, drivers, the reference model, a random workload and the conformance suite.
//!
//! Another crate that brings a driver implements [`Driver`] and calls [`conformance::run_all`].

pub mod conformance;
mod content;
mod driver;
mod model;
mod random;
mod rig;
mod sim_disk;
mod workload;

pub use driver::{Driver, Honesty, QueuedBlocking, SimDriver};
pub use model::{Body, Delivered, Model, ModelLane, ModelRecord};
pub use random::Random;
pub use rig::{Rig, RigError};
pub use sim_disk::{Fault, FaultKind, SimDisk, Trace};
pub use workload::{WorkloadOptions, promised_of, run_workload};
