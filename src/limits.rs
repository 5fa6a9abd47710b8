//! Every bound of the broker, its reason, and the relations between them.
//!
//! A bound lives here and nowhere else; the room that enforces it says what happens when it is reached.

/// Journal lanes of one store. Seven bits of a message id name its lane.
pub const LANES_MAX: usize = 64;

/// Data cores of one process.
pub const CORES_MAX: usize = 64;

/// Memory of a connection before login, whatever its client does: anybody may have as many as there may be connections.
pub const MEMORY_BEFORE_LOGIN_MAX: usize = 64 * 1024;

/// A frame before login: the largest packet that a client sends then is CREATESESSION, far below this. Also what is kept then of frames
/// that have to wait; beyond it the connection is closed.
pub const FRAME_BYTES_BEFORE_LOGIN: usize = MEMORY_BEFORE_LOGIN_MAX / 2;

/// As [`FRAME_BYTES_BEFORE_LOGIN`], for a connection within TLS: what TLS holds comes on top.
pub const FRAME_BYTES_BEFORE_LOGIN_WITHIN_TLS: usize = 16 * 1024;

/// Bytes that a client may send until the handshake of TLS is done, its certificates included; a usual one takes less than 2 KiB, one
/// with a chain of certificates 6 KiB.
pub const TLS_HANDSHAKE_BYTES_MAX: usize = 16 * 1024;

/// Bytes that are put into TLS records in one go: room for records is made in pieces of that size.
pub const TLS_PIECE_BYTES: usize = 64 * 1024;

/// Bytes of a buffer for records that a connection keeps to use it again; a larger one is given back.
pub const TLS_SPARE_BYTES_MAX: usize = 8 * 1024;

/// Bytes kept of a client before login while what it asked for is sought on other cores; then nothing more is received from it.
pub const KEPT_BEFORE_LOGIN: usize = FRAME_BYTES_BEFORE_LOGIN / 4;

/// As [`OUTPUT_BYTES_HARD`], before login: a few answers.
pub const OUTPUT_BYTES_BEFORE_LOGIN: usize = MEMORY_BEFORE_LOGIN_MAX / 8;

/// Requests of the connection itself (pings, the topology) before login, between two checks of the connections' time to live. A client
/// needs a handful; who asks for more is closed, or answering would be all that a core does.
pub const REQUESTS_BEFORE_LOGIN_MAX: u32 = 256;

/// A frame after login. The reference accepts 2 GiB; nobody sends an ordinary message of this size.
pub const FRAME_BYTES_MAX: usize = 100 * 1024 * 1024;

/// What a client after login may have sent of frames that are not handled yet, without asking for room: more than an ordinary message.
/// What is beyond it comes out of what all connections of its core may hold together.
pub const INPUT_BYTES_FREE: usize = RECORD_MESSAGE_BYTES_MAX + RECORD_OVERHEAD_BYTES_MAX;

/// Time of a client that has got room for a whole frame, to show that it sends it.
pub const FRAME_GRACE_MS: u64 = 1_000;

/// Time for a whole frame of any size, while others wait for room: who is on the way to take longer loses it, and its connection. A
/// frame of the largest size also stands so far behind a small one that waits.
pub const FRAME_TIME_MS: u64 = 10_000;

/// Between two looks for such clients, while somebody waits.
pub const FRAME_CHECK_MS: u64 = 250;

/// An encoded message up to this size is one journal record; above, its body goes to a lane for large bodies.
pub const RECORD_MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// What the store adds to a message in its record: operation, queue ids.
pub const RECORD_OVERHEAD_BYTES_MAX: usize = 4 * 1024;

/// Connections of one core; further ones are closed at once.
pub const CONNECTIONS_PER_CORE_MAX: usize = 65_536;

/// What the first session of each connection takes that is not counted against all: some consumers, and what its user may do to some
/// addresses.
pub const SESSION_BYTES_FREE: usize = 4 * 1024;

/// Sessions of one connection; a further CREATESESSION is refused. So is one for which there is no memory.
pub const SESSIONS_PER_CONNECTION_MAX: usize = 4_096;

/// Temporary queues of one connection; a further one is refused.
pub const TEMPORARY_QUEUES_PER_CONNECTION_MAX: usize = 4_096;

/// Bytes of the password of somebody who logs in; a longer one is wrong.
pub const LOGIN_BYTES_MAX: usize = 1_024;

/// Logins of one core that are being looked into at the same time; further connections wait, in order. Each takes tens of milliseconds
/// of one thread.
pub const LOGINS_PER_CORE_MAX: usize = 16;

