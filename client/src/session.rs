//! A session: the unit of order and of transactions.
//!
//! Must stay true: its requests are answered one after the other; after [`Session::close`] its channel is not used again.

use std::sync::Arc;

use protocol::core::identity::ChannelId;
use protocol::core::packet::session::{AddMetadataV2, CreateSession, Password, SessionForm, SessionSettings};
use protocol::core::packet::transaction::{Commit, Rollback};
use protocol::core::packet::{Packet, PacketType};
use protocol::core::text::Text;
use protocol::core::version::Version;

use crate::channel::Channel;
use crate::consumer::Consumer;
use crate::error::Error;
use crate::options::{ConsumerOptions, ProducerOptions, SessionOptions};
use crate::producer::Producer;
use crate::session_name::new_session_name;

/// What the reference client asks for: messages above this come in pieces of this size.
const MIN_LARGE_MESSAGE_BYTES: i32 = 102_400;

/// A session of a connection.
pub struct Session {
    pub(crate) channel: Arc<Channel>,
    name: String,
}

impl Session {
    pub(crate) async fn create(
        control: &Channel,
        channel: Arc<Channel>,
        options: SessionOptions,
    ) -> Result<Session, Error> {
        let name = new_session_name().map_err(|cause| Error::NoName(cause.into()))?;
        let session = Session { channel, name };
        let shared = &control.shared;
        let credentials = shared.options.credentials.as_ref();
        let form = if shared.version() >= Version::REDIRECTS { SessionForm::V2 } else { SessionForm::V1 };
        let create = CreateSession {
            form,
            settings: SessionSettings {
                name: Text::from(session.name.as_str()),
                channel: session.channel.id,
                version: shared.options.version,
                user: credentials.map(|credentials| Text::from(credentials.user.as_str())),
                password: credentials.map(|credentials| Password(Text::from(credentials.password.as_str()))),
                min_large_message_size: MIN_LARGE_MESSAGE_BYTES,
                xa: options.xa,
                auto_commit_sends: options.auto_commit_sends,
                auto_commit_acks: options.auto_commit_acks,
                confirmation_window: -1,
                pre_acknowledge: options.pre_acknowledge,
                default_address: None,
            },
            client_id: shared.options.client_id.as_deref().map(Text::from),
        };
        let answer = control.call(&Packet::CreateSession(create), PacketType::CREATESESSION_RESP).await?;
        if let Packet::CreateSessionResponse(response) = answer.packet(shared)? {
            shared.set_server_version(response.server_version);
        }
        Ok(session)
    }

    /// The session's name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The session's channel.
    pub fn channel_id(&self) -> ChannelId {
        self.channel.id
    }

    /// Delivery starts; not answered.
    pub fn start(&self) -> Result<(), Error> {
        self.channel.tell(&Packet::SessionStart)
    }

    /// Delivery stops; nothing is delivered after the answer.
    pub async fn stop(&self) -> Result<(), Error> {
        self.ask(&Packet::SessionStop).await
    }

    /// Commits. An error whose outcome is unknown means that the server may have committed.
    pub async fn commit(&self) -> Result<(), Error> {
        let with_id = self.channel.shared.version() >= Version::COMMIT_CORRELATION_ID;
        if !with_id {
            return self.ask(&Packet::Commit(Commit { correlation_id: None })).await;
        }
        let commit = |id| Packet::Commit(Commit { correlation_id: Some(id) });
        self.channel.call_with_id(PacketType::NULL_RESPONSE, commit).await.map(drop)
    }

    /// Rolls back, with deliveries stopped around it so that nothing of the past comes in between: what was delivered and not
    /// acknowledged comes again, with what the consumers have buffered.
    pub async fn rollback(&self) -> Result<(), Error> {
        self.stop().await?;
        self.channel.count_rollback();
        self.ask(&Packet::Rollback(Rollback { consider_last_message_as_delivered: false })).await?;
        self.start()
    }

    /// Tells the server something about the session, for its listings.
    pub async fn add_metadata(&self, key: &str, value: &str) -> Result<(), Error> {
        let metadata = AddMetadataV2 { key: Text::from(key), data: Text::from(value), requires_confirmation: true };
        self.ask(&Packet::AddMetadataV2(metadata)).await
    }

    /// Opens a producer to an address, as it is there or will be created (see [`Session::ensure_queue`]).
    pub fn producer(&self, address: &str, options: ProducerOptions) -> Result<Producer, Error> {
        Producer::open(Arc::clone(&self.channel), address, options)
    }

    /// Opens a consumer on a queue.
    pub async fn consumer(&self, queue: &str, options: &ConsumerOptions) -> Result<Consumer, Error> {
        Consumer::open(Arc::clone(&self.channel), queue, options).await
    }

    /// Closes the session: an open transaction is rolled back, unacknowledged deliveries go back to their queues.
    pub async fn close(self) -> Result<(), Error> {
        let answered = self.ask(&Packet::SessionClose).await;
        self.channel.shared.forget_channel(self.channel.id);
        answered
    }

    /// A request that is answered by success with nothing to say, or by a refusal.
    pub(crate) async fn ask(&self, packet: &Packet<'_>) -> Result<(), Error> {
        self.channel.call(packet, PacketType::NULL_RESPONSE).await.map(drop)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Session({} on channel {})", self.name, self.channel.id)
    }
}
