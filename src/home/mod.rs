//! The home of addresses: what one core holds of the addresses that live on its lanes.
//!
//! Takes the requests of sessions and the completions of its lanes; gives answers with what they rely on, deliveries, and
//! commands for the lanes. No I/O, no clock. What must stay true: memory changes with the append, but nobody hears of it, and
//! nothing is delivered or freed because of it, before its position is promised.

mod acknowledge;
mod bodies;
mod build;
mod census;
mod checkpoint;
mod cold;
mod commit;
mod consume;
mod deserted;
mod full;
mod gathered;
mod keeper;
mod lanes;
mod listing;
mod lives;
mod load;
mod names;
mod ongoing;
mod owed;
mod publish;
mod queue;
mod reclaim;
mod remove;
mod reserve;
mod rewrite;
mod sessions;
mod update;
mod walk;

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use journal::{BlockBuffer, Command, LaneId, LaneKind, Lsn, Now, SegmentSequence, Vector};
use slotmap::SlotMap;

pub use census::Census;
pub use cold::{ColdRead, Damaged};
pub use load::{LoadError, LoadReport, Loaded, Loader, Missing, MissingThing, Reach, Unfinished, Waiting};
pub use sessions::SESSION_BYTES;

use crate::delivery::Consumer;
use crate::limits;
use crate::mail::{Answer, Ask, Binding, Deliver, Failure, FailureKind, Letter, Publish, Request, SessionRef, Token};
use crate::message::{ConsumerId, ConsumerKey, CoreId, MessageId, QueueKey};
use crate::queue::Place;
use crate::routing::SettingsByAddress;
use crate::security::{self, Permission, Permissions};
use crate::store::record::TransactionId;
use bodies::Bodies;
use keeper::Keeper;
use lanes::Lanes;
use names::Names;
use ongoing::{Ongoing, Prepared};
use sessions::HomeSession;

/// What a home is told when it is made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This core.
    pub core: CoreId,
    /// Data cores of the process.
    pub cores: u16,
    /// Journal lanes of the store.
    pub lanes: u16,
    /// Bytes of recent bodies to keep in memory.
    pub hot_bytes: usize,
    /// What holds for which address.
    pub addresses: Arc<SettingsByAddress>,
    /// A number that differs from run to run.
    pub run_number: u64,
    /// The epoch of this run.
    pub epoch: u64,
    /// A lane is compacted when more than this many of its segments are kept and most of the oldest is dead.
    pub segments_before_compaction: u64,
    /// A checkpoint is written after so much growth of a lane.
    pub checkpoint_bytes: u64,
}

/// What became of a request.
#[derive(Debug)]
pub enum Outcome {
    /// It is answered.
    Done(Answer),
    /// The answer comes by [`Deliver::answer`].
    Later,
}

impl Outcome {
    fn done(vector: Vector) -> Self {
        Self::Done(Answer::done(vector))
    }

    fn failed(kind: FailureKind, message: impl Into<String>) -> Self {
        Self::Done(Answer::failed(Failure::new(kind, message)))
    }
}

/// What happens when a position is promised.
#[derive(Debug)]
enum Effect {
    /// A message may be delivered.
    Arrived { queue: QueueKey, place: Place, priority: u8 },
    /// A record's subject lives no more.
    Released { lane: LaneId, segment: SegmentSequence, bytes: u32 },
    /// A message can be read where compaction has written it again.
    Moved { queue: QueueKey, id: MessageId },
    /// A transaction over several lanes of this core is decided for good.
    Decided(Box<Decided>),
    /// A transaction over several lanes is over, as far as this core is concerned.
    Closed,
    /// All that this core's snapshot shows is promised.
    SnapshotSafe,
    /// The rest of a vector has to be promised too.
    Rest(Box<(Vector, Effect)>),
    /// Nothing that made the queue empty can be taken back by a crash.
    Deserted { queue: QueueKey, looks: u32 },
    /// Another core waits for this position.
    Tell { core: CoreId, lane: LaneId, lsn: Lsn },
}

// One of these waits for every message in flight.
const _: () = assert!(size_of::<Effect>() <= 32);

/// A transaction over several lanes of one core whose decision is written.
#[derive(Debug)]
struct Decided {
    transaction: TransactionId,
    lanes: Vec<LaneId>,
    decision: (LaneId, Lsn),
}

