//! What goes to the client of a session, and what is kept of it.
//!
//! Every packet on a session's channel passes here, so that what a client may ask for again is what it was sent. Takes packets;
//! gives bytes to the connection, if there is one, and to what the session keeps.

use protocol::core::version::Version;

use super::Front;
use crate::limits;
use crate::message::SessionKey;

/// How a session's client is written to.
#[derive(Clone, Copy)]
pub(super) struct To {
    pub(super) channel: i64,
    pub(super) version: Version,
}

impl Front {
    /// Writes a packet to the client of a session, one that counts. True: [`Front::review_hold`] may find a reason to pause its deliveries.
    pub(super) fn write(&mut self, key: SessionKey, packet: impl FnOnce(To, &mut Vec<u8>)) -> bool {
        let Self { sessions, clients, listed, spares, unconfirmed_bytes, outgoing, shares, .. } = self;
        let Some(session) = sessions.get_mut(key) else { return false };
        let Some(client) = clients.get_mut(session.connection) else { return self.write_for_later(key, packet) };
        client.output.begin(spares);
        let before = client.output.bytes.len();
        let to = To { channel: session.channel, version: client.protocol.version };
        packet(to, &mut client.output.bytes);
        if !client.listed {
            client.listed = true;
            listed.push(session.connection);
        }
        if let Some(unconfirmed) = &mut session.unconfirmed {
            // From here on what a client without a confirmation window never costs.
            let packet = client.output.bytes.get(before..).unwrap_or_default();
            unconfirmed.push(packet);
            *unconfirmed_bytes += packet.len();
            if *unconfirmed_bytes > shares.kept {
                outgoing.look_at_kept();
            }
            if unconfirmed.bytes() > limits::UNCONFIRMED_BYTES_HARD && !client.doomed {
                client.doomed = true;
                let connection = session.connection;
                crate::event!(NT208, ?connection);
                self.close_now(connection);
            }
            return true;
        }
        client.output.backlog() > outgoing.soft
    }

    /// As [`Front::write`], for a session whose client may come back. Its deliveries pause already.
    #[cold]
    fn write_for_later(&mut self, key: SessionKey, packet: impl FnOnce(To, &mut Vec<u8>)) -> bool {
        let Some(session) = self.sessions.get_mut(key) else { return false };
        let Some(unconfirmed) = &mut session.unconfirmed else { return false };
        let Some(version) = self.orphans.version(key) else { return false };
        let mut bytes = Vec::new();
        packet(To { channel: session.channel, version }, &mut bytes);
        unconfirmed.push(&bytes);
        self.unconfirmed_bytes += bytes.len();
        self.orphans.grown(bytes.len());
        if self.unconfirmed_bytes > self.shares.kept {
            self.outgoing.look_at_kept();
        }
        false
    }

    /// Writes a packet that does not count to the client of a session, if there is one.
    pub(super) fn write_uncounted(&mut self, key: SessionKey, packet: impl FnOnce(To, &mut Vec<u8>)) {
        let Self { sessions, clients, spares, .. } = self;
        let Some(session) = sessions.get_mut(key) else { return };
        let Some(client) = clients.get_mut(session.connection) else { return };
        client.output.begin(spares);
        let to = To { channel: session.channel, version: client.protocol.version };
        packet(to, &mut client.output.bytes);
        let connection = session.connection;
        self.list(connection);
    }

    /// The client of a session says that it has received everything up to this packet.
    pub(super) fn confirmed_by_client(&mut self, key: SessionKey, last: i32) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(unconfirmed) = &mut session.unconfirmed else { return };
        let before = unconfirmed.bytes();
        if unconfirmed.confirm(last) {
            self.unconfirmed_bytes -= before - unconfirmed.bytes();
            self.review_hold(key);
        } else {
            // It counts in another way than we do: to go on with it later would lose something.
            self.forget_unconfirmed(key);
        }
    }

    /// A session ends with its connection from now on.
    pub(super) fn forget_unconfirmed(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if let Some(unconfirmed) = session.unconfirmed.take() {
            self.unconfirmed_bytes -= unconfirmed.bytes();
            self.review_hold(key);
        }
    }

    /// Pauses the deliveries of a session while its client takes or confirms too little, or is away; or lets them go on.
    pub(super) fn review_hold(&mut self, key: SessionKey) {
        let scarce = self.unconfirmed_bytes > self.shares.kept_soft();
        let Some(session) = self.sessions.get_mut(key).filter(|session| !session.closing) else { return };
        let keeps_much = session.unconfirmed.as_ref().is_some_and(|kept| kept.bytes() > kept.enough(scarce));
        let held = match self.clients.get(session.connection) {
            Some(client) => {
                let backlog = client.output.backlog();
                keeps_much || backlog > self.outgoing.soft - usize::from(session.held_back)
            }
            None => true,
        };
        if session.held_back != held {
            session.held_back = held;
            self.hold_changes.push(key);
        }
    }
}
