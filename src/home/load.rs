//! Records become a home again: names first, then what waits in each queue.
//!
//! Takes the records of every lane in the lane's order, in any order of lanes but the bindings first. What counts is decided by
//! what each lane held at the end of the epoch of the referring record: a decision whose vector was not reached then counts
//! never, and a message of a queue that nobody knows is dropped for good. The records of a run come one after the other; they
//! are kept until its last one, which says whether the run waits for a decision.

use std::fmt;

use hashbrown::{HashMap, HashSet};
use journal::{LaneId, LaneKind, Location, Lsn, RecordKind, Run};

use super::Home;
use super::bodies::Large;
use crate::mail::{QueueDefinition, RoutingType, RoutingTypes};
use crate::message::{CoreId, MessageId, QueueId};
use crate::queue::Entry;
use crate::store::Malformed;
use crate::store::index::{self, Indexed};
use crate::store::record::{LargeBody, Shape, Stored, StoredQueue, TransactionId};

/// A record that recovery hands over.
#[derive(Clone, Copy, Debug)]
pub struct Loaded<'a> {
    /// Its lane.
    pub lane: LaneId,
    /// Where it starts.
    pub location: Location,
    /// The number of the epoch in which it was written.
    pub epoch: u64,
    /// Its run.
    pub run: Run,
    /// What it is.
    pub kind: RecordKind,
    /// Its body.
    pub body: &'a [u8],
}

/// Why the records do not make a broker.
#[allow(missing_docs, reason = "a field is named by what the variant says")]
#[derive(Debug)]
pub enum LoadError {
    /// A record does not say what its kind promises.
    Malformed { lane: LaneId, location: Location, malformed: Malformed },
    /// A queue routes in a way that no version knows.
    UnknownRouting { queue: String, routing: u8 },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { lane, location, malformed } => {
                write!(
                    f,
                    "lane {lane} at {location}: {malformed}; the store was written by a newer version or by a broken one"
                )
            }
            Self::UnknownRouting { queue, routing } => {
                write!(f, "queue {queue} has the unknown routing type {routing}")
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// What loading found out, for the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Records read.
    pub records: u64,
    /// Messages that wait.
    pub messages: u64,
    /// Messages dropped because their queue is not known.
    pub dropped: u64,
    /// Transactions that were prepared and never decided.
    pub undecided: u64,
}

#[derive(Clone, Debug)]
struct LoadedMessage {
    entry: Entry,
    large: Option<LargeBody>,
}

/// One change of a prepared transaction, applied when it is known to count.
#[derive(Clone, Debug)]
enum Change {
    Add { message: LoadedMessage, queues: Vec<QueueId> },
    Ack { queue: QueueId, messages: Vec<MessageId> },
}

/// A run that waits for its decision.
#[derive(Debug)]
struct PreparedRun {
    lane: LaneId,
    transaction: TransactionId,
    changes: Vec<Change>,
}

/// A run whose last record has not come yet.
#[derive(Debug, Default)]
struct OpenRun {
    /// It counts only if this transaction was decided.
    transaction: Option<TransactionId>,
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
struct Decision {
    lane: LaneId,
    location: Location,
    epoch: u64,
    vector: Vec<(LaneId, Lsn)>,
}

/// Collects records until all lanes are read.
#[derive(Debug, Default)]
pub struct Loader {
    addresses: HashMap<String, (RoutingTypes, bool)>,
    queues: HashMap<QueueId, QueueDefinition<'static>>,
    highest_queue: u32,
    messages: HashMap<QueueId, HashMap<MessageId, LoadedMessage>>,
    run: OpenRun,
    prepared: Vec<PreparedRun>,
    decisions: HashMap<TransactionId, Decision>,
    early: HashSet<(QueueId, MessageId)>,
    report: LoadReport,
}

/// What is left to do once the lanes are open.
#[derive(Debug, Default)]
pub struct Unfinished {
    ends: Vec<(TransactionId, Vec<LaneId>, (LaneId, Location))>,
}

impl Loader {
    /// Takes the next record of a lane.
    ///
    /// # Errors
    /// The record is not one of this version.
    pub fn record(&mut self, loaded: Loaded<'_>) -> Result<(), LoadError> {
        self.report.records += 1;
        let Loaded { lane, location, kind, body, .. } = loaded;
        let stored =
            Stored::decode(kind, body).map_err(|malformed| LoadError::Malformed { lane, location, malformed })?;
        match stored {
            Stored::Address { name, routing, auto_created } => {
                let known = self.addresses.entry(name.to_owned()).or_insert((RoutingTypes::default(), auto_created));
                known.0 = known.0.with(RoutingTypes::from_bits(routing));
            }
            Stored::AddressGone { name } => {
                self.addresses.remove(name);
            }
            Stored::Queue(queue) => self.queue(&queue)?,
            Stored::QueueGone { queue } => {
                self.queues.remove(&queue);
            }
            Stored::QueueIdMark { highest } => self.highest_queue = self.highest_queue.max(highest.0),
            Stored::Prepare { transaction } => {
                self.run.transaction = Some(transaction);
                self.close_run_at(loaded);
            }
            Stored::Decision { transaction, vector } => {
                let vector = vector.iter().collect();
                self.decisions.insert(transaction, Decision { lane, location, epoch: loaded.epoch, vector });
            }
            Stored::End { transaction } => self.end(lane, transaction),
            Stored::Body { .. } => {}
            change => self.change(loaded, &change),
        }
        Ok(())
    }

