//! What one client may do now, and what it is still owed.
//!
//! A session turns what its client wants into requests to the homes of addresses, and releases the replies in the order of the
//! commands, each only when what it relies on is promised. It knows no protocol: what a reply looks like is the context `C`
//! that the protocol's room hands in and gets back.

mod confirmations;
mod cores;
mod replies;
mod two_phase;
mod unconfirmed;
mod verb;

use std::sync::Arc;

use hashbrown::HashMap;
use journal::Now;

pub use confirmations::Confirmations;
pub use cores::CoreSet;
pub use replies::{Next, Released, Replies};
pub use two_phase::{Phase, TwoPhase};
pub use unconfirmed::Unconfirmed;
pub use verb::Verb;

use crate::limits;
use crate::mail::{Answer, Ask, Failure, FailureKind, Token};
use crate::message::{ConnectionKey, ConsumerId, CoreId, Origin, SessionName, SessionNumber};
use crate::security::{Identity, Permissions};
use crate::store::record::Operation;

/// How a client opened its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes {
    /// A send takes effect by itself, not by a commit.
    pub auto_commit_sends: bool,
    /// An acknowledgement takes effect by itself, not by a commit.
    pub auto_commit_acknowledgements: bool,
    /// A delivery is its acknowledgement.
    pub pre_acknowledge: bool,
    /// The client keeps what it sends until it hears that it is done, and wants to hear so after so many bytes.
    pub confirmation_window: Option<u32>,
}

/// One session.
#[derive(Debug)]
pub struct Session<C> {
    /// Its connection; none while it waits for its client to come back.
    pub connection: ConnectionKey,
    /// The channel of that connection on which it speaks.
    pub channel: i64,
    /// Its number in records.
    pub number: SessionNumber,
    /// How it was opened.
    pub modes: Modes,
    /// Its consumers are served.
    pub started: bool,
    /// What its client is owed.
    pub replies: Replies<C>,
    /// What its client need not keep any longer, if it keeps anything.
    pub confirmations: Option<Confirmations>,
    /// The name under which its client finds it again.
    pub name: Option<SessionName>,
    /// Where its client is.
    pub origin: Origin,
    /// When the last connection on which it spoke was accepted.
    pub accepted: Now,
    /// What its client may want once more. None: the session ends with its connection.
    pub unconfirmed: Option<Box<Unconfirmed>>,
    /// A commit over several cores that is under way.
    pub two_phase: Option<Box<TwoPhase>>,
    /// It ended, by a failure or not, while its commit was under way.
    pub ended: Option<bool>,
    /// Its client has closed it. What else comes on its channel is dropped.
    pub closing: bool,
    /// It is closed and answered. It stays only for a client that has not heard the answer.
    pub finished: bool,
    /// Who has opened it; none: nobody has to log in.
    pub user: Option<Arc<Identity>>,
    /// What that user may do to the addresses that were spoken of.
    pub permissions: HashMap<Box<str>, Permissions>,
    /// It was the first one of its connection: what it has for itself is not counted.
    pub is_first: bool,
    /// Bytes of it that are counted among those of all sessions.
    pub counted_bytes: u32,
    /// What a client says about it.
    pub metadata: Vec<(String, String)>,
    /// Its deliveries pause until its connection has taken what is written.
    pub held_back: bool,
    /// Frames of it that are set aside.
    pub aside: u32,
    /// Something was sent in its open transaction.
    pub has_sent: bool,
    /// Something was asked of a home for it.
    pub has_asked: bool,
    /// Cores that know of it.
    pub touched: CoreSet,
    /// Cores that take part in its open transaction.
    pub transaction: CoreSet,
    consumer_cores: HashMap<ConsumerId, CoreId>,
    /// Those of them that no home has answered for yet.
    opening: Vec<(Token, ConsumerId)>,
    /// Commands that its client has numbered.
    commands: u64,
}

/// Memory of a note of a client about its session: with the session, and twice more where nobody else may have the same.
fn note_bytes(key: &str, value: &str) -> usize {
    3 * (key.len() + value.len()) + 64
}

impl<C> Session<C> {
    /// Memory of its client's notes, beyond what each session has for itself.
    pub fn notes_bytes(&self) -> usize {
        let all: usize = self.metadata.iter().map(|(key, value)| note_bytes(key, value)).sum();
        all.saturating_sub(limits::METADATA_BYTES_FREE)
    }

    /// The same, with one more of them in the place of its predecessor.
    pub fn notes_bytes_with(&self, key: &str, value: &str) -> usize {
        let others = self.metadata.iter().filter(|(known, _)| known != key);
        let all: usize = others.map(|(key, value)| note_bytes(key, value)).sum();
        (all + note_bytes(key, value)).saturating_sub(limits::METADATA_BYTES_FREE)
    }

    /// A session that has done nothing yet.
    pub fn new(connection: ConnectionKey, channel: i64, number: SessionNumber, modes: Modes) -> Self {
        Self {
            connection,
            channel,
            number,
            modes,
            started: false,
            replies: Replies::default(),
            confirmations: modes.confirmation_window.map(Confirmations::new),
            name: None,
            origin: Origin::default(),
            accepted: Now(0),
            unconfirmed: None,
            two_phase: None,
            ended: None,
            closing: false,
            finished: false,
            user: None,
            permissions: HashMap::new(),
            is_first: false,
            counted_bytes: 0,
            metadata: Vec::new(),
            held_back: false,
            aside: 0,
            has_sent: false,
            has_asked: false,
            touched: CoreSet::default(),
            transaction: CoreSet::default(),
            consumer_cores: HashMap::new(),
            opening: Vec::new(),
            commands: 0,
        }
    }