/// The addresses of one core.
pub struct Home<B: BlockBuffer> {
    settings: Settings,
    lanes: Lanes<B, Effect>,
    /// Effects that run now; empty between two turns.
    due: Vec<Effect>,
    names: Names,
    keeper: Option<Keeper>,
    consumers: SlotMap<ConsumerKey, Consumer>,
    consumer_keys: HashMap<(SessionRef, ConsumerId), ConsumerKey>,
    sessions: HashMap<SessionRef, HomeSession>,
    bodies: Bodies,
    /// Long operations; while there is one, nothing else is appended.
    ongoing: VecDeque<Ongoing>,
    /// Records of transactions that wait for room; while there is one, no request is taken.
    owed: owed::Owed,
    prepared: HashMap<SessionRef, Prepared>,
    /// Where the decisions of sessions on this core lie, until every part is done.
    decisions: HashMap<SessionRef, (LaneId, SegmentSequence)>,
    /// Requests that wait until another core has written a binding, in order, and whom they hold up.
    parked: VecDeque<Request<'static>>,
    parked_sessions: HashSet<SessionRef>,
    /// Their bytes, and the bound of those.
    parked_bytes: usize,
    parked_bytes_max: usize,
    /// There are as many as there may be.
    parked_is_full: bool,
    /// What was parked can go on, and waits only for room.
    unparking: bool,
    creating: HashMap<u64, Creation>,
    next_ticket: u64,
    next_transaction: u64,
    /// Transactions over several lanes that are not over for this core.
    open_transactions: usize,
    reads: cold::Reads,
    /// Queues that could deliver more once the lanes take records again.
    waiting_for_room: Vec<QueueKey>,
    full: full::Full,
    /// See [`SettingsByAddress::may_be_full`].
    full_matters: bool,
    /// Queues that may go by themselves.
    departures: Vec<deserted::Departure>,
    /// Queues that have more to deliver than fits this turn.
    postponed: Vec<QueueKey>,
    /// Clients have left more unread than they may: large messages are not delivered.
    scarce: bool,
    /// Queues whose next message is such a one.
    too_large: Vec<QueueKey>,
    /// Bytes delivered in this turn.
    delivered_bytes: usize,
    /// What the user of the request in hand may do, if it is one that anything depends on; see [`Request::permissions`]. Here and not in [`Who`], which every step of every
    /// message is handed.
    allowed: Option<Permissions>,
    /// Taken of [`limits::FILTER_MEMORY_PER_HOME_MAX`].
    filter_bytes: usize,
    /// Steps that consumers with a way of their own have gone in this turn.
    walked: usize,
    /// Other cores take no letters now: nothing is delivered.
    crowded: bool,
    letters: VecDeque<(CoreId, Letter)>,
    /// Notes that only one session may have, kept on core 0. Each session knows its own.
    claims: HashMap<(Box<str>, Box<str>), SessionRef>,
    bounds: limits::HomeBounds,
    /// Taken of [`limits::HomeBounds::staged_bytes`].
    staged_bytes: usize,
    /// For the fixed parts of records.
    scratch: Vec<u8>,
    /// The start of the epoch is promised on all lanes of the store: before that nothing may be appended.
    active: bool,
    /// A lane has no next segment.
    short: bool,
    checkpoints: checkpoint::Checkpoints,
    compactions: reclaim::Compactions,
}

/// A binding that another core writes for this one, and who waits for it.
#[derive(Debug)]
struct Creation {
    binding: Binding,
    request: Option<(SessionRef, Option<Token>)>,
}

impl<B: BlockBuffer> Home<B> {
    /// Answers a session. The caller asks [`Home::ready`] first.
    // Here and in what it calls: every message passes here, and a request is large: where it is inlined, it is not moved.
    #[inline(always)]
    pub fn ask(&mut self, request: Request<'_>, deliver: &mut impl Deliver) -> Outcome {
        if self.is_anybody_parked() {
            return self.ask_behind_others(request, deliver);
        }
        self.ask_now(request, deliver)
    }

    /// As [`Home::ask`], where requests wait for other cores.
    #[cold]
    #[inline(never)]
    fn ask_behind_others(&mut self, request: Request<'_>, deliver: &mut impl Deliver) -> Outcome {
        // That a connection is lost counts at once, whatever its sessions asked for before.
        if !matches!(request.ask, Ask::Lose { .. }) && self.must_park(&request) {
            return self.park(request);
        }
        self.ask_now(request, deliver)
    }

