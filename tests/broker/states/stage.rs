//! A broker with a client that stays, while others come, say one thing in one state, and go.
//!
//! Takes a client's bytes; gives what they led to. Must stay true: after each of them the connection still answers or is closed, nothing
//! of it is left, the other client is served, and what was refused or dropped was not done.

use std::sync::Arc;

use protocol::core::error_code::ErrorCode;
use protocol::core::frame::HANDSHAKE;
use protocol::core::packet::connection::Ping;
use protocol::core::packet::query::{BindingQuery, QueueQuery};
use protocol::core::packet::{Direction, Packet, decode};
use protocol::core::version::Version;
use protocol::message::MessageView;
use protocol::simple_string::SimpleStr;
use ringmq::broker::Census;
use ringmq::message::AddressMatch;
use ringmq::security::{Grant, Identity, Login, Permission, Policy, Verdict};

use super::due::{Due, State};
use super::examples::{NO_PACKET, framed};
use crate::peer::{
    AUTOMATIC, CONSUMER, Heard, OWN, What, consume, create_session, frame, frames, log_in, send, summary,
};
use crate::reattach::WINDOWED;
use crate::rig::{Peer, Rig};

/// A queue for clients that come and go.
pub(super) const CLIENTS: &str = "clients";

/// What a packet led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Answer,
    Exception(ErrorCode),
    Silence,
    End,
}

impl Found {
    pub(super) fn is(self, due: Due) -> bool {
        match due {
            Due::Answer => matches!(self, Self::Answer | Self::Exception(_)),
            Due::Refusal => {
                matches!(self, Self::Exception(ErrorCode::SECURITY_EXCEPTION | ErrorCode::NOT_IMPLEMENTED))
            }
            Due::Silence(_) => self == Self::Silence,
            Due::End => self == Self::End,
        }
    }
}

/// A broker with a client that stays; others come and go.
pub(super) struct Stage {
    pub(super) rig: Rig,
    pub(super) witness: Peer,
    /// A queue of the witness.
    pub(super) queue: String,
    /// What is held when only the witness is there.
    quiet: Vec<Census>,
    pub(super) state: State,
}

fn users(login: &Login) -> Verdict {
    match &login.user {
        Some(name) if name == "root" || name == "nobody" => {
            Verdict::Known(Arc::new(Identity { name: name.clone(), roles: vec![name.clone()] }))
        }
        _ => Verdict::Refused("AMQ229031: Unable to validate user".to_owned()),
    }
}

impl Stage {
    pub(super) fn new(cores: u16, state: State) -> Self {
        let mut rig = Rig::new(cores, 1);
        if state.is_guarded() {
            let to = Permission::ALL.map(|(permission, _)| ("root".to_owned(), permission)).into();
            rig.require_login(Policy::new(vec![Grant { covers: AddressMatch::new("#"), to }]), users);
        }
        let queue = rig.address_on(usize::from(cores) - 1);
        let witness = rig.greet(0);
        rig.receive(witness, &log_in(OWN, AUTOMATIC, Some(("root", "root"))));
        rig.receive(witness, &[send(OWN, &queue, "text", Some(1)), send(OWN, CLIENTS, "text", Some(2))].concat());
        rig.settle();
        assert_eq!(rig.hear(witness).last().map(|heard| heard.what.clone()), Some(What::Null(2)));
        let quiet = rig.census();
        Self { rig, witness, queue, quiet, state }
    }

    /// A client in the state.
    pub(super) fn client(&mut self) -> Peer {
        let Self { rig, state, queue, .. } = self;
        let peer = rig.connect(0);
        let open = match state {
            State::Powerless => log_in(OWN, AUTOMATIC, Some(("nobody", "nobody"))),
            _ => create_session(OWN, WINDOWED),
        };
        let close = frame(OWN, &Packet::SessionClose);
        let said = match state {
            State::Mute => Vec::new(),
            State::Greeted | State::Stranger => HANDSHAKE.to_vec(),
            State::Powerless | State::Leaving => [&HANDSHAKE, &open[..]].concat(),
            State::Open => [&HANDSHAKE, &open[..], &consume(OWN, CONSUMER, CLIENTS)].concat(),
            // Answered once what was sent before is on the disk.
            State::Closing => [&HANDSHAKE, &open[..], &send(OWN, queue, "text", None), &close].concat(),
            State::Closed => [&HANDSHAKE, &open[..], &close].concat(),
        };
        rig.disk_stands = *state == State::Closing;
        rig.receive(peer, &said);
        rig.settle();
        rig.take_heard(peer);
        if *state == State::Leaving {
            rig.wires_stand = true;
            rig.stop(0);
            rig.settle();
        }
        peer
    }

