//! What a client wants becomes requests to homes; answers become replies.

use std::borrow::Cow;

use journal::BlockBuffer;
use protocol::core::packet::Packet;
use protocol::limits::LENGTH_PREFIX_BYTES;

use super::session_memory::NO_MEMORY;
use super::{Core, Front, front::Waiter};
use crate::home::Outcome;
use crate::limits;
use crate::mail::{Answer, Ask, Deliver, Failure, FailureKind, Letter, Request, Token};
use crate::message::{ConnectionKey, CoreId, SessionKey};
use crate::net::core::{Lowered, Problem, Respond, is_kept, lower};
use crate::routing;
use crate::security::Permissions;
use crate::session::{CoreSet, Next, Verb};
use journal::Vector;

impl<B: BlockBuffer> Core<B> {
    /// A packet on the channel of a session, if there is one. False: it has to wait, and is to be handed in again.
    #[inline(always)]
    pub(super) fn session_packet(
        &mut self,
        connection: ConnectionKey,
        key: Option<SessionKey>,
        packet: &Packet<'_>,
        body_bytes: usize,
    ) -> bool {
        let Some(key) = key else { return self.packet_without_session(connection, packet) };
        let Some(session) = self.front.sessions.get_mut(key).filter(|session| !session.closing) else {
            return self.packet_without_session(connection, packet);
        };
        let modes = session.modes;
        if let Packet::PacketsConfirmed(confirmed) = packet {
            self.front.confirmed_by_client(key, confirmed.command_id.0);
            return true;
        }
        let numbered = is_kept(packet);
        if numbered {
            session.begin_command();
        }
        let kept = session.confirmations.is_some() && numbered;
        if kept {
            session.replies.begin_kept(LENGTH_PREFIX_BYTES + body_bytes);
        }
        let mut last = self.last_address.take().unwrap_or_default();
        match lower(packet, modes, &mut last) {
            // Nearly always: so it is moved once less.
            Some(Lowered { verb: Verb::Ask(ask), respond }) => self.ask(key, ask, respond),
            Some(lowered) => self.execute(key, lowered.verb, lowered.respond),
            None => self.packet_without_place(connection, packet),
        }
        self.last_address = Some(last);
        if self.front.moves.take_handed_back() {
            return self.front.hand_back(key, numbered);
        }
        if kept
            && let Some(session) = self.front.sessions.get_mut(key)
            && session.replies.end_kept(Respond::Nothing)
        {
            self.front.due.push(key);
        }
        true
    }

    #[cold]
    fn packet_without_place(&mut self, connection: ConnectionKey, packet: &Packet<'_>) {
        let text = format!("{} has no place on a session channel", packet.packet_type());
        self.give_up(connection, &Problem::Packet(text));
    }

    /// A packet on a channel that nobody opened, or that its client has closed, is dropped, as the reference does: clients send some
    /// that cross the close, and it could make something at a home that nobody would take away again. One that nobody knows ends the
    /// connection wherever it comes.
    #[cold]
    fn packet_without_session(&mut self, connection: ConnectionKey, packet: &Packet<'_>) -> bool {
        if let Packet::Unknown { .. } = packet {
            self.give_up(connection, &Problem::unknown(packet));
        }
        true
    }

