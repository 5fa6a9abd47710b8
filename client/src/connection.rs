//! A connection: the socket, its two tasks, its channels, and what is known of the servers.
//!
//! [`Shared`] is what tasks, sessions, producers and consumers have in common. Must stay true: a connection is lost once, with one
//! reason, and never comes back; dropping [`Connection`] ends it.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::core::error_code::ErrorCode;
use protocol::core::frame::HANDSHAKE;
use protocol::core::identity::ChannelId;
use protocol::core::packet::connection::CheckForFailover;
use protocol::core::packet::topology::{ClusterTopology, SubscribeTopologyV2};
use protocol::core::packet::{Packet, PacketType, encode};
use protocol::core::text::Text;
use protocol::core::version::Version;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::channel::Channel;
use crate::dispatch;
use crate::error::{Error, Loss};
use crate::options::{ConnectOptions, SessionOptions};
use crate::outbound::{Outbound, locked};
use crate::session::Session;
use crate::topology::Topology;
use crate::url::{BrokerUrl, Endpoint};

/// How long [`Connection::close`] waits for the last bytes to leave.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What everybody who waits on the connection as a whole looks at.
#[derive(Clone, Debug, Default)]
struct Status {
    loss: Option<Loss>,
    topology: Topology,
    /// The end of the initial topology was seen.
    topology_complete: bool,
}

#[derive(Default)]
struct Channels {
    lost: bool,
    by_id: HashMap<ChannelId, Arc<Channel>>,
    /// Channel ids are not used again on a connection.
    next: i64,
}

/// What the parts of a connection have in common.
pub(crate) struct Shared {
    pub(crate) options: ConnectOptions,
    pub(crate) outbound: Outbound,
    /// The lower of the two sides' versions; this side's own until the server has told its.
    version: AtomicI32,
    channels: Mutex<Channels>,
    status: watch::Sender<Status>,
}

impl Shared {
    fn new(options: ConnectOptions) -> Shared {
        Shared {
            version: AtomicI32::new(options.version.0),
            options,
            outbound: Outbound::default(),
            channels: Mutex::new(Channels { next: ChannelId::FIRST_SESSION.0, ..Channels::default() }),
            status: watch::Sender::new(Status::default()),
        }
    }

    pub(crate) fn version(&self) -> Version {
        Version(self.version.load(Ordering::Relaxed))
    }

    pub(crate) fn set_server_version(&self, server: Version) {
        self.version.store(server.min(self.options.version).0, Ordering::Relaxed);
    }

    pub(crate) fn apply_topology(&self, news: &ClusterTopology<'_>) {
        self.status.send_modify(|status| {
            status.topology.apply(news);
            status.topology_complete |= news.pair.is_some_and(|pair| pair.last);
        });
    }

    pub(crate) fn channel(&self, id: ChannelId) -> Option<Arc<Channel>> {
        locked(&self.channels).by_id.get(&id).cloned()
    }

    pub(crate) fn forget_channel(&self, id: ChannelId) {
        locked(&self.channels).by_id.remove(&id);
    }

    /// Opens the channel of a new session, or the given one.
    fn add_channel(self: &Arc<Self>, id: Option<ChannelId>) -> Result<Arc<Channel>, Error> {
        let mut channels = locked(&self.channels);
        if channels.lost {
            drop(channels);
            return Err(Error::NotSent(self.loss()));
        }
        let id = id.unwrap_or_else(|| {
            channels.next += 1;
            ChannelId(channels.next - 1)
        });
        let channel = Arc::new(Channel::new(id, Arc::clone(self)));
        channels.by_id.insert(id, Arc::clone(&channel));
        Ok(channel)
    }