    /// Takes a chunk of the index checkpoint at which the replays begin; all chunks come before the first record.
    ///
    /// # Errors
    /// The chunk is not one of this version.
    pub fn chunk(&mut self, chunk: &[u8]) -> Result<(), LoadError> {
        let (lane, location) = (LaneId::CHECKPOINT, Location::from_bits(0));
        let broken = |malformed| LoadError::Malformed { lane, location, malformed };
        for (kind, body) in index::items(chunk).map_err(broken)? {
            if kind != index::INDEX {
                self.record(Loaded { lane, location, epoch: 0, run: Run::None, kind, body })?;
                continue;
            }
            let (queue, messages) = index::messages(body).map_err(broken)?;
            for Indexed { id, location, shape, large } in messages {
                let mut entry = Entry::new(id, location, shape.size, shape.priority, true);
                if large.is_some() {
                    entry.set_large();
                }
                self.apply(Change::Add { message: LoadedMessage { entry, large }, queues: vec![queue] });
            }
        }
        Ok(())
    }

    fn queue(&mut self, queue: &StoredQueue<'_>) -> Result<(), LoadError> {
        let Some(routing) = RoutingType::from_number(queue.routing) else {
            return Err(LoadError::UnknownRouting { queue: queue.name.to_owned(), routing: queue.routing });
        };
        self.highest_queue = self.highest_queue.max(queue.id.0);
        let definition = QueueDefinition {
            address: queue.address.to_owned().into(),
            name: queue.name.to_owned().into(),
            routing,
            auto_created: queue.auto_created,
            purge_on_no_consumers: queue.purge_on_no_consumers,
            max_consumers: queue.max_consumers,
            exists_is_fine: true,
        };
        self.queues.insert(queue.id, definition);
        Ok(())
    }

    /// A message came, moved or was consumed, perhaps as part of a run.
    fn change(&mut self, loaded: Loaded<'_>, stored: &Stored<'_>) {
        let Some(change) = change_of(loaded, stored) else { return };
        if loaded.run == Run::None {
            self.apply(change);
        } else {
            self.run.changes.push(change);
            self.close_run_at(loaded);
        }
    }

