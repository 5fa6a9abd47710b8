//! Records become a home again: names first, then what waits in each queue.
//!
//! Takes the records of every lane in the lane's order, in any order of lanes but the bindings first. What counts is decided by
//! what each lane held at the end of the epoch of the referring record: a decision whose vector was not reached then counts
//! never, and a message whose queue or body was not there is dropped for good, if it was never promised; if it was, something
//! that was promised is missing, and the start is refused. The records of a run come one after the other; they
//! are kept until its last one, which says whether the run waits for a decision.

use std::fmt;
use std::ops::Range;

use hashbrown::{HashMap, HashSet};
use journal::{LaneId, LaneKind, Location, Lsn, RecordKind, Run};

use super::Home;
use super::bodies::Large;
use super::gathered::Gathered;
use crate::mail::{Lifetime, QueueDefinition, RoutingType, RoutingTypes};
use crate::message::{CoreId, MessageId, QueueId};
use crate::queue::Entry;
use crate::store::Malformed;
use crate::store::abridged::Abridged;
use crate::store::index::{self, Indexed};
use crate::store::record::{LargeBody, QueueIds, Shape, Stored, StoredQueue, TransactionId};

/// A record that recovery hands over.
#[derive(Clone, Copy, Debug)]
pub struct Loaded<'a> {
    /// Its lane.
    pub lane: LaneId,
    /// Where it starts.
    pub location: Location,
    /// The byte behind it.
    pub end: Lsn,
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
    /// A queue has a filter that this version cannot read.
    UnknownFilter { queue: String },
    /// A promised record refers to something promised that its lane does not hold.
    Missing { lane: LaneId, location: Location, missing: Missing },
}

/// What a record refers to and another lane does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The other lane.
    pub lane: LaneId,
    /// Where it ended when the record was written, and so where the missing thing would begin.
    pub at: Lsn,
    /// What it is.
    pub what: MissingThing,
}

/// See [`Missing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingThing {
    /// The record of a queue.
    Queue(QueueId),
    /// The body of a message, up to here.
    Body(Lsn),
}

/// How far the lanes of a store reached.
pub trait Reach {
    /// Where an epoch ended on a lane.
    fn epoch_end(&self, lane: LaneId, epoch: u64) -> Lsn;
    /// What the blocks of that epoch say was promised on their lane.
    fn promised(&self, lane: LaneId, epoch: u64) -> Lsn;
    /// Does the history of the lane say that what lay from here on was given up?
    fn is_given_up(&self, lane: LaneId, at: Lsn) -> bool;
    /// Was something of this piece of a lane given up, although the lane goes on behind it?
    fn is_patched(&self, lane: LaneId, from: Lsn, to: Lsn) -> bool;
    /// Was anything that was promised ever given up?
    fn is_anything_given_up(&self) -> bool;
    /// Where a lane's oldest segment begins that is not free.
    fn kept_from(&self, lane: LaneId) -> Lsn;
}

/// For records that refer to nothing.
struct Nothing;

impl Reach for Nothing {
    fn epoch_end(&self, _: LaneId, _: u64) -> Lsn {
        Lsn::ZERO
    }

    fn promised(&self, _: LaneId, _: u64) -> Lsn {
        Lsn::ZERO
    }

    fn is_given_up(&self, _: LaneId, _: Lsn) -> bool {
        false
    }

    fn is_patched(&self, _: LaneId, _: Lsn, _: Lsn) -> bool {
        false
    }

    fn is_anything_given_up(&self) -> bool {
        false
    }

    fn kept_from(&self, _: LaneId) -> Lsn {
        Lsn::ZERO
    }
}

impl Reach for journal::Recovered {
    fn epoch_end(&self, lane: LaneId, epoch: u64) -> Lsn {
        Self::epoch_end(self, lane, epoch)
    }

    fn promised(&self, lane: LaneId, epoch: u64) -> Lsn {
        Self::promised(self, lane, epoch)
    }

