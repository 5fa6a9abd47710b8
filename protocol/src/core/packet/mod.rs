//! The packets of a CORE client connection: one enum, one struct for each, one file for each family.
//!
//! Takes the body of a frame (from [`super::frame`]), who sent it and the connection's version; gives a [`Packet`] that borrows
//! from it, and back. Must stay true: decoding copies nothing; every packet decodes and encodes to the same bytes; a type that is
//! not in the table survives as [`Packet::Unknown`].

mod layout;

pub mod connection;
pub mod consumer;
pub mod credit;
pub mod query;
pub mod queue;
pub mod response;
pub mod session;
pub mod topology;
pub mod transaction;
pub mod transfer;

use std::fmt;

use super::cursor::{CursorError, Expected, Reader, Writer};
use super::error::{DecodeError, EncodeError};
use super::identity::ChannelId;
use super::version::Version;
use super::wire::Wire;
use crate::limits;
use layout::packets;

use connection::{
    CheckForFailover, CheckForFailoverReply, Disconnect, DisconnectConsumer, DisconnectConsumerKill, DisconnectV2,
    DisconnectV3, Ping,
};
use consumer::{Acknowledge, ConsumerClose, CreateConsumer, ForceDelivery, MessageExpired};
use credit::{ConsumerCredits, ProducerCredits};
use query::{BindingForm, BindingQuery, BindingQueryResponse, QueueForm, QueueQuery, QueueQueryResponse};
use queue::{CreateAddress, CreateQueue, CreateQueueV2, CreateSharedQueue, CreateSharedQueueV2, DeleteQueue};
use response::{Exception, NullResponse, PacketsConfirmed, XaResponse};
use session::{
    AddMetadata, AddMetadataV2, CreateProducer, CreateSession, CreateSessionResponse, ReattachSession,
    ReattachSessionResponse, RemoveProducer, SessionForm,
};
use topology::{ClusterTopology, SubscribeTopology, SubscribeTopologyV2, TopologyForm};
use transaction::{Commit, Rollback, XaBranch, XaCommit, XaEnd, XaSeconds, XaTimeoutSet, XidList};
use transfer::{ReceiveContinuation, ReceiveLargeMessage, ReceiveMessage, Send, SendContinuation, SendLarge};

/// The type number of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PacketType(pub i8);

impl fmt::Display for PacketType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => out.write_str(name),
            None => write!(out, "packet type {}", self.0),
        }
    }
}

impl fmt::Debug for PacketType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Who sent a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From a client to a server.
    ClientToServer,
    /// From a server to a client.
    ServerToClient,
}

/// Who may send a packet type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender {
    /// Clients only.
    Client,
    /// Servers only.
    Server,
    /// Either.
    Both,
}

impl Sender {
    /// Whether a frame of this direction may carry the type.
    pub fn allows(self, direction: Direction) -> bool {
        match self {
            Sender::Client => direction == Direction::ClientToServer,
            Sender::Server => direction == Direction::ServerToClient,
            Sender::Both => true,
        }
    }
}

