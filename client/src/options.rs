//! What a caller may choose, with the defaults of the reference client.

use std::time::Duration;

use protocol::core::version::Version;

use crate::tls::TlsOptions;
use crate::url::{BrokerUrl, UrlError};

/// Who logs in.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} with a password", self.user)
    }
}

/// How to connect.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// Who logs in; nobody by default.
    pub credentials: Option<Credentials>,
    /// The client id that sessions carry.
    pub client_id: Option<String>,
    /// For the TCP connection.
    pub connect_timeout: Duration,
    /// For the answer to a call.
    pub call_timeout: Duration,
    /// How long the connection may be silent, in both directions.
    pub connection_ttl: Duration,
    /// How often a sign of life is sent.
    pub ping_period: Duration,
    /// The version to announce, [`Version::CORRELATION_IDS`] or newer: before that, answers cannot be told apart.
    pub version: Version,
    /// TLS below the protocol; none by default.
    pub tls: Option<TlsOptions>,
}

impl Default for ConnectOptions {
    fn default() -> ConnectOptions {
        ConnectOptions {
            credentials: None,
            client_id: None,
            connect_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(30),
            connection_ttl: Duration::from_secs(60),
            ping_period: Duration::from_secs(30),
            version: Version::NEWEST,
            tls: None,
        }
    }
}

impl ConnectOptions {
    /// The defaults, changed by the parameters of a URL that this client knows: `user`, `password`, `clientID`, `callTimeout`,
    /// `connectionTTL`, `clientFailureCheckPeriod`, `connect-timeout-millis`, and those of [`TlsOptions::from_url`].
    pub fn from_url(url: &BrokerUrl) -> Result<ConnectOptions, UrlError> {
        let mut options = ConnectOptions::default();
        let milliseconds = |key: &str, otherwise: Duration| -> Result<Duration, UrlError> {
            let number = url.number(key)?.and_then(|number| u64::try_from(number).ok());
            Ok(number.filter(|number| *number > 0).map_or(otherwise, Duration::from_millis))
        };
        options.call_timeout = milliseconds("callTimeout", options.call_timeout)?;
        options.connection_ttl = milliseconds("connectionTTL", options.connection_ttl)?;
        options.ping_period = milliseconds("clientFailureCheckPeriod", options.ping_period)?;
        options.connect_timeout = milliseconds("connect-timeout-millis", options.connect_timeout)?;
        options.client_id = url.parameter("clientID").map(str::to_owned);
        options.credentials = url.parameter("user").map(|user| Credentials {
            user: user.to_owned(),
            password: url.parameter("password").unwrap_or_default().to_owned(),
        });
        options.tls = TlsOptions::from_url(url)?;
        Ok(options)
    }
}

/// What a session is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionOptions {
    /// A send takes effect at once.
    pub auto_commit_sends: bool,
    /// An acknowledgement takes effect at once.
    pub auto_commit_acks: bool,
    /// A delivery counts as acknowledged.
    pub pre_acknowledge: bool,
    /// Work belongs to XA branches.
    pub xa: bool,
}

impl SessionOptions {
    /// Sends and acknowledgements take effect one by one.
    pub const AUTO: SessionOptions =
        SessionOptions { auto_commit_sends: true, auto_commit_acks: true, pre_acknowledge: false, xa: false };
    /// Sends take effect one by one, acknowledgements with a commit.
    pub const CLIENT_ACKNOWLEDGE: SessionOptions = SessionOptions { auto_commit_acks: false, ..SessionOptions::AUTO };
    /// Everything takes effect with a commit.
    pub const TRANSACTED: SessionOptions =
        SessionOptions { auto_commit_sends: false, ..SessionOptions::CLIENT_ACKNOWLEDGE };
}

/// How a producer sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerOptions {
    /// Bytes asked for at a time, like the reference's window of 64 KiB that it halves; 0 sends without credits.
    pub credit_bytes: u32,
    /// Asynchronous sends that may wait for their answer at once; further ones wait for a place.
    pub in_flight_max: usize,
}

impl Default for ProducerOptions {
    fn default() -> ProducerOptions {
        ProducerOptions { credit_bytes: 32 * 1024, in_flight_max: 1024 }
    }
}

/// How many bytes may wait for a consumer at the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConsumerWindow {
    /// As many; 0 counts as 1, which buffers one message.
    Bytes(u32),
    /// Any number. The memory is the client's own.
    Unlimited,
}

/// How a consumer receives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerOptions {
    /// Which messages.
    pub filter: Option<String>,
    /// Only look, take nothing.
    pub browse_only: bool,
    /// How much may wait here.
    pub window: ConsumerWindow,
    /// Higher ones are served first.
    pub priority: i32,
}

impl Default for ConsumerOptions {
    fn default() -> ConsumerOptions {
        ConsumerOptions { filter: None, browse_only: false, window: ConsumerWindow::Bytes(1024 * 1024), priority: 0 }
    }
}
