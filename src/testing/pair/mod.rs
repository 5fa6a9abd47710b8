//! A pair: two sites with a disk each, the wire between them, one register, and clients that follow whoever serves.
//!
//! One seed drives everything: clocks, network, disks, the register, crashes and the order of all events. The sites run the engine of the
//! server, the rooms of the server and the journal's own operations; nothing of the rules of a pair is written here a second time. The oracle
//! of the single server judges what clients were promised, [`invariants`] what the pair may never do.

mod day;
mod faults;
mod follower;
mod followers;
pub mod invariants;
pub mod mutants;
mod register;
mod run;
mod site;
mod wire;
mod world;

pub use day::{Day, Held};
pub use faults::{Fault, FaultKind, Faults};
pub use run::{Outcome, Plan, acks_of, live, scale_of};
pub use world::PairWorld;
