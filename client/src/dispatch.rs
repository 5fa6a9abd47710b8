//! The two tasks of a connection: one reads frames and hands them out, one writes what callers appended.
//!
//! Either ends the connection with its reason when the socket fails; both end when the connection is lost for any reason.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::core::frame::{Split, split};
use protocol::core::identity::{ChannelId, DisconnectReason};
use protocol::core::packet::connection::Ping;
use protocol::core::packet::{Direction, Packet, decode, encode};
use protocol::core::version::Version;
use protocol::limits;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, MissedTickBehavior};

use crate::connection::Shared;
use crate::error::Loss;
use crate::topology::Node;

/// Room that is made for reading at a time.
const READ_BYTES: usize = 64 * 1024;

/// Reads until the connection is lost.
pub(crate) async fn read_loop(shared: Arc<Shared>, mut socket: impl AsyncRead + Unpin) {
    let loss = read_frames(&shared, &mut socket).await;
    shared.lose(loss);
}

async fn read_frames(shared: &Shared, socket: &mut (impl AsyncRead + Unpin)) -> Loss {
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    let silent = shared.options.connection_ttl;
    loop {
        // Everything complete is handed out before more is read.
        loop {
            match split(&buffer, limits::FRAME_BYTES_MAX) {
                Ok(Split::Frame { consumed, .. }) => {
                    let frame = buffer.split_to(consumed).freeze();
                    if let Err(loss) = hand_out(shared, &frame.slice(limits::LENGTH_PREFIX_BYTES..)) {
                        return loss;
                    }
                }
                Ok(Split::Incomplete { needed }) => {
                    let missing = needed.unwrap_or(0).saturating_sub(buffer.len());
                    buffer.reserve(missing.max(READ_BYTES));
                    break;
                }
                Err(error) => return Loss::Frame(error),
            }
        }
        match tokio::time::timeout(silent, socket.read_buf(&mut buffer)).await {
            Ok(Ok(0)) => return Loss::ClosedByPeer,
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Loss::Io(Arc::new(error)),
            Err(_) => return Loss::Silent(silent),
        }
    }
}

/// Gives a frame to whom it concerns.
fn hand_out(shared: &Shared, body: &Bytes) -> Result<(), Loss> {
    let frame = decode(body, Direction::ServerToClient, shared.version()).map_err(Loss::Packet)?;
    match &frame.packet {
        // The echo of one of ours; that it came is all it says.
        Packet::Ping(_) => Ok(()),
        Packet::ClusterTopology(news) => {
            if news.server_version != Version::UNSET {
                shared.set_server_version(news.server_version);
            }
            shared.apply_topology(news);
            Ok(())
        }
        Packet::DisconnectV3(end) => {
            Err(Loss::Disconnected { reason: end.reason, target: end.target.as_ref().and_then(Node::of) })
        }
        Packet::DisconnectV2(_) | Packet::Disconnect(_) => {
            Err(Loss::Disconnected { reason: DisconnectReason::SHUT_DOWN, target: None })
        }
        Packet::DisconnectConsumerKill(_) => {
            Err(Loss::Disconnected { reason: DisconnectReason::SHUT_DOWN, target: None })
        }
        packet => {
            // A channel that is not there was closed a moment ago.
            if let Some(channel) = shared.channel(frame.channel) {
                channel.receive(packet, body);
            }
            Ok(())
        }
    }
}

/// Writes until the connection is lost, and then, if this side ended it, what was appended before.
pub(crate) async fn write_loop(shared: Arc<Shared>, mut socket: impl AsyncWrite + Unpin) {
    let mut spare = Vec::with_capacity(READ_BYTES);
    let period = shared.options.ping_period.max(Duration::from_millis(1));
    let mut pings = tokio::time::interval_at(Instant::now() + period, period);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        if shared.outbound.take(&mut spare) {
            let written = tokio::select! {
                written = write(&mut socket, &spare) => written,
                () = shared.lost_by_peer() => return,
            };
            if let Err(error) = written {
                shared.lose(Loss::Io(Arc::new(error)));
                return;
            }
            continue;
        }
        if shared.is_lost() {
            // The peer sees an orderly end; that it may be gone already changes nothing.
            let _gone = socket.shutdown().await;
            return;
        }
        tokio::select! {
            () = shared.outbound.wake.notified() => {}
            _ = pings.tick() => ping(&shared),
        }
    }
}

/// TLS keeps records back until it is told to give them.
async fn write(socket: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    socket.write_all(bytes).await?;
    socket.flush().await
}

/// Appends a sign of life.
pub(crate) fn ping(shared: &Shared) {
    let connection_ttl_ms = i64::try_from(shared.options.connection_ttl.as_millis()).unwrap_or(i64::MAX);
    let packet = Packet::Ping(Ping { connection_ttl_ms });
    // A ping always fits a frame.
    let _fits = shared.outbound.append(|out| encode(ChannelId::PING, &packet, shared.version(), out));
}