    fn execute(&mut self, key: SessionKey, verb: Verb<'_>, respond: Respond) {
        match verb {
            Verb::Ask(ask) => self.ask(key, ask, respond),
            Verb::Commit => self.commit(key, respond),
            Verb::Rollback { consider_last_as_delivered } => {
                let Some(session) = self.front.sessions.get_mut(key) else { return };
                let cores = session.touched.union(session.end_transaction());
                self.ask_all(key, cores, respond, || Ask::Rollback { consider_last_as_delivered });
            }
            Verb::Start => {
                let Some(session) = self.front.sessions.get_mut(key) else { return };
                session.started = true;
                let cores = session.touched;
                self.ask_all(key, cores, respond, || Ask::Start);
            }
            Verb::Stop => {
                let Some(session) = self.front.sessions.get_mut(key) else { return };
                session.started = false;
                let cores = session.touched;
                self.ask_all(key, cores, respond, || Ask::Stop);
            }
            Verb::Close => {
                let Some(session) = self.front.sessions.get_mut(key) else { return };
                session.closing = true;
                let cores = session.touched.union(session.end_transaction());
                self.ask_all(key, cores, respond, || Ask::EndSession { failed: false });
            }
            Verb::Metadata { key: name, value, unique } => self.metadata(key, &name, &value, unique, respond),
            Verb::ProducerCredits { address, named, credits } => self.producer_credits(key, address, named, credits),
            Verb::Nothing => self.reply_now(key, respond, Answer::done(Vector::new())),
            Verb::RefuseSend(failure) => {
                crate::event!(NT205, session = ?key, "refused: {failure}");
                if self.front.sessions.get(key).is_some_and(|session| !session.modes.auto_commit_sends) {
                    self.ask(key, Ask::Spoil(failure), respond);
                } else {
                    self.reply_now(key, respond, Answer::failed(failure));
                }
            }
            Verb::Refuse(failure) => {
                crate::event!(NT205, session = ?key, "refused: {failure}");
                self.reply_now(key, respond, Answer::failed(failure));
            }
        }
    }

    /// Replies without asking anybody, in the order of the commands.
    pub(super) fn reply_now(&mut self, key: SessionKey, respond: Respond, answer: Answer) {
        let Some(session) = self.front.sessions.get_mut(key) else { return };
        if respond != Respond::Nothing {
            let token = session.replies.expect(respond, 1);
            session.replies.fill(token, answer);
            self.front.due.push(key);
        }
    }

    /// Credits for a producer. Only a home knows whether an address is full; where none can be, they are given here.
    fn producer_credits(&mut self, key: SessionKey, address: Cow<'_, str>, named: String, credits: i32) {
        if !self.front.settings.full_matters || *address == *self.front.facts.management_address {
            let respond = Respond::Credits { credits, address: named };
            return self.reply_now(key, respond, Answer::done(Vector::new()));
        }
        self.ask(key, Ask::ProducerCredits { address, named: named.into(), credits }, Respond::Nothing);
    }

    fn metadata(&mut self, key: SessionKey, name: &str, value: &str, unique: bool, respond: Respond) {
        let Some(session) = self.front.sessions.get_mut(key) else { return };
        let known = session.metadata.iter().any(|(known, _)| known == name);
        let too_much = (!known && session.metadata.len() >= limits::METADATA_PER_SESSION_MAX)
            || name.len() + value.len() > limits::METADATA_BYTES_MAX;
        if too_much {
            let failure = Failure::new(FailureKind::Full, "the session has as much metadata as it may");
            return self.reply_now(key, respond, Answer::failed(failure));
        }
        let (before, after) = (session.notes_bytes(), session.notes_bytes_with(name, value));
        let all = self.front.notes_bytes.saturating_sub(before).saturating_add(after);
        if after > before && all > self.front.shares.notes {
            let failure = Failure::new(FailureKind::Full, "the memory for the metadata of all sessions is full");
            return self.reply_now(key, respond, Answer::failed(failure));
        }
        self.front.notes_bytes = all;
        session.metadata.retain(|(known, _)| known != name);
        session.metadata.push((name.to_owned(), value.to_owned()));
        if unique {
            self.ask(key, Ask::Claim { key: name.into(), value: value.into() }, respond);
        } else {
            self.reply_now(key, respond, Answer::done(Vector::new()));
        }
    }