    /// What bytes of a client led to, of which the packet is on this channel; an error if that is none of what may be.
    pub(super) fn outcome(&mut self, peer: Peer, channel: i64, bytes: &[u8]) -> Result<Found, String> {
        let Self { rig, state, .. } = self;
        rig.receive(peer, bytes);
        rig.settle();
        match state {
            State::Closing => rig.disk_stands = false,
            State::Leaving => rig.wires_stand = false,
            _ => {}
        }
        rig.settle();
        let mut answers = answers(rig, peer);
        let own = match state {
            State::Closing if !rig.has_closed(peer) => Some((OWN, What::Null(-1))),
            State::Leaving => Some((0, What::Other("DISCONNECT_V3".to_owned()))),
            _ => None,
        };
        if let Some((channel, what)) = own {
            let at = answers.iter().position(|(heard, _)| heard.channel == channel && heard.what == what);
            answers.remove(at.ok_or_else(|| format!("{what:?} is missing: {answers:?}"))?);
        }
        match (&answers[..], rig.has_closed(peer)) {
            ([], true) if *state == State::Leaving => Ok(Found::Silence),
            ([], true) => Ok(Found::End),
            // That the close was answered before is as well.
            ([(Heard { channel: OWN, what: What::Null(-1) }, _)], true) if *state == State::Closing => Ok(Found::End),
            ([], false) => Ok(Found::Silence),
            ([(heard, exception)], false) if heard.channel == channel => {
                Ok(exception.map_or(Found::Answer, Found::Exception))
            }
            (_, closed) => Err(format!("{answers:?}, closed: {closed}")),
        }
    }

    /// The connection answers, and when it ends nothing of it is left.
    pub(super) fn ends_well(&mut self, peer: Peer) -> Result<(), String> {
        let rig = &mut self.rig;
        if !rig.has_closed(peer) {
            let echoed = rig.ask(peer, 0, &Packet::Ping(Ping { connection_ttl_ms: 60_000 }));
            if !echoed.contains(&Heard { channel: 0, what: What::Other("PING".to_owned()) }) {
                return Err(format!("a PING is answered with {echoed:?}"));
            }
            rig.receive(peer, &framed(&[NO_PACKET, 0, 0, 0, 0, 0, 0, 0, 0], 0));
            rig.settle();
            if !rig.has_closed(peer) {
                return Err("the connection does not end".to_owned());
            }
        }
        let left = rig.census();
        if left != self.quiet { Err(format!("something is left: {left:?}")) } else { Ok(()) }
    }

    /// The other client is served, and what this packet asked for was not done.
    pub(super) fn is_served(&mut self, packet: Option<&Packet<'_>>) -> Result<(), String> {
        let Self { rig, witness, queue, state, .. } = self;
        rig.receive(*witness, &send(OWN, queue, "text", Some(7)));
        rig.settle();
        let heard = rig.hear(*witness);
        if heard != [Heard { channel: OWN, what: What::Null(7) }] {
            return Err(format!("the other client hears {heard:?}"));
        }
        let Some(name) = packet.and_then(named_by).filter(|_| *state != State::Open) else { return Ok(()) };
        if self.is_there(name) { Err(format!("{name} was made")) } else { Ok(()) }
    }

    /// Is there an address or a queue of this name?
    pub(super) fn is_there(&mut self, name: SimpleStr<'_>) -> bool {
        let (rig, witness) = (&mut self.rig, self.witness);
        let mut heard = rig.ask(witness, OWN, &Packet::QueueQuery(QueueQuery { name }));
        heard.extend(rig.ask(witness, OWN, &Packet::BindingQuery(BindingQuery { address: name })));
        let exists = |heard: &Heard| match heard.what {
            What::Queue { exists, .. } | What::Address { exists, .. } => exists,
            ref other => panic!("{other:?}"),
        };
        assert_eq!(heard.len(), 2);
        heard.iter().any(exists)
    }
}

/// What a client hears beside deliveries and confirmations, and which exceptions that is.
pub(super) fn answers(rig: &mut Rig, peer: Peer) -> Vec<(Heard, Option<ErrorCode>)> {
    // A client may say that it is older than it was a moment ago.
    let version = |body| {
        let newest = decode(body, Direction::ServerToClient, Version::NEWEST);
        newest.map_or(Version::OLDEST, |_| Version::NEWEST)
    };
    let heard = frames(&rig.take_heard(peer)).map(|body| summary(body, version(body))).collect::<Vec<_>>();
    let is_answer = |heard: &Heard| !matches!(heard.what, What::Confirmed(_) | What::Delivery { .. });
    let code = |heard: &Heard| match heard.what {
        What::Exception(code, _) => Some(code),
        _ => None,
    };
    heard.into_iter().filter(is_answer).map(|heard| (heard.clone(), code(&heard))).collect()
}

/// The address or queue that a packet would make.
fn named_by<'a>(packet: &Packet<'a>) -> Option<SimpleStr<'a>> {
    let name = match packet {
        Packet::Send(send) => MessageView::parse(send.message).ok()?.header.address?,
        Packet::CreateConsumer(create) => create.queue_name,
        Packet::CreateAddress(create) => create.address,
        Packet::CreateQueue(create) => create.name,
        Packet::CreateQueueV2(create) => create.definition.name,
        Packet::CreateSharedQueue(create) => create.name,
        Packet::CreateSharedQueueV2(create) => create.definition.name,
        _ => return None,
    };
    (name != "activemq.management").then_some(name)
}
