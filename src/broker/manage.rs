//! Requests to look after the broker: a send to the management address is not stored but carried out, and its result is sent to
//! where its sender waits. The send itself is answered behind that, as the reference does it.

use journal::{BlockBuffer, Vector};

use super::front::{Errand, Waiter};
use super::{Core, Front};
use crate::limits;
use crate::mail::{
    AddressState, Answer, Ask, DiskSpace, Failure, FailureKind, Publish, QueueState, Reply, RoutingType, RoutingTypes,
    Token,
};
use crate::management::{self, Conversation, Facts, Outcome, Step};
use crate::message::{CoreId, SessionKey};
use crate::net::core::{ReplyTo, Respond, read_request, write_result};

/// Tokens with this bit belong to a request to look after the broker; the rest is its number.
pub(super) const MANAGEMENT_TOKEN: u64 = 1 << 62;

/// A request under way.
#[derive(Debug)]
pub(super) struct Call {
    session: SessionKey,
    /// The answer to the send.
    token: Token,
    reply_to: ReplyTo,
    missing: usize,
    replies: Vec<Result<Reply, Failure>>,
    /// What the answers so far rely on.
    vector: Vector,
    stage: Stage,
}

/// What a request waits for.
#[derive(Debug)]
enum Stage {
    /// Answers.
    Asking(Conversation),
    /// That what the result relies on is promised.
    Promising(Outcome),
    /// That the result is sent.
    Telling,
}

impl Call {
    /// An answer. True: it was the last.
    pub(super) fn answered(&mut self, answer: Answer) -> bool {
        self.vector.merge(&answer.vector);
        self.replies.push(answer.reply);
        self.missing = self.missing.saturating_sub(1);
        self.missing == 0
    }
}

impl<B: BlockBuffer> Core<B> {
    /// Something that concerns the management address itself.
    #[cold]
    pub(super) fn manage(&mut self, key: SessionKey, ask: Ask<'_>, respond: Respond) {
        let reply = match ask {
            Ask::Publish(publish) => return self.begin_call(key, &publish, respond),
            Ask::QueryQueue { .. } => {
                let name = self.front.facts.management_address.clone();
                let (consumers, messages) = (-1, -1);
                let auto_create = self.home.address_settings(&name).auto_create_queues;
                let state = QueueState {
                    exists: true,
                    durable: true,
                    address: name.clone(),
                    name,
                    max_consumers: -1,
                    consumers,
                    messages,
                    auto_create,
                    ..QueueState::default()
                };
                Ok(Reply::Queue(Box::new(state)))
            }
            Ask::QueryAddress { .. } => {
                let routing = RoutingTypes::only(RoutingType::Anycast).with(RoutingTypes::only(RoutingType::Multicast));
                let settings = self.home.address_settings(&self.front.facts.management_address);
                let state = AddressState {
                    exists: true,
                    queues: Vec::new(),
                    routing,
                    auto_create_address: settings.auto_create_addresses,
                    auto_create_queues: settings.auto_create_queues,
                };
                Ok(Reply::Address(Box::new(state)))
            }
            Ask::CreateAddress { .. } => Ok(Reply::Done),
            _ => {
                let text =
                    format!("{} takes requests to the broker, nothing else", self.front.facts.management_address);
                Err(Failure::new(FailureKind::IllegalState, text))
            }
        };
        self.reply_now(key, respond, Answer { reply, vector: Vector::new() });
    }

    fn begin_call(&mut self, key: SessionKey, publish: &Publish<'_>, respond: Respond) {
        let (reply_to, request) = read_request(&publish.message);
        let Some(session) = self.front.sessions.get_mut(key) else { return };
        let token = session.replies.expect(respond, 1);
        let step = match request {
            Ok(_) if self.front.calls.len() >= limits::MANAGEMENT_CALLS_MAX => {
                Step::Done(Err("too many requests are under way; try again".to_owned()))
            }
            Ok(request) => management::begin(request, &self.front.management_facts(key)),
            Err(problem) => Step::Done(Err(problem)),
        };
        let number = self.front.next_call;
        self.front.next_call = number.wrapping_add(1);
        let call = Call {
            session: key,
            token,
            reply_to,
            missing: 0,
            replies: Vec::new(),
            vector: Vector::new(),
            stage: Stage::Telling,
        };
        self.take_step(number, call, step);
    }

