//! What a session asks of a home.

use std::borrow::Cow;

use super::{Listing, SessionRef, Token};
use crate::message::{ConnectionKey, ConsumerId, CoreId, MessageId};
use crate::security::Permissions;
use crate::store::record::{Operation, TransactionId};

/// How an address hands its messages to its queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoutingType {
    /// Every queue gets a copy.
    Multicast,
    /// One queue gets it.
    Anycast,
}

impl RoutingType {
    /// From the wire and from records.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Multicast),
            1 => Some(Self::Anycast),
            _ => None,
        }
    }

    /// For the wire and for records.
    pub fn number(self) -> u8 {
        match self {
            Self::Multicast => 0,
            Self::Anycast => 1,
        }
    }
}

/// A set of routing types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoutingTypes(u8);

impl RoutingTypes {
    /// The set with this one member.
    pub fn only(routing: RoutingType) -> Self {
        Self(1 << routing.number())
    }

    /// From a record: unknown bits are dropped.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & 3)
    }

    /// For a record.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Both sets together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Is it a member?
    pub fn contains(self, routing: RoutingType) -> bool {
        self.0 & (1 << routing.number()) != 0
    }
}

/// A question of a session to the home of an address, with what its answer needs.
#[derive(Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub from: SessionRef,
    /// Which command of that session this is; goes into the records that it causes.
    pub operation: Operation,
    /// Where the answer is awaited; none for requests that nobody waits for.
    pub token: Option<Token>,
    /// What the user of the session may do to the address that is spoken of. `None`: nobody has to log in, or the broker itself
    /// asks, and everything is allowed.
    pub permissions: Option<Permissions>,
    /// What is asked.
    pub ask: Ask<'a>,
}