    #[inline(always)]
    fn ask_now(&mut self, request: Request<'_>, deliver: &mut impl Deliver) -> Outcome {
        let Request { from, operation, token, permissions, ask } = request;
        let who = Who { from, operation, token };
        match ask {
            Ask::Publish(publish) => {
                self.allowed = permissions;
                self.publish(who, publish, deliver)
            }
            Ask::Acknowledge(acknowledge) => self.acknowledge(who, acknowledge, deliver),
            other => self.ask_other(who, permissions, other, deliver),
        }
    }

    /// What is neither a message nor its acknowledgement.
    #[inline(never)]
    fn ask_other(
        &mut self,
        who: Who,
        permissions: Option<Permissions>,
        ask: Ask<'_>,
        deliver: &mut impl Deliver,
    ) -> Outcome {
        match ask {
            // Taken by the caller.
            Ask::Publish(_) | Ask::Acknowledge(_) => {
                Outcome::failed(FailureKind::Internal, "a message was taken for something else")
            }
            Ask::Credit { consumer, bytes } => self.credit(who, consumer, bytes, deliver),
            Ask::ForceDelivery { consumer, sequence } => self.force_delivery(who, consumer, sequence, deliver),
            Ask::ProducerCredits { address, named, credits } => {
                self.producer_credits(who, &address, &named, credits, deliver)
            }
            Ask::Spoil(failure) => self.refuse_publish(who, true, failure),
            Ask::Commit => self.commit(who, deliver),
            Ask::Prepare { transaction } => self.prepare(who, transaction, deliver),
            Ask::Decide { vector } => self.decide(who, vector, deliver),
            Ask::Finish => self.finish(who, deliver),
            Ask::Abandon => self.abandon(who, deliver),
            Ask::Settled { vector } => self.settled(who, &vector),
            Ask::Rollback { consider_last_as_delivered } => self.rollback(who, consider_last_as_delivered, deliver),
            Ask::Start => self.start_or_stop(who, true, deliver),
            Ask::Stop => self.start_or_stop(who, false, deliver),
            Ask::Hold { held } => self.hold_back(who, held, deliver),
            Ask::CreateConsumer { consumer, address, queue, browses, filter, priority, started, pre_acknowledge } => {
                let filter = filter.as_deref();
                let wanted = consume::Wanted { consumer, browses, filter, priority, started, pre_acknowledge };
                self.allowed = permissions;
                self.create_consumer(who, &address, &queue, &wanted)
            }
            Ask::CloseConsumer { consumer } => self.close_consumer(who, consumer, deliver),
            Ask::Expired { consumer, message } => self.expired(who, consumer, message, deliver),
            Ask::Claim { key, value } => self.claim(who, &key, &value),
            Ask::Lose { sessions } => self.lose_sessions(&sessions, deliver),
            Ask::EndSession { failed } => self.end_session(who, failed, deliver),
            Ask::CreateAddress { name, routing, auto_created } => {
                self.create_address(who, &name, routing, auto_created)
            }
            Ask::CreateQueue(definition) => {
                self.allowed = permissions;
                self.create_queue(who, &definition)
            }
            Ask::UpdateQueue(update) => self.update_queue(who, &update),
            Ask::DeleteQueue { address, queue, force } => {
                self.allowed = permissions;
                self.delete_queue(who, &address, &queue, force, deliver)
            }
            Ask::Forsake { address, queue, owner } => {
                self.allowed = None;
                self.forsake(who, &address, &queue, owner, deliver)
            }
            Ask::QueryQueue { address, queue } => self.query_queue(&address, &queue),
            Ask::QueryAddress { address } => self.query_address(&address),
            Ask::ListQueues(listing) => self.list_queues(&listing),
            Ask::ListAddresses { only } => self.list_addresses(only.as_deref()),
            Ask::DescribeQueue { address, queue } => self.describe_queue(&address, &queue),
            Ask::CountAll => self.count_all(),
            Ask::Purge { address, queue, limit } => self.purge(who, &address, &queue, limit, deliver),
            Ask::DeleteAddress { name } => self.delete_address(who, &name),
            Ask::CloseConnections { address } => self.close_connections(&address, deliver),
        }
    }

    /// May the user of the request in hand do this?
    fn may(&self, permission: Permission) -> bool {
        self.allowed.is_none_or(|permissions| permissions.has(permission))
    }

    /// May a session's request be handed in now? If not, the caller keeps it and tries again after a completion.
    #[inline]
    pub fn ready(&self) -> bool {
        !self.unparking && !self.parked_is_full && self.has_room()
    }

    /// Is no request taken before another core has answered?
    pub fn waits_for_letters(&self) -> bool {
        self.parked_is_full
    }

    /// Sets how many bytes of requests may wait for other cores.
    pub fn set_parked_max(&mut self, bytes: usize) {
        self.parked_bytes_max = bytes;
    }