    fn ask(&mut self, key: SessionKey, mut ask: Ask<'_>, respond: Respond) {
        let permissions = if self.front.policy.is_none() {
            None
        } else {
            match self.front.look_up(key, &mut ask) {
                Ok(permissions) => Some(permissions),
                Err(failure) => return self.refuse(key, &ask, failure, respond),
            }
        };
        let Some(core) = self.core_for(key, &ask) else {
            if ask.address() == Some(&self.front.facts.management_address) {
                return self.manage(key, ask, respond);
            }
            let answer = nobody_to_ask(&ask);
            return match (ask, answer.reply) {
                // What belongs to the transaction was not done: its commit must fail.
                (Ask::Acknowledge(ack), Err(failure)) if ack.in_transaction => {
                    self.ask(key, Ask::Spoil(failure), respond)
                }
                (_, reply) => self.reply_now(key, respond, Answer { reply, ..answer }),
            };
        };
        if core != self.front.core && self.front.follows(key, core, &ask) {
            return;
        }
        if matches!(ask, Ask::CreateQueue(_) | Ask::DeleteQueue { .. })
            && let Err(failure) = self.note_temporary(key, &mut ask)
        {
            return self.reply_now(key, respond, Answer::failed(failure));
        }
        let Some(session) = self.front.sessions.get_mut(key) else { return };
        let mut opening = None;
        if let Ask::CreateConsumer { consumer, started, pre_acknowledge, .. } = &mut ask {
            if let Some(failure) = session.consumer_problem(*consumer) {
                return self.reply_now(key, respond, Answer::failed(failure));
            }
            if !self.front.session_memory.has_room_for_consumer(session) {
                crate::event!(NT215, connection = ?session.connection);
                let failure = Failure::new(FailureKind::Full, NO_MEMORY);
                return self.reply_now(key, respond, Answer::failed(failure));
            }
            *started = session.started;
            *pre_acknowledge = session.modes.pre_acknowledge;
            opening = Some(*consumer);
        }
        // This home may not have been there when the others were told.
        let holds = session.held_back && opening.is_some();
        if session.note(&ask, core) {
            self.front.session_memory.count(session);
        }
        let stores = matches!(ask, Ask::Publish(_) | Ask::Acknowledge(_));
        let waits = self.front.settings.sync_non_transactional || !stores;
        // A send that nobody waits for has a silent reply: what is answered after it, such as the close of the session, must not
        // be heard before it is stored. So has a request that its client keeps until it is done, and a consumer, which is
        // forgotten if it cannot be opened.
        let owes = stores || opening.is_some() || session.replies.is_kept() || respond != Respond::Nothing;
        let token = owes.then(|| session.replies.expect_with(respond, 1, waits));
        if let Some((token, consumer)) = token.zip(opening) {
            session.opening(token, consumer);
        }
        if holds {
            self.request(key, core, None, Ask::Hold { held: true });
        }
        self.request_as(key, core, token, permissions, ask);
    }

    /// Somebody may not do what he asks for.
    #[cold]
    fn refuse(&mut self, key: SessionKey, ask: &Ask<'_>, failure: Failure, respond: Respond) {
        let verb = if matches!(ask, Ask::Publish(_)) { Verb::RefuseSend(failure) } else { Verb::Refuse(failure) };
        self.execute(key, verb, respond);
    }

    /// Asks several cores; the reply follows when all have answered.
    fn ask_all(&mut self, key: SessionKey, cores: CoreSet, respond: Respond, ask: impl Fn() -> Ask<'static>) {
        if cores.is_empty() {
            return self.reply_now(key, respond, Answer::done(Vector::new()));
        }
        let Some(session) = self.front.sessions.get_mut(key) else { return };
        let token = (respond != Respond::Nothing).then(|| session.replies.expect(respond, cores.len()));
        for core in cores.iter() {
            self.request(key, core, token, ask());
        }
    }

    /// The core that answers a question of a session. `None`: it speaks of a consumer that is not there, or of the management address,
    /// which lives nowhere.
    // Asked for every command in one place, and rarely in others, which would make a call of it.
    #[inline(always)]
    pub(super) fn core_for(&self, key: SessionKey, ask: &Ask<'_>) -> Option<CoreId> {
        match ask {
            Ask::Acknowledge(acknowledge) => self.front.sessions.get(key)?.consumer_core(acknowledge.consumer),
            Ask::Credit { consumer, .. }
            | Ask::ForceDelivery { consumer, .. }
            | Ask::CloseConsumer { consumer }
            | Ask::Expired { consumer, .. } => self.front.sessions.get(key)?.consumer_core(*consumer),
            Ask::Claim { .. } => Some(CoreId(0)),
            Ask::Spoil(_) => Some(self.front.core),
            other => {
                let address = match other {
                    // A queue that is asked for by its own name may be another address's.
                    Ask::QueryQueue { address, queue }
                    | Ask::DescribeQueue { address, queue }
                    | Ask::Purge { address, queue, .. }
                    | Ask::DeleteQueue { address, queue, .. }
                    | Ask::CreateConsumer { address, queue, .. }
                        if address == queue =>
                    {
                        self.front.aliases.get(queue.as_ref()).map_or(address.as_ref(), |address| address)
                    }
                    Ask::UpdateQueue(update) => {
                        self.front.aliases.get(update.name.as_ref()).map_or(update.name.as_ref(), |address| address)
                    }
                    other => other.address().unwrap_or_default(),
                };
                if *address == *self.front.facts.management_address {
                    return None;
                }
                let lane = routing::home_lane(address, self.front.settings.lanes);
                Some(routing::core_of_lane(lane, self.front.settings.cores))
            }
        }
    }

