//! The least of CORE: what a client needs to log in, to find any queue there, and to send.
//!
//! Of a message only length, type, channel and the fields behind it are read, and it is stored as it came; everything else goes through the
//! codecs of the crate `protocol`. Nothing is refused that a producer asks for: every address and queue is there, all credits are given.

use protocol::core::frame::{Split, split};
use protocol::core::identity::{CorrelationId, RoutingType};
use protocol::core::list::List;
use protocol::core::packet::connection::CheckForFailoverReply;
use protocol::core::packet::query::{
    BindingForm, BindingQuery, BindingQueryResponse, QueueDefinitionState, QueueForm, QueueQuery, QueueQueryResponse,
    QueueState,
};
use protocol::core::packet::queue::{GroupCount, QueueAttributes};
use protocol::core::packet::response::NullResponse;
use protocol::core::packet::session::{CreateSession, CreateSessionResponse};
use protocol::core::packet::topology::{ClusterTopology, Pair, TopologyForm};
use protocol::core::packet::{Direction, Packet, PacketType, decode, encode};
use protocol::core::text::Text;
use protocol::core::version::Version;
use protocol::limits::FRAME_BYTES_MIN;

use super::limits::MESSAGE_BYTES_MAX;
use super::speech::{Answer, Parsed};

/// The window of consumers that do not choose one; none can be opened here.
const CONSUMER_WINDOW_BYTES: i32 = 1024 * 1024;

/// A client of CORE.
#[derive(Debug)]
pub(super) struct Core {
    version: Version,
}

impl Default for Core {
    fn default() -> Self {
        Self { version: Version::NEWEST }
    }
}

impl Core {
    #[inline]
    pub(super) fn parse<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> Result<Parsed<'a>, String> {
        match split(bytes, MESSAGE_BYTES_MAX).map_err(|error| error.to_string())? {
            Split::Incomplete { needed } => Ok(Parsed::Incomplete { whole: needed }),
            Split::Frame { body, consumed } if body.first() == Some(&PacketType::SESS_SEND.0.cast_unsigned()) => {
                let (message, answer) = self.send(body).ok_or("a SESS_SEND that ends too early")?;
                Ok(Parsed::Publish { message, answer, consumed })
            }
            Split::Frame { body, consumed } => {
                self.other(body, out)?;
                Ok(Parsed::Said { consumed })
            }
        }
    }

    /// Type, channel, message, and behind it: whether an answer is wanted, its correlation id, the producer.
    #[inline]
    fn send<'a>(&self, body: &'a [u8]) -> Option<(&'a [u8], Answer<'a>)> {
        let (head, rest) = body.split_at_checked(FRAME_BYTES_MIN)?;
        let producer = if self.version >= Version::PRODUCER_IDS { size_of::<i32>() } else { 0 };
        let (rest, _producer) = rest.split_at_checked(rest.len().checked_sub(producer)?)?;
        let (rest, correlation) = rest.split_last_chunk()?;
        let (wanted, message) = rest.split_last()?;
        if *wanted == 0 {
            return Some((message, Answer::Nothing));
        }
        let (_type, channel) = head.split_last_chunk()?;
        let channel = i64::from_be_bytes(*channel);
        Some((message, Answer::Response { channel, correlation: i64::from_be_bytes(*correlation) }))
    }

    /// The `NULL_RESPONSE` to a message.
    #[inline]
    pub(super) fn answer(channel: i64, correlation: i64, out: &mut Vec<u8>) {
        const BODY_BYTES: i32 = 17;
        out.extend_from_slice(&BODY_BYTES.to_be_bytes());
        out.push(PacketType::NULL_RESPONSE.0.cast_unsigned());
        out.extend_from_slice(&channel.to_be_bytes());
        out.extend_from_slice(&correlation.to_be_bytes());
    }

    /// What is rare.
    #[cold]
    fn other(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let frame = decode(body, Direction::ClientToServer, self.version).map_err(|error| error.to_string())?;
        let success = || Packet::NullResponse(NullResponse { correlation_id: CorrelationId::NONE });
        let answer = match frame.packet {
            Packet::Ping(_) => frame.packet,
            Packet::SubscribeTopologyV2(subscribe) => {
                self.speak(subscribe.client_version)?;
                topology()
            }
            Packet::CreateSession(create) => self.session(&create)?,
            Packet::CheckForFailover(_) => {
                Packet::CheckForFailoverReply(CheckForFailoverReply { ok_to_failover: true })
            }
            Packet::BindingQuery(query) => self.address(&query),
            Packet::QueueQuery(query) => self.queue(query),
            Packet::ProducerRequestCredits(asked) => Packet::ProducerCredits(asked),
            Packet::CreateAddress(create) if create.requires_response => success(),
            Packet::CreateQueueV2(create) if create.definition.requires_response => success(),
            Packet::AddMetadataV2(metadata) if metadata.requires_confirmation => success(),
            Packet::DeleteQueue(_) | Packet::SessionStop | Packet::SessionClose => success(),
            Packet::CreateAddress(_) | Packet::CreateQueueV2(_) | Packet::AddMetadataV2(_) => return Ok(()),
            Packet::SessionStart | Packet::CreateProducer(_) | Packet::RemoveProducer(_) => return Ok(()),
            other => return Err(format!("{} is nothing that a floor broker does", other.packet_type())),
        };
        encode(frame.channel, &answer, self.version, out).map_err(|error| error.to_string())
    }

    /// Settles the version.
    fn speak(&mut self, version: Version) -> Result<(), String> {
        if !version.is_accepted() || version < Version::CORRELATION_IDS {
            return Err(format!(
                "version {version}, a floor broker speaks {} to {}",
                Version::CORRELATION_IDS,
                Version::NEWEST
            ));
        }
        self.version = version;
        Ok(())
    }

    fn session(&mut self, create: &CreateSession<'_>) -> Result<Packet<'static>, String> {
        self.speak(create.settings.version)?;
        Ok(Packet::CreateSessionResponse(CreateSessionResponse { server_version: Version::NEWEST }))
    }

    /// Any address is there.
    fn address(&self, _query: &BindingQuery<'_>) -> Packet<'static> {
        Packet::BindingQueryResponse(BindingQueryResponse {
            form: BindingForm::for_version(self.version),
            exists: true,
            queue_names: List::of(&[]),
            auto_create_queues: true,
            auto_create_addresses: true,
            default_purge_on_no_consumers: false,
            default_max_consumers: -1,
            defaults: QueueAttributes::default(),
            groups: GroupCount(2),
            supports_multicast: true,
            supports_anycast: true,
        })
    }

    /// Any queue is there, on the address of its name.
    fn queue<'a>(&self, query: QueueQuery<'a>) -> Packet<'a> {
        Packet::QueueQueryResponse(QueueQueryResponse {
            form: QueueForm::for_version(self.version),
            queue: QueueState {
                exists: true,
                durable: true,
                temporary: false,
                consumer_count: 0,
                message_count: 0,
                filter: None,
                address: Some(query.name),
                name: Some(query.name),
            },
            auto_create_queues: true,
            definition: QueueDefinitionState {
                auto_created: false,
                purge_on_no_consumers: false,
                routing_type: RoutingType::ANYCAST,
                max_consumers: -1,
            },
            default_consumer_window: Some(CONSUMER_WINDOW_BYTES),
            attributes: QueueAttributes::default(),
            configuration_managed: Some(false),
            groups: GroupCount::ALL,
        })
    }
}

