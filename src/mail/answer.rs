//! What a home answers.

use std::fmt;

use journal::Vector;

use super::{AddressPage, QueuePage, RoutingTypes, Totals};

/// The answer to a request: what came of it, and what must be promised before anybody may hear of it.
#[derive(Debug)]
pub struct Answer {
    /// What came of it.
    pub reply: Result<Reply, Failure>,
    /// What it relies on.
    pub vector: Vector,
}

impl Answer {
    /// Done, and nothing more to say.
    pub fn done(vector: Vector) -> Self {
        Self { reply: Ok(Reply::Done), vector }
    }

    /// Refused; relies on nothing.
    pub fn failed(failure: Failure) -> Self {
        Self { reply: Err(failure), vector: Vector::default() }
    }
}

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is done.
    Done,
    /// A queue, or what it would be.
    Queue(Box<QueueState>),
    /// An address, or what it would be.
    Address(Box<AddressState>),
    /// Queues of one home.
    Queues(Box<QueuePage>),
    /// Addresses of one home.
    Addresses(Box<AddressPage>),
    /// What one home holds in all.
    Totals(Box<Totals>),
    /// So many messages are gone.
    Count(u64),
    /// How full the disk is; no home answers this.
    Disk(DiskSpace),
}

/// How full the fullest file system is that the store lies on, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// What cannot be written any more.
    pub used: u64,
    /// All.
    pub total: u64,
}

/// A queue as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Is there one?
    pub exists: bool,
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// A restart finds it again.
    pub durable: bool,
    /// It goes with the connection that made it.
    pub temporary: bool,
    /// Made by a client's first use of its name.
    pub auto_created: bool,
    /// It goes when it is empty and its last consumer has gone.
    pub auto_delete: bool,
    /// If it were not there, its first use would make it.
    pub auto_create: bool,
    /// Emptied when its last consumer goes.
    pub purge_on_no_consumers: bool,
    /// 0 multicast, 1 anycast.
    pub routing: u8,
    /// −1 for any number.
    pub max_consumers: i32,
    /// Only messages of its address that match go there.
    pub filter: Option<String>,
    /// Open consumers.
    pub consumers: i32,
    /// Messages that wait or are being delivered.
    pub messages: i64,
}

/// An address as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressState {
    /// Is there one?
    pub exists: bool,
    /// Its queues.
    pub queues: Vec<String>,
    /// How it may hand out messages.
    pub routing: RoutingTypes,
    /// If it were not there, its first use would make it.
    pub auto_create_address: bool,
    /// Likewise its queues.
    pub auto_create_queues: bool,
}

/// Why a request was refused, for the session to translate into its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which rule refused it.
    pub kind: FailureKind,
    /// What a person is told.
    pub message: String,
}

impl Failure {
    /// A refusal with its reason.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Which rule refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// We erred.
    Internal,
    /// No such queue.
    NoSuchQueue,
    /// There is one with this name already.
    QueueExists,
    /// No such address.
    NoSuchAddress,
    /// Not in this state.
    IllegalState,
    /// The queue has as many consumers as it may.
    TooManyConsumers,
    /// A bound was reached; it may work later.
    Full,
    /// The address does not hand out messages this way.
    WrongRoutingType,
    /// This broker does not do this.
    NotImplemented,
    /// Somebody else has this note already.
    DuplicateMetadata,
    /// The selector is not one.
    InvalidFilter,
    /// The transaction can only be rolled back.
    RolledBack,
    /// The broker may promise nothing any more.
    Stopped,
    /// The user may not do this.
    NotPermitted,
}
