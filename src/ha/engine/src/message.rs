//! What the members of a pair say to each other, as values. Blocks of the journal travel beside this conversation; here only positions are named.
//!
//! ```text
//! passive                              active
//! Hello            ->
//!                  <-  HelloAck | Reject
//! History          ->
//!                  <-  History          and whether the passive is in the in-sync set
//! ChainsAsked      ->                   where the passive would cut
//!                  <-  Chains
//! Ready            ->                   cut, and flushed up to there
//!                  <-  (blocks: a copy up to a position, live ones from there)
//! Confirm ..       ->
//!                  <-  Barrier          everything acked so far
//! BarrierOk        ->
//!                  <-  SyncDone         the register after the join
//! SyncDoneAck      ->
//! ```

use smallvec::SmallVec;

use crate::ha_state::Role;
use crate::history::History;
use crate::ids::{Chain, Epoch, InstanceId, Member, NodeId};
use crate::register::{AckMode, Register};
use crate::vector::Vector;

/// A message in the epoch of its sender: of an active the one in which it serves, of a replica that of the active that it follows, of everybody
/// else the newest one that it has seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Packet {
    /// The epoch.
    pub epoch: Epoch,
    /// What is said.
    pub message: Message,
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hello {
    /// The logical server; none before the first start of an installation that has not met its peer.
    pub node: Option<NodeId>,
    /// A digest of the cluster's name, its secret's proof and the group: they pair only when it is equal.
    pub group: u128,
    /// The installation in its present life.
    pub member: Member,
    /// What it is configured to be.
    pub role: Role,
    /// What it can read and write: the sender of the higher number writes what the lower one knows.
    pub features: u32,
    /// How many lanes its store has.
    pub lanes: u16,
    /// When it acks.
    pub ack_mode: AckMode,
    /// Whether it serves, or is about to.
    pub active: bool,
    /// Whether it holds everything that it ever confirmed: its scan missed nothing, and where memory was confirmed it stopped clean.
    pub whole: bool,
}

/// Why an active does not take a joiner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reject {
    /// Another cluster, another secret or another group.
    Group,
    /// Another logical server.
    Node,
    /// It has a replica.
    AlreadyReplicating,
    /// The joiner calls itself what the active is.
    DuplicateInstance,
    /// Its store has another number of lanes.
    Lanes,
    /// They disagree on when to ack.
    AckMode,
    /// It does not serve.
    NotActive,
}

/// What an active has to say about its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stopping {
    /// It hands over soon: its silence is not its death.
    StopCalled,
    /// It goes on serving: what it announced comes to nothing.
    GoesOn,
}

/// What a member holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Holding {
    /// The epochs that it holds, and where its lanes end.
    pub history: History,
    /// How far it knows that everything was promised.
    pub promised: Vector,
    /// Where its lanes begin: what was before is freed.
    pub kept: Vector,
    /// Of an active: whether it counts the receiver as a member of the in-sync set, so that nothing that the receiver cuts was acked.
    pub member: bool,
    /// Whether it says of itself that it has everything that was acked.
    pub complete: bool,
    /// To whom it has handed over, or whose activation it agreed to.
    pub handed_over: Option<InstanceId>,
    /// Whether it is quarantined.
    pub quarantined: bool,
    /// Whether it is configured as primary.
    pub primary: bool,
    /// Whether it is about to serve, once it has what it waits for.
    pub willing: bool,
    /// Whether its check of the network reaches nothing.
    pub isolated: bool,
}

/// Something that a member says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// The first message of whoever connected.
    Hello(Hello),
    /// The first message of whoever was connected to.
    HelloAck(Hello),
    /// Instead of `HelloAck`, or of anything later: the connection ends.
    Reject(Reject),
    /// What the sender holds; said by both.
    History(Holding),
    /// Which chains does the receiver have there?
    ChainsAsked(Vector),
    /// These.
    Chains {
        /// There.
        at: Vector,
        /// One for each lane.
        chains: SmallVec<[Chain; 4]>,
    },
    /// The joiner has cut and flushed: blocks may come.
    Ready {
        /// Its end, all of it durable.
        at: Vector,
        /// From where on it wants blocks: its end, or beyond it where the active has freed what lies between.
        from: Vector,
    },
    /// How far the replica is; each covers those before it.
    Confirm {
        /// Received and in its place, without a gap.
        received: Vector,
        /// Of that, durable.
        durable: Vector,
    },
    /// Confirm everything up to here durably: whoever answers is taken into the in-sync set.
    Barrier(Vector),
    /// It is durable, and so is the knowledge of it.
    BarrierOk(Vector),
    /// The joiner is in the in-sync set.
    SyncDone(Register),
    /// The joiner knows, durably.
    SyncDoneAck,
    /// The in-sync set without the receiver, and a new epoch: what it confirms from now on is said in that.
    Removed(Register),
    /// Between two passives: what does the receiver have behind these positions?
    TailAsked(Vector),
    /// The receiver's end: blocks up to there follow.
    Tail(Vector),
    /// Without a register: may the sender go on, or activate, alone in that epoch?
    ConsentAsked(Epoch),
    /// Yes: the sender will not activate by itself any more. Durable.
    Consent(Epoch),
    /// No.
    NoConsent(Epoch),
    /// I am here.
    Heartbeat {
        /// How far everything is promised (of an active), or durable (of a replica).
        vector: Vector,
        /// Whether the sender reaches the network: its own check.
        healthy: bool,
    },
    /// An active is about to hand over, or not any more.
    Stopping(Stopping),
    /// The replica, configured as primary, asks to serve.
    FailbackAsked,
    /// Not now.
    FailbackRefused,
    /// The receiver may serve: the register names it. Without a register this message is the grant itself.
    Grant(Register),
    /// Something of an older epoch than the sender has seen came: so far it is now.
    StaleEpoch,
    /// A block that the sender cannot read.
    BlockAsked {
        /// In which lane.
        lane: u16,
        /// Where it begins.
        at: crate::ids::Lsn,
        /// The chain before it.
        chain: Chain,
    },
    /// Whether the block follows, beside this conversation.
    Block {
        /// In which lane.
        lane: u16,
        /// Where it begins.
        at: crate::ids::Lsn,
        /// Whether the sender has it.
        found: bool,
    },
}

impl Message {
    /// Whether it is part of the greeting, which tells epochs rather than belonging to one: it is never refused as stale.
    #[must_use]
    pub const fn greets(&self) -> bool {
        matches!(self, Self::Hello(_) | Self::HelloAck(_) | Self::Reject(_) | Self::StaleEpoch)
    }
}

impl Hello {
    /// Whether two could be members of the same pair, and if not why.
    #[must_use]
    pub fn fits(&self, other: &Self) -> Option<Reject> {
        let node_differs = matches!((self.node, other.node), (Some(mine), Some(theirs)) if mine != theirs);
        match () {
            () if self.group != other.group => Some(Reject::Group),
            () if node_differs => Some(Reject::Node),
            () if self.member.instance == other.member.instance => Some(Reject::DuplicateInstance),
            () if self.lanes != other.lanes => Some(Reject::Lanes),
            () if self.ack_mode != other.ack_mode => Some(Reject::AckMode),
            () => None,
        }
    }

    /// The installation.
    #[must_use]
    pub const fn instance(&self) -> InstanceId {
        self.member.instance
    }
}
