//! The side of a core that faces clients: tables of connections and sessions, and what is to be written to them.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use journal::Now;
use slotmap::SlotMap;

use super::aside::Aside;
use super::channels::Channels;
use super::incoming::{Claim, Incoming};
use super::login::{LoginState, Logins};
use super::manage::{Call, MANAGEMENT_TOKEN};
use super::orphans::Orphans;
use super::outgoing::Outgoing;
use super::postage::Postage;
use super::reattach::{Reattach, Seeking};
use super::session_memory::SessionMemory;
use super::shares::Shares;
use super::temporary::Temporary;
use super::{Output, millis};
use crate::durability::Gate;
use crate::limits;
use crate::mail::{Answer, Deliver, Letter, SessionRef, Token};
use crate::message::{ConnectionKey, ConsumerId, CoreId, MessageId, Origin, SessionKey, SessionName, SessionNumber};
use crate::net::core::{
    Connection, Respond, ServerFacts, consumer_gone, deliver, disconnect, nothing_more, producer_credits,
};
use crate::security::Policy;
use crate::session::Session;

/// Tokens with this bit belong to a commit over several cores, not to a reply.
pub(super) const TWO_PHASE_TOKEN: u64 = 1 << 63;

/// How clients are treated.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Overrides what clients ask for, in ms; −1 for no override.
    pub ttl_override_ms: i64,
    /// Between two checks of the time to live.
    pub ttl_check_interval_ms: u64,
    /// Until the client must have said what it speaks.
    pub handshake_timeout_ms: u64,
    /// Connections of this core; further ones are closed at once.
    pub connections_max: usize,
    /// A frame after login.
    pub frame_bytes_max: usize,
    /// Bytes that the connections of this core may take together, beyond what each of them has for itself.
    pub memory_max: usize,
    /// Do answers of commits wait for the disk?
    pub sync_transactional: bool,
    /// Do answers of sends and acknowledgements outside transactions wait for the disk?
    pub sync_non_transactional: bool,
    /// Who may go on with a session whose connection was lost.
    pub reattach: Reattach,
    /// Journal lanes and data cores, to find the home of an address.
    pub lanes: u16,
    /// See `lanes`.
    pub cores: u16,
    /// Must the home of an address be asked for producers' credits?
    pub full_matters: bool,
    /// Do connections move to the home of the address that they name first?
    pub follows: bool,
}

/// A connection and what is collected for it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) protocol: Connection,
    pub(super) output: crate::net::Output,
    /// What of that counts, as it was counted last.
    pub(super) counted: u32,
    /// When the buffer that is being written was handed out, in ms of the loop's clock, which go round.
    pub(super) handed_ms: u32,
    pub(super) channels: Channels,
    /// Temporary queues that its sessions have asked for. They go with it.
    pub(super) temporary: Vec<Temporary>,
    /// Where it comes from.
    pub(super) origin: Origin,
    /// When it came. All clocks of a process agree.
    pub(super) accepted: Now,
    /// Sessions that it has closed, and may not know to be closed.
    pub(super) departed: VecDeque<SessionKey>,
    /// Its sessions end with it: it broke the protocol, was silent for too long, or the broker stops.
    pub(super) doomed: bool,
    /// Other cores are asked for a session that it has named.
    pub(super) seeking: Option<Box<Seeking>>,
    /// The core to which it moves, as its sessions are there.
    pub(super) moves_to: Option<CoreId>,
    /// It is on its way there.
    pub(super) moving: bool,
    /// It has moved, and stays: nobody else is asked for its sessions.
    pub(super) settled: bool,
    /// The core that it has asked whether it may come, or may come to: until it has moved or stays, no frame of it is handled.
    pub(super) follows: Option<CoreId>,
    /// It does not move to the home of an address, or not any more.
    pub(super) stays: bool,
    /// Sessions that it has asked for in vain since it opened one.
    pub(super) wrong_names: u32,
    /// A login that its next frame waits for.
    pub(super) login: Option<Box<LoginState>>,
    /// Logins that have failed.
    pub(super) failed_logins: usize,
    /// In the list of those to be written to.
    pub(super) listed: bool,
    /// Frames wait until the lanes take records, or until a commit is done.
    pub(super) stalled: bool,
    /// They wait because the client does not read what is written to it; what it takes next wakes it.
    pub(super) unread: bool,
    /// Nothing is received for now.
    pub(super) paused: bool,
    /// What it holds of its client's bytes beyond its own share.
    pub(super) claim: Claim,
    /// What its frames that are set aside cost.
    pub(super) aside_bytes: usize,
    /// To be closed once everything is written.
    pub(super) closing: bool,
    /// It was to be closed already when the time to live was checked the last time.
    pub(super) overdue: bool,
    /// Its close was asked for.
    pub(super) closed: bool,
}

