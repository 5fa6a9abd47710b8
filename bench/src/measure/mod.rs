//! What is measured beside the load: the process, the device under its store, the machine around both, and latencies.
//!
//! Takes a process id or a folder, gives counters as the kernel keeps them; what cannot be read is said as missing, never as zero.

pub mod callgrind;
pub mod calls;
pub mod context;
pub(crate) mod date;
pub(crate) mod descriptors;
pub mod device;
pub mod identity;
pub mod latency;
pub mod memory;
pub mod process;