    /// The run counts now, or with its transaction, if this is its last record.
    fn close_run_at(&mut self, loaded: Loaded<'_>) {
        if matches!(loaded.run, Run::Member(_)) {
            return;
        }
        let OpenRun { transaction, changes } = std::mem::take(&mut self.run);
        match transaction {
            Some(transaction) => self.prepared.push(PreparedRun { lane: loaded.lane, transaction, changes }),
            None => changes.into_iter().for_each(|change| self.apply(change)),
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Add { message, queues } => {
                for queue in queues {
                    self.highest_queue = self.highest_queue.max(queue.0);
                    if self.early.remove(&(queue, message.entry.id)) {
                        continue;
                    }
                    let place = self.messages.entry(queue).or_default().entry(message.entry.id);
                    // A message that is written again, by compaction, stays what it is and lies farther on in its lane; its
                    // first record may be heard of later, with the END of its transaction.
                    let known = place.or_insert_with(|| message.clone());
                    if known.entry.location < message.entry.location {
                        *known = message.clone();
                    }
                }
            }
            Change::Ack { queue, messages } => {
                let waiting = self.messages.entry(queue).or_default();
                for id in messages {
                    if waiting.remove(&id).is_none() && !self.prepared.is_empty() {
                        self.early.insert((queue, id));
                    }
                }
            }
        }
    }

    /// A lane says that a transaction was decided: its part counts from here on.
    fn end(&mut self, lane: LaneId, transaction: TransactionId) {
        let at = self.prepared.iter().position(|part| part.lane == lane && part.transaction == transaction);
        if let Some(at) = at {
            let part = self.prepared.remove(at);
            part.changes.into_iter().for_each(|change| self.apply(change));
        }
    }

    /// All lanes are read: decides what is undecided. `epoch_end` tells where an epoch ended on a lane.
    pub fn settle(&mut self, mut epoch_end: impl FnMut(LaneId, u64) -> Lsn) -> Unfinished {
        let mut unfinished: HashMap<TransactionId, Vec<LaneId>> = HashMap::new();
        for part in std::mem::take(&mut self.prepared) {
            let counts = self.decisions.get(&part.transaction).is_some_and(|decision| {
                decision.vector.iter().all(|(lane, lsn)| *lsn <= epoch_end(*lane, decision.epoch))
            });
            if counts {
                unfinished.entry(part.transaction).or_default().push(part.lane);
                part.changes.into_iter().for_each(|change| self.apply(change));
            } else {
                self.report.undecided += 1;
            }
        }
        let decisions = &self.decisions;
        let ends = unfinished.into_iter().filter_map(|(transaction, lanes)| {
            let decision = decisions.get(&transaction)?;
            Some((transaction, lanes, (decision.lane, decision.location)))
        });
        Unfinished { ends: ends.collect() }
    }

    /// What was found so far.
    pub fn report(&self) -> LoadReport {
        self.report
    }

    /// Fills a home with what belongs to it. Called for each core's home.
    pub fn fill<B: journal::BlockBuffer>(&mut self, home: &mut Home<B>) -> LoadReport {
        for (name, (routing, auto_created)) in &self.addresses {
            if home.owns_address(name) {
                home.names.put_address(name, *routing, *auto_created, home.lane_index(name));
            }
        }
        if let Some(keeper) = home.keeper.as_mut() {
            keeper.next_queue = self.highest_queue + 1;
            let addresses = self.addresses.iter().map(|(name, state)| (name.as_str().into(), *state));
            keeper.directory.addresses = addresses.collect();
            keeper.directory.queues = self.queues.iter().map(|(id, queue)| (id.0, queue.clone())).collect();
        }
        for queue in self.queues.values() {
            home.load_alias(&queue.name, &queue.address);
        }
        let mut ids: Vec<QueueId> = self.queues.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let Some(definition) = self.queues.get(&id).filter(|queue| home.owns_address(&queue.address)) else {
                continue;
            };
            let messages = self.messages.remove(&id).unwrap_or_default();
            self.report.messages += messages.len() as u64;
            home.load_queue(definition, id, messages);
        }
        let unknown = self.messages.iter().filter(|(queue, _)| !self.queues.contains_key(*queue));
        self.report.dropped = unknown.map(|(_, messages)| messages.len() as u64).sum();
        self.report
    }
}

impl<B: journal::BlockBuffer> Home<B> {
    /// Is this core the home of the address?
    pub(super) fn owns_address(&self, name: &str) -> bool {
        LaneId::new(LaneKind::Journal, self.lane_index(name)).is_some_and(|lane| self.lanes.get(lane).is_some())
    }