/// The only node: without addresses, so that the client keeps the one it used.
fn topology() -> Packet<'static> {
    Packet::ClusterTopology(ClusterTopology {
        form: TopologyForm::V4,
        node_id: Text::from("floor"),
        unique_event_id: 1,
        pair: Some(Pair { live: None, backup: None, last: true }),
        backup_group: None,
        scale_down_group: None,
        server_version: Version::NEWEST,
    })
}

#[cfg(test)]
mod tests {
    use protocol::core::identity::{ChannelId, ProducerId};
    use protocol::core::packet::connection::Ping;
    use protocol::core::packet::topology::SubscribeTopologyV2;
    use protocol::core::packet::transfer::{Send, SendTrailer};

    use super::*;

    fn frame(packet: &Packet<'_>, version: Version) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(ChannelId(10), packet, version, &mut bytes).unwrap();
        bytes
    }

    fn send(requires_response: bool, version: Version) -> Vec<u8> {
        let trailer = SendTrailer { requires_response, correlation_id: CorrelationId(-7), producer_id: ProducerId(3) };
        frame(&Packet::Send(Send { message: b"a message", trailer }), version)
    }

    #[test]
    fn a_send_is_read_as_the_codec_wrote_it_in_every_version() {
        for version in Version::CORRELATION_IDS.0..=Version::NEWEST.0 {
            let version = Version(version);
            let mut core = Core { version };
            let bytes = send(true, version);
            let answer = Answer::Response { channel: 10, correlation: -7 };
            let found = Parsed::Publish { message: b"a message", answer, consumed: bytes.len() };
            assert_eq!(core.parse(&bytes, &mut Vec::new()), Ok(found), "{version}");
            let silent = send(false, version);
            let parsed = core.parse(&silent, &mut Vec::new()).unwrap();
            assert!(matches!(parsed, Parsed::Publish { answer: Answer::Nothing, .. }), "{parsed:?}");
            for end in 0..bytes.len() {
                let whole = (end >= 4).then_some(bytes.len());
                assert_eq!(core.parse(&bytes[..end], &mut Vec::new()), Ok(Parsed::Incomplete { whole }));
            }
        }
    }

    #[test]
    fn the_answer_is_what_the_codec_would_write() {
        let mut out = Vec::new();
        Core::answer(10, -7, &mut out);
        let response = Packet::NullResponse(NullResponse { correlation_id: CorrelationId(-7) });
        assert_eq!(out, frame(&response, Version::NEWEST));
    }

    #[test]
    fn a_client_is_told_what_it_waits_for() {
        let mut core = Core::default();
        let version = Version(131);
        let ping = frame(&Packet::Ping(Ping { connection_ttl_ms: 5 }), version);
        let mut out = Vec::new();
        assert_eq!(core.parse(&ping, &mut out), Ok(Parsed::Said { consumed: ping.len() }));
        assert_eq!(out, ping, "a ping comes back");
        let subscribe = SubscribeTopologyV2 { is_cluster_connection: false, client_version: version };
        core.parse(&frame(&Packet::SubscribeTopologyV2(subscribe), version), &mut out).unwrap();
        assert_eq!(core.version, version);
        let old = SubscribeTopologyV2 { is_cluster_connection: false, client_version: Version(129) };
        core.parse(&frame(&Packet::SubscribeTopologyV2(old), version), &mut out).unwrap_err();
    }

    #[test]
    fn what_breaks_the_protocol_is_refused() {
        let mut long = (i32::try_from(MESSAGE_BYTES_MAX).unwrap() + 1).to_be_bytes().to_vec();
        long.push(71);
        let mut short = vec![0, 0, 0, 12, 71];
        short.extend_from_slice(&[0; 11]);
        for bytes in [&long[..], &short, &[0, 0, 0, 3, 1, 2, 3], &frame(&Packet::XaSuspend, Version::NEWEST)] {
            Core::default().parse(bytes, &mut Vec::new()).unwrap_err();
        }
    }
}