/// What can be asked of a home.
#[allow(missing_docs, reason = "a field is named by what the variant says")]
#[derive(Debug)]
pub enum Ask<'a> {
    /// Make an address, or add routing types to it.
    CreateAddress { name: Cow<'a, str>, routing: RoutingTypes, auto_created: bool },
    /// Make a queue, and its address if there is none.
    CreateQueue(Box<QueueDefinition<'a>>),
    /// Change a queue that is there; the answer describes it.
    UpdateQueue(Box<QueueUpdate>),
    /// Remove a queue: one that has consumers only with `force`, and then they are told.
    DeleteQueue { address: Cow<'a, str>, queue: Cow<'a, str>, force: bool },
    /// Remove a temporary queue of this connection, if it is one: the connection is gone.
    Forsake { address: Cow<'a, str>, queue: Cow<'a, str>, owner: ConnectionRef },
    /// Describe a queue.
    QueryQueue { address: Cow<'a, str>, queue: Cow<'a, str> },
    /// Describe an address.
    QueryAddress { address: Cow<'a, str> },
    /// List the queues of the home.
    ListQueues(Box<Listing>),
    /// List the addresses of the home, or this one.
    ListAddresses { only: Option<Cow<'a, str>> },
    /// Describe a queue for its keepers: a list of one row, or of none.
    DescribeQueue { address: Cow<'a, str>, queue: Cow<'a, str> },
    /// Say what the home holds in all.
    CountAll,
    /// Remove the next messages of a queue that wait for a consumer, so many at most, and say how many there were.
    Purge { address: Cow<'a, str>, queue: Cow<'a, str>, limit: usize },
    /// Remove an address that has no queues.
    DeleteAddress { name: Cow<'a, str> },
    /// Close the connections of all who consume from an address; answered with their number.
    CloseConnections {
        /// The address.
        address: Cow<'a, str>,
    },
    /// Store a message.
    Publish(Publish<'a>),
    /// Give a producer credits for an address, which its client wrote as `named`: by [`super::Deliver::producer_credits`], once the
    /// address takes messages.
    ProducerCredits { address: Cow<'a, str>, named: Cow<'a, str>, credits: i32 },
    /// Open a consumer, or a browser, which looks at what waits and takes nothing; with a filter it passes over what does not match.
    CreateConsumer {
        consumer: ConsumerId,
        address: Cow<'a, str>,
        queue: Cow<'a, str>,
        browses: bool,
        filter: Option<Box<str>>,
        priority: i32,
        started: bool,
        pre_acknowledge: bool,
    },
    /// Close a consumer; what it did not acknowledge goes back.
    CloseConsumer { consumer: ConsumerId },
    /// Give a consumer credit in bytes; −1 ends flow control, 0 takes all credit away.
    Credit { consumer: ConsumerId, bytes: i32 },
    /// Deliver what can be delivered, then say that there is nothing more.
    ForceDelivery { consumer: ConsumerId, sequence: i64 },
    /// A message was consumed.
    Acknowledge(Acknowledge),
    /// The client found that the message is too old: it is consumed without having been used.
    Expired { consumer: ConsumerId, message: MessageId },
    /// Deliver to the session's consumers.
    Start,
    /// Stop delivering to the session's consumers.
    Stop,
    /// The session's connection takes no more bytes for now, or takes them again.
    Hold { held: bool },
    /// The session's transaction can only be rolled back: something that belongs to it was refused.
    Spoil(super::Failure),
    /// Make the session's transaction in this home durable: nothing else takes part in it.
    Commit,
    /// Make this home's part of the session's transaction durable, to count only if it is decided. All parts are written
    /// under the same id, which is how each finds its decision after a restart.
    Prepare { transaction: TransactionId },
    /// Write the decision: it counts if every lane reaches the vector.
    Decide { vector: journal::Vector },
    /// The decision is promised: the prepared part takes effect.
    Finish,
    /// The transaction cannot be decided: the prepared part is dropped, what it consumed goes back.
    Abandon,
    /// Every part says in its lane that it is done, up to this vector: the decision itself may be forgotten.
    Settled { vector: journal::Vector },
    /// Forget the session's transaction and give back what its consumers hold.
    Rollback { consider_last_as_delivered: bool },
    /// Make this note about the session its own: nobody else may have the same. Asked of core 0.
    Claim { key: Cow<'a, str>, value: Cow<'a, str> },
    /// The connection of these sessions is lost: nothing more is delivered to them, and what they hold goes back. Each one's end
    /// follows, behind what it asked for before.
    Lose { sessions: Vec<SessionRef> },
    /// The session is gone. `failed`: its connection broke, so what it held counts as delivered.
    EndSession { failed: bool },
}

/// A message to be stored.
#[derive(Debug)]
pub struct Publish<'a> {
    /// Where it goes.
    pub address: Cow<'a, str>,
    /// The one queue of that address that gets it; without one the address hands it out.
    pub queue: Option<Cow<'a, str>>,
    /// The encoded message as its sender wrote it.
    pub message: Cow<'a, [u8]>,
    /// Survives a crash?
    pub durable: bool,
    /// 0 to 9.
    pub priority: u8,
    /// Which kind of queue it may go to; none if the sender did not say.
    pub routing: Option<RoutingType>,
    /// Held back until the session's transaction commits?
    pub in_transaction: bool,
}

/// An acknowledgement.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledge {
    /// Whose delivery.
    pub consumer: ConsumerId,
    /// Which message.
    pub message: MessageId,
    /// Only this one, or all up to it?
    pub individual: bool,
    /// Counts only when the session's transaction commits?
    pub in_transaction: bool,
}

/// How long a queue is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until it is removed: a restart finds it again, with its durable messages.
    Durable,
    /// Until it is removed, or the broker ends.
    Run,
    /// As long as the connection that made it.
    Connection(ConnectionRef),
}

/// A connection, wherever it lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConnectionRef {
    /// The core that accepted it.
    pub core: CoreId,
    /// Its place there.
    pub key: ConnectionKey,
}

/// A queue that is to be made, or that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueDefinition<'a> {
    /// Its address.
    pub address: Cow<'a, str>,
    /// Its own name.
    pub name: Cow<'a, str>,
    /// How it gets its messages.
    pub routing: RoutingType,
    /// How long it is there.
    pub lifetime: Lifetime,
    /// Made by a client's first use of its name.
    pub auto_created: bool,
    /// Emptied when its last consumer goes.
    pub purge_on_no_consumers: bool,
    /// −1 for any number.
    pub max_consumers: i32,
    /// Only messages of its address that match go there.
    pub filter: Option<Cow<'a, str>>,
    /// If it is there already, that is as good as made.
    pub exists_is_fine: bool,
    /// Its address is made if it is missing, whatever the settings of that say. One that is made with a temporary queue always is.
    pub makes_address: bool,
}