/// Logins that a connection may fail at; then it is closed, so that guessing costs a connection every few tries.
pub const LOGIN_FAILURES_MAX: usize = 3;

/// Logins that each core remembers, so that clients who come again do not wait for the hash of their password.
pub const LOGINS_REMEMBERED_MAX: usize = 1_024;

/// Addresses of which a session remembers what its user may do; beyond it all are looked up again. Without memory for one more, that is
/// looked up each time.
pub const PERMISSIONS_REMEMBERED_MAX: usize = 256;

/// Consumers of one session; a further one is refused. So is one for which there is no memory.
pub const CONSUMERS_PER_SESSION_MAX: usize = 4_096;

/// Messages for which a consumer keeps room that has none in its hands.
pub const HELD_SPARE_MAX: usize = 1_024;

/// Metadata entries of one session; further ones are refused.
pub const METADATA_PER_SESSION_MAX: usize = 64;

/// Bytes of a metadata key and value together.
pub const METADATA_BYTES_MAX: usize = 4_096;

/// Bytes of all metadata of one session that are not counted against all; real clients write less.
pub const METADATA_BYTES_FREE: usize = 1_024;

/// Replies that a session may owe its client before its connection stops reading.
pub const REPLIES_PER_SESSION_MAX: usize = 16_384;

/// Replies for which each session keeps room, however few it owes. More than most clients ever ask for at the same time.
pub const REPLIES_SPARE_MAX: usize = 64;

/// Bytes waiting to be written to one client before its deliveries pause.
pub const OUTPUT_BYTES_SOFT: usize = 256 * 1024;

/// Bytes of bodies that a home delivers in one turn of its core's loop; the rest follows at the next ones.
pub const DELIVERY_BYTES_PER_TURN: usize = 256 * 1024;

/// Memory of the filters of all consumers and queues of one home; beyond it a further one is refused. A million short ones fit.
pub const FILTER_MEMORY_PER_HOME_MAX: usize = 256 * 1024 * 1024;

/// Work of filters that costs as much as one step below.
pub const FILTER_WORK_PER_STEP: usize = 64;

/// Messages that consumers with a filter and browsers look at in one turn of a home; they go on at the next one.
pub const WALK_STEPS_PER_TURN: usize = 1_024;

/// Entries of a queue that may move, when one in its midst is taken out, at the price of one such step.
pub const MOVED_ENTRIES_PER_STEP: usize = 512;

/// Bytes waiting to be written to one client before its connection stops reading.
pub const OUTPUT_BYTES_HARD: usize = 1024 * 1024;

/// What is kept for one client that does not read it, without being counted against all: more than ordinary answers. While memory is
/// scarce its frames wait beyond it.
pub const OUTPUT_BYTES_FREE: usize = 64 * 1024;

/// As [`OUTPUT_BYTES_SOFT`], while the clients of a core leave more unread than they may.
pub const OUTPUT_BYTES_SOFT_SCARCE: usize = 16 * 1024;

/// What a client takes in a millisecond, if it takes anything: 2 Mbit a second. With [`FRAME_GRACE_MS`] it is the time for what it was
/// handed, [`FRAME_TIME_MS`] at most, while others wait.
pub const OUTPUT_BYTES_A_MS: u64 = 256;

/// Buffers for output that a core keeps to use them again: as many as there are usually clients that are written to in one turn.
pub const SPARE_OUTPUTS_MAX: usize = 256;

/// Bytes of all of these: a few that are full of deliveries, and all others with answers.
pub const SPARE_OUTPUT_BYTES_MAX: usize = 8 * OUTPUT_BYTES_HARD;

/// Bytes that one session keeps for a client that may come back, and that the client has not confirmed; beyond it its deliveries
/// pause. A client confirms when its window is full: one above half of this waits for its client's next ping now and then.
pub const UNCONFIRMED_BYTES_SOFT: usize = 64 * 1024 * 1024;

/// The same, for all that deliveries do not account for; beyond it the client is taken for one that never confirms, and its
/// connection is closed with its sessions.
pub const UNCONFIRMED_BYTES_HARD: usize = UNCONFIRMED_BYTES_SOFT + 2 * FRAME_BYTES_MAX;

/// Unconfirmed bytes of all sessions of one core, unless its connections may take less; beyond half of it a session's deliveries pause
/// when its client's window is full, or [`OUTPUT_BYTES_HARD`] if that is less. Beyond all of it, the connection for whose sessions most
/// is kept is closed, until there is less.
pub const UNCONFIRMED_BYTES_PER_CORE: usize = 1024 * 1024 * 1024;

/// Sessions of one core that wait for their clients to come back; with one more, the one that has waited longest ends as failed.
pub const ORPHANS_PER_CORE_MAX: usize = 4_096;

