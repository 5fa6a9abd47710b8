//! One channel of a connection: who waits for which answer on it.
//!
//! A call writes a packet and waits; calls of one channel go one after the other. Asynchronous sends wait in a table by
//! correlation id. Must stay true: every waiter is told when the connection is lost, and none can start to wait after that; a call
//! whose future was dropped still takes its own answer, so that the next call does not get it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use protocol::core::error::EncodeError;
use protocol::core::identity::{ChannelId, ConsumerId, CorrelationId, MessageId, ProducerId};
use protocol::core::packet::{Direction, Packet, PacketType, decode, encode};
use protocol::simple_string::SimpleString;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::connection::Shared;
use crate::consumer::{Arrival, Part};
use crate::credits::Credits;
use crate::error::{Error, Loss};
use crate::outbound::locked;

/// The body of the frame that answered a call.
pub(crate) struct Answer(Bytes);

impl Answer {
    /// What it says. The bytes were decoded once before, by the reader.
    pub(crate) fn packet(&self, shared: &Shared) -> Result<Packet<'_>, Error> {
        let frame = decode(&self.0, Direction::ServerToClient, shared.version()).map_err(Error::Unreadable)?;
        Ok(frame.packet)
    }
}

/// A call that waits for its answer.
struct Waiting {
    expects: PacketType,
    correlation_id: CorrelationId,
    answer: oneshot::Sender<Result<Answer, Error>>,
}

/// An asynchronous send that waits for its answer.
struct InFlight {
    answer: oneshot::Sender<Result<(), Error>>,
    /// Its place in the producer's window, given back when it is answered.
    _place: OwnedSemaphorePermit,
}

#[derive(Default)]
struct State {
    lost: Option<Loss>,
    calls: VecDeque<Waiting>,
    /// Counts down from -1 with every call.
    last_call_id: i64,
    sends: HashMap<CorrelationId, InFlight>,
    /// Counts up from 1 with every asynchronous send.
    last_send_id: i64,
    consumers: HashMap<ConsumerId, mpsc::UnboundedSender<Arrival>>,
    next_consumer_id: i64,
    last_producer_id: i32,
    credits: HashMap<SimpleString, Arc<Credits>>,
}

/// A channel and its waiters.
pub(crate) struct Channel {
    pub(crate) id: ChannelId,
    pub(crate) shared: Arc<Shared>,
    state: Mutex<State>,
    /// Held during a call, so that there is one at a time.
    turn: tokio::sync::Mutex<()>,
    /// Counts rollbacks. What arrived before one comes again after it, so consumers throw away what is older than the count.
    rollbacks: AtomicU64,
}

impl Channel {
    pub(crate) fn new(id: ChannelId, shared: Arc<Shared>) -> Channel {
        let state = State { last_call_id: -1, ..State::default() };
        let (state, turn) = (Mutex::new(state), tokio::sync::Mutex::new(()));
        Channel { id, shared, state, turn, rollbacks: AtomicU64::new(0) }
    }

    /// Sends a request that carries no correlation id and waits for its answer.
    pub(crate) async fn call(&self, packet: &Packet<'_>, expects: PacketType) -> Result<Answer, Error> {
        self.exchange(expects, |_| (CorrelationId::NONE, *packet)).await
    }

