//! Opening, reattaching and describing sessions, and the producers of a session.

use std::fmt;

use super::layout::layout;
use crate::core::cursor::{CursorError, Reader, Writer};
use crate::core::identity::{ChannelId, CommandId, ProducerId};
use crate::core::text::Text;
use crate::core::version::Version;
use crate::core::wire::Wire;
use crate::simple_string::SimpleStr;

/// The forms of [`CreateSession`]. Which one a client uses is decided by a race, so a server treats both alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SessionForm {
    /// Without the client id; always used after a failover.
    V1,
    /// With the client id.
    V2,
}

/// `CREATESESSION` and `CREATESESSION_V2`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CreateSession<'a> {
    /// Which of the two packets.
    pub form: SessionForm,
    /// What both have.
    pub settings: SessionSettings<'a>,
    /// The connection's client id (V2).
    pub client_id: Option<Text<'a>>,
}

/// A password. It is never shown.
#[derive(Clone, Copy, PartialEq)]
pub struct Password<'a>(pub Text<'a>);

impl fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a password")
    }
}

impl<'a> Wire<'a> for Password<'a> {
    const PRESENT: u8 = <Text<'a> as Wire<'a>>::PRESENT;

    fn read(reader: &mut Reader<'a>, version: Version) -> Result<Self, CursorError> {
        Text::read(reader, version).map(Self)
    }

    fn write(&self, writer: &mut Writer<'_>, version: Version) {
        self.0.write(writer, version);
    }
}

layout! {
    /// What a session shall be.
    SessionSettings<'a> {
        /// Unique on the server; the key for reattaching.
        name: Text<'a>;
        /// The channel the session will use, chosen by the client.
        channel: ChannelId;
        /// The client's version.
        version: Version;
        /// Who logs in.
        user: Option<Text<'a>>;
        /// With what.
        password: Option<Password<'a>>;
        /// Messages above this come in pieces of this size.
        min_large_message_size: i32;
        /// Whether work belongs to XA branches.
        xa: bool;
        /// Whether a send takes effect at once.
        auto_commit_sends: bool;
        /// Whether an acknowledgement takes effect at once.
        auto_commit_acks: bool;
        /// Confirmation window in bytes, -1 for none.
        confirmation_window: i32;
        /// Whether a delivery counts as acknowledged.
        pre_acknowledge: bool;
        /// Never used by clients.
        default_address: Option<Text<'a>>;
    }
}

impl<'a> SessionSettings<'a> {
    /// Messages above this come in pieces, unless a client says otherwise: 100 KiB, as the clients of Artemis say.
    pub const MIN_LARGE_MESSAGE_BYTES: i32 = 100 << 10;

    /// Those of a client in the newest version that says no more than it must: nobody logs in, each send and each acknowledgement takes
    /// effect at once, and the session cannot be reattached.
    pub fn plain(name: impl Into<Text<'a>>, channel: ChannelId) -> Self {
        Self {
            name: name.into(),
            channel,
            version: Version::NEWEST,
            user: None,
            password: None,
            min_large_message_size: Self::MIN_LARGE_MESSAGE_BYTES,
            xa: false,
            auto_commit_sends: true,
            auto_commit_acks: true,
            confirmation_window: -1,
            pre_acknowledge: false,
            default_address: None,
        }
    }
}

impl<'a> CreateSession<'a> {
    pub(super) fn read(reader: &mut Reader<'a>, version: Version, form: SessionForm) -> Result<Self, CursorError> {
        let settings = SessionSettings::read(reader, version)?;
        let client_id = match form {
            SessionForm::V1 => None,
            SessionForm::V2 => Wire::read(reader, version).map_err(|error| error.in_field("client_id"))?,
        };
        Ok(CreateSession { form, settings, client_id })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>, version: Version) {
        self.settings.write(writer, version);
        if self.form == SessionForm::V2 {
            self.client_id.write(writer, version);
        }
    }
}

layout! {
    /// `CREATESESSION_RESP`.
    CreateSessionResponse {
        /// The version the client shall speak.
        server_version: Version;
    }
}

layout! {
    /// `REATTACH_SESSION`: asked for every session after a reconnect.
    ReattachSession<'a> {
        /// The session's name.
        name: Text<'a>;
        /// The last counted packet the client has handled.
        last_confirmed: CommandId;
    }
}

layout! {
    /// `REATTACH_SESSION_RESP`.
    ReattachSessionResponse {
        /// The last counted packet the server has handled.
        last_confirmed: CommandId;
        /// Whether the session goes on; otherwise the client creates it anew.
        reattached: bool;
    }
}

layout! {
    /// `SESS_ADD_METADATA`: the old form, always answered.
    AddMetadata<'a> {
        /// What it is.
        key: Text<'a>;
        /// Its value.
        data: Text<'a>;
    }
}

layout! {
    /// `SESS_ADD_METADATA2` and `SESS_UNIQUE_ADD_METADATA`.
    AddMetadataV2<'a> {
        /// What it is.
        key: Text<'a>;
        /// Its value.
        data: Text<'a>;
        /// Whether an answer is waited for.
        requires_confirmation: bool;
    }
}

layout! {
    /// `CREATE_PRODUCER`: for the books only, not answered.
    CreateProducer<'a> {
        /// The producer, chosen by the client.
        producer_id: ProducerId;
        /// Where it sends to; nothing when each message says so.
        address: Option<SimpleStr<'a>>;
    }
}

layout! {
    /// `REMOVE_PRODUCER`: not answered, and may name one that is not known.
    RemoveProducer {
        /// The producer.
        producer_id: ProducerId;
    }
}