    fn is_given_up(&self, lane: LaneId, at: Lsn) -> bool {
        let history = self.lane(lane).into_iter().flat_map(|lane| &lane.tail.history);
        history.filter_map(|entry| entry.loss).any(|loss| loss.at == at)
    }

    fn is_patched(&self, lane: LaneId, from: Lsn, to: Lsn) -> bool {
        Self::is_patched(self, lane, from, to)
    }

    fn is_anything_given_up(&self) -> bool {
        Self::is_anything_given_up(self)
    }

    fn kept_from(&self, lane: LaneId) -> Lsn {
        Self::kept_from(self, lane)
    }
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
            Self::UnknownFilter { queue } => {
                write!(f, "queue {queue} has a filter that cannot be read; the store was written by a newer version")
            }
            Self::Missing { lane, location, missing: Missing { lane: other, at, what } } => {
                let what = match what {
                    MissingThing::Queue(queue) => format!("queue {}", queue.0),
                    MissingThing::Body(end) => format!("a body that ends at {end}"),
                };
                write!(
                    f,
                    "the promised record of lane {lane} at {location} names {what}, but lane {other} ends at {at}: restore the \
                     files of lane {other} from a copy; only if there is none, start once with --accept-loss {other}@{at}: all \
                     messages that need what is missing there are given up"
                )
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
    /// Messages whose queue is gone.
    pub dropped: u64,
    /// Records, or runs of records, that were never promised and rely on what was lost with them.
    pub unpromised: u64,
    /// Transactions that were prepared and never decided.
    pub undecided: u64,
    /// Messages whose acknowledgement was given up, and whose large body is gone.
    pub bodiless: u64,
}

#[derive(Clone, Debug)]
struct LoadedMessage {
    entry: Entry,
    /// In a place of its own: hardly any message has one, and a start holds as many messages as wait.
    large: Option<Box<LargeBody>>,
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
    /// It relies on something that was lost.
    broken: bool,
}

/// A run whose last record has not come yet.
#[derive(Debug, Default)]
struct OpenRun {
    /// It counts only if this transaction was decided.
    transaction: Option<TransactionId>,
    changes: Vec<Change>,
    /// It relies on something that was lost.
    broken: bool,
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
    /// The highest that the bindings lane tells of.
    highest_bound: u32,
    /// The bindings lane was read from its beginning, or from a record that says which numbers were given out before.
    knows_all_bound: bool,
    /// Numbers below the highest that the bindings lane passes over: given out, named perhaps, and lost with their records.
    never_bound: Vec<Range<u32>>,
    /// Ends of lanes behind which the operator gives up what is missing, and whether something was.
    accepted: Vec<(LaneId, Lsn, bool)>,
    messages: HashMap<QueueId, Gathered<LoadedMessage>>,
    run: OpenRun,
    prepared: Vec<PreparedRun>,
    /// Messages that were dropped, and whose lane does not say so yet.
    unsaid: Vec<(LaneId, QueueId, MessageId)>,
    decisions: HashMap<TransactionId, Decision>,
    early: HashSet<(QueueId, MessageId)>,
    report: LoadReport,
    /// Keeps no messages: only the judgement is wanted.
    judges_only: bool,
}

/// A message that waits, as the records tell.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// In which queue.
    pub queue: QueueId,
    /// Which message.
    pub id: MessageId,
    /// The record that holds it, or that names its large body.
    pub location: Location,
    /// Its encoded size.
    pub size: u32,
    /// Where its large body is.
    pub large: Option<LargeBody>,
}

/// What is left to do once the lanes are open.
#[derive(Debug, Default)]
pub struct Unfinished {
    ends: Vec<(TransactionId, Vec<LaneId>, (LaneId, Location))>,
    never: Vec<(LaneId, Never)>,
}

/// What was found and does not count. Its lane is told, so that no later start has to judge it again: the history of a lane does
/// not reach back for ever, and behind its beginning an epoch seems to have reached farther than it did.
#[derive(Clone, Copy, Debug)]
pub(super) enum Never {
    /// A message in a queue.
    Message(QueueId, MessageId),
    /// A part of a transaction.
    Transaction(TransactionId),
}