    /// Sends a request made for a correlation id and waits for its answer.
    pub(crate) async fn call_with_id<'p>(
        &self,
        expects: PacketType,
        request: impl FnOnce(CorrelationId) -> Packet<'p>,
    ) -> Result<Answer, Error> {
        self.exchange(expects, |id| (id, request(id))).await
    }

    async fn exchange<'p>(
        &self,
        expects: PacketType,
        request: impl FnOnce(CorrelationId) -> (CorrelationId, Packet<'p>),
    ) -> Result<Answer, Error> {
        let _turn = self.turn.lock().await;
        let (sender, receiver) = oneshot::channel();
        let what = {
            let mut state = locked(&self.state);
            state.refuse_if_lost()?;
            state.last_call_id -= 1;
            let (correlation_id, packet) = request(CorrelationId(state.last_call_id));
            // The answer can only come after the frame is appended, and is looked up under this lock.
            self.append(&packet)?;
            state.calls.push_back(Waiting { expects, correlation_id, answer: sender });
            packet.packet_type().name().unwrap_or("packet")
        };
        let after = self.shared.options.call_timeout;
        match tokio::time::timeout(after, receiver).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Error::Lost(self.shared.loss())),
            Err(_) => {
                self.shared.lose(Loss::Unanswered(what));
                Err(Error::TimedOut { what, after })
            }
        }
    }

    /// Sends a packet that is not answered.
    pub(crate) fn tell(&self, packet: &Packet<'_>) -> Result<(), Error> {
        locked(&self.state).refuse_if_lost()?;
        Ok(self.append(packet)?)
    }

    /// Sends a message whose answer is waited for elsewhere.
    pub(crate) fn send<'p>(
        &self,
        place: OwnedSemaphorePermit,
        request: impl FnOnce(CorrelationId) -> Packet<'p>,
    ) -> Result<oneshot::Receiver<Result<(), Error>>, Error> {
        let (answer, receiver) = oneshot::channel();
        let mut state = locked(&self.state);
        state.refuse_if_lost()?;
        state.last_send_id += 1;
        let correlation_id = CorrelationId(state.last_send_id);
        self.append(&request(correlation_id))?;
        state.sends.insert(correlation_id, InFlight { answer, _place: place });
        Ok(receiver)
    }

    fn append(&self, packet: &Packet<'_>) -> Result<(), EncodeError> {
        let version = self.shared.version();
        self.shared.outbound.append(|out| encode(self.id, packet, version, out))
    }

    /// A place for deliveries to a new consumer.
    pub(crate) fn add_consumer(&self) -> Result<(ConsumerId, mpsc::UnboundedReceiver<Arrival>), Error> {
        // Unbounded by itself; the credits given to the server bound it.
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = locked(&self.state);
        state.refuse_if_lost()?;
        let id = ConsumerId(state.next_consumer_id);
        state.next_consumer_id += 1;
        state.consumers.insert(id, sender);
        Ok((id, receiver))
    }

    pub(crate) fn remove_consumer(&self, id: ConsumerId) {
        locked(&self.state).consumers.remove(&id);
    }

    /// The id of a new producer.
    pub(crate) fn add_producer(&self) -> ProducerId {
        let mut state = locked(&self.state);
        state.last_producer_id += 1;
        ProducerId(state.last_producer_id)
    }

    /// The account of an address, shared by the session's producers.
    pub(crate) fn credits(&self, address: &SimpleString) -> Arc<Credits> {
        Arc::clone(locked(&self.state).credits.entry(address.clone()).or_default())
    }

    /// Takes a packet from the server.
    pub(crate) fn receive(&self, packet: &Packet<'_>, body: &Bytes) {
        match packet {
            Packet::NullResponse(response) => {
                if !self.resolve_send(response.correlation_id, Ok(())) {
                    self.resolve_call(packet.packet_type(), response.correlation_id, body);
                }
            }
            Packet::Exception(exception) => {
                let message = exception.message.map(|text| text.to_string()).unwrap_or_default();
                let refused = Error::Refused { code: exception.code, message };
                let correlation_id = exception.correlation_id.unwrap_or_default();
                if !self.resolve_send(correlation_id, Err(refused.clone())) {
                    self.refuse_call(refused);
                }
            }
            Packet::ReceiveMessage(receive) => {
                let part = Part::Whole {
                    message: body.slice_ref(receive.message),
                    delivery_count: receive.trailer.delivery_count,
                    frame_bytes: frame_bytes(body),
                };
                self.deliver(receive.trailer.consumer_id, part);
            }
            Packet::ReceiveLargeMessage(large) => {
                let part = Part::Head {
                    header: body.slice_ref(large.header),
                    delivery_count: large.delivery.delivery_count,
                    body_bytes: large.large_message_size,
                    frame_bytes: frame_bytes(body),
                };
                self.deliver(large.delivery.consumer_id, part);
            }
            Packet::ReceiveContinuation(piece) => {
                let chunk = body.slice_ref(piece.chunk);
                let part = Part::Piece { chunk, continues: piece.continues, frame_bytes: frame_bytes(body) };
                self.deliver(piece.consumer_id, part);
            }
            Packet::DisconnectConsumer(gone) => self.deliver(gone.consumer_id, Part::Gone),
            Packet::ProducerCredits(granted) => {
                self.account_of(granted.address.as_bytes()).inspect(|credits| credits.grant(granted.credits));
            }
            Packet::ProducerFailCredits(refused) => {
                self.account_of(refused.address.as_bytes()).inspect(|credits| credits.refuse());
            }
            Packet::PacketsConfirmed(_) => {}
            answer => self.resolve_call(answer.packet_type(), CorrelationId::NONE, body),
        }
    }

    fn account_of(&self, address: &[u8]) -> Option<Arc<Credits>> {
        locked(&self.state).credits.get(address).cloned()
    }

    fn deliver(&self, consumer: ConsumerId, part: Part) {
        let state = locked(&self.state);
        if let Some(parts) = state.consumers.get(&consumer) {
            // A consumer that was dropped a moment ago has no use for it.
            let _dropped = parts.send(Arrival { rollbacks: self.rollbacks(), part });
        }
    }

    fn resolve_send(&self, id: CorrelationId, outcome: Result<(), Error>) -> bool {
        let Some(in_flight) = locked(&self.state).sends.remove(&id) else { return false };
        // The caller may not care any more.
        let _dropped = in_flight.answer.send(outcome);
        true
    }

    /// An answer that fits no call is ignored, as the reference client does: it may be late for a call that was given up.
    fn resolve_call(&self, answers: PacketType, id: CorrelationId, body: &Bytes) {
        let mut state = locked(&self.state);
        let fits = state.calls.front().is_some_and(|call| call.expects == answers && call.correlation_id == id);
        if !fits {
            return;
        }
        if let Some(call) = state.calls.pop_front() {
            let _dropped = call.answer.send(Ok(Answer(body.clone())));
        }
    }

    fn refuse_call(&self, refused: Error) {
        if let Some(call) = locked(&self.state).calls.pop_front() {
            let _dropped = call.answer.send(Err(refused));
        }
    }

    /// How often the session was rolled back.
    pub(crate) fn rollbacks(&self) -> u64 {
        self.rollbacks.load(Ordering::Acquire)
    }

    /// The session is being rolled back: its deliveries are stopped, and all that arrived until now is void.
    pub(crate) fn count_rollback(&self) {
        self.rollbacks.fetch_add(1, Ordering::AcqRel);
    }

    /// The connection is gone: everybody who waits here is told, by the end of what they wait on.
    pub(crate) fn lose(&self, loss: &Loss) {
        let mut state = locked(&self.state);
        state.lost = Some(loss.clone());
        state.calls.clear();
        state.sends.clear();
        state.consumers.clear();
        let accounts = std::mem::take(&mut state.credits);
        drop(state);
        accounts.values().for_each(|credits| credits.changed.notify_waiters());
    }

    /// Fails when the connection is gone.
    pub(crate) fn refuse_if_lost(&self) -> Result<(), Error> {
        locked(&self.state).refuse_if_lost()
    }
}

impl State {
    fn refuse_if_lost(&self) -> Result<(), Error> {
        match &self.lost {
            Some(loss) => Err(Error::NotSent(loss.clone())),
            None => Ok(()),
        }
    }
}

/// What a frame costs in consumer credits: all of it, with its length field.
fn frame_bytes(body: &Bytes) -> usize {
    body.len() + protocol::limits::LENGTH_PREFIX_BYTES
}

/// What an acknowledgement names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Delivered {
    pub(crate) consumer_id: ConsumerId,
    pub(crate) message_id: MessageId,
}
