//! The client: connections that come and go, the sessions that survive them, frames in and out. No I/O: bytes in, bytes out.

use protocol::core::frame::{HANDSHAKE, Split, split};
use protocol::core::identity::{ChannelId, CommandId};
use protocol::core::packet::connection::{CheckForFailover, Ping};
use protocol::core::packet::session::{CreateSession, ReattachSession, SessionForm, SessionSettings};
use protocol::core::packet::topology::SubscribeTopologyV2;
use protocol::core::packet::{self, Direction, Packet};
use protocol::core::version::Version;
use protocol::limits::FRAME_BYTES_MAX;

use super::channel::{Channel, Standing, frame};
use super::work::Work;
use super::{Lie, Plan};

/// The number of the first session's channel.
const FIRST_CHANNEL: i64 = 10;
/// The fields before the body of a frame: length, type, channel.
const LENGTH_BYTES: usize = 4;

/// A client with a confirmation window and some sessions.
#[derive(Debug)]
pub struct Client {
    channels: Vec<Channel>,
    /// The session that is being opened or reattached; all are here when it is behind the last.
    entering: usize,
    input: Vec<u8>,
    output: Vec<u8>,
    work: Work,
    window: i32,
    lie: Lie,
    /// Sessions that went on after a lost connection.
    pub resumed: u64,
}

impl Client {
    /// A client with this work to do; its sessions have names that begin with this.
    pub fn new(plan: &Plan, name: &str, lie: Lie) -> Self {
        let window = usize::try_from(plan.window).unwrap_or(0);
        let modes = [false, true, false, true];
        let channels = (0..).zip(modes).map(|(number, automatic)| {
            Channel::new(format!("{name}-{number}"), FIRST_CHANNEL + number, automatic, window)
        });
        let (input, output) = (Vec::new(), Vec::new());
        let (channels, work) = (channels.collect(), Work::new(plan));
        Self { channels, entering: 0, input, output, work, window: plan.window, lie, resumed: 0 }
    }

    /// Is all done, and everything closed?
    pub fn is_done(&self) -> bool {
        self.work.is_done()
    }

    /// What it waits for, in words.
    pub fn state(&self) -> String {
        let entering = self.entering;
        let owed: Vec<usize> = self.channels.iter().map(|channel| channel.owed.len()).collect();
        format!("entering {entering}, owed {owed:?}: {}", self.work.state())
    }

    /// There is a new connection.
    pub fn connected(&mut self) {
        self.output.extend_from_slice(&HANDSHAKE);
        let ping = Packet::Ping(Ping { connection_ttl_ms: 60_000 });
        self.output.extend(frame(0, &ping));
        if self.channels.iter().any(|channel| channel.standing != Standing::Wanted) {
            self.output.extend(frame(1, &Packet::CheckForFailover(CheckForFailover { node_id: None })));
        }
        let subscribe = SubscribeTopologyV2 { is_cluster_connection: false, client_version: Version::NEWEST };
        self.output.extend(frame(0, &Packet::SubscribeTopologyV2(subscribe)));
        self.entering = 0;
        self.enter();
    }

    /// The connection is gone; what had not come of it never will.
    pub fn lost(&mut self) {
        self.input.clear();
        self.output.clear();
        for channel in self.channels.iter_mut().filter(|channel| channel.standing == Standing::Here) {
            channel.standing = Standing::Away;
        }
    }

    /// What is to be written.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// As a client does with each ping: the server is told what has come.
    pub fn ping(&mut self) {
        let ping = Packet::Ping(Ping { connection_ttl_ms: 60_000 });
        self.output.extend(frame(0, &ping));
        self.channels.iter_mut().for_each(|channel| channel.tell(&mut self.output));
    }

    /// Asks for the next session, or goes on with the work when all are here.
    fn enter(&mut self) {
        while self.channels.get(self.entering).is_some_and(|channel| channel.standing == Standing::Closed) {
            self.entering += 1;
        }
        let Some(channel) = self.channels.get_mut(self.entering) else {
            return self.work.go_on(&mut self.channels, &mut self.output);
        };
        if channel.standing == Standing::Wanted {
            let settings = SessionSettings {
                auto_commit_sends: channel.automatic,
                auto_commit_acks: channel.automatic,
                confirmation_window: self.window,
                ..SessionSettings::plain(channel.name.as_str(), ChannelId(channel.number))
            };
            let create = CreateSession { form: SessionForm::V2, settings, client_id: None };
            self.output.extend(frame(1, &Packet::CreateSession(create)));
        } else {
            channel.deaf = self.lie == Lie::NothingAgain;
            let last_confirmed = CommandId(channel.last_received(self.lie));
            let reattach = ReattachSession { name: channel.name.as_str().into(), last_confirmed };
            self.output.extend(frame(1, &Packet::ReattachSession(reattach)));
        }
    }

    /// Bytes came.
    ///
    /// # Errors
    /// What came is not what must come.
    pub fn heard(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.input.extend_from_slice(bytes);
        let input = std::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        while let Split::Frame { body, consumed } = split(rest, FRAME_BYTES_MAX).map_err(|error| error.to_string())? {
            self.frame(body)?;
            rest = rest.get(consumed..).unwrap_or_default();
        }
        self.input = rest.to_vec();
        if self.entering >= self.channels.len() {
            self.work.go_on(&mut self.channels, &mut self.output);
        }
        Ok(())
    }

    fn frame(&mut self, body: &[u8]) -> Result<(), String> {
        let frame =
            packet::decode(body, Direction::ServerToClient, Version::NEWEST).map_err(|error| error.to_string())?;
        match frame.channel {
            ChannelId::PING => Ok(()),
            ChannelId::SESSION => self.session_channel(&frame.packet),
            ChannelId(number) => {
                let Self { channels, work, output, .. } = self;
                let channel = channels.iter_mut().find(|channel| channel.number == number);
                let channel = channel.ok_or_else(|| format!("a packet on channel {number}"))?;
                if let Packet::PacketsConfirmed(confirmed) = &frame.packet {
                    return channel.confirmed(confirmed.command_id.0);
                }
                channel.received(LENGTH_BYTES + body.len(), output);
                if channel.deaf {
                    return Ok(());
                }
                work.heard(channel, &frame.packet, LENGTH_BYTES + body.len(), output)?;
                if channel.closing && channel.owed.is_empty() {
                    channel.standing = Standing::Closed;
                }
                Ok(())
            }
        }
    }

    fn session_channel(&mut self, packet: &Packet<'_>) -> Result<(), String> {
        let channel = self.channels.get_mut(self.entering);
        match (packet, channel) {
            (Packet::CheckForFailoverReply(reply), _) if reply.ok_to_failover => return Ok(()),
            (Packet::CreateSessionResponse(_), Some(channel)) if channel.standing == Standing::Wanted => {
                channel.standing = Standing::Here;
            }
            (Packet::ReattachSessionResponse(response), Some(channel)) if channel.standing != Standing::Wanted => {
                if !response.reattached {
                    return Err(format!("session {} does not go on", channel.number));
                }
                channel.deaf = false;
                if channel.standing != Standing::Closed {
                    channel.resumed(response.last_confirmed.0, self.lie, &mut self.output)?;
                }
                self.resumed += 1;
            }
            _ => return Err(format!("{} came on the channel of the connection", packet.packet_type())),
        }
        self.entering += 1;
        self.enter();
        Ok(())
    }
}