/// Unconfirmed bytes of all of those; with more, the one that has waited longest ends as failed.
pub const ORPHAN_BYTES_PER_CORE_MAX: usize = 256 * 1024 * 1024;

/// Closed sessions of one connection whose clients may not have heard the answer; with one more, the oldest is forgotten.
pub const DEPARTED_SESSIONS_MAX: usize = 8;

/// Names of sessions that a connection may ask for in vain before it opens a session or is closed. A client whose sessions are gone
/// opens a new one after each answer.
pub const WRONG_NAMES_MAX: u32 = 3;

/// Bytes of a session's name; one with a longer name cannot be found again.
pub const SESSION_NAME_BYTES_MAX: usize = 1_024;

/// Bytes of the name of an address or queue.
pub const NAME_BYTES_MAX: usize = 1_024;

/// Addresses of one home; a further one is refused.
pub const ADDRESSES_PER_HOME_MAX: usize = 1_000_000;

/// Queues of one address; a further one is refused.
pub const QUEUES_PER_ADDRESS_MAX: usize = 256;

/// Staged bytes of one transaction in one home; beyond it the transaction can only be rolled back.
pub const TRANSACTION_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Staged operations of one transaction in one home.
pub const TRANSACTION_OPERATIONS_MAX: usize = 1_000_000;

/// Staged bytes of all open transactions in one home, what describes them included; beyond it a send spoils its transaction. Two of
/// the largest fit. Transactions that wait for a decision count until it is there.
pub const STAGED_BYTES_PER_HOME_MAX: usize = 512 * 1024 * 1024;

/// Message ids in one ACK record; a longer acknowledgement becomes a run of such records.
pub const ACK_IDS_PER_RECORD: usize = 4_096;

/// Bytes of non-durable messages that one core keeps in memory; beyond it a send is refused.
pub const NON_DURABLE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Bytes of recent durable bodies that one core keeps in memory, unless configured.
pub const HOT_WINDOW_BYTES_DEFAULT: usize = 64 * 1024 * 1024;

/// Letters waiting in one direction between two cores.
pub const MAIL_PER_PAIR_MAX: usize = 4_096;

/// Bytes of requests and messages in letters that other cores have not read of one core's; beyond it that core makes no more of them.
/// More than a disk takes in a tenth of a second.
pub const LETTER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Producers of one core that wait for credits of full addresses; one more is refused.
pub const PRODUCERS_WAITING_MAX: usize = 65_536;

/// Full addresses of one core that producers wait for: every turn looks at each of them.
pub const ADDRESSES_WAITED_FOR_MAX: usize = 1_024;

/// Requests of one home that wait for the creation of addresses by another core, which takes one write: more clients than that
/// wait in their sockets.
pub const PARKED_MAX: usize = 256;

/// Bytes of such requests, beyond which no more are taken.
pub const PARKED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of frames that one connection has set aside, their overhead included, because what is left of a full disk is not for those who
/// send; beyond it the connection stops reading. More than the blocking sends of ten sessions.
pub const ASIDE_BYTES_PER_CONNECTION_MAX: usize = 1024 * 1024;

/// As [`ASIDE_BYTES_PER_CONNECTION_MAX`], for all connections of a core.
pub const ASIDE_BYTES_PER_CORE_MAX: usize = 16 * 1024 * 1024;

/// What a frame that is set aside costs beside its bytes.
pub const ASIDE_FRAME_OVERHEAD_BYTES: usize = 256;

/// Bodies on their way back from the disk on one core; a further one waits.
pub const COLD_READS_MAX: usize = 16;

/// Bytes of bodies on their way back from the disk on one core; a further one waits.
pub const COLD_BODY_BYTES_MAX: usize = 128 * 1024 * 1024;

/// How long a read waits that brought an error or something else than the wanted block, before it is tried again; then the broker
/// stops. Long enough for a path to a disk to come back, short enough for a client that waits.
pub const COLD_RETRY_NANOS: [u64; 3] = [10_000_000, 100_000_000, 1_000_000_000];

/// Growth of a lane after which the index is written again, if it is small.
pub const CHECKPOINT_BYTES: u64 = 64 * 1024 * 1024;

/// The same as a multiple of the index, if that is more.
pub const CHECKPOINT_GROWTH_OF_INDEX: u64 = 6;

/// The most of that: what a start may have to read of a lane behind the index.
pub const CHECKPOINT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Bytes of the arguments of one request to look after the broker; longer ones are refused.
pub const MANAGEMENT_REQUEST_BYTES_MAX: usize = 64 * 1024;

