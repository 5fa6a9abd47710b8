//! What the disk is asked for: the device's own counters beside the blocks that the broker wrote.
//!
//! A store lies alone on a loop device. One producer loads the broker; then the blocks that came of it are read from the segment
//! files, and a bare program overwrites as many bytes, in as many durable writes, in a filled file on the same device. With one
//! message at a time each message is a group, and the broker must have asked the device for exactly the same writes, sectors and
//! flushes: no write of the file system's own journal, nothing padded twice. Seals are told apart by what is in them.
//!
//! The control writes the same blocks into a file that grows. The same comparison must refuse it.

pub(in crate::prove) mod aligned;
mod bare;
mod blocks;
mod broker;
mod figures;
mod load;
mod loop_disk;
mod measure;
mod told;

pub use figures::{Figures, Round, Verdict};
pub use loop_disk::{LoopDisk, NoLoopDisk};
pub use measure::{Plan, SYNC_MODES, measure};
