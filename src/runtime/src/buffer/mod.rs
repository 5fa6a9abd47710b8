//! Memory that the kernel reads and writes.
//!
//! Owns: aligned buffers for files, the receive buffers of sockets. Must stay true: each has exactly
//! one owner at any time: a room, the driver's slot while an operation is in flight, or the kernel.

mod aligned;
mod pool;
mod received;

pub use aligned::AlignedBuffer;
pub(crate) use aligned::Place;
pub use pool::BufferPool;
pub(crate) use received::ReceiveBuffers;
pub use received::ReceivedBuffer;
