//! What a server is told. The time comes beside it; whatever is random comes in it.

use std::time::Duration;

use smallvec::SmallVec;

use crate::detect::Network;
use crate::gate::Link;
use crate::ha_state::HaState;
use crate::history::History;
use crate::ids::{Chain, InstanceId};
use crate::message::Packet;
use crate::register::Register;
use crate::register_client::{Answer, Request};
use crate::vector::Vector;

/// The timers that a server may have. Each is armed at most once at a time. When it fires decides nothing but who waits how long: a timer
/// that fires at once, or late, must do no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Timer {
    /// Look again: at the register, at the peer.
    Retry,
    /// A start has waited long enough for its peer.
    StartWait,
    /// A greeting, or an answer of the peer, takes too long.
    Answer,
    /// The peer has said nothing for too long.
    Silence,
    /// The replica speaks and does not confirm.
    Lag,
    /// The next sign of life is due.
    Heartbeat,
    /// Acks wait for a joiner's barrier too long.
    Sync,
    /// An activation takes too long.
    Activation,
    /// An announced handover did not come.
    StopGuard,
    /// A handover takes too long.
    Handover,
    /// A refused takeover may be tried again.
    Verdict,
    /// Clients have been held for so long that they should look elsewhere.
    Suspended,
    /// A primary has been in sync for so long that it may ask to serve.
    Failback,
    /// The hour is over within which handovers to a returning primary are counted.
    FailbackHour,
}

impl Timer {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Retry,
        Self::StartWait,
        Self::Answer,
        Self::Silence,
        Self::Lag,
        Self::Heartbeat,
        Self::Sync,
        Self::Activation,
        Self::StopGuard,
        Self::Handover,
        Self::Verdict,
        Self::Suspended,
        Self::Failback,
        Self::FailbackHour,
    ];
}

/// What a scan of the store found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scan {
    /// The epochs whose starts stand in the lanes.
    pub history: History,
    /// The end of the last valid contiguous block of each lane. Nothing of it is known to be durable: it may lie in a cache.
    pub end: Vector,
    /// How far the lanes themselves say that everything was promised.
    pub promised: Vector,
    /// Valid blocks stand behind a hole.
    pub evidence: bool,
    /// A block below a promised position is missing.
    pub lost: bool,
    /// Where the lanes begin: what was before is freed.
    pub kept: Vector,
}

/// What is known when a life begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Start {
    /// `ha.state` as it stands on the disk, the new life already in it (and durable): whoever made the random number of the life wrote it.
    pub state: HaState,
    /// What the scan found.
    pub scan: Scan,
    /// Random: the activations of this life are numbered from it.
    pub seed: u128,
}

/// The end of one of the jobs that the store was given. They end in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Done {
    /// The start of the epoch stands in every lane; not yet durable.
    EpochStarted {
        /// The ends behind it.
        end: Vector,
        /// The epochs that the lanes hold now.
        history: History,
    },
    /// All that was appended when the job was given is durable: at least up to here.
    Flushed(Vector),
    /// What the store held is kept beside it.
    Snapshotted,
    /// The lanes end where they were to be cut, or before; what was cut is gone durably.
    Truncated {
        /// The ends now.
        end: Vector,
        /// The epochs that are left.
        history: History,
    },
    /// The chains at positions that the lanes hold.
    Chains(SmallVec<[Chain; 4]>),
    /// Nothing more is appended and nothing is delivered until clients are let go on.
    Frozen,
    /// The queues are loaded and the acceptors are open.
    Loaded,
    /// Clients are gone, what they had begun has ended, nothing is written any more.
    Quiet,
}

/// What a person, or the service manager, asks of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admin {
    /// End in good order.
    Stop,
    /// Let the other one serve.
    Switchover,
    /// Serve, whatever the rules say: the operator knows that nobody else does.
    Promote,
    /// Quarantined: what is here counts.
    KeepLocal,
    /// Quarantined: what the peer has counts; what is here is kept aside.
    KeepPeer,
    /// The tail of the lanes counts as it is, although something behind a hole says that more was there.
    AcceptTail,
    /// Make a register where there is none, although there is data: this copy is right.
    InitRegister,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::large_enum_variant)] // The one large variant comes once in a life.
pub enum Event {
    /// The life begins. Anything before is ignored.
    Started(Start),
    /// The lanes end here: appended by clients, or received from the active, in its place and without a gap.
    Appended(Vector),
    /// Of that so much is durable.
    Durable(Vector),
    /// The start of an epoch was among what was received: these are the epochs that the lanes hold now.
    Epochs(History),
    /// The lanes begin here now: what was before is freed. What is being copied to a joiner is not, as long as its connection stands.
    Kept(Vector),
    /// The oldest job under way has ended.
    Done(Done),
    /// The oldest write of `ha.state` under way is durable.
    StateWritten,
    /// The store failed: nothing of it can be relied on.
    StoreFailed,
    /// One that follows has no room for what comes, or to keep aside what is cut.
    NoSpace,
    /// It has room again.
    Room,
    /// The answer to a request to the register.
    Answer(Request, Answer),
    /// The time that the register's client wanted to be woken at.
    Wake(Request),
    /// How long the holder may be taken as alive, by what the lease says that was read last; zero: it is over.
    Lease(Duration),
    /// The register was seen to have this value, without a question.
    Watched(Register),
    /// The holder's lease could not be renewed in time.
    LeaseLost,
    /// It could, again.
    LeaseKept,
    /// The dialled connection stands.
    Connected(Link),
    /// Somebody connected, and may be the peer.
    Accepted(Link),
    /// The dialled peer refuses: nobody listens there.
    Refused,
    /// The dialled peer does not answer at all.
    Unanswered,
    /// A connection has ended.
    Lost(Link),
    /// The peer says something.
    Packet(Link, Packet),
    /// A timer fired. Fired although it was not armed, it is ignored.
    Timer(Timer),
    /// What the check of the network found.
    Network(Network),
    /// An order.
    Admin(Admin),
    /// Somebody else runs under this installation's name.
    DuplicateInstance(InstanceId),
}
