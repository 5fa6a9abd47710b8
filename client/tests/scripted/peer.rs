//! The server side of a script: accepts one connection, says what it is told to, and insists on what it expects.

use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::core::error_code::ErrorCode;
use protocol::core::frame::{HANDSHAKE, Split, split};
use protocol::core::identity::{ChannelId, ConsumerId, CorrelationId, MessageId, RoutingType};
use protocol::core::packet::query::{QueueDefinitionState, QueueForm, QueueQueryResponse, QueueState};
use protocol::core::packet::queue::{GroupCount, QueueAttributes};
use protocol::core::packet::response::{Exception, NullResponse};
use protocol::core::packet::session::CreateSessionResponse;
use protocol::core::packet::topology::{ClusterTopology, Pair, TopologyForm};
use protocol::core::packet::transfer::{ReceiveMessage, ReceiveTrailer};
use protocol::core::packet::{Direction, Packet, PacketType, decode, encode};
use protocol::core::text::Text;
use protocol::core::transport::TransportConfiguration;
use protocol::core::version::Version;
use protocol::message::MessageBuilder;
use protocol::simple_string::SimpleString;
use ringmq_client::{ConnectOptions, Connection, Endpoint, Session, SessionOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The channel of the first session.
pub(crate) const FIRST: ChannelId = ChannelId::FIRST_SESSION;

/// Every script ends within this, or the test fails.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(120);

/// A place to connect to.
pub(crate) async fn listen() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, Endpoint { host: "127.0.0.1".to_owned(), port })
}

/// Runs both sides to their ends.
pub(crate) async fn both<S, C>(server: impl Future<Output = S>, client: impl Future<Output = C>) -> (S, C) {
    let script = async { tokio::join!(server, client) };
    tokio::time::timeout(SCRIPT_TIMEOUT, script).await.unwrap_or_else(|_| panic!("the script hangs"))
}

/// A client with one session that is started.
pub(crate) async fn connected(endpoint: &Endpoint, options: SessionOptions) -> (Connection, Session) {
    let connection = Connection::connect(endpoint, ConnectOptions::default()).await.unwrap();
    let session = connection.create_session(options).await.unwrap();
    session.start().unwrap();
    (connection, session)
}

/// A frame from the client.
pub(crate) struct Received {
    body: Bytes,
    version: Version,
}

impl Received {
    pub(crate) fn packet(&self) -> Packet<'_> {
        decode(&self.body, Direction::ClientToServer, self.version).unwrap().packet
    }

    /// What it costs a consumer, or a producer with its overhead.
    pub(crate) fn frame_bytes(&self) -> usize {
        self.body.len() + 4
    }

    fn describe(&self) -> (PacketType, ChannelId) {
        let frame = decode(&self.body, Direction::ClientToServer, self.version).unwrap();
        (frame.packet.packet_type(), frame.channel)
    }
}

/// The server side of one connection.
pub(crate) struct Peer {
    socket: TcpStream,
    buffer: BytesMut,
    /// What the server announces.
    pub(crate) version: Version,
    /// Pings that came and were echoed.
    pub(crate) pings: usize,
}

impl Peer {
    /// Accepts a client and takes its handshake.
    pub(crate) async fn accept(listener: &TcpListener) -> Peer {
        let (socket, _) = listener.accept().await.unwrap();
        let mut peer = Peer { socket, buffer: BytesMut::new(), version: Version::NEWEST, pings: 0 };
        while peer.buffer.len() < HANDSHAKE.len() {
            assert_ne!(peer.socket.read_buf(&mut peer.buffer).await.unwrap(), 0, "the client left");
        }
        assert_eq!(peer.buffer.split_to(HANDSHAKE.len()), &HANDSHAKE[..]);
        peer
    }

    /// Accepts a client and brings it to a started session on the first channel.
    pub(crate) async fn accept_session(listener: &TcpListener) -> Peer {
        let mut peer = Peer::accept(listener).await;
        peer.welcome().await;
        peer.grant_session(FIRST).await;
        peer.expect(PacketType::SESS_START, FIRST).await;
        peer
    }

    /// Answers the wish for a topology with that of a stand-alone server.
    pub(crate) async fn welcome(&mut self) {
        self.expect(PacketType::SUBSCRIBE_TOPOLOGY_V2, ChannelId::PING).await;
        self.tell_topology(1, None, None, true).await;
    }