    /// Asks, waits for promises, or tells the result.
    fn take_step(&mut self, number: u32, mut call: Call, step: Step) {
        match step {
            Step::Done(outcome) => match self.home.promises().first_missing(&call.vector) {
                None => self.tell(number, call, &outcome),
                Some((lane, lsn)) => {
                    call.stage = Stage::Promising(outcome);
                    self.front.calls.insert(number, call);
                    self.home.watch(lane, lsn);
                    self.front.gate.wait(lane, lsn, Waiter::Call(number));
                }
            },
            Step::One(ask, conversation) => {
                let (key, core) = (call.session, self.core_for(call.session, &ask));
                call.missing = 1;
                call.stage = Stage::Asking(conversation);
                self.front.calls.insert(number, call);
                self.request(key, core.unwrap_or(self.front.core), Some(token_of(number)), ask);
            }
            Step::Disk(conversation) => {
                call.missing = 1;
                call.stage = Stage::Asking(conversation);
                self.front.calls.insert(number, call);
                // Whoever asks while it is measured hears the same.
                if self.front.disk_askers.is_empty() {
                    self.front.errands.push(Errand::MeasureDisk);
                }
                self.front.disk_askers.push(number);
            }
            Step::All(question, conversation) => {
                let (key, cores) = (call.session, self.front.settings.cores);
                call.missing = usize::from(cores);
                call.stage = Stage::Asking(conversation);
                self.front.calls.insert(number, call);
                for core in (0..cores).map(CoreId) {
                    self.request(key, core, Some(token_of(number)), question.ask());
                }
            }
        }
    }

    /// Sends the result to whatever queue is behind its address; nobody makes one for it.
    fn tell(&mut self, number: u32, mut call: Call, outcome: &Outcome) {
        let Some(address) = call.reply_to.address().map(str::to_owned) else { return self.front.end_call(&call) };
        let message = write_result(&call.reply_to, outcome);
        let ask = Ask::Publish(Publish {
            address: address.into(),
            queue: None,
            message: message.into(),
            durable: false,
            priority: 0,
            routing: None,
            in_transaction: false,
        });
        let (key, core) = (call.session, self.core_for(call.session, &ask));
        call.missing = 1;
        call.stage = Stage::Telling;
        self.front.calls.insert(number, call);
        self.request(key, core.unwrap_or(self.front.core), Some(token_of(number)), ask);
    }

    /// The disk was measured, or could not be.
    pub fn disk_measured(&mut self, measured: Result<DiskSpace, String>) {
        self.stirred = true;
        for number in std::mem::take(&mut self.front.disk_askers) {
            let reply = measured.clone().map(Reply::Disk).map_err(|text| Failure::new(FailureKind::Internal, text));
            self.front.answer_call(token_of(number), Answer { reply, vector: Vector::new() });
        }
    }

    /// Requests whose answers are there, or whose promises are, go on.
    #[cold]
    pub(super) fn go_on_with_calls(&mut self) {
        // What it asks next may append records: as a client's command would, it waits for room.
        while !self.front.crowded && self.home.ready() {
            let Some(number) = self.front.calls_due.pop() else { break };
            let Some(mut call) = self.front.calls.remove(&number) else { continue };
            let replies = std::mem::take(&mut call.replies);
            match std::mem::replace(&mut call.stage, Stage::Telling) {
                Stage::Asking(conversation) => {
                    let step = conversation.answered(replies);
                    self.take_step(number, call, step);
                }
                Stage::Promising(outcome) => self.take_step(number, call, Step::Done(outcome)),
                Stage::Telling => self.front.end_call(&call),
            }
        }
        self.release_replies();
    }
}

impl Front {
    /// What is known now, which is when the request's connection was heard last.
    fn management_facts(&self, key: SessionKey) -> Facts<'_> {
        let client = self.sessions.get(key).and_then(|session| self.clients.get(session.connection));
        let uptime_ms = client.map_or(0, |client| client.protocol.heard_ms.saturating_sub(self.since_ms));
        Facts {
            node_id: &self.facts.node_id,
            version: env!("CARGO_PKG_VERSION"),
            started_unix_ms: self.facts.started_unix_ms,
            uptime_ms: i64::try_from(uptime_ms).unwrap_or(i64::MAX),
            management_address: &self.facts.management_address,
        }
    }

    /// The result is sent: so the send is answered.
    fn end_call(&mut self, call: &Call) {
        if let Some(session) = self.sessions.get_mut(call.session) {
            session.replies.fill(call.token, Answer::done(Vector::new()));
            self.due.push(call.session);
        }
    }

    /// A home answers a question of such a request.
    #[cold]
    pub(super) fn answer_call(&mut self, token: Token, answer: Answer) {
        let Ok(number) = u32::try_from(token.0 & !MANAGEMENT_TOKEN) else { return };
        if self.calls.get_mut(&number).is_some_and(|call| call.answered(answer)) {
            self.calls_due.push(number);
        }
    }

    /// Nobody waits for the requests of a session that is gone.
    pub(super) fn forget_calls(&mut self, key: SessionKey) {
        self.calls.retain(|_, call| call.session != key);
        let calls = &self.calls;
        // The first one is kept: it says that the disk is being measured.
        let mut first = true;
        self.disk_askers.retain(|number| std::mem::take(&mut first) || calls.contains_key(number));
    }
}

fn token_of(number: u32) -> Token {
    Token(MANAGEMENT_TOKEN | u64::from(number))
}
