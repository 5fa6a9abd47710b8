//! What a server wants done. Commands are carried out in their order, as far as it can be seen from outside.

use std::time::Duration;

use smallvec::SmallVec;

use crate::event::Timer;
use crate::gate::Link;
use crate::ha_state::HaState;
use crate::history::Reason;
use crate::ids::{Epoch, InstanceId};
use crate::limits::COMMANDS_MAX;
use crate::message::Packet;
use crate::register::AckMode;
use crate::register_client::{Call, Wake};
use crate::state::State;
use crate::vector::Vector;

/// Something that the store does; it ends with one [`crate::event::Done`], in the order of the jobs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    /// Write the start of an epoch into every lane. [`crate::event::Done::EpochStarted`]
    StartEpoch {
        /// The epoch.
        epoch: Epoch,
        /// The one before it in this store.
        previous: Epoch,
        /// When it acks.
        ack_mode: AckMode,
        /// Why it begins.
        reason: Reason,
    },
    /// Make all durable that is appended. [`crate::event::Done::Flushed`]
    Flush,
    /// Keep what the store holds as an old replica. [`crate::event::Done::Snapshotted`]
    Snapshot {
        /// The number of the old replica.
        number: u32,
        /// What will be cut was acked: it is not to be deleted without an order.
        acked: bool,
    },
    /// Cut the lanes here and close their ends, durably. [`crate::event::Done::Truncated`]
    Truncate(Vector),
    /// Read the chains at these positions. [`crate::event::Done::Chains`]
    ReadChains(Vector),
    /// No more credit, no more deliveries; commits that run may end. [`crate::event::Done::Frozen`]
    Freeze,
    /// Load the queues, settle what is undecided, open the acceptors. [`crate::event::Done::Loaded`]
    Load,
    /// Send clients away, to the other one if that is known, and end what is under way. [`crate::event::Done::Quiet`]
    Quiesce {
        /// Who serves them now.
        redirect: Option<InstanceId>,
    },
}

/// What a server tells the person who runs it. [`Notice::code`] says under which code; the driver gives the words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// The state changed.
    State {
        /// From.
        old: State,
        /// To.
        new: State,
    },
    /// It becomes active.
    Activating(Epoch, Reason),
    /// It serves.
    Active(Epoch),
    /// An activation failed; everything is released.
    ActivationFailed,
    /// A copy begins.
    SyncStarted {
        /// From where on blocks are copied.
        from: Vector,
    },
    /// It is in sync with the active, or the joiner with it.
    InSync(InstanceId),
    /// The active has its replica already.
    Spare,
    /// The register names the successor: this server ends, or becomes a backup.
    HandedOver,
    /// The replica speaks and does not confirm in time; it is taken out of the in-sync set and catches up.
    ReplicaSlow(InstanceId),
    /// The connection to the replica is lost; it is taken out of the in-sync set.
    ReplicaLost(InstanceId),
    /// Nothing is acked for now.
    Suspended,
    /// What the start's table has to say.
    Start(crate::start::Notice),
    /// The register cannot be reached.
    RegisterUnreachable,
    /// What was cut was not acked; it is kept in an old replica.
    Cut {
        /// Where the lanes ended.
        end: Vector,
        /// Where they end now.
        at: Vector,
    },
    /// Both histories were acked.
    SplitBrain,
    /// The register is older than what was seen.
    RegisterRestored,
    /// Blocks that both should have differ.
    ChainsDiffer,
    /// Acks go on without the consent of a backup that cannot be reached.
    WithoutConsent,
    /// Two instances have the same name.
    DuplicateInstance,
    /// The joiner cannot be admitted.
    Rejected(crate::message::Reject),
}

/// What becomes of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Clients {
    /// There are none.
    #[default]
    Closed,
    /// They are served.
    Served,
    /// They stay, get no credit, no deliveries and no answers.
    Held,
    /// They are sent away so that they look elsewhere; whoever comes again is held.
    Dropped,
}

/// Do this.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::large_enum_variant)] // A command is carried out at once, in place.
pub enum Command {
    /// Make this the content of `ha.state`. Writes are durable in their order; each ends with [`crate::event::Event::StateWritten`].
    WriteState(HaState),
    /// Give this to the store.
    Store(Job),
    /// Ask the register. [`crate::event::Event::Answer`]
    Call(Call),
    /// Wake the register's client. [`crate::event::Event::Wake`]
    Wake(Wake),
    /// Connect to the peer: [`crate::event::Event::Connected`], `Refused` or `Unanswered` answers.
    Dial,
    /// Say this.
    Send(Link, Packet),
    /// End the connection. Nothing more that came by it is taken, no block either.
    Close(Link),
    /// Take blocks of this epoch from this connection into the lanes; from no other.
    Receive(Link),
    /// Send blocks as they are appended, from here on.
    Stream {
        /// To whom.
        conn: Link,
        /// The first one begins here.
        from: Vector,
    },
    /// Send blocks that are on the disk. None of them is freed while the connection stands.
    Copy {
        /// To whom.
        conn: Link,
        /// From here.
        from: Vector,
        /// To here.
        to: Vector,
    },
    /// Send the block that the peer cannot read, behind a message that says whether it is there.
    SendBlock {
        /// To whom.
        conn: Link,
        /// In which lane.
        lane: u16,
        /// Where it begins.
        at: crate::ids::Lsn,
        /// The chain before it.
        chain: crate::ids::Chain,
    },
    /// Arm the timer anew, to fire after this time.
    SetTimer(Timer, Duration),
    /// Disarm it.
    ClearTimer(Timer),
    /// Everything before these positions is promised.
    Promise {
        /// May be acked.
        acked: Vector,
        /// May be delivered and freed (SR14: the same).
        visible: Vector,
    },
    /// What becomes of clients from now on.
    Clients(Clients),
    /// Tell.
    Tell(Notice),
    /// End the process.
    Exit {
        /// What it ends with: 0 in good order, 76 where the service manager is to start it again.
        code: u8,
    },
}

/// What a server wants done after one event. It never holds more than [`COMMANDS_MAX`]: a server asks for few things at a time, which a test
/// counts, and one more would be dropped and counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Commands {
    list: SmallVec<[Command; 4]>,
    dropped: u32,
}

impl Commands {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn push(&mut self, command: Command) {
        if self.list.len() < COMMANDS_MAX {
            self.list.push(command);
        } else {
            self.dropped += 1;
        }
    }

    /// Takes them out, in their order.
    pub fn drain(&mut self) -> impl Iterator<Item = Command> + '_ {
        self.list.drain(..)
    }

    /// They, in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[Command] {
        &self.list
    }

    /// How many did not fit. Never any but by a mistake of this crate: the driver ends the process then.
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }
}
