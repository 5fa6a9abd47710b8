//! Every bound of a pair and the defaults of its times, each with its reason, and the relations between them.
//!
//! A bound lives here and nowhere else; the module that enforces it says what happens when it is reached. A default is what holds where the
//! settings say nothing.

use std::time::Duration;

// Bounds.

/// How many of its own lives a member remembers. The register names a member in one of its lives: one that is none of these was made by a disk
/// that has since been restored. The life that the register showed last is remembered beside them, however long ago it was.
pub const INCARNATIONS_MAX: usize = 16;
/// How many epochs a history keeps: as many as the journal keeps for a lane. Of two histories that have nothing in common within these, nobody can
/// tell where they parted: the copy that follows is made anew, and what it held is kept.
pub const EPOCHS_MAX: usize = 48;
/// How many places of a lane a search for damage looks at: 16 TiB of segments of 64 MiB. Of more, the oldest are left out, and damage among them is
/// told as "before" the oldest that is looked at.
pub const CHAIN_PLACES_MAX: usize = 1 << 18;
/// Members in the in-sync set: the active, its backup, and for a moment the primary that takes the place of that backup; one is spare.
pub const IN_SYNC_MAX: usize = 4;
/// The encoded value of the register: it travels in every request for a change, and a voter keeps one for each pair.
pub const REGISTER_VALUE_BYTES_MAX: usize = 256;
/// Data cores whose progress a heartbeat carries: as many as a broker may have.
pub const PROGRESS_CORES_MAX: usize = 64;
/// Moments that are remembered of what was sent and is not confirmed; a lag is known up to this part of the allowed one.
pub const LAG_MARKS_MAX: usize = 4;

// The peer.

/// How often each side tells the other that it lives. Eight fit into the silence after which a peer counts as failed, so that a few late ones
/// harm nothing.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(250);
/// Silence after which a peer counts as failed: above the pauses of a healthy host, and short enough that clients hardly notice.
pub const REPLICA_FAILURE_TIMEOUT: Duration = Duration::from_secs(2);
/// Age of the oldest unconfirmed byte at which a replica that still speaks counts as failed: no client waits longer for an answer.
pub const REPLICA_LAG_TIMEOUT: Duration = Duration::from_secs(30);
/// Any call from one server to another.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// After "I am about to stop" silence is expected: a stop drains running work first, which may take this long.
pub const STOP_GUARD: Duration = Duration::from_secs(60);
/// Round trip of the replication link above which a person is warned: every durable operation waits for one.
pub const RTT_WARN: Duration = Duration::from_millis(10);
/// Bytes of a lane that may be under way to the replica: a second of a fast disk would be too much memory, a round trip too little.
pub const REPLICATION_WINDOW_BYTES: u64 = 8 * 1024 * 1024;
/// Longest time for which the end of a synchronisation may hold acks.
pub const INITIAL_SYNC_TIMEOUT: Duration = Duration::from_secs(30);
/// A spare, or a backup that found nobody, asks again after this time.
pub const RETRY_REPLICATION_WAIT: Duration = Duration::from_secs(2);

// The register.

/// One request to the register. Longer than an election among its own servers takes as a rule.
pub const REGISTER_CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// The pause after the first failed request to the register.
pub const REGISTER_RETRY_MIN: Duration = Duration::from_millis(100);
/// The longest pause between two requests to a register that does not answer: it bounds how late a recovery is noticed.
pub const REGISTER_RETRY_MAX: Duration = Duration::from_secs(2);
/// How long a renewal of the holder keeps others from a needless takeover.
pub const QUORUM_LEASE: Duration = Duration::from_secs(2);
/// Renewals within one lease: two may be lost.
pub const RENEWALS_PER_LEASE: u32 = 3;
/// Refused rounds before a backup that lost its active begins anew with looking for it.
pub const VOTE_RETRIES: u32 = 12;
/// Longest wait between two such rounds.
pub const VOTE_RETRY_WAIT: Duration = Duration::from_secs(5);
/// One round of votes.
pub const QUORUM_VOTE_WAIT: Duration = Duration::from_secs(30);

// Starting, handing over.

/// A member that is not the holder waits so long for the holder before it takes over at its start.
pub const STARTUP_PEER_WAIT: Duration = Duration::from_secs(10);
/// A holder that starts again waits so long for what its peer has beyond its own end.
pub const TAIL_RECOVERY_WAIT: Duration = Duration::from_secs(2);
/// From a won register to open acceptors; the loading of messages is not counted.
pub const ACTIVATION_TIMEOUT: Duration = Duration::from_secs(60);
/// Running commits may go on for so long after the freeze of a handover.
pub const HANDOVER_DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// A whole handover, before its change of the register is sent.
pub const HANDOVER_TIMEOUT: Duration = Duration::from_secs(60);
/// A primary must have been in sync for so long before it gets its place back.
pub const FAILBACK_MIN_STABLE: Duration = Duration::from_secs(5);
/// Handovers to a returning primary in an hour: a host that fails again and again shall not drag clients along.
pub const FAILBACK_MAX_PER_HOUR: u32 = 6;
/// The hour within which they are counted. It begins with the first of them, so that nobody has to remember when each was.
pub const FAILBACK_HOUR: Duration = Duration::from_secs(3600);
/// An active whose right to ack is in doubt closes its clients after this time; zero is never.
pub const SUSPENDED_TIMEOUT: Duration = Duration::ZERO;

// The check of the network.

/// Between two checks.
pub const NETWORK_CHECK_PERIOD: Duration = Duration::from_secs(5);
/// One check of one target.
pub const NETWORK_CHECK_TIMEOUT: Duration = Duration::from_secs(1);

const _: () =
    assert!(REPLICA_FAILURE_TIMEOUT.as_nanos() > 2 * HEARTBEAT_INTERVAL.as_nanos(), "one late heartbeat is no failure");
const _: () = assert!(
    QUORUM_LEASE.as_nanos() * 2 >= REPLICA_FAILURE_TIMEOUT.as_nanos(),
    "a lease bridges the time in which a failure is noticed"
);
const _: () =
    assert!(REPLICA_LAG_TIMEOUT.as_nanos() <= CALL_TIMEOUT.as_nanos(), "no call ends before a lag is noticed");
const _: () = assert!(REGISTER_RETRY_MIN.as_nanos() <= REGISTER_RETRY_MAX.as_nanos(), "pauses grow");

// The server's own bookkeeping.

/// Commands after one event: a transition tells and writes a dozen things, and a few may follow in one go. A test counts them.
pub const COMMANDS_MAX: usize = 64;
/// Steps that are still to be taken: the longest row, and a second one behind it.
pub const STEPS_MAX: usize = 24;
/// Transitions and runs of steps after one event.
pub const ROUNDS_MAX: usize = 32;