/// Values in the arguments of such a request, nested ones included: an operation takes far fewer, and a small one takes little text and
/// much memory.
pub const MANAGEMENT_VALUES_MAX: usize = 128;

/// Rows of one list that such a request gets; the rest is asked for by pages, or not at all.
pub const MANAGEMENT_ROWS_MAX: usize = 10_000;

/// Bytes of the answer to such a request; a longer one becomes a failure that says so.
pub const MANAGEMENT_REPLY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Such requests under way on one core; a further one is answered with a failure.
pub const MANAGEMENT_CALLS_MAX: usize = 64;

/// So many connections more a core may have, with one that comes because of its address, than the core that this one leaves. With none
/// more, a client that is alone could not come; with two, one that sends to a queue and one that takes from it may both be where the queue
/// is, and a core whose queues everybody wants is still no more than two ahead of any core that they leave for it.
pub const CONNECTIONS_AHEAD_MAX: usize = 2;

/// Memory of the sessions of a connection that moves for its address, as far as it counts: the core that it comes to keeps so much ready.
/// Enough for the few sessions that a client has before it names an address.
pub const MOVING_SESSIONS_BYTES_MAX: usize = 16 * 1024;

/// Milliseconds between two checks of the connections' time to live.
pub const TTL_CHECK_INTERVAL_MS: u64 = 2_000;

/// Time that a client has to finish the handshake, and before login a frame that it has begun.
pub const HANDSHAKE_TIMEOUT_MS: u64 = 10_000;

/// The client's default time to live, used until its first PING names another.
pub const CONNECTION_TTL_DEFAULT_MS: i64 = 60_000;

/// So long a session waits at most for its client to come back, whatever time to live that has asked for: what it holds nobody else
/// gets meanwhile. An hour is longer than any outage that a client sits through.
pub const AWAY_MS_MAX: i64 = 3_600_000;

/// Bounds of one home that a test may set lower, to reach them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HomeBounds {
    /// See [`ADDRESSES_PER_HOME_MAX`].
    pub addresses: usize,
    /// See [`STAGED_BYTES_PER_HOME_MAX`].
    pub staged_bytes: usize,
    /// See [`NON_DURABLE_BYTES_MAX`].
    pub volatile_bytes: usize,
}

impl Default for HomeBounds {
    fn default() -> Self {
        Self {
            addresses: ADDRESSES_PER_HOME_MAX,
            staged_bytes: STAGED_BYTES_PER_HOME_MAX,
            volatile_bytes: NON_DURABLE_BYTES_MAX,
        }
    }
}

const _: () = {
    // A lane index must fit the seven bits that a message id has for it.
    assert!(LANES_MAX <= 128);
    // Who is over his own share waits, and no sooner.
    assert!(OUTPUT_BYTES_SOFT_SCARCE < OUTPUT_BYTES_FREE && OUTPUT_BYTES_FREE < OUTPUT_BYTES_SOFT);
    // A session never owes more than one connection may hold back.
    assert!(OUTPUT_BYTES_SOFT < OUTPUT_BYTES_HARD);
    // The largest delivery never makes a client look like one that does not confirm.
    assert!(UNCONFIRMED_BYTES_SOFT + FRAME_BYTES_MAX < UNCONFIRMED_BYTES_HARD);
    assert!(OUTPUT_BYTES_HARD < UNCONFIRMED_BYTES_SOFT);
    // What a client sends before login and what it does not read fit, with buffers of twice the size and the tables around them.
    assert!(FRAME_BYTES_BEFORE_LOGIN + 2 * OUTPUT_BYTES_BEFORE_LOGIN < MEMORY_BEFORE_LOGIN_MAX);
    // Nothing before login asks for room.
    assert!(FRAME_BYTES_BEFORE_LOGIN + KEPT_BEFORE_LOGIN < INPUT_BYTES_FREE);
    // A message that goes to a large lane was accepted as one frame first.
    assert!(RECORD_MESSAGE_BYTES_MAX < FRAME_BYTES_MAX);
    // One transaction may use all that it may.
    assert!(TRANSACTION_BYTES_MAX < STAGED_BYTES_PER_HOME_MAX);
    // One connection does not use up what is for all.
    assert!(ASIDE_BYTES_PER_CONNECTION_MAX < ASIDE_BYTES_PER_CORE_MAX);
    // A body of any size can be read back.
    assert!(FRAME_BYTES_MAX <= COLD_BODY_BYTES_MAX);
    // The overhead covers one queue id for every queue of an address.
    assert!(QUEUES_PER_ADDRESS_MAX * 4 + 64 <= RECORD_OVERHEAD_BYTES_MAX);
};