    /// Ends the connection. Only the first reason counts.
    pub(crate) fn lose(&self, loss: Loss) {
        let first = self.status.send_if_modified(|status| {
            let first = status.loss.is_none();
            status.loss.get_or_insert_with(|| loss.clone());
            first
        });
        if !first {
            return;
        }
        let mut channels = locked(&self.channels);
        channels.lost = true;
        let by_id = std::mem::take(&mut channels.by_id);
        drop(channels);
        by_id.values().for_each(|channel| channel.lose(&loss));
        self.outbound.wake.notify_one();
        self.outbound.room.notify_waiters();
    }

    /// Why the connection is lost; called when it is.
    pub(crate) fn loss(&self) -> Loss {
        self.status.borrow().loss.clone().unwrap_or(Loss::ClosedHere)
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.status.borrow().loss.is_some()
    }

    /// Waits until the connection is lost for a reason other than that this side closed it.
    pub(crate) async fn lost_by_peer(&self) {
        let mut status = self.status.subscribe();
        let by_peer = |status: &Status| status.loss.as_ref().is_some_and(|loss| !matches!(loss, Loss::ClosedHere));
        if status.wait_for(by_peer).await.is_err() {
            // Cannot be: `self` holds the sender. Waiting for ever is what "never lost" means.
            std::future::pending::<()>().await;
        }
    }
}

/// A connection to a broker.
pub struct Connection {
    shared: Arc<Shared>,
    /// The channel for creating sessions.
    control: Arc<Channel>,
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
}

impl Connection {
    /// Connects to one place and waits until the server has told its topology.
    pub async fn connect(endpoint: &Endpoint, options: ConnectOptions) -> Result<Connection, Error> {
        let unreachable = |cause| Error::Unreachable { endpoint: endpoint.clone(), cause: Arc::new(cause) };
        let connecting = TcpStream::connect((endpoint.host.as_str(), endpoint.port));
        let late = |_| unreachable(io::Error::from(io::ErrorKind::TimedOut));
        let timeout = options.connect_timeout;
        let socket = tokio::time::timeout(timeout, connecting).await.map_err(late)?.map_err(unreachable)?;
        socket.set_nodelay(true).map_err(unreachable)?;
        let Some(tls) = options.tls.clone() else {
            let (read_half, write_half) = socket.into_split();
            return Connection::over(read_half, write_half, options).await;
        };
        let begun = tokio::time::timeout(timeout, tls.begin(&endpoint.host, socket)).await.map_err(late)?;
        let (read_half, write_half) = tokio::io::split(begun.map_err(|begun| begun.error(unreachable))?);
        Connection::over(read_half, write_half, options).await
    }