impl Client {
    /// Bytes that it may leave unread before its frames wait; `hard` if it has logged in.
    pub(super) fn unread_max(&self, hard: usize) -> usize {
        if self.protocol.is_logged_in() { hard } else { limits::OUTPUT_BYTES_BEFORE_LOGIN }
    }
}

/// Who waits at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiter {
    /// The next reply of a session.
    Reply(SessionKey),
    /// The decision of a session's commit.
    Decision(SessionKey),
    /// The result of a request to look after the broker.
    Call(u32),
}

/// What is rarely wanted of the driver.
#[derive(Clone, Copy, Debug)]
pub(super) enum Errand {
    /// See [`Output::Receive`].
    Receive { connection: ConnectionKey, on: bool },
    /// See [`Output::MeasureDisk`].
    MeasureDisk,
}

/// Connections and sessions of one core.
#[derive(Debug)]
pub struct Front {
    pub(super) core: CoreId,
    pub(super) facts: ServerFacts,
    pub(super) settings: Settings,
    pub(super) clients: SlotMap<ConnectionKey, Client>,
    pub(super) sessions: SlotMap<SessionKey, Session<Respond>>,
    /// Sessions by name. The hasher is keyed, so that nobody can choose names that meet.
    pub(super) names: std::collections::HashMap<SessionName, SessionKey>,
    /// Sessions that wait for their clients to come back.
    pub(super) orphans: Orphans,
    /// Connections for which other cores are asked for a session.
    pub(super) seekers: Vec<ConnectionKey>,
    /// Connections that may move to the home of an address, and those that may come for that.
    pub(super) moves: super::follow::Moves,
    /// Bytes that all sessions keep for clients that may come back.
    pub(super) unconfirmed_bytes: usize,
    /// The time of the latest event, in ms of the loop's clock.
    pub(super) now_ms: u64,
    /// Clients were told to go: who comes over from another core is told too.
    pub(super) stopping: bool,
    pub(super) gate: Gate<Waiter>,
    /// Sessions whose next reply may be due.
    pub(super) due: Vec<SessionKey>,
    /// Sessions whose commit over several cores has all answers of its phase.
    pub(super) two_phase_due: Vec<SessionKey>,
    /// Connections whose frames wait and are tried at every turn. Those whose clients read nothing, or log in, are not among them.
    pub(super) stalled: Vec<ConnectionKey>,
    /// Letters to other cores find no place now.
    pub(super) no_place: bool,
    /// So it is, or other cores have too much of them to read: nothing is done that would make more of them.
    pub(super) crowded: bool,
    /// The home has not heard of it.
    pub(super) crowd_changes: bool,
    /// What is on the way to other cores.
    pub(super) postage: Postage,
    /// What clients note about their sessions, beyond what each session has for itself.
    pub(super) notes_bytes: usize,
    /// What sessions and their consumers take, beyond what each connection has for its first one.
    pub(super) session_memory: SessionMemory,
    /// Somebody waits for room in the lanes: who comes now stands behind.
    pub(super) room_is_short: bool,
    /// What connections hold of their clients' bytes beyond their own shares.
    pub(super) incoming: Incoming,
    /// What connections hold for clients that do not read it.
    pub(super) outgoing: Outgoing,
    /// The bounds of all that they hold.
    pub(super) shares: Shares,
    /// Frames that wait apart from their connections.
    pub(super) aside: Aside,
    /// Other cores whose lanes have no next segment.
    pub(super) short_cores: Vec<CoreId>,
    pub(super) letters: VecDeque<(CoreId, Letter)>,
    /// Connections with something to write or to close.
    pub(super) listed: Vec<ConnectionKey>,
    /// Buffers for what is to be written.
    pub(super) spares: crate::net::Spares,
    /// Something goes on only when a buffer that was given to be written has been.
    awaits_sent: bool,
    pub(super) errands: Vec<Errand>,
    pub(super) next_session_number: SessionNumber,
    pub(super) next_ttl_check_ms: u64,
    /// Queues whose name is not their address's, and where to find them.
    pub(super) aliases: HashMap<Box<str>, Box<str>>,
    /// Sessions whose deliveries pause or go on.
    pub(super) hold_changes: Vec<SessionKey>,
    /// Who may do what; none: nobody has to log in.
    pub(super) policy: Option<Arc<Policy>>,
    /// Logins that are looked into, and the connections that wait until they may be.
    pub(super) logins: Logins,
    /// Requests to look after the broker that are under way, by their numbers.
    pub(super) calls: HashMap<u32, Call>,
    /// Those of them that may go on.
    pub(super) calls_due: Vec<u32>,
    pub(super) next_call: u32,
    /// Those that wait to hear how full the disk is.
    pub(super) disk_askers: Vec<u32>,
    /// When this core first looked after its connections, in ms.
    pub(super) since_ms: u64,
}