    /// Hands a request of the broker's own to a core.
    pub(super) fn request(&mut self, key: SessionKey, core: CoreId, token: Option<Token>, ask: Ask<'_>) {
        self.request_as(key, core, token, None, ask);
    }

    /// Hands a request to a core: by a call here, by a letter elsewhere.
    #[inline(always)]
    fn request_as(
        &mut self,
        key: SessionKey,
        core: CoreId,
        token: Option<Token>,
        permissions: Option<Permissions>,
        ask: Ask<'_>,
    ) {
        let from = self.front.session_ref(key);
        let Some(session) = self.front.sessions.get_mut(key) else { return };
        let operation = session.operation();
        let request = Request { from, operation, token, permissions, ask };
        if core != self.front.core {
            return self.front.post(core, Letter::Request(request.into_owned()));
        }
        match self.home.ask(request, &mut self.front) {
            Outcome::Done(answer) => match token {
                Some(token) => self.front.answer(from, token, answer),
                None => log_unheard(&answer),
            },
            Outcome::Later => {}
        }
    }

    /// Writes the replies that may leave now.
    pub(super) fn release_replies(&mut self) {
        self.pass_gate();
        while self.front.is_something_due() {
            while let Some(key) = self.front.due.pop() {
                self.release_session(key);
            }
            self.go_on_with_commits();
            if !self.front.hold_changes.is_empty() {
                self.change_holds();
            }
        }
    }

    /// Lets those pass who waited for what is promised by now.
    fn pass_gate(&mut self) {
        let Front { gate, sessions, due, two_phase_due, calls_due, .. } = &mut self.front;
        gate.pass(self.home.promises(), |waiter| match waiter {
            Waiter::Reply(key) => {
                if let Some(session) = sessions.get_mut(key) {
                    session.replies.passed();
                    due.push(key);
                }
            }
            Waiter::Decision(key) => two_phase_due.push(key),
            Waiter::Call(number) => calls_due.push(number),
        });
    }

    fn release_session(&mut self, key: SessionKey) {
        loop {
            let Some(session) = self.front.sessions.get_mut(key) else { return };
            match session.replies.next(self.home.promises()) {
                Next::Nothing => return,
                Next::Position(lane, lsn) => {
                    self.home.watch(lane, lsn);
                    return self.front.gate.wait(lane, lsn, Waiter::Reply(key));
                }
                Next::Released(mut released) => {
                    if let Err(failure) = &mut released.reply {
                        self.front.name_user(key, failure);
                    }
                    self.front.reply(key, &released);
                }
            }
        }
    }

    /// Tells homes which sessions' deliveries pause or go on.
    fn change_holds(&mut self) {
        for key in std::mem::take(&mut self.front.hold_changes) {
            let Some(session) = self.front.sessions.get(key) else { continue };
            let (held, cores) = (session.held_back, session.touched);
            for core in cores.iter() {
                self.request(key, core, None, Ask::Hold { held });
            }
        }
    }
}

fn nobody_to_ask(ask: &Ask<'_>) -> Answer {
    match ask {
        // Closing what is closed is fine; the client waits for the answer.
        Ask::CloseConsumer { .. } | Ask::Credit { .. } | Ask::ForceDelivery { .. } => Answer::done(Vector::new()),
        _ => Answer::failed(Failure::new(FailureKind::IllegalState, "AMQ229028: There is no such consumer")),
    }
}

/// A failure of something that nobody waits for: only the log can tell.
pub(super) fn log_unheard(answer: &Answer) {
    if let Err(failure) = &answer.reply {
        crate::event!(NT103, "a request without an answer failed: {failure}");
    }
}