    /// Speaks over a connection that stands.
    async fn over<R, W>(read_half: R, write_half: W, options: ConnectOptions) -> Result<Connection, Error>
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let shared = Arc::new(Shared::new(options));
        let control = shared.add_channel(Some(ChannelId::SESSION))?;
        greet(&shared)?;
        let connection = Connection {
            reader: tokio::spawn(dispatch::read_loop(Arc::clone(&shared), read_half)),
            writer: tokio::spawn(dispatch::write_loop(Arc::clone(&shared), write_half)),
            shared,
            control,
        };
        connection.wait_for_topology().await?;
        Ok(connection)
    }

    /// Connects to the first of the URL's places that answers, in their order; the last error if none does.
    pub async fn connect_url(url: &BrokerUrl, options: &ConnectOptions) -> Result<Connection, Error> {
        let mut outcome = Err(Error::NotSent(Loss::ClosedHere));
        for endpoint in url.endpoints() {
            outcome = Connection::connect(endpoint, options.clone()).await;
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    async fn wait_for_topology(&self) -> Result<(), Error> {
        let after = self.shared.options.call_timeout;
        let mut status = self.shared.status.subscribe();
        let known = status.wait_for(|status| status.topology_complete || status.loss.is_some());
        match tokio::time::timeout(after, known).await {
            Ok(Ok(status)) if status.topology_complete => {
                // The borrow of the status must end before the connection may be ended.
                drop(status);
                self.refuse_old_server()
            }
            Ok(_) => Err(Error::Lost(self.shared.loss())),
            Err(_) => {
                let what = "SUBSCRIBE_TOPOLOGY_V2";
                self.shared.lose(Loss::Unanswered(what));
                Err(Error::TimedOut { what, after })
            }
        }
    }

    /// A server too old to tell answers apart is left.
    fn refuse_old_server(&self) -> Result<(), Error> {
        let version = self.shared.version();
        if version >= Version::CORRELATION_IDS {
            return Ok(());
        }
        self.shared.lose(Loss::ClosedHere);
        let message = format!("version {version}, this client needs {} or newer", Version::CORRELATION_IDS);
        Err(Error::Refused { code: ErrorCode::INCOMPATIBLE_CLIENT_SERVER_VERSIONS, message })
    }

    /// Opens a session. It delivers nothing before [`Session::start`].
    pub async fn create_session(&self, options: SessionOptions) -> Result<Session, Error> {
        let channel = self.shared.add_channel(None)?;
        Session::create(&self.control, channel, options).await
    }

    /// Asks whether this server can take the sessions of a client that lost a node: the first question after a failover.
    pub async fn check_for_failover(&self, node_id: Option<&str>) -> Result<bool, Error> {
        let packet = Packet::CheckForFailover(CheckForFailover { node_id: node_id.map(Text::from) });
        let answer = self.control.call(&packet, PacketType::CHECK_FOR_FAILOVER_REPLY).await?;
        Ok(matches!(answer.packet(&self.shared)?, Packet::CheckForFailoverReply(reply) if reply.ok_to_failover))
    }

    /// What the server has told about its nodes so far.
    pub fn topology(&self) -> Topology {
        self.shared.status.borrow().topology.clone()
    }

    /// Waits until the topology is as wanted, and gives it; or why it will not be any more.
    pub async fn wait_for_topology_where(&self, wanted: impl Fn(&Topology) -> bool) -> Result<Topology, Error> {
        let mut status = self.shared.status.subscribe();
        let known = status.wait_for(|status| wanted(&status.topology) || status.loss.is_some()).await;
        match known {
            Ok(status) if wanted(&status.topology) => Ok(status.topology.clone()),
            _ => Err(Error::Lost(self.shared.loss())),
        }
    }

    /// The version both sides speak.
    pub fn version(&self) -> Version {
        self.shared.version()
    }

    /// Whether the connection is gone.
    pub fn is_lost(&self) -> bool {
        self.shared.is_lost()
    }

    /// Waits until the connection is gone, and says why.
    pub async fn lost(&self) -> Loss {
        let mut status = self.shared.status.subscribe();
        // The sender lives as long as `self`.
        let _lost = status.wait_for(|status| status.loss.is_some()).await;
        self.shared.loss()
    }

    /// Closes the connection after what was appended has left. Sessions should be closed before; the server drops those that
    /// are not.
    pub async fn close(mut self) {
        self.shared.lose(Loss::ClosedHere);
        // A peer that does not read is left alone after a while; the drop below ends the task.
        let _late = tokio::time::timeout(CLOSE_TIMEOUT, &mut self.writer).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.lose(Loss::ClosedHere);
        self.reader.abort();
        self.writer.abort();
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Connection(version {}, lost: {})", self.version(), self.is_lost())
    }
}

/// Appends what a client says first: the handshake, a ping, and the wish to know the topology.
fn greet(shared: &Shared) -> Result<(), Error> {
    shared.outbound.append(|out| {
        out.extend_from_slice(&HANDSHAKE);
        Ok::<(), Error>(())
    })?;
    dispatch::ping(shared);
    let client_version = shared.options.version;
    let subscribe = Packet::SubscribeTopologyV2(SubscribeTopologyV2 { is_cluster_connection: false, client_version });
    Ok(shared.outbound.append(|out| encode(ChannelId::PING, &subscribe, client_version, out))?)
}
