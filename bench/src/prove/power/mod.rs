//! Power cuts of the real broker on a real block device whose every write and flush is recorded.
//!
//! The device is a loop device over a file that this process serves ([`fuse`]), so that it knows in which order writes and flushes came. At a
//! cut nothing more is answered; what the disk holds then is what was flushed, and of what was not any part, torn at any sector
//! ([`state`]). The clients' history up to that very moment judges what a broker makes of it. Beside the cuts, which one store lives through one
//! after the other, moments within a life are looked at the same way: crash points. The controls are a file system that never flushes the
//! device, and a broker that answers early.

mod control;
mod copied;
mod crash;
mod disk;
mod figures;
mod fuse;
pub mod lab;
mod recorder;
mod round;
mod state;

pub use control::control;
pub use disk::{NoDisk, available};
pub use figures::Figures;
pub use round::{CUTS_PER_ROUND, Plan, round};