packets! {
    empty {
        /// Which prepared transactions are there?
        XaIndoubtXids SESS_XA_INDOUBT_XIDS = 61 Client;
        /// Ends the work of the session in its branch for now.
        XaSuspend SESS_XA_SUSPEND = 58 Client;
        /// How long may a branch take?
        XaGetTimeout SESS_XA_GET_TIMEOUT = 65 Client;
        /// Delivery starts for all consumers of the session.
        SessionStart SESS_START = 67 Client;
        /// Delivery stops for all consumers of the session.
        SessionStop SESS_STOP = 68 Client;
        /// The session ends.
        SessionClose SESS_CLOSE = 69 Client;
    }
    plain {
        /// Sign of life, echoed.
        Ping(Ping) PING = 10 Both;
        /// The server ends the connection (clients below 125).
        Disconnect(Disconnect<'a>) DISCONNECT = 11 Server;
        /// The server ends the connection (clients 125 to 130).
        DisconnectV2(DisconnectV2<'a>) DISCONNECT_V2 = 124 Server;
        /// The server ends the connection, and may name another.
        DisconnectV3(DisconnectV3<'a>) DISCONNECT_V3 = -19 Server;
        /// The queue under a consumer is gone.
        DisconnectConsumer(DisconnectConsumer) DISCONNECT_CONSUMER = 12 Server;
        /// A slow consumer costs the connection.
        DisconnectConsumerKill(DisconnectConsumerKill<'a>) DISCONNECT_CONSUMER_KILL = 13 Server;
        /// Can this server take the client's sessions now?
        CheckForFailover(CheckForFailover<'a>) CHECK_FOR_FAILOVER = -4 Client;
        /// Whether it can.
        CheckForFailoverReply(CheckForFailoverReply) CHECK_FOR_FAILOVER_REPLY = -5 Server;

        /// A request failed.
        Exception(Exception<'a>) EXCEPTION = 20 Server;
        /// A request succeeded and there is nothing to say.
        NullResponse(NullResponse) NULL_RESPONSE = 21 Server;
        /// Counted packets up to this index were handled.
        PacketsConfirmed(PacketsConfirmed) PACKETS_CONFIRMED = 22 Both;

        /// The session was created.
        CreateSessionResponse(CreateSessionResponse) CREATESESSION_RESP = 31 Server;
        /// Does this server still have the session?
        ReattachSession(ReattachSession<'a>) REATTACH_SESSION = 32 Client;
        /// Whether it has.
        ReattachSessionResponse(ReattachSessionResponse) REATTACH_SESSION_RESP = 33 Server;
        /// Metadata of the session (old form).
        AddMetadata(AddMetadata<'a>) SESS_ADD_METADATA = 104 Client;
        /// Metadata of the session.
        AddMetadataV2(AddMetadataV2<'a>) SESS_ADD_METADATA2 = 105 Client;
        /// Metadata that no other session may have with the same value.
        UniqueAddMetadata(AddMetadataV2<'a>) SESS_UNIQUE_ADD_METADATA = 106 Client;
        /// A producer was opened.
        CreateProducer(CreateProducer<'a>) CREATE_PRODUCER = -20 Client;
        /// A producer was closed.
        RemoveProducer(RemoveProducer) REMOVE_PRODUCER = -21 Client;

        /// Asks for the topology (very old form).
        SubscribeTopology(SubscribeTopology) SUBSCRIBE_TOPOLOGY = 112 Client;
        /// Asks for the topology and tells the version.
        SubscribeTopologyV2(SubscribeTopologyV2) SUBSCRIBE_TOPOLOGY_V2 = 113 Client;

        /// Creates an address.
        CreateAddress(CreateAddress<'a>) CREATE_ADDRESS = -11 Client;
        /// Creates a queue (clients below 129).
        CreateQueue(CreateQueue<'a>) CREATE_QUEUE = 34 Client;
        /// Creates a queue.
        CreateQueueV2(CreateQueueV2<'a>) CREATE_QUEUE_V2 = -12 Client;
        /// Creates a shared queue (clients below 129).
        CreateSharedQueue(CreateSharedQueue<'a>) CREATE_SHARED_QUEUE = 36 Client;
        /// Creates a shared queue.
        CreateSharedQueueV2(CreateSharedQueueV2<'a>) CREATE_SHARED_QUEUE_V2 = -13 Client;
        /// Deletes a queue.
        DeleteQueue(DeleteQueue<'a>) DELETE_QUEUE = 35 Client;
        /// What is known of a queue?
        QueueQuery(QueueQuery<'a>) SESS_QUEUEQUERY = 45 Client;
        /// What is bound to an address?
        BindingQuery(BindingQuery<'a>) SESS_BINDINGQUERY = 49 Client;

        /// Opens a consumer.
        CreateConsumer(CreateConsumer<'a>) SESS_CREATECONSUMER = 40 Client;
        /// Closes a consumer.
        ConsumerClose(ConsumerClose) SESS_CONSUMER_CLOSE = 74 Client;
        /// Everything delivered up to this message is done.
        Acknowledge(Acknowledge) SESS_ACKNOWLEDGE = 41 Client;
        /// This one message is done.
        IndividualAcknowledge(Acknowledge) SESS_INDIVIDUAL_ACKNOWLEDGE = 81 Client;
        /// The client found a message expired.
        MessageExpired(MessageExpired) SESS_EXPIRED = 42 Client;
        /// Deliver what there is, then say so.
        ForceDelivery(ForceDelivery) SESS_FORCE_CONSUMER_DELIVERY = 78 Client;

        /// Credits of a consumer.
        ConsumerCredits(ConsumerCredits) SESS_FLOWTOKEN = 70 Client;
        /// Asks for credits to send.
        ProducerRequestCredits(ProducerCredits<'a>) SESS_PRODUCER_REQUEST_CREDITS = 79 Client;
        /// Grants credits to send.
        ProducerCredits(ProducerCredits<'a>) SESS_PRODUCER_CREDITS = 80 Server;
        /// Refuses credits: the address is full.
        ProducerFailCredits(ProducerCredits<'a>) SESS_PRODUCER_FAIL_CREDITS = 82 Server;

        /// A message.
        Send(Send<'a>) SESS_SEND = 71 Client;
        /// The head of a large message.
        SendLarge(SendLarge<'a>) SESS_SEND_LARGE = 72 Client;
        /// A piece of a large message.
        SendContinuation(SendContinuation<'a>) SESS_SEND_CONTINUATION = 73 Client;
        /// A delivery.
        ReceiveMessage(ReceiveMessage<'a>) SESS_RECEIVE_MSG = 75 Server;
        /// The head of a large delivery.
        ReceiveLargeMessage(ReceiveLargeMessage<'a>) SESS_RECEIVE_LARGE_MSG = 76 Server;
        /// A piece of a large delivery.
        ReceiveContinuation(ReceiveContinuation<'a>) SESS_RECEIVE_CONTINUATION = 77 Server;

        /// Commits the transaction of the session.
        Commit(Commit) SESS_COMMIT = 43 Client;
        /// Rolls the transaction of the session back.
        Rollback(Rollback) SESS_ROLLBACK = 44 Client;
        /// The session works in a branch from now on.
        XaStart(XaBranch<'a>) SESS_XA_START = 51 Client;
        /// The session joins a branch.
        XaJoin(XaBranch<'a>) SESS_XA_JOIN = 57 Client;
        /// The session goes on in a suspended branch.
        XaResume(XaBranch<'a>) SESS_XA_RESUME = 59 Client;
        /// The session's work in a branch is over.
        XaEnd(XaEnd<'a>) SESS_XA_END = 52 Client;
        /// First phase.
        XaPrepare(XaBranch<'a>) SESS_XA_PREPARE = 54 Client;
        /// Second phase, or both.
        XaCommit(XaCommit<'a>) SESS_XA_COMMIT = 53 Client;
        /// The branch is undone.
        XaRollback(XaBranch<'a>) SESS_XA_ROLLBACK = 56 Client;
        /// A heuristic outcome is forgotten.
        XaForget(XaBranch<'a>) SESS_XA_FORGET = 60 Client;
        /// A branch that was open when the connection broke.
        XaFailed(XaBranch<'a>) SESS_XA_FAILED = 39 Client;
        /// Outcome of an XA request.
        XaResponse(XaResponse<'a>) SESS_XA_RESP = 55 Server;
        /// The prepared transactions.
        XaIndoubtXidsResponse(XidList<'a>) SESS_XA_INDOUBT_XIDS_RESP = 62 Server;
        /// How long a branch may take.
        XaSetTimeout(XaSeconds) SESS_XA_SET_TIMEOUT = 63 Client;
        /// Whether the timeout was taken.
        XaSetTimeoutResponse(XaTimeoutSet) SESS_XA_SET_TIMEOUT_RESP = 64 Server;
        /// How long a branch may take.
        XaGetTimeoutResponse(XaSeconds) SESS_XA_GET_TIMEOUT_RESP = 66 Server;
    }
    formed {
        /// Opens a session.
        CreateSession(CreateSession<'a>) SessionForm Client {
            V1 CREATESESSION = 30;
            V2 CREATESESSION_V2 = -18;
        }
        /// A node of the topology came, changed or went.
        ClusterTopology(ClusterTopology<'a>) TopologyForm Server {
            V1 CLUSTER_TOPOLOGY = 110;
            V2 CLUSTER_TOPOLOGY_V2 = 114;
            V3 CLUSTER_TOPOLOGY_V3 = 122;
            V4 CLUSTER_TOPOLOGY_V4 = -17;
        }
        /// What is known of a queue; also the answer to opening a consumer.
        QueueQueryResponse(QueueQueryResponse<'a>) QueueForm Server {
            V1 SESS_QUEUEQUERY_RESP = 46;
            V2 SESS_QUEUEQUERY_RESP_V2 = -7;
            V3 SESS_QUEUEQUERY_RESP_V3 = -14;
        }
        /// What is bound to an address.
        BindingQueryResponse(BindingQueryResponse<'a>) BindingForm Server {
            V1 SESS_BINDINGQUERY_RESP = 50;
            V2 SESS_BINDINGQUERY_RESP_V2 = -8;
            V3 SESS_BINDINGQUERY_RESP_V3 = -10;
            V4 SESS_BINDINGQUERY_RESP_V4 = -15;
            V5 SESS_BINDINGQUERY_RESP_V5 = -22;
        }
    }
}

/// A decoded frame.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Frame<'a> {
    /// The channel it travels on.
    pub channel: ChannelId,
    /// What it says.
    pub packet: Packet<'a>,
    /// Bytes after the fields that this codec knows: packets grow at their end, and readers ignore what is newer than they are.
    pub trailing: &'a [u8],
}

/// Decodes the body of a frame, as [`super::frame::split`] gives it.
pub fn decode(body: &[u8], direction: Direction, version: Version) -> Result<Frame<'_>, DecodeError> {
    let mut reader = Reader::new(body);
    let named = |packet| move |cause| DecodeError { packet, cause };
    let start = reader.clone();
    let packet_type = reader.i8().map(PacketType).map_err(|error| named("frame")(error.in_field("type")))?;
    let name = packet_type.name().unwrap_or("unknown packet type");
    let channel = reader.i64().map(ChannelId).map_err(|error| named(name)(error.in_field("channel")))?;
    if !packet_type.sender().allows(direction) {
        return Err(named(name)(start.error(Expected::OtherSender).in_field("type")));
    }
    let packet = Packet::read(packet_type, &mut reader, version).map_err(named(name))?;
    Ok(Frame { channel, packet, trailing: reader.rest() })
}

/// Appends a whole frame, with its length. On error `out` is as it was.
pub fn encode(channel: ChannelId, packet: &Packet<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = begin_frame(packet.packet_type(), channel, out);
    packet.write(&mut Writer::new(out), version);
    end_frame(packet.packet_type(), start, out)
}

/// Appends a frame up to its fields; the length is one that no reader accepts until [`end_frame`] has put the right one.
#[inline(always)]
pub(super) fn begin_frame(packet_type: PacketType, channel: ChannelId, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    let mut writer = Writer::new(out);
    writer.i32(-1);
    writer.i8(packet_type.0);
    writer.i64(channel.0);
    start
}

/// Puts the length of the frame that began at `start`, or takes the frame back when it is too long.
pub(super) fn end_frame(packet_type: PacketType, start: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let bytes = out.len() - start - limits::LENGTH_PREFIX_BYTES;
    let length = i32::try_from(bytes).ok().filter(|_| bytes <= limits::FRAME_BYTES_MAX);
    let prefix = out.get_mut(start..).and_then(|frame| frame.first_chunk_mut::<{ limits::LENGTH_PREFIX_BYTES }>());
    match (length, prefix) {
        (Some(length), Some(prefix)) => {
            *prefix = length.to_be_bytes();
            Ok(())
        }
        _ => {
            out.truncate(start);
            Err(EncodeError { packet: packet_type.name().unwrap_or("unknown packet type"), bytes })
        }
    }
}