impl QueueDefinition<'_> {
    /// The same, owning its names.
    pub fn into_owned(self) -> QueueDefinition<'static> {
        QueueDefinition {
            address: Cow::Owned(self.address.into_owned()),
            name: Cow::Owned(self.name.into_owned()),
            filter: self.filter.map(owned),
            ..self
        }
    }
}

/// What is to be different about a queue; what is not named stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueUpdate {
    /// Its name.
    pub name: Box<str>,
    /// How it gets its messages. Another one than it has is refused.
    pub routing: Option<RoutingType>,
    /// Only messages of its address that match go there. Another one than it has is refused.
    pub filter: Option<Box<str>>,
    /// −1 for any number; not less than it has.
    pub max_consumers: Option<i32>,
    /// Emptied when its last consumer goes.
    pub purge_on_no_consumers: Option<bool>,
}

impl Request<'_> {
    /// The same, owning what it borrows, so that it can be sent to another core or wait.
    pub fn into_owned(self) -> Request<'static> {
        let Self { from, operation, token, permissions, ask } = self;
        Request { from, operation, token, permissions, ask: ask.into_owned() }
    }
}

impl Ask<'_> {
    /// The queue that is asked for by its name, if one is: it may be behind any address.
    pub fn queue(&self) -> Option<&str> {
        match self {
            Self::UpdateQueue(update) => Some(&update.name),
            Self::DeleteQueue { queue, .. }
            | Self::QueryQueue { queue, .. }
            | Self::DescribeQueue { queue, .. }
            | Self::Purge { queue, .. }
            | Self::Forsake { queue, .. }
            | Self::CreateConsumer { queue, .. } => Some(queue),
            _ => None,
        }
    }

    /// Bytes of what clients have written in it: messages, names, filters.
    pub fn bytes(&self) -> usize {
        let more = match self {
            Self::Publish(publish) => publish.message.len() + publish.queue.as_ref().map_or(0, |queue| queue.len()),
            Self::CreateConsumer { filter, .. } => filter.as_ref().map_or(0, |filter| filter.len()),
            Self::CreateQueue(definition) => {
                definition.name.len() + definition.filter.as_ref().map_or(0, |filter| filter.len())
            }
            Self::UpdateQueue(update) => update.filter.as_ref().map_or(0, |filter| filter.len()),
            Self::ProducerCredits { named, .. } => named.len(),
            Self::Claim { key, value } => key.len() + value.len(),
            _ => 0,
        };
        more + self.address().map_or(0, str::len) + self.queue().map_or(0, str::len)
    }

    /// The address that is spoken of, if one is.
    pub fn address(&self) -> Option<&str> {
        match self {
            Self::CreateAddress { name, .. } | Self::DeleteAddress { name, .. } => Some(name),
            Self::CloseConnections { address } => Some(address),
            Self::ListAddresses { only } => only.as_deref(),
            Self::CreateQueue(definition) => Some(&definition.address),
            Self::UpdateQueue(update) => Some(&update.name),
            Self::Publish(publish) => Some(&publish.address),
            Self::DeleteQueue { address, .. }
            | Self::QueryQueue { address, .. }
            | Self::QueryAddress { address }
            | Self::ProducerCredits { address, .. }
            | Self::DescribeQueue { address, .. }
            | Self::Purge { address, .. }
            | Self::Forsake { address, .. }
            | Self::CreateConsumer { address, .. } => Some(address),
            _ => None,
        }
    }
}

