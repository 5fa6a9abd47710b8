//! What a client hears of what it asked for: replies, and confirmations of what it need not keep any longer.

use super::Front;
use crate::message::SessionKey;
use crate::net::core::{Respond, confirm, respond};
use crate::session::Released;

impl Front {
    /// Writes a reply that may leave, and the confirmation that goes with it.
    pub(super) fn reply(&mut self, key: SessionKey, released: &Released<Respond>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let mut confirmed = None;
        if let Some(confirmations) = session.confirmations.as_mut().filter(|_| released.kept_bytes > 0) {
            confirmed = confirmations.handled(released.kept_bytes);
            if released.context == Respond::Close {
                confirmed = confirmations.flush().or(confirmed);
            }
        }
        if let (true, Err(failure)) = (released.context.is_silent(), &released.reply) {
            crate::event!(NT103, "a request without an answer failed: {failure}");
            if released.context == Respond::Unheard {
                // The client would take its confirmation for success.
                (session.confirmations, confirmed) = (None, None);
                self.forget_unconfirmed(key);
            }
        }
        // Of a failure the client hears before the confirmation, which it would take for success.
        if released.reply.is_err() && !released.context.is_silent() {
            self.write(key, |to, out| respond(released, to.channel, to.version, out));
        }
        if let Some(last) = confirmed {
            self.write_uncounted(key, |to, out| confirm(to.channel, last, to.version, out));
        }
        if released.reply.is_ok() && !released.context.is_silent() {
            self.write(key, |to, out| respond(released, to.channel, to.version, out));
        }
        if released.context == Respond::Close {
            self.session_closed(key);
        }
    }

    /// Tells every client what it need not keep, though its window is not full.
    pub(super) fn confirm_all(&mut self) {
        let Self { sessions, clients, .. } = self;
        let mut told = Vec::new();
        for session in sessions.values_mut() {
            // One that waits for its client tells it when it comes.
            let Some(client) = clients.get_mut(session.connection).filter(|client| !client.closing) else { continue };
            if let Some(last) = session.confirmations.as_mut().and_then(|confirmations| confirmations.flush()) {
                confirm(session.channel, last, client.protocol.version, &mut client.output.bytes);
                told.push(session.connection);
            }
        }
        for connection in told {
            self.list(connection);
        }
    }
}
