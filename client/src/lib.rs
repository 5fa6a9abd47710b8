//! A small asynchronous client for the CORE protocol, over the same codec as the broker.
//!
//! [`Connection`] opens [`Session`]s, those open [`Producer`]s and [`Consumer`]s. It does not hide a lost connection: every error
//! says whether the server refused, nothing was sent, or the outcome is unknown ([`Error`]), and reconnecting is the caller's
//! decision. Must stay true: a future may be dropped at any point without mixing up the answers of later calls.

mod channel;
mod connection;
mod consumer;
mod credits;
mod destination;
mod dispatch;
mod error;
mod management;
mod options;
mod outbound;
mod producer;
mod session;
mod session_name;
mod tls;
mod topology;
mod url;

pub use connection::Connection;
pub use consumer::{Consumer, Delivery};
pub use destination::{AddressInfo, QueueInfo, QueueSpec};
pub use error::{Error, Loss};
pub use management::Manager;
pub use options::{ConnectOptions, ConsumerOptions, ConsumerWindow, Credentials, ProducerOptions, SessionOptions};
pub use producer::{Producer, SendReceipt};
pub use session::Session;
pub use tls::TlsOptions;
pub use topology::{Member, Node, Topology};
pub use url::{BrokerUrl, Endpoint, UrlError};

pub use protocol::core::error_code::ErrorCode;
pub use protocol::core::identity::RoutingType;
pub use protocol::message::{MessageBuilder, MessageView};