    fn load_queue(
        &mut self,
        definition: &QueueDefinition<'static>,
        id: QueueId,
        messages: HashMap<MessageId, LoadedMessage>,
    ) {
        let lane_index = self.lane_index(&definition.address);
        let routing = RoutingTypes::only(definition.routing);
        let address = self.names.put_address(&definition.address, routing, definition.auto_created, lane_index);
        let key = self.names.put_queue(definition, id, address);
        let Some(lane) = LaneId::new(LaneKind::Journal, lane_index) else { return };
        let mut messages: Vec<LoadedMessage> = messages.into_values().collect();
        messages.sort_unstable_by_key(|message| message.entry.id);
        for LoadedMessage { mut entry, large } in messages {
            entry.set_promised();
            let segment = self.segment_of(lane, entry.location.block());
            let bytes = entry.size();
            if let Some(lane) = self.lanes.get_mut(lane) {
                lane.lives.add(segment, bytes);
            }
            if let Some(body) = large {
                self.load_large(entry.id, body);
            }
            if let Some(queue) = self.names.queue_mut(key) {
                queue.waiting.arrive(entry);
            }
        }
    }

    fn load_large(&mut self, id: MessageId, body: LargeBody) {
        if let Some((_, large)) = self.bodies.large_mut().find(|(other, _)| *other == id) {
            large.references += 1;
        } else {
            self.hold_large(id, Large { body, references: 1 });
        }
    }

    /// Keeps the decisions that lie here for every core whose ENDs are not written yet. Before any core is activated.
    pub fn hold_decisions(&mut self, unfinished: &Unfinished) {
        for (_, lanes, (lane, location)) in &unfinished.ends {
            let segment = self.segment_of(*lane, location.block());
            let cores: HashSet<CoreId> = lanes.iter().map(|lane| self.core_of(*lane)).collect();
            if let Some(lane) = self.lanes.get_mut(*lane) {
                cores.iter().for_each(|_| lane.lives.add(segment, 0));
            }
        }
    }

    /// The epoch has begun on all lanes of the store: says in the lanes of this core what was decided before the last end and
    /// not said yet, and begins to serve.
    pub fn activate(&mut self, unfinished: &Unfinished) {
        self.active = true;
        for (transaction, lanes, (lane, location)) in &unfinished.ends {
            let own: Vec<LaneId> = lanes.iter().copied().filter(|lane| self.lanes.get(*lane).is_some()).collect();
            if !own.is_empty() {
                self.open_transactions += 1;
                self.owe_ends(super::Decided {
                    transaction: *transaction,
                    lanes: own,
                    decision: (*lane, location.block()),
                });
            }
        }
    }
}

/// What a record changes in its queues.
fn change_of(loaded: Loaded<'_>, stored: &Stored<'_>) -> Option<Change> {
    let first_id = MessageId::durable(loaded.lane.index(), loaded.location);
    let entry = |id, shape: Shape| Entry::new(id, loaded.location, shape.size, shape.priority, true);
    let small = |message: &[u8]| Shape {
        size: u32::try_from(message.len()).unwrap_or(u32::MAX),
        priority: protocol::message::MessageView::parse(message)
            .map_or(4, |view| u8::try_from(view.header.priority.clamp(0, 9)).unwrap_or(4)),
    };
    Some(match stored {
        Stored::Add { queues, message, .. } => {
            let message = LoadedMessage { entry: entry(first_id, small(message)), large: None };
            Change::Add { message, queues: queues.iter().collect() }
        }
        Stored::Moved { id, queues, message } => {
            let message = LoadedMessage { entry: entry(*id, small(message)), large: None };
            Change::Add { message, queues: queues.iter().collect() }
        }
        Stored::AddLarge { queues, shape, body, .. } => {
            large_change(entry(first_id, *shape), *body, queues.iter().collect())
        }
        Stored::MovedLarge { id, queues, shape, body } => {
            large_change(entry(*id, *shape), *body, queues.iter().collect())
        }
        Stored::Ack { queue, messages, .. } => Change::Ack { queue: *queue, messages: messages.iter().collect() },
        _ => return None,
    })
}

fn large_change(mut entry: Entry, body: LargeBody, queues: Vec<QueueId>) -> Change {
    entry.set_large();
    Change::Add { message: LoadedMessage { entry, large: Some(body) }, queues }
}