impl Unfinished {
    /// The lanes that will be told that their part of a transaction never counts.
    pub fn undecided(&self) -> impl Iterator<Item = LaneId> {
        self.never.iter().filter(|(_, never)| matches!(never, Never::Transaction(_))).map(|(lane, _)| *lane)
    }

    /// The messages that were left out, with the lane that will be told.
    pub fn left_out(&self) -> impl Iterator<Item = (LaneId, QueueId, MessageId)> {
        self.never.iter().filter_map(|(lane, never)| match never {
            Never::Message(queue, id) => Some((*lane, *queue, *id)),
            Never::Transaction(_) => None,
        })
    }
}

impl Loader {
    /// One that judges the records as any other does and keeps none of the messages, so that its memory does not grow with them.
    #[must_use]
    pub fn judging() -> Self {
        Self { judges_only: true, ..Self::default() }
    }

    /// The queues that exist, in no particular order: id, name, address.
    pub fn queues(&self) -> impl Iterator<Item = (QueueId, &str, &str)> {
        self.queues.iter().map(|(id, queue)| (*id, queue.name.as_ref(), queue.address.as_ref()))
    }

    /// The messages that wait, once all lanes are settled, in no particular order; those of queues that are gone among them.
    pub fn waiting(&self) -> impl Iterator<Item = Waiting> {
        self.messages.iter().flat_map(|(queue, messages)| {
            messages.iter().map(|(_, LoadedMessage { entry, large })| Waiting {
                queue: *queue,
                id: entry.id,
                location: entry.location,
                size: entry.size(),
                large: large.as_deref().copied(),
            })
        })
    }

    /// The number of the next queue: above all that any record names, those that do not count too. So no number is given out twice, and a
    /// record that names a queue that is not there can never mean a later one.
    #[must_use]
    pub fn next_queue(&self) -> u32 {
        self.highest_queue + 1
    }

    /// The operator gives up what is missing behind this end of a lane.
    pub fn accept_loss(&mut self, lane: LaneId, at: Lsn) {
        self.accepted.push((lane, at, false));
    }

    /// The ends of lanes behind which something was given up.
    pub fn given_up(&self) -> impl Iterator<Item = (LaneId, Lsn)> {
        self.accepted.iter().filter(|(_, _, used)| *used).map(|(lane, at, _)| (*lane, *at))
    }

    /// Takes the next record of a lane.
    ///
    /// # Errors
    /// The record is not one of this version, or something promised is missing.
    pub fn record(&mut self, loaded: Loaded<'_>, reach: &impl Reach) -> Result<(), LoadError> {
        self.report.records += 1;
        let Loaded { lane, location, kind, body, .. } = loaded;
        let stored =
            Stored::decode(kind, body).map_err(|malformed| LoadError::Malformed { lane, location, malformed })?;
        self.stored(loaded, &stored, reach)
    }

    /// As [`Self::record`], for one whose body is what [`abridge`](crate::store::abridged::abridge) made of it.
    ///
    /// # Errors
    /// As for [`Self::record`].
    pub fn abridged(&mut self, loaded: Loaded<'_>, reach: &impl Reach) -> Result<(), LoadError> {
        self.report.records += 1;
        let Loaded { lane, location, kind, body, .. } = loaded;
        let abridged =
            Abridged::decode(kind, body).map_err(|malformed| LoadError::Malformed { lane, location, malformed })?;
        let add = match abridged {
            Abridged::Whole(stored) => return self.stored(loaded, &stored, reach),
            Abridged::Add { queues, shape } => small_change(loaded, None, queues, shape),
            Abridged::Moved { id, queues, shape } => small_change(loaded, Some(id), queues, shape),
            Abridged::Body => return Ok(()),
        };
        self.change(loaded, add, reach)
    }

