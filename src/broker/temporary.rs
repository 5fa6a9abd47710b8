//! Temporary queues: each belongs to the connection that asked for it, and goes with it.
//!
//! While sessions of a lost connection wait for their client, its temporary queues do too: they become those of the connection on
//! which the first of these sessions goes on. A home knows a queue by the connection that made it, whoever has it since.

use journal::BlockBuffer;

use super::{Core, execute::log_unheard};
use crate::home::Outcome;
use crate::limits;
use crate::mail::{Ask, ConnectionRef, Failure, FailureKind, Letter, Lifetime, Request, SessionRef};
use crate::message::{SessionKey, SessionNumber};
use crate::routing;
use crate::store::record::Operation;

/// A temporary queue of a connection.
#[derive(Debug)]
pub(super) struct Temporary {
    address: Box<str>,
    name: Box<str>,
    /// The connection that made it.
    maker: ConnectionRef,
    /// Its removal was asked for. That fails while it has consumers.
    given_up: bool,
}

impl Temporary {
    /// What it takes to remember it, in bytes.
    pub(super) fn cost(&self) -> usize {
        std::mem::size_of::<Self>() + self.address.len() + self.name.len()
    }
}

impl<B: BlockBuffer> Core<B> {
    /// A session asks for a queue or removes one: whose the temporary ones are is noted.
    ///
    /// # Errors
    /// The connection has as many as it may.
    pub(super) fn note_temporary(&mut self, key: SessionKey, ask: &mut Ask<'_>) -> Result<(), Failure> {
        let core = self.front.core;
        let Some(connection) = self.front.sessions.get(key).map(|session| session.connection) else { return Ok(()) };
        let Some(client) = self.front.clients.get_mut(connection) else { return Ok(()) };
        match ask {
            Ask::CreateQueue(definition) if matches!(definition.lifetime, Lifetime::Connection(_)) => {
                let maker = ConnectionRef { core, key: connection };
                definition.lifetime = Lifetime::Connection(maker);
                let (address, name) = (definition.address.as_ref().into(), definition.name.as_ref().into());
                let mut gone = Vec::new();
                if client.temporary.len() >= limits::TEMPORARY_QUEUES_PER_CONNECTION_MAX {
                    gone.extend(client.temporary.extract_if(.., |queue| queue.given_up));
                    if gone.is_empty() {
                        let text = "the connection has as many temporary queues as it may";
                        return Err(Failure::new(FailureKind::Full, text));
                    }
                }
                client.temporary.push(Temporary { address, name, maker, given_up: false });
                self.forsake(gone);
            }
            Ask::DeleteQueue { queue, .. } => {
                for temporary in client.temporary.iter_mut().filter(|temporary| *temporary.name == **queue) {
                    temporary.given_up = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// These temporary queues go, with whatever consumers they have: their connection is gone, or has given them up.
    pub(super) fn forsake(&mut self, temporary: Vec<Temporary>) {
        // Nobody asks for it: the sessions are gone, or were before.
        let from = SessionRef { core: self.front.core, key: SessionKey::default() };
        let operation = Operation { session: SessionNumber::NONE, command: 0 };
        for Temporary { address, name, maker, .. } in temporary {
            let lane = routing::home_lane(&address, self.front.settings.lanes);
            let core = routing::core_of_lane(lane, self.front.settings.cores);
            let (address, queue) = (address.into_string().into(), name.into_string().into());
            let ask = Ask::Forsake { address, queue, owner: maker };
            let request = Request { from, operation, token: None, permissions: None, ask };
            if core != self.front.core {
                self.front.post(core, Letter::Request(request));
            } else if let Outcome::Done(answer) = self.home.ask(request, &mut self.front) {
                log_unheard(&answer);
            }
        }
    }
}