// Every message's way to its home moves one of these: what is rare and large is boxed.
const _: () = assert!(size_of::<Ask<'_>>() <= size_of::<Publish<'_>>() + 8);

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

impl Ask<'_> {
    /// The same, owning what it borrows.
    pub fn into_owned(self) -> Ask<'static> {
        match self {
            Self::CreateAddress { name, routing, auto_created } => {
                Ask::CreateAddress { name: owned(name), routing, auto_created }
            }
            Self::CreateQueue(definition) => Ask::CreateQueue(Box::new(definition.into_owned())),
            Self::UpdateQueue(update) => Ask::UpdateQueue(update),
            Self::DeleteQueue { address, queue, force } => {
                Ask::DeleteQueue { address: owned(address), queue: owned(queue), force }
            }
            Self::Forsake { address, queue, owner } => {
                Ask::Forsake { address: owned(address), queue: owned(queue), owner }
            }
            Self::QueryQueue { address, queue } => Ask::QueryQueue { address: owned(address), queue: owned(queue) },
            Self::ProducerCredits { address, named, credits } => {
                Ask::ProducerCredits { address: owned(address), named: owned(named), credits }
            }
            Self::QueryAddress { address } => Ask::QueryAddress { address: owned(address) },
            Self::ListQueues(listing) => Ask::ListQueues(listing),
            Self::ListAddresses { only } => Ask::ListAddresses { only: only.map(owned) },
            Self::DescribeQueue { address, queue } => {
                Ask::DescribeQueue { address: owned(address), queue: owned(queue) }
            }
            Self::CountAll => Ask::CountAll,
            Self::Purge { address, queue, limit } => Ask::Purge { address: owned(address), queue: owned(queue), limit },
            Self::DeleteAddress { name } => Ask::DeleteAddress { name: owned(name) },
            Self::CloseConnections { address } => Ask::CloseConnections { address: owned(address) },
            Self::Publish(publish) => Ask::Publish(Publish {
                address: owned(publish.address),
                queue: publish.queue.map(owned),
                message: Cow::Owned(publish.message.into_owned()),
                ..publish
            }),
            Self::CreateConsumer { consumer, address, queue, browses, filter, priority, started, pre_acknowledge } => {
                let (address, queue) = (owned(address), owned(queue));
                Ask::CreateConsumer { consumer, address, queue, browses, filter, priority, started, pre_acknowledge }
            }
            Self::CloseConsumer { consumer } => Ask::CloseConsumer { consumer },
            Self::Credit { consumer, bytes } => Ask::Credit { consumer, bytes },
            Self::ForceDelivery { consumer, sequence } => Ask::ForceDelivery { consumer, sequence },
            Self::Acknowledge(acknowledge) => Ask::Acknowledge(acknowledge),
            Self::Expired { consumer, message } => Ask::Expired { consumer, message },
            Self::Start => Ask::Start,
            Self::Stop => Ask::Stop,
            Self::Hold { held } => Ask::Hold { held },
            Self::Spoil(failure) => Ask::Spoil(failure),
            Self::Commit => Ask::Commit,
            Self::Prepare { transaction } => Ask::Prepare { transaction },
            Self::Decide { vector } => Ask::Decide { vector },
            Self::Finish => Ask::Finish,
            Self::Abandon => Ask::Abandon,
            Self::Settled { vector } => Ask::Settled { vector },
            Self::Rollback { consider_last_as_delivered } => Ask::Rollback { consider_last_as_delivered },
            Self::Claim { key, value } => Ask::Claim { key: owned(key), value: owned(value) },
            Self::Lose { sessions } => Ask::Lose { sessions },
            Self::EndSession { failed } => Ask::EndSession { failed },
        }
    }
}
