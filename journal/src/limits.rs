//! Every bound of the journal in one place, with the relations between them checked at compile time.

/// The unit of alignment: of memory, of file offsets, of lengths, of LSNs at block borders.
pub const PAGE_BYTES: usize = 4096;
/// What a disk writes whole or not at all: a transfer may tear at any border of this many bytes.
pub(crate) const SECTOR_BYTES: usize = 512;
/// The most pages that one block may hold.
pub const BLOCK_PAGES_MAX: usize = 64;
/// The capacity of every block buffer.
pub const BLOCK_BYTES_MAX: usize = BLOCK_PAGES_MAX * PAGE_BYTES;
/// The header of a block.
pub const BLOCK_HEADER_BYTES: usize = 64;
/// The header of a fragment (a record, or a part of a record that spans blocks).
pub const FRAGMENT_HEADER_BYTES: usize = 8;
/// What a run adds to the first fragment of its members.
pub const RUN_BYTES: usize = 8;
/// A block with less room than this takes no further fragment: header, run and a few bytes of body.
pub const FRAGMENT_ROOM_MIN: usize = 32;
/// The longest body of one record: an encoded message of 128 KiB (above that it is a large body with records of its own) and 16 KiB for
/// what the store adds to it.
pub const RECORD_BYTES_MAX: usize = (128 + 16) * 1024;
/// The header of a segment file takes one page.
pub const SEGMENT_HEADER_BYTES: usize = PAGE_BYTES;
/// The smallest segment file: with two segments prepared ahead, the longest record always finds its place.
pub const SEGMENT_BYTES_MIN: u64 = 128 * 1024;
/// The largest segment file.
pub const SEGMENT_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// The most segments that a lane keeps ready behind the one being written.
pub const SEGMENTS_AHEAD_MAX: u64 = 4;
/// From this many waiting bytes on, a group is submitted although another is in flight.
pub const GROUP_BYTES_PARALLEL: usize = 64 * 1024;
/// The most groups in flight on one lane.
pub const GROUPS_IN_FLIGHT_MAX: usize = 4;
/// The most blocks of one lane from the first that is not durable on: behind a write that hangs, others overtake it and their buffers are used
/// again, but not for ever. A start relies on it when it looks for what overtook a missing block.
pub const BLOCKS_IN_FLIGHT_MAX: usize = 32;
/// The fewest buffers with which a lane can take the longest record while another block is in flight.
pub const LANE_BUFFERS_MIN: usize = 6;
/// An idle lane is sealed after this time, so that its last block is covered by a later promised position.
pub const SEAL_IDLE_NANOS: u64 = 10_000_000;
/// After a failed segment creation (no space, as a rule) the lane asks again after this time.
pub const SEGMENT_RETRY_NANOS: u64 = 100_000_000;
/// How many epochs a lane's history keeps. Older ones can hold nothing undecided: every start settles what it finds.
pub const EPOCH_HISTORY_MAX: usize = 48;
/// Runs with members and without COMMIT that one lane may have at a time.
pub const OPEN_RUNS_MAX: usize = 4096;
/// Lanes of one kind; a lane's name has two decimal digits.
pub const LANES_PER_KIND_MAX: u16 = 64;
/// Bodies of open runs that a replay keeps in memory; members beyond are read again when their COMMIT comes.
pub const RUN_BUFFER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a start reads by one read, at most: from here on more bytes a read bring no more bytes a second.
pub(crate) const READ_PIECE_BYTES: usize = 1024 * 1024;
/// Pieces that a start has asked for and not looked at yet, at most: enough to keep a disk busy while one of them is looked at.
pub(crate) const READ_PIECES_AHEAD_MAX: usize = 8;
/// What a start keeps of the records that its scan has read, so that its replay need not read them again: the records of some GiB of journal.
/// What is beyond is read twice.
pub const KEPT_RECORDS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Threads that read ahead for a start.
pub(crate) const READER_THREADS: usize = 4;

/// The most that one piece of a lane holds when it is copied to a peer: long enough for the disk's pace, short beside the window of a link.
pub const SYNC_CHUNK_BYTES_MAX: usize = 1024 * 1024;
/// Writes in flight of each range of a replica's lane, each of at most a block buffer.
pub(crate) const REPLICA_WRITES_MAX: usize = GROUPS_IN_FLIGHT_MAX;
/// Buffers that a replica's lane keeps for blocks that are sent live, so that they never wait for the copy in the background.
pub(crate) const REPLICA_LIVE_BUFFERS: usize = 2;
/// The longest name of a snapshot's directory: `oldreplica.`, a number of 32 bits, `.tmp`.
pub(crate) const OLD_REPLICA_NAME_BYTES_MAX: usize = 25;
/// Borders that a reader of chains remembers of the segment that it read last: with them each further question costs a thousandth of a
/// segment.
pub(crate) const WAYPOINTS_MAX: u64 = 1024;

const _: () = assert!(BLOCK_HEADER_BYTES <= SECTOR_BYTES, "a header is written whole or not at all");
const _: () = assert!(BLOCK_BYTES_MAX <= 1 << 18, "an offset in a block has 18 bits in a Location");
const _: () = assert!(
    RECORD_BYTES_MAX + 64 * (BLOCK_HEADER_BYTES + FRAGMENT_HEADER_BYTES)
        < 2 * (SEGMENT_BYTES_MIN as usize - SEGMENT_HEADER_BYTES),
    "a record reaches over at most two prepared segments"
);
const _: () = assert!(
    FRAGMENT_HEADER_BYTES + RUN_BYTES < FRAGMENT_ROOM_MIN,
    "a first fragment holds at least a byte of its body"
);
const _: () = assert!(BLOCK_BYTES_MAX <= SYNC_CHUNK_BYTES_MAX, "a piece holds any block");
const _: () = assert!(
    REPLICA_WRITES_MAX <= BLOCKS_IN_FLIGHT_MAX,
    "what overtakes a missing block of a replica lies where a start looks for it"
);
const _: () = assert!(REPLICA_LIVE_BUFFERS < LANE_BUFFERS_MIN, "the background has buffers too");
const _: () = assert!(
    BLOCK_BYTES_MAX <= READ_PIECE_BYTES,
    "a piece holds any block, so at most two hold one that begins in the first"
);
const _: () = assert!(READER_THREADS <= READ_PIECES_AHEAD_MAX, "there is something to do for each reader");
const _: () = assert!(GROUP_BYTES_PARALLEL < BLOCK_BYTES_MAX, "a group can form in one block");
const _: () = assert!(GROUPS_IN_FLIGHT_MAX <= BLOCKS_IN_FLIGHT_MAX, "each group may have a block in flight");