impl Front {
    pub(super) fn new(core: CoreId, facts: ServerFacts, settings: Settings) -> Self {
        let shares = Shares::of(settings.memory_max);
        let spares_max = (shares.output / 8).min(limits::SPARE_OUTPUT_BYTES_MAX);
        Self {
            core,
            facts,
            settings,
            clients: SlotMap::with_key(),
            sessions: SlotMap::with_key(),
            names: std::collections::HashMap::new(),
            orphans: Orphans::default(),
            seekers: Vec::new(),
            moves: super::follow::Moves::default(),
            unconfirmed_bytes: 0,
            now_ms: 0,
            stopping: false,
            gate: Gate::default(),
            due: Vec::new(),
            two_phase_due: Vec::new(),
            stalled: Vec::new(),
            no_place: false,
            crowded: false,
            crowd_changes: false,
            postage: Postage::new(shares.letters, settings.cores),
            notes_bytes: 0,
            session_memory: SessionMemory::new(shares.sessions, settings.cores),
            room_is_short: false,
            incoming: Incoming::new(shares.frames),
            outgoing: Outgoing::new(shares.output - spares_max),
            shares,
            aside: Aside::default(),
            short_cores: Vec::new(),
            letters: VecDeque::new(),
            listed: Vec::new(),
            spares: crate::net::Spares::within(spares_max),
            awaits_sent: false,
            errands: Vec::new(),
            // Session numbers of different cores never meet in one lane's records.
            next_session_number: SessionNumber::first(core, settings.cores),
            next_ttl_check_ms: 0,
            aliases: HashMap::new(),
            hold_changes: Vec::new(),
            policy: None,
            logins: Logins::default(),
            calls: HashMap::new(),
            calls_due: Vec::new(),
            next_call: 0,
            disk_askers: Vec::new(),
            since_ms: 0,
        }
    }

    pub(super) fn connection_count(&self) -> usize {
        self.clients.len()
    }

    pub(super) fn add_client(&mut self, origin: Origin, now: Now) -> ConnectionKey {
        self.clients.insert(Client {
            protocol: Connection::new(millis(now), self.settings.frame_bytes_max),
            output: crate::net::Output::default(),
            counted: 0,
            handed_ms: 0,
            channels: Channels::default(),
            temporary: Vec::new(),
            origin,
            accepted: now,
            departed: VecDeque::new(),
            doomed: false,
            seeking: None,
            moves_to: None,
            moving: false,
            settled: false,
            follows: None,
            stays: false,
            wrong_names: 0,
            login: None,
            failed_logins: 0,
            listed: false,
            stalled: false,
            unread: false,
            paused: false,
            claim: Claim::default(),
            aside_bytes: 0,
            closing: false,
            overdue: false,
            closed: false,
        })
    }