    /// Its transaction ends, one way or the other: the cores that took part in it.
    pub fn end_transaction(&mut self) -> CoreSet {
        self.has_sent = false;
        self.transaction.take()
    }

    /// Its client may be busy: only what lies ready for more than it does is given back.
    pub fn trim(&mut self) {
        self.replies.trim();
    }

    /// Its client is silent: memory that only lies ready for what it does is given back.
    pub fn rest(&mut self) {
        self.replies.rest();
        if let Some(unconfirmed) = &mut self.unconfirmed {
            unconfirmed.rest();
        }
    }

    /// Was nothing asked of any home for it, does it owe nothing, and can it not outlive its connection?
    pub fn is_untouched(&self) -> bool {
        let Self { replies, confirmations, unconfirmed, two_phase, ended, consumer_cores, opening, .. } = self;
        let holds = self.has_asked || self.held_back || self.aside > 0 || self.has_sent || self.notes_bytes() > 0;
        let ends = self.closing || self.finished || ended.is_some();
        let knows = !(self.touched.is_empty() && self.transaction.is_empty() && consumer_cores.is_empty());
        let owes = !(replies.is_empty() && opening.is_empty()) || two_phase.is_some();
        let outlives = confirmations.is_some() || unconfirmed.is_some();
        !(holds || ends || knows || owes || outlives)
    }

    /// The command that is being handled is handed back: it will be begun again.
    pub fn take_back_command(&mut self) {
        self.commands = self.commands.saturating_sub(1);
    }

    /// A command of its client is being handled, of those that the client numbers to send them again.
    pub fn begin_command(&mut self) {
        self.commands += 1;
    }

    /// The command that is being handled, as records name it: its number counts from 0, as the client's own does.
    pub fn operation(&self) -> Operation {
        Operation { session: self.number, command: self.commands.saturating_sub(1) }
    }

    /// Notes which core a request goes to, before it goes. True: a consumer comes or goes.
    pub fn note(&mut self, ask: &Ask<'_>, core: CoreId) -> bool {
        self.has_asked = true;
        let in_transaction = match ask {
            Ask::Publish(publish) => publish.in_transaction,
            Ask::Acknowledge(acknowledge) => acknowledge.in_transaction,
            Ask::Spoil(_) => true,
            _ => false,
        };
        if in_transaction {
            self.transaction.add(core);
            self.has_sent |= matches!(ask, Ask::Publish(_));
        }
        let changes = match ask {
            Ask::CreateConsumer { consumer, .. } => self.consumer_cores.insert(*consumer, core).is_none(),
            Ask::CloseConsumer { consumer } => self.consumer_cores.remove(consumer).is_some(),
            _ => false,
        };
        let leaves_something = in_transaction
            || matches!(ask, Ask::CreateConsumer { .. } | Ask::Claim { .. } | Ask::ProducerCredits { .. });
        if leaves_something {
            self.touched.add(core);
        }
        changes
    }

    /// Why it cannot have a consumer of this id, if it cannot. One that is being opened counts.
    pub fn consumer_problem(&self, consumer: ConsumerId) -> Option<Failure> {
        if self.consumer_cores.contains_key(&consumer) {
            let text = format!("the session has a consumer {} already", consumer.0);
            return Some(Failure::new(FailureKind::IllegalState, text));
        }
        let full = self.consumer_cores.len() >= limits::CONSUMERS_PER_SESSION_MAX;
        full.then(|| Failure::new(FailureKind::Full, "the session has as many consumers as it may"))
    }

    /// The answer under this token says whether a consumer was opened.
    pub fn opening(&mut self, token: Token, consumer: ConsumerId) {
        self.opening.push((token, consumer));
    }

    /// An answer came. A consumer that was not opened is forgotten, or failures would pile up. True: so it was.
    pub fn answered(&mut self, token: Token, answer: &Answer) -> bool {
        if self.opening.is_empty() {
            return false;
        }
        let Some(at) = self.opening.iter().position(|(of, _)| *of == token) else { return false };
        let (_, consumer) = self.opening.swap_remove(at);
        answer.reply.is_err() && self.consumer_cores.remove(&consumer).is_some()
    }

    /// Consumers that it has, or is opening.
    pub fn consumer_count(&self) -> usize {
        self.consumer_cores.len()
    }

    /// The queue of a consumer is gone, and the consumer with it.
    pub fn forget_consumer(&mut self, consumer: ConsumerId) {
        self.consumer_cores.remove(&consumer);
    }

    /// The core that is the home of a consumer's queue.
    pub fn consumer_core(&self, consumer: ConsumerId) -> Option<CoreId> {
        self.consumer_cores.get(&consumer).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_name_the_command_as_its_client_numbers_it() {
        let modes = Modes {
            auto_commit_sends: true,
            auto_commit_acknowledgements: true,
            pre_acknowledge: false,
            confirmation_window: None,
        };
        let mut session: Session<()> = Session::new(ConnectionKey::default(), 10, SessionNumber(7), modes);
        session.begin_command();
        assert_eq!(session.operation(), Operation { session: SessionNumber(7), command: 0 });
        // However many cores it asks, it is one command.
        assert_eq!(session.operation().command, 0);
        session.begin_command();
        assert_eq!(session.operation().command, 1);
        // One that is handed back and comes again is the same one.
        session.take_back_command();
        session.begin_command();
        assert_eq!(session.operation().command, 1);
    }
}