    pub(crate) async fn tell_topology(
        &mut self,
        event: i64,
        live: Option<TransportConfiguration<'_>>,
        backup: Option<TransportConfiguration<'_>>,
        last: bool,
    ) {
        let topology = ClusterTopology {
            form: TopologyForm::V4,
            node_id: Text::from("node"),
            unique_event_id: event,
            pair: Some(Pair { live, backup, last }),
            backup_group: None,
            scale_down_group: None,
            server_version: self.version,
        };
        self.say(ChannelId::PING, &Packet::ClusterTopology(topology)).await;
    }

    /// Expects the request for a session and grants it.
    pub(crate) async fn grant_session(&mut self, channel: ChannelId) {
        let request = self.expect(PacketType::CREATESESSION_V2, ChannelId::SESSION).await;
        let Packet::CreateSession(create) = request.packet() else { unreachable!() };
        assert_eq!(create.settings.channel, channel);
        let granted = CreateSessionResponse { server_version: self.version };
        self.say(ChannelId::SESSION, &Packet::CreateSessionResponse(granted)).await;
    }

    /// The next frame that is no ping; nothing when the client has left.
    pub(crate) async fn next(&mut self) -> Option<Received> {
        loop {
            while let Split::Frame { consumed, .. } = split(&self.buffer, 1 << 24).unwrap() {
                let frame = self.buffer.split_to(consumed).freeze();
                let received = Received { body: frame.slice(4..), version: self.version };
                if received.describe().0 != PacketType::PING {
                    return Some(received);
                }
                self.pings += 1;
                let _gone = self.socket.write_all(&frame).await;
            }
            // A reset is as good a leave as any.
            if self.socket.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The next frame, which must be this.
    pub(crate) async fn expect(&mut self, packet_type: PacketType, channel: ChannelId) -> Received {
        let received = self.next().await.unwrap_or_else(|| panic!("the client left, expected {packet_type}"));
        assert_eq!(received.describe(), (packet_type, channel), "{:?}", received.packet());
        received
    }

    pub(crate) async fn say(&mut self, channel: ChannelId, packet: &Packet<'_>) {
        let mut frame = Vec::new();
        encode(channel, packet, self.version, &mut frame).unwrap();
        self.say_bytes(&frame).await;
    }

    pub(crate) async fn say_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn say_done(&mut self, correlation_id: CorrelationId) {
        self.say(FIRST, &Packet::NullResponse(NullResponse { correlation_id })).await;
    }

    pub(crate) async fn refuse(&mut self, channel: ChannelId, code: ErrorCode, correlation_id: Option<CorrelationId>) {
        let exception = Exception { code, message: Some(Text::from("because")), correlation_id };
        self.say(channel, &Packet::Exception(exception)).await;
    }

    /// Answers a question about a queue, or the request for a consumer.
    pub(crate) async fn describe_queue(&mut self, name: &str, exists: bool) {
        let name = SimpleString::from(name);
        let response = QueueQueryResponse {
            form: QueueForm::V3,
            queue: QueueState {
                exists,
                durable: true,
                temporary: false,
                consumer_count: 0,
                message_count: 0,
                filter: None,
                address: Some(name.as_simple()),
                name: Some(name.as_simple()),
            },
            auto_create_queues: true,
            definition: QueueDefinitionState { routing_type: RoutingType::ANYCAST, ..QueueDefinitionState::default() },
            default_consumer_window: None,
            attributes: QueueAttributes::default(),
            configuration_managed: None,
            groups: GroupCount::ALL,
        };
        self.say(FIRST, &Packet::QueueQueryResponse(response)).await;
    }

    /// Delivers a message to the first consumer; gives the size of its frame.
    pub(crate) async fn deliver(&mut self, id: i64, delivery_count: i32, message: MessageBuilder) -> usize {
        let mut encoded = Vec::new();
        message.message_id(MessageId(id)).write(&mut encoded);
        let trailer = ReceiveTrailer { consumer_id: ConsumerId(0), delivery_count };
        let receive = Packet::ReceiveMessage(ReceiveMessage { message: &encoded, trailer });
        self.say(FIRST, &receive).await;
        encoded.len() + 13 + 12
    }
}