    /// The buffer for bytes to a client, which will be written at the end of the turn.
    pub(super) fn output_of(&mut self, key: ConnectionKey) -> Option<&mut Vec<u8>> {
        let client = self.clients.get_mut(key)?;
        if !client.listed {
            client.listed = true;
            self.listed.push(key);
        }
        client.output.begin(&mut self.spares);
        Some(&mut client.output.bytes)
    }

    /// Looks at a connection again at the end of the turn.
    pub(super) fn list(&mut self, key: ConnectionKey) {
        if let Some(client) = self.clients.get_mut(key).filter(|client| !client.listed) {
            client.listed = true;
            self.listed.push(key);
        }
    }

    /// Closes a connection once what is collected for it is written.
    pub(super) fn close_after_output(&mut self, key: ConnectionKey) {
        if let Some(client) = self.clients.get_mut(key) {
            client.closing = true;
        }
        self.list(key);
    }

    /// Closes a connection whatever is still to be written to it.
    pub(super) fn close_now(&mut self, key: ConnectionKey) {
        if let Some(client) = self.clients.get_mut(key) {
            client.output = crate::net::Output::default();
        }
        self.close_after_output(key);
    }

    /// Tells a client that the server stops, and closes its connection once that is written.
    pub(super) fn say_goodbye(&mut self, key: ConnectionKey) {
        let facts = self.facts.clone();
        let Some(version) = self.clients.get(key).map(|client| client.protocol.version) else { return };
        if let Some(out) = self.output_of(key) {
            disconnect(version, &facts, out);
        }
        self.close_after_output(key);
    }

    /// Gives what is to be written, closed and moved.
    pub(super) fn collect_clients<B>(&mut self, output: &mut impl FnMut(Output<B>)) {
        if self.logins.is_waiting() {
            self.give_logins(output);
        }
        let Self { listed, clients, awaits_sent, outgoing, now_ms, .. } = self;
        // Drained from behind: which connection is written to first means nothing.
        while let Some(key) = listed.pop() {
            let Some(client) = clients.get_mut(key) else { continue };
            client.listed = false;
            let bytes = client.output.take();
            let handed = bytes.is_some();
            if let Some(bytes) = bytes {
                output(Output::Send { connection: key, bytes });
            }
            if let Some(core) = client.moves_to.filter(|_| !client.moving && !client.closing && client.output.is_idle())
            {
                client.moving = true;
                output(Output::Move { connection: key, core });
            }
            if client.closing && !client.closed && client.output.is_idle() {
                client.closed = true;
                output(Output::Close { connection: key });
            }
            outgoing.count(client, handed, *now_ms);
            let waits = client.closing || client.moves_to.is_some();
            *awaits_sent |= !client.closed && client.output.holds_up(waits, outgoing.soft);
        }
    }

    /// Gives what is rarely wanted, and what goes to other cores.
    pub(super) fn collect_rest<B>(&mut self, output: &mut impl FnMut(Output<B>)) {
        if !self.errands.is_empty() {
            for errand in self.errands.drain(..) {
                output(match errand {
                    Errand::Receive { connection, on } => Output::Receive { connection, on },
                    Errand::MeasureDisk => Output::MeasureDisk,
                });
            }
        }
        while let Some((core, letter)) = self.letters.pop_front() {
            output(Output::Letter { core, letter });
        }
    }

    /// Does something go on only when a buffer of the outputs collected since the last call has been written?
    pub(super) fn take_awaits_sent(&mut self) -> bool {
        std::mem::take(&mut self.awaits_sent)
    }

    /// Sends a letter of those that clients cause without end.
    pub(super) fn post(&mut self, core: CoreId, letter: Letter) {
        self.postage.goes(letter.weight());
        self.crowd_changes |= self.postage.is_heavy();
        self.crowded |= self.crowd_changes;
        self.letters.push_back((core, letter));
    }

    /// Is there a session whose reply may be due, whose commit may go on, or whose deliveries pause or go on?
    pub(super) fn is_something_due(&self) -> bool {
        !(self.due.is_empty() && self.two_phase_due.is_empty() && self.hold_changes.is_empty())
    }

