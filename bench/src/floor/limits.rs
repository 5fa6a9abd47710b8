//! Every bound of the floor broker, with its reason.

use std::time::Duration;

/// Bytes of the file that is overwritten from its beginning again and again. A few seconds of writes, filled in less than one.
pub const FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Bytes of a buffer for a group: two of the largest messages.
pub(super) const GROUP_BYTES: usize = 2 * 1024 * 1024 + 2 * 64 * 1024;

/// Groups that may be in flight at most; each has a buffer of its own.
pub(super) const IN_FLIGHT_MAX: usize = 16;

/// The largest message: 1 MiB and what its protocol adds.
pub(super) const MESSAGE_BYTES_MAX: usize = 1024 * 1024 + 64 * 1024 - RECORD_HEAD_BYTES;

/// Number and length in front of a message in the file.
pub(super) const RECORD_HEAD_BYTES: usize = 16;

/// What is promised to clients of NATS.
pub(super) const NATS_PAYLOAD_BYTES_MAX: usize = 1024 * 1024;

/// A line of NATS. CONNECT is the longest, with some hundred bytes.
pub(super) const NATS_LINE_BYTES_MAX: usize = 4096;

/// Subscriptions of a client; one is enough for the inbox of its answers.
pub(super) const NATS_SUBSCRIPTIONS_MAX: usize = 16;

/// A server of NATS speaks first, one of CORE does not: who has said nothing for so long is greeted as a client of NATS. A client of CORE
/// speaks at once, but on a busy machine that takes its time.
pub(super) const SILENCE: Duration = Duration::from_secs(1);

/// The same once a silent client has been greeted: those that come after it are of the same load.
pub(super) const SILENCE_AFTER_NATS: Duration = Duration::from_millis(20);

/// Answers that a client does not read. Beyond that its connection ends.
pub(super) const UNREAD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Receive buffers. What cannot be appended yet stays in them, and the kernel stalls the senders.
pub(super) const RECEIVE_BUFFERS: u16 = 128;

/// Bytes of each: a pipelining client of small messages fills one in a turn.
pub(super) const RECEIVE_BUFFER_BYTES: u32 = 64 * 1024;

/// Connections at once.
pub(super) const CONNECTIONS_MAX: u32 = 16 * 1024;

const _: () = assert!(GROUP_BYTES.is_multiple_of(runtime::limits::BLOCK_ALIGNMENT));
const _: () = assert!(MESSAGE_BYTES_MAX + RECORD_HEAD_BYTES <= GROUP_BYTES);
const _: () = assert!(NATS_PAYLOAD_BYTES_MAX + NATS_LINE_BYTES_MAX < MESSAGE_BYTES_MAX);