    /// Do the lanes take a whole operation, and is none under way?
    fn has_room(&self) -> bool {
        self.ongoing.is_empty() && self.owed.is_empty() && self.lanes.ready()
    }

    /// Goes on with what is under way: long operations, promises and what they set free, reclaiming. Called once a turn of the
    /// core's loop; [`Home::submit`] ends the turn.
    pub fn turn(&mut self, deliver: &mut impl Deliver) {
        self.delivered_bytes = 0;
        self.walked = 0;
        self.take_promises(deliver);
        // Most turns have neither, and the question is cheaper than the call.
        if !self.ongoing.is_empty() {
            self.go_on(deliver);
        }
        if !self.owed.is_empty() {
            self.pay(deliver);
        }
        if self.unparking {
            self.unpark(deliver);
        }
        if !self.waiting_for_room.is_empty() && self.ready() {
            for queue in std::mem::take(&mut self.waiting_for_room) {
                self.dispatch(queue, deliver);
            }
        }
        if !self.crowded && !self.postponed.is_empty() {
            let mut postponed = std::mem::take(&mut self.postponed);
            // Another one is the first each time: the first may use up all that there is for a turn.
            postponed.rotate_left(1);
            for queue in postponed {
                if let Some(queue) = self.names.queue_mut(queue) {
                    queue.postponed = false;
                }
                self.dispatch(queue, deliver);
            }
        }
        if !self.full.is_empty() {
            self.give_producer_credits(deliver);
        }
        if self.may_say_goodbye() {
            self.say_goodbye();
        }
        if self.active && (self.lanes.is_upkeep_due() || self.is_checkpoint_busy()) {
            self.reclaim();
            self.write_checkpoints();
            self.lanes.plan_upkeep(self.checkpoint_worth());
        }
        self.watch_reserve();
    }

    /// Gives the lanes' commands for all that was appended since, and returns when the home wants its next turn at the latest.
    pub fn submit(&mut self, now: Now, each: impl FnMut(LaneId, Command<B>)) -> Option<Now> {
        let lanes = self.lanes.poll(now, each);
        let reads = self.read_again(now);
        let due = lanes.map_or(reads, |lanes| Some(reads.map_or(lanes, |reads| lanes.min(reads))));
        if self.goes_on() { Some(now) } else { due }
    }

