//! Every bound of this room, with its reason.
//!
//! Must stay true: the relations at the end, checked at compile time.

use std::time::Duration;

/// What a direct write must be aligned to, and the unit of a journal block.
pub const BLOCK_ALIGNMENT: usize = 4096;

/// Capacity of a buffer for journal blocks: the largest group.
pub const BLOCK_BUFFER_BYTES: usize = 256 * 1024;

/// A block buffer is registered once it was used so often: registering pins all of its pages, and at a broker that has nothing to do
/// most are never used.
pub const USES_BEFORE_REGISTRATION: u8 = 16;

/// Received bytes come in pieces of at most this size: a streaming client fills them, and 256 of them are 4 MiB.
pub const RECEIVE_BUFFER_BYTES: u32 = 16 * 1024;

/// How many receive buffers a core has by default.
pub const RECEIVE_BUFFERS: u16 = 256;

/// The kernel's own bound for a provided buffer ring.
pub const RECEIVE_BUFFERS_MAX: u16 = 32 * 1024;

/// Sockets of one core. Each costs about 200 bytes of tables.
pub const SOCKETS_MAX: u32 = 65_536;

/// Listeners of one core.
pub const LISTENERS_MAX: u32 = 64;

/// Files of one core: the segments of its lanes plus pages and large bodies.
pub const FILES_MAX: u32 = 256;

/// File operations in flight on one core.
pub const FILE_OPERATIONS_MAX: u32 = 256;

/// Submission entries: what one turn can hand over without an extra system call.
pub const SUBMISSION_ENTRIES: u32 = 1024;

/// Completion entries. Four for each submission, as multishot operations complete many times.
pub const COMPLETION_ENTRIES: u32 = 4 * SUBMISSION_ENTRIES;

/// An operation that makes no progress this many times in a row fails with the kernel's answer.
pub const RETRIES_MAX: u8 = 100;

/// After the process ran out of descriptors a listener waits this long, instead of spinning.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The longest sleep that may hide an unfinished send (see `Wait::Arrival`).
pub const QUIET_SEND_WAIT_MAX: Duration = Duration::from_millis(1);

/// How long a dropped driver waits for the kernel to give its buffers back before it leaks them.
pub const DRAIN_WAIT_MAX: Duration = Duration::from_secs(5);

/// Waiting connections of a listener that were not yet accepted.
pub const ACCEPT_BACKLOG: i32 = 1024;

/// Requests waiting at the segment maker.
pub const SEGMENT_REQUESTS_MAX: usize = 64;

/// Bytes the segment maker writes at once. Small, since a file system may keep other writers of the same
/// file waiting while new extents are written.
pub const ZERO_FILL_CHUNK_BYTES: usize = 256 * 1024;

/// Bytes of a begun segment that are filled and flushed at once, between two looks for requests.
pub const FILL_SLICE_BYTES: u64 = 4 * 1024 * 1024;

/// What a new store fills of each lane before it opens; the rest follows in the background.
pub const FIRST_FILL_BYTES: u64 = 1024 * 1024;

const _: () = assert!(BLOCK_BUFFER_BYTES.is_multiple_of(BLOCK_ALIGNMENT));
const _: () = assert!(ZERO_FILL_CHUNK_BYTES.is_multiple_of(BLOCK_ALIGNMENT));
const _: () = assert!(RECEIVE_BUFFERS.is_power_of_two());