    /// Do frames of a connection wait?
    pub(super) fn is_anybody_stalled(&self) -> bool {
        !self.stalled.is_empty() || self.aside.len() > 0
    }

    pub(super) fn session_ref(&self, key: SessionKey) -> SessionRef {
        SessionRef { core: self.core, key }
    }

    pub(super) fn deadline(&self, now: Now) -> Option<Now> {
        if self.clients.is_empty() && self.orphans.is_empty() {
            return None;
        }
        let mut next_ms = self.incoming.due_ms().map_or(self.next_ttl_check_ms, |due| due.min(self.next_ttl_check_ms));
        if let Some(due) = self.outgoing.due_ms() {
            next_ms = next_ms.min(due);
        }
        let wait = next_ms.saturating_sub(millis(now)).max(1);
        Some(now.plus_nanos(wait * 1_000_000))
    }
}

impl Deliver for Front {
    fn message(&mut self, to: SessionRef, consumer: ConsumerId, id: MessageId, deliveries: u16, body: &[u8]) {
        if to.core != self.core {
            return self.post(to.core, Letter::Message { to, consumer, id, deliveries, body: body.into() });
        }
        if self.write(to.key, |to, out| deliver(to.channel, consumer, id, deliveries, body, out)) {
            self.review_hold(to.key);
        }
    }

    fn nothing_more(&mut self, to: SessionRef, consumer: ConsumerId, sequence: i64, queue: &str) {
        if to.core != self.core {
            let letter = Letter::NothingMore { to, consumer, sequence, queue: queue.into() };
            self.letters.push_back((to.core, letter));
            return;
        }
        self.write(to.key, |to, out| nothing_more(to.channel, consumer, sequence, queue, to.version, out));
    }

    fn producer_credits(&mut self, to: SessionRef, named: &str, credits: i32, granted: bool) {
        if to.core != self.core {
            let letter = Letter::ProducerCredits { to, named: named.into(), credits, granted };
            self.letters.push_back((to.core, letter));
            return;
        }
        self.write(to.key, |to, out| producer_credits(to.channel, named, credits, granted, to.version, out));
    }

    fn close_connection(&mut self, of: SessionRef) {
        if of.core != self.core {
            self.letters.push_back((of.core, Letter::CloseConnection { of }));
            return;
        }
        let Some(connection) = self.sessions.get(of.key).map(|session| session.connection) else { return };
        crate::event!(NT107, ?connection);
        self.doom(connection);
        self.close_now(connection);
    }

    fn consumer_gone(&mut self, to: SessionRef, consumer: ConsumerId) {
        if to.core != self.core {
            self.letters.push_back((to.core, Letter::ConsumerGone { to, consumer }));
            return;
        }
        if let Some(session) = self.sessions.get_mut(to.key) {
            session.forget_consumer(consumer);
            self.session_memory.count(session);
        }
        self.write(to.key, |to, out| consumer_gone(to.channel, consumer, to.version, out));
    }

    fn answer(&mut self, to: SessionRef, token: Token, answer: Answer) {
        if to.core != self.core {
            self.letters.push_back((to.core, Letter::Answer { to, token, answer }));
            return;
        }
        if token.0 & MANAGEMENT_TOKEN != 0 {
            return self.answer_call(token, answer);
        }
        let Some(session) = self.sessions.get_mut(to.key) else { return };
        if token.0 & TWO_PHASE_TOKEN == 0 {
            if session.answered(token, &answer) {
                self.session_memory.count(session);
            }
            session.replies.fill(token, answer);
            self.due.push(to.key);
        } else if let Some(two_phase) = session.two_phase.as_mut()
            && two_phase.answered(answer)
        {
            self.two_phase_due.push(to.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ten thousand idle clients cost is counted in these.
    #[test]
    fn connections_and_sessions_are_small() {
        let sizes = (size_of::<Client>(), size_of::<Session<Respond>>());
        assert!(sizes.0 <= 400 && sizes.1 <= 400, "a client takes {} bytes, a session {}", sizes.0, sizes.1);
    }
}