    /// A lane's write ended.
    pub fn written(&mut self, lane: LaneId, ticket: journal::Ticket, buffer: B, result: Result<(), journal::IoError>) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.lane.written(ticket, buffer, result);
        }
    }

    /// A lane's next segment is there.
    pub fn segment_ready(&mut self, lane: LaneId, sequence: SegmentSequence) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.lane.segment_ready(sequence);
        }
    }

    /// A lane's next segment could not be made.
    pub fn segment_failed(&mut self, lane: LaneId, sequence: SegmentSequence, error: journal::IoError) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.lane.segment_failed(sequence, error);
        }
    }

    /// When the home wants its next turn at the latest.
    pub fn deadline(&self, now: Now) -> Option<Now> {
        if self.goes_on() { Some(now) } else { self.lanes.deadline(now) }
    }

    /// Has it something to do in the next turn, whatever happens until then?
    fn goes_on(&self) -> bool {
        self.checkpoint_goes_on()
            || self.may_say_goodbye()
            || !self.crowded && !self.postponed.is_empty()
            || !self.full.is_empty() && self.owes_producer_credits()
    }

    /// Do letters to other cores find no place? Then nothing is delivered until they do, so that no heap of letters grows.
    pub fn set_crowded(&mut self, crowded: bool) {
        self.crowded = crowded;
    }

    /// Have clients left more unread than they may? Then no large message is delivered until they have not.
    pub fn set_scarce(&mut self, scarce: bool) {
        self.scarce = scarce;
        if !scarce {
            self.postponed.append(&mut self.too_large);
        }
    }

    /// A queue whose next message is large waits for that.
    #[cold]
    fn wait_for_memory(&mut self, key: QueueKey) {
        if let Some(queue) = self.names.queue_mut(key)
            && !std::mem::replace(&mut queue.postponed, true)
        {
            self.too_large.push(key);
        }
    }

    /// Why the broker must step down, if it must.
    pub fn latch(&self) -> Option<(LaneId, &journal::Latch)> {
        self.lanes.latch()
    }

    /// A letter for another core.
    pub fn next_letter(&mut self) -> Option<(CoreId, Letter)> {
        if let Some((lane, lsn)) = self.lanes.next_watch() {
            let core = self.core_of(lane);
            return Some((core, Letter::Watch { lane, lsn }));
        }
        self.letters.pop_front()
    }

    /// What this core's lanes, and those it watches, have promised.
    pub fn promises(&self) -> &crate::durability::Promises {
        self.lanes.promises()
    }

    /// Asks the core of a lane to tell when this is promised.
    pub fn watch(&mut self, lane: LaneId, lsn: Lsn) {
        let core = self.core_of(lane);
        if core != self.settings.core {
            self.letters.push_back((core, Letter::Watch { lane, lsn }));
        }
    }

    /// Another core waits for a position of a lane of this one.
    pub fn watched(&mut self, core: CoreId, lane: LaneId, lsn: Lsn) {
        self.after(&Vector::of(lane, lsn), Effect::Tell { core, lane, lsn });
    }

    /// Another core's lane is promised up to here.
    pub fn remote_promised(&mut self, lane: LaneId, lsn: Lsn) {
        self.lanes.note_remote(lane, lsn);
    }

    /// The core that drives a lane.
    fn core_of(&self, lane: LaneId) -> CoreId {
        match lane.kind() {
            LaneKind::Bindings => CoreId(0),
            _ => crate::routing::core_of_lane(lane.index(), self.settings.cores),
        }
    }

    /// Takes over what was promised and runs what waited for it.
    fn take_promises(&mut self, deliver: &mut impl Deliver) {
        self.lanes.take_promises();
        let mut due = std::mem::take(&mut self.due);
        self.lanes.due_effects(&mut due);
        if due.is_empty() {
            self.due = due;
            return;
        }
        for effect in due.drain(..) {
            if let Some(queue) = self.run(effect) {
                self.dispatch(queue, deliver);
            }
        }
        self.due = due;
    }

    /// Runs an effect once all of the vector is promised: now, if it is. Names the queue that may have something to deliver now.
    fn after(&mut self, vector: &Vector, effect: Effect) -> Option<QueueKey> {
        match self.lanes.promises().first_missing(vector) {
            None => self.run(effect),
            Some((lane, lsn)) => {
                self.lanes.await_remote(vector);
                let single = vector.len() == 1;
                let effect = if single { effect } else { Effect::Rest(Box::new((vector.clone(), effect))) };
                self.lanes.at(lane, lsn, effect);
                None
            }
        }
    }

    /// Runs an effect; names the queue that may have something to deliver now.
    fn run(&mut self, effect: Effect) -> Option<QueueKey> {
        match effect {
            Effect::Arrived { queue, place, priority } => {
                self.names.queue_mut(queue)?.waiting.promise(place, priority);
                Some(queue)
            }
            Effect::Released { lane, segment, bytes } => {
                self.lanes.get_mut(lane)?.lives.release(segment, bytes);
                None
            }
            Effect::Moved { queue, id } => {
                self.compactions.settled(queue, id);
                None
            }
            Effect::Decided(decided) => {
                self.owe_ends(*decided);
                None
            }
            Effect::Closed => {
                self.open_transactions = self.open_transactions.saturating_sub(1);
                None
            }
            Effect::SnapshotSafe => {
                if self.keeper.is_some() {
                    self.snapshot_is_safe();
                } else {
                    self.letters.push_back((CoreId(0), Letter::SnapshotSafe));
                }
                None
            }
            Effect::Deserted { queue, looks } => {
                self.may_depart(queue, looks);
                None
            }
            Effect::Rest(rest) => {
                let (vector, effect) = *rest;
                self.after(&vector, effect)
            }
            Effect::Tell { core, lane, lsn } => {
                self.letters.push_back((core, Letter::Promised { lane, lsn }));
                None
            }
        }
    }
}

/// Who asks, and where the answer goes.
#[derive(Clone, Copy, Debug)]
struct Who {
    from: SessionRef,
    operation: crate::store::record::Operation,
    token: Option<Token>,
}

impl Who {
    /// What it is told that may not. Its session knows what its user is called.
    fn refused(permission: Permission, address: &str, queue: Option<&str>) -> Failure {
        Failure::new(FailureKind::NotPermitted, security::refusal(security::SOMEBODY, permission, address, queue))
    }

    /// Writes a request again, to be parked.
    fn publish<'a>(self, publish: Publish<'a>, permissions: Option<Permissions>) -> Request<'a> {
        let Self { from, operation, token } = self;
        Request { from, operation, token, permissions, ask: Ask::Publish(publish) }
    }
}