    fn stored(&mut self, loaded: Loaded<'_>, stored: &Stored<'_>, reach: &impl Reach) -> Result<(), LoadError> {
        let Loaded { lane, location, .. } = loaded;
        match *stored {
            Stored::Address { name, routing, auto_created } => {
                let known = self.addresses.entry(name.to_owned()).or_insert((RoutingTypes::default(), auto_created));
                known.0 = known.0.with(RoutingTypes::from_bits(routing));
            }
            Stored::AddressGone { name } => {
                self.addresses.remove(name);
            }
            Stored::Queue(ref queue) => {
                self.knows_all_bound |= lane == LaneId::BINDINGS && reach.kept_from(lane) == Lsn::ZERO;
                self.queue(queue)?;
            }
            Stored::QueueGone { queue } => {
                self.queues.remove(&queue);
            }
            Stored::QueueIdMark { highest } => {
                self.know_queue(highest);
                self.knows_all_bound = true;
            }
            Stored::Prepare { transaction } => {
                self.run.transaction = Some(transaction);
                self.close_run_at(loaded);
            }
            Stored::Decision { transaction, vector } => {
                let vector = vector.iter().collect();
                self.decisions.insert(transaction, Decision { lane, location, epoch: loaded.epoch, vector });
            }
            Stored::End { transaction } => self.end(lane, transaction),
            Stored::Never { transaction } => {
                self.prepared.retain(|part| (part.lane, part.transaction) != (lane, transaction));
            }
            Stored::Body { .. } => {}
            ref change => {
                if let Some(change) = change_of(loaded, change) {
                    self.change(loaded, change, reach)?;
                }
            }
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
                // Names refer to nothing.
                let end = Lsn::ZERO;
                self.record(Loaded { lane, location, end, epoch: 0, run: Run::None, kind, body }, &Nothing)?;
                continue;
            }
            let (queue, messages) = index::messages(body).map_err(broken)?;
            for Indexed { id, location, shape, large } in messages {
                let mut entry = Entry::new(id, location, shape.size, shape.priority, true);
                if large.is_some() {
                    entry.set_large();
                }
                self.add(queue, LoadedMessage { entry, large: large.map(Box::new) });
            }
        }
        Ok(())
    }

    fn queue(&mut self, queue: &StoredQueue<'_>) -> Result<(), LoadError> {
        let Some(routing) = RoutingType::from_number(queue.routing) else {
            return Err(LoadError::UnknownRouting { queue: queue.name.to_owned(), routing: queue.routing });
        };
        if queue.filter.is_some_and(|filter| protocol::filter::Filter::parse(filter).is_err()) {
            return Err(LoadError::UnknownFilter { queue: queue.name.to_owned() });
        }
        self.know_queue(queue.id);
        let definition = QueueDefinition {
            address: queue.address.to_owned().into(),
            name: queue.name.to_owned().into(),
            routing,
            lifetime: Lifetime::Durable,
            auto_created: queue.auto_created,
            purge_on_no_consumers: queue.purge_on_no_consumers,
            max_consumers: queue.max_consumers,
            filter: queue.filter.map(|filter| filter.to_owned().into()),
            exists_is_fine: true,
            makes_address: true,
        };
        self.queues.insert(queue.id, definition);
        Ok(())
    }

    /// Numbers are given out in their order, so what comes behind one that is passed over tells that its record was lost. Without a look at that
    /// a message that named it would count as soon as the next queue is made, although an earlier start had left it out.
    fn know_queue(&mut self, queue: QueueId) {
        let next = self.highest_bound + 1;
        if self.knows_all_bound && next < queue.0 {
            self.never_bound.push(next..queue.0);
        }
        self.highest_queue = self.highest_queue.max(queue.0);
        self.highest_bound = self.highest_bound.max(queue.0);
    }

    /// A message came, moved or was consumed, perhaps as part of a run.
    fn change(&mut self, loaded: Loaded<'_>, change: Change, reach: &impl Reach) -> Result<(), LoadError> {
        let broken = match self.missing(&change, loaded.epoch, reach) {
            Some(missing) => self.is_lost(loaded, missing, reach)?,
            None => is_body_patched(&change, reach) || self.names_never_bound(loaded, &change, reach),
        };
        if loaded.run == Run::None {
            if broken {
                self.drop_unpromised(loaded.lane, [change]);
            } else {
                self.apply(change);
            }
            return Ok(());
        }
        self.run.broken |= broken;
        self.run.changes.push(change);
        self.close_run_at(loaded);
        Ok(())
    }

    /// What a change refers to and its lane did not hold when the epoch of the change ended.
    fn missing(&self, change: &Change, epoch: u64, reach: &impl Reach) -> Option<Missing> {
        let Change::Add { message, queues } = change else { return None };
        if let Some(body) = &message.large {
            let at = reach.epoch_end(body.lane, epoch);
            if at < body.end {
                return Some(Missing { lane: body.lane, at, what: MissingThing::Body(body.end) });
            }
        }
        // A queue that the bindings lane knew of once is gone. Of one above them all it never heard.
        let queue = queues.iter().copied().find(|queue| queue.0 > self.highest_bound)?;
        let at = reach.epoch_end(LaneId::BINDINGS, epoch);
        Some(Missing { lane: LaneId::BINDINGS, at, what: MissingThing::Queue(queue) })
    }

    /// Was it never promised, and names it a queue whose record was lost? An earlier start has left it out, and may have ended before it wrote that
    /// down. A promised one names such a queue where the operator has given its record up, and is said not to count.
    fn names_never_bound(&self, loaded: Loaded<'_>, change: &Change, reach: &impl Reach) -> bool {
        let Change::Add { queues, .. } = change else { return false };
        let never = |queue: &QueueId| self.never_bound.iter().any(|numbers| numbers.contains(&queue.0));
        queues.iter().any(never) && loaded.end > reach.promised(loaded.lane, loaded.epoch)
    }

    /// A record relies on what is missing. True: it was never promised, or the operator gives it up.
    fn is_lost(&mut self, loaded: Loaded<'_>, missing: Missing, reach: &impl Reach) -> Result<bool, LoadError> {
        let Loaded { lane, location, end, epoch, .. } = loaded;
        let mut accepted = self.accepted.iter_mut();
        if let Some((_, _, used)) = accepted.find(|(of, at, _)| (*of, *at) == (missing.lane, missing.at)) {
            *used = true;
            return Ok(true);
        }
        // Given up at an earlier start, which may have ended before it wrote down what it left out.
        if end <= reach.promised(lane, epoch) && !reach.is_given_up(missing.lane, missing.at) {
            return Err(LoadError::Missing { lane, location, missing });
        }
        Ok(true)
    }

    /// What never counted leaves nothing behind but the numbers of its queues, which are not given out again.
    fn drop_unpromised(&mut self, lane: LaneId, changes: impl IntoIterator<Item = Change>) {
        self.report.unpromised += 1;
        for change in changes {
            if let Change::Add { queues, message } = change {
                self.highest_queue = queues.iter().fold(self.highest_queue, |highest, queue| highest.max(queue.0));
                self.unsaid.extend(queues.into_iter().map(|queue| (lane, queue, message.entry.id)));
            }
        }
    }

    /// The run counts now, or with its transaction, if this is its last record.
    fn close_run_at(&mut self, loaded: Loaded<'_>) {
        if matches!(loaded.run, Run::Member(_)) {
            return;
        }
        let OpenRun { transaction, changes, broken } = std::mem::take(&mut self.run);
        match transaction {
            Some(transaction) => {
                self.prepared.push(PreparedRun { lane: loaded.lane, transaction, changes, broken });
            }
            // All of a run or nothing. That its end is not promised is known from the record that is broken.
            None if broken => self.drop_unpromised(loaded.lane, changes),
            None => changes.into_iter().for_each(|change| self.apply(change)),
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Add { message, queues } => {
                for queue in queues {
                    self.add(queue, message.clone());
                }
            }
            Change::Ack { queue, messages } => {
                if !self.unsaid.is_empty() {
                    self.unsaid.retain(|(_, of, id)| *of != queue || !messages.contains(id));
                }
                if self.judges_only {
                    return;
                }
                let waiting = self.messages.entry(queue).or_default();
                for id in messages {
                    if waiting.take(id).is_none() && !self.prepared.is_empty() {
                        self.early.insert((queue, id));
                    }
                }
            }
        }
    }

    fn add(&mut self, queue: QueueId, message: LoadedMessage) {
        self.highest_queue = self.highest_queue.max(queue.0);
        if self.judges_only || (!self.early.is_empty() && self.early.remove(&(queue, message.entry.id))) {
            return;
        }
        // A message that is written again, by compaction, stays what it is and lies farther on in its lane; its first record may be
        // heard of later, with the END of its transaction.
        self.messages.entry(queue).or_default().add(message.entry.id, message, |known, message| {
            if known.entry.location < message.entry.location {
                *known = message;
            }
        });
    }

    /// A lane says that a transaction was decided: its part counts from here on.
    fn end(&mut self, lane: LaneId, transaction: TransactionId) {
        let at = self.prepared.iter().position(|part| part.lane == lane && part.transaction == transaction);
        if let Some(at) = at {
            let part = self.prepared.remove(at);
            self.count(part);
        }
    }

    /// A part of a decided transaction counts. If it relies on what was lost, and yet was decided, the operator has given it up.
    fn count(&mut self, part: PreparedRun) {
        if part.broken {
            self.drop_unpromised(part.lane, part.changes);
        } else {
            part.changes.into_iter().for_each(|change| self.apply(change));
        }
    }

    /// All lanes are read: decides what is undecided.
    pub fn settle(&mut self, reach: &impl Reach) -> Unfinished {
        let mut unfinished: HashMap<TransactionId, Vec<LaneId>> = HashMap::new();
        let prepared = std::mem::take(&mut self.prepared);
        let mut never = Vec::new();
        // All parts or none: one that relies on what was lost was not promised, so neither was the decision.
        let broken: HashSet<TransactionId> =
            prepared.iter().filter(|part| part.broken).map(|part| part.transaction).collect();
        for part in prepared {
            let counts = !broken.contains(&part.transaction)
                && self.decisions.get(&part.transaction).is_some_and(|decision| {
                    decision.vector.iter().all(|(lane, lsn)| *lsn <= reach.epoch_end(*lane, decision.epoch))
                });
            if counts {
                unfinished.entry(part.transaction).or_default().push(part.lane);
                self.count(part);
            } else {
                self.report.undecided += 1;
                never.push((part.lane, Never::Transaction(part.transaction)));
            }
        }
        if reach.is_anything_given_up() {
            self.drop_bodiless(reach);
        }
        let unsaid = std::mem::take(&mut self.unsaid).into_iter();
        never.extend(unsaid.map(|(lane, queue, id)| (lane, Never::Message(queue, id))));
        let decisions = &self.decisions;
        let ends = unfinished.into_iter().filter_map(|(transaction, lanes)| {
            let decision = decisions.get(&transaction)?;
            Some((transaction, lanes, (decision.lane, decision.location)))
        });
        let mut ends: Vec<_> = ends.collect();
        // In one order, so that a start on the same disk writes the same blocks.
        ends.sort_unstable_by_key(|(transaction, ..)| *transaction);
        Unfinished { ends, never }
    }

    /// A large body goes when its message has been acknowledged. Where the acknowledgement was given up, the message comes again; without
    /// a body it cannot be delivered any more.
    fn drop_bodiless(&mut self, reach: &impl Reach) {
        let Self { messages, unsaid, report, .. } = self;
        for (queue, messages) in messages {
            messages.retain(|id, message| {
                let Some(body) = &message.large else { return true };
                let is_there = body.location.block() >= reach.kept_from(body.lane);
                if !is_there {
                    report.bodiless += 1;
                    unsaid.extend(LaneId::new(LaneKind::Journal, body.lane.index()).map(|lane| (lane, *queue, id)));
                }
                is_there
            });
        }
    }

    /// What was found so far.
    pub fn report(&self) -> LoadReport {
        self.report
    }

    /// Fills a home with what belongs to it. Called for each core's home.
    pub fn fill<B: journal::BlockBuffer>(&mut self, home: &mut Home<B>) -> LoadReport {
        for (name, (routing, auto_created)) in &self.addresses {
            if home.owns_address(name) {
                let lane_index = home.lane_index(name);
                let settings = &home.settings.addresses;
                let key = home.names.put_address(name, *routing, *auto_created, lane_index, settings);
                home.names.mark_stored(key);
            }
        }
        if let Some(keeper) = home.keeper.as_mut() {
            keeper.next_queue = self.next_queue();
            let addresses = self.addresses.iter().map(|(name, state)| (name.as_str().into(), *state));
            keeper.directory.addresses = addresses.collect();
            let queue_names =
                self.queues.values().map(|queue| (queue.name.as_ref().into(), queue.address.as_ref().into()));
            keeper.directory.queue_names = queue_names.collect();
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

    fn load_queue(&mut self, definition: &QueueDefinition<'static>, id: QueueId, messages: Gathered<LoadedMessage>) {
        let lane_index = self.lane_index(&definition.address);
        let routing = RoutingTypes::only(definition.routing);
        let settings = &self.settings.addresses;
        let auto_created = definition.auto_created;
        let address = self.names.put_address(&definition.address, routing, auto_created, lane_index, settings);
        self.names.mark_stored(address);
        let key = self.names.put_queue(definition, id, address);
        let Some(lane) = LaneId::new(LaneKind::Journal, lane_index) else { return };
        for LoadedMessage { mut entry, large } in messages.into_ordered() {
            entry.set_promised();
            let segment = self.segment_of(lane, entry.location.block());
            let bytes = entry.size();
            if let Some(lane) = self.lanes.get_mut(lane) {
                lane.lives.add(segment, bytes);
            }
            if let Some(body) = large {
                self.load_large(entry.id, *body);
            }
            if let Some(queue) = self.names.queue_mut(key) {
                queue.arrive(entry);
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

    /// The epoch has begun on all lanes of the store: says in the lanes of this core what was decided before the last end, or
    /// never will be, and is not said yet, and begins to serve.
    pub fn activate(&mut self, unfinished: &Unfinished) {
        self.active = true;
        let all: Vec<_> = self.names.queues().map(|(key, _)| key).collect();
        // What was deserted when the last run ended.
        all.into_iter().for_each(|queue| self.look_after(queue));
        let never = unfinished.never.iter().copied();
        self.owe_never(never.filter(|(lane, _)| self.lanes.get(*lane).is_some()).collect());
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

/// Was a piece of the message's large body given up?
fn is_body_patched(change: &Change, reach: &impl Reach) -> bool {
    let Change::Add { message: LoadedMessage { large: Some(body), .. }, .. } = change else { return false };
    reach.is_patched(body.lane, body.location.block(), body.end)
}

/// What a record changes in its queues.
fn change_of(loaded: Loaded<'_>, stored: &Stored<'_>) -> Option<Change> {
    let first_id = MessageId::durable(loaded.lane.index(), loaded.location);
    let entry = |id, shape: Shape| Entry::new(id, loaded.location, shape.size, shape.priority, true);
    Some(match stored {
        Stored::Add { queues, message, .. } => small_change(loaded, None, *queues, Shape::of(message)),
        Stored::Moved { id, queues, message } => small_change(loaded, Some(*id), *queues, Shape::of(message)),
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

/// A message came whose body is in its record, or moved, and has its id from before.
fn small_change(loaded: Loaded<'_>, id: Option<MessageId>, queues: QueueIds<'_>, shape: Shape) -> Change {
    let id = id.unwrap_or_else(|| MessageId::durable(loaded.lane.index(), loaded.location));
    let entry = Entry::new(id, loaded.location, shape.size, shape.priority, true);
    Change::Add { message: LoadedMessage { entry, large: None }, queues: queues.iter().collect() }
}

fn large_change(mut entry: Entry, body: LargeBody, queues: Vec<QueueId>) -> Change {
    entry.set_large();
    Change::Add { message: LoadedMessage { entry, large: Some(Box::new(body)) }, queues }
}
