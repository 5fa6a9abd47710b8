//! The lab: power cuts in a guest that is an ordinary program (User-Mode Linux), so that they need neither root nor a kernel module of the host.
//!
//! A guest has the broker, its clients, and a disk. Two things are done to it. [`log_writes`]: the disk records its writes (dm-log-writes of the
//! guest's kernel), and any moment of the record is made a disk again. [`guest_kills`]: the guest is killed, and what the host's file holds then
//! is its disk. Either disk is mended and unpacked without a mount, and judged like after any other power cut.
//!
//! The clients' history is known exactly at *holds*: the clients stop for a moment, write down what they know, and mark the record; what the
//! broker writes until they go on, it was asked for before. `tests/lab/README.md` says how the lab is built and run.

mod control;
mod guest;
mod hold;
mod inside;
mod judge;
mod kills;
mod log;
mod place;
mod points;
mod record;
mod work;

pub use control::{kills_control, log_control};
pub use inside::inside;
pub use kills::{KILLS_PER_ROUND, guest_kills};
pub use place::{Lab, NoLab};
pub use points::{POINTS_PER_ROUND, log_writes};
pub use work::LabPlan;
