//! Operations that need more records than the lanes' buffers may hold at once: commits, long acknowledgements, large messages.
//!
//! Each is a list of items for each lane, written as a run that counts when it is closed; it goes on turn by turn as buffers
//! come free. While one is under way nothing else is appended in this home, so large bodies lie in one piece and no session's
//! later command overtakes its earlier one. What must stay true: from its first record until its entries live, or until it
//! comes to nothing, an operation holds the segments that it has written to.

use std::ops::Range;

use journal::{Appended, LaneId, LaneKind, Lsn, Record, RecordKind, Run, RunId, SegmentSequence, Vector};
use smallvec::SmallVec;

use super::bodies::Large;
use super::{Home, Who};
use crate::limits;
use crate::mail::{Answer, Deliver, Failure};
use crate::message::{MessageId, QueueId, QueueKey};
use crate::queue::Entry;
use crate::routing::Targets;
use crate::store::record::{LargeBody, Shape, TransactionId};
use crate::store::{encode, record};

/// A message to be written.
#[derive(Debug)]
pub(super) struct Send {
    pub(super) targets: Targets,
    pub(super) range: Range<usize>,
    pub(super) priority: u8,
    /// What its address relies on.
    pub(super) depends: Vector,
    /// Its large body, as far as it is written.
    large: Option<LargeBody>,
    /// Its record, once that is written.
    appended: Option<Appended>,
}

impl Send {
    pub(super) fn new(targets: Targets, range: Range<usize>, priority: u8, depends: Vector) -> Self {
        Self { targets, range, priority, depends, large: None, appended: None }
    }

    /// What its record relies on in other lanes.
    fn relies(&self) -> Vector {
        let mut relies = self.depends.clone();
        if let Some(body) = self.large {
            relies.raise(body.lane, body.end);
        }
        relies
    }
}

/// One record of a run.
#[derive(Debug)]
pub(super) enum Item {
    /// The run counts only if this transaction is decided. The last of its run: the segments of a lane go oldest first, so
    /// none of a run that came to nothing is ever found without it.
    Prepare(TransactionId),
    /// A message.
    Send(Send),
    /// Messages of one queue, by their places in [`Part::consumed`].
    Acks { queue: QueueId, range: Range<usize> },
}

/// What is written to one lane.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) lane: LaneId,
    pub(super) items: Vec<Item>,
    /// The entries that the acknowledgements of this part consume.
    pub(super) consumed: Vec<Entry>,
    next: usize,
    run: Option<RunId>,
    pub(super) end: Lsn,
    /// What its sends rely on in other lanes: names, large bodies.
    relies: Vector,
}

impl Part {
    pub(super) fn new(lane: LaneId) -> Self {
        let (items, consumed) = (Vec::new(), Vec::new());
        Self { lane, items, consumed, next: 0, run: None, end: Lsn(0), relies: Vector::new() }
    }

    /// For each entry of [`Part::consumed`], in order, the queue that it was taken from.
    pub(super) fn acknowledged_queues(&self) -> impl Iterator<Item = QueueId> {
        self.items.iter().flat_map(|item| match item {
            Item::Acks { queue, range } => vec![*queue; range.len()],
            _ => Vec::new(),
        })
    }

    /// Adds the acknowledgements of durable entries of one queue.
    pub(super) fn push_acks(&mut self, queue: QueueId, entries: &[Entry]) {
        let start = self.consumed.len();
        self.consumed.extend(entries.iter().filter(|entry| entry.is_durable()).cloned());
        let mut from = start;
        while from < self.consumed.len() {
            let to = self.consumed.len().min(from + limits::ACK_IDS_PER_RECORD);
            self.items.push(Item::Acks { queue, range: from..to });
            from = to;
        }
    }
}

/// How a commit over several lanes ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its one run is all.
    Run,
    /// All lanes are here: the decision is written at once.
    Decide(TransactionId),
    /// Other cores take part: the decision comes from the session.
    Prepared(TransactionId),
}

/// An operation under way.
#[derive(Debug)]
pub(super) struct Ongoing {
    pub(super) who: Who,
    pub(super) parts: Vec<Part>,
    /// The bodies of its sends.
    pub(super) bytes: Vec<u8>,
    pub(super) ending: Ending,
    /// Non-durable messages, and consumed ones, that take effect with it.
    pub(super) volatile: Vec<Volatile>,
    pub(super) volatile_consumed: Vec<MessageId>,
    /// What it takes of the bound of all transactions.
    pub(super) staged_bytes: usize,
    /// The segment of its first record in each lane that it has written to. Later ones are freed later.
    holds: Holds,
}

/// A non-durable message of a transaction: its queues, its bytes, its priority.
pub(super) type Volatile = (Targets, Range<usize>, u8);

/// A message of a transaction that goes into its queues now.
enum Sent {
    /// Written to a lane, to count once the position is promised.
    Durable(LaneId, Send, (LaneId, Lsn)),
    Volatile(Volatile),
}

impl Sent {
    /// Where its bytes begin: they lie in the order in which the messages were sent.
    fn start(&self) -> usize {
        match self {
            Self::Durable(_, send, _) => send.range.start,
            Self::Volatile((_, range, _)) => range.start,
        }
    }
}

/// Segments that an operation keeps, one of each lane.
type Holds = SmallVec<[(LaneId, SegmentSequence); 2]>;

impl Ongoing {
    pub(super) fn new(who: Who, parts: Vec<Part>, bytes: Vec<u8>) -> Self {
        Self {
            who,
            parts,
            bytes,
            ending: Ending::Run,
            volatile: Vec::new(),
            volatile_consumed: Vec::new(),
            staged_bytes: 0,
            holds: SmallVec::new(),
        }
    }
}

/// A part of a transaction over several cores that waits for its decision.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) ongoing: Ongoing,
    pub(super) transaction: TransactionId,
}

/// What came of an attempt to go on.
enum Step {
    /// Everything is written.
    Finished,
    /// The lanes are full for now.
    Waiting,
    /// It cannot be done.
    Failed(Failure),
}

impl<B: journal::BlockBuffer> Home<B> {
    /// Goes on with long operations as far as the lanes take records.
    pub(super) fn go_on(&mut self, deliver: &mut impl Deliver) {
        while let Some(mut ongoing) = self.ongoing.pop_front() {
            match self.step(&mut ongoing) {
                Step::Waiting => {
                    self.ongoing.push_front(ongoing);
                    return;
                }
                Step::Failed(failure) => {
                    self.let_go(&ongoing);
                    self.answer_later(ongoing.who, Answer::failed(failure), deliver);
                }
                Step::Finished => self.finish_ongoing(ongoing, deliver),
            }
        }
    }

    pub(super) fn answer_later(&self, who: Who, answer: Answer, deliver: &mut impl Deliver) {
        if let Some(token) = who.token {
            deliver.answer(who.from, token, answer);
        }
    }

    fn step(&mut self, ongoing: &mut Ongoing) -> Step {
        let Ongoing { who, parts, bytes, holds, .. } = ongoing;
        for part in parts {
            while part.next < part.items.len() {
                match self.write_item(*who, part, bytes, holds) {
                    Ok(true) => part.next += 1,
                    Ok(false) => return Step::Waiting,
                    Err(error) => return Step::Failed(super::publish::refusal(&error)),
                }
            }
        }
        // The decision needs room too, so that it is written in the same turn in which it is due.
        if matches!(ongoing.ending, Ending::Decide(_)) && !self.lanes.ready() {
            return match self.waiting_or_latched() {
                Ok(_) => Step::Waiting,
                Err(error) => Step::Failed(super::publish::refusal(&error)),
            };
        }
        Step::Finished
    }

    /// Writes the next item of a part. False: the lanes take nothing more for now.
    fn write_item(
        &mut self,
        who: Who,
        part: &mut Part,
        bytes: &[u8],
        holds: &mut Holds,
    ) -> Result<bool, journal::AppendError> {
        let lane = part.lane;
        let last = part.next + 1 == part.items.len();
        let alone = last && part.next == 0;
        let Part { items, consumed, next, run, end, relies, .. } = part;
        let Some(item) = items.get_mut(*next) else { return Ok(true) };
        if let Item::Send(send) = item {
            if !self.write_large_body(lane, send, bytes, holds)? {
                return Ok(false);
            }
            self.rely_on(relies, &send.relies());
        }
        let may_close = alone || !last || self.lanes.promises().cover(relies);
        if !may_close || !self.lanes.ready() {
            return self.waiting_or_latched();
        }
        let run = if alone { Run::None } else { self.run_mark(lane, run, last) };
        let none = Vector::new();
        let appended = match item {
            Item::Prepare(transaction) => {
                encode::transaction(&mut self.scratch, *transaction);
                self.append_run(lane, record::PREPARE, run, &[], &none)?
            }
            Item::Acks { queue, range } => {
                let ids = consumed.get(range.clone()).unwrap_or_default().iter().map(|entry| entry.id);
                encode::ack(&mut self.scratch, who.operation, *queue, ids);
                self.append_run(lane, record::ACK, run, &[], &none)?
            }
            Item::Send(send) => {
                let appended = self.write_send(who, lane, run, send, bytes)?;
                send.appended = Some(appended);
                appended
            }
        };
        *end = appended.end;
        self.hold(holds, lane, appended);
        Ok(true)
    }

    /// A run relies on this too. It is closed only when all that is promised, so that none of it is missing where the run is
    /// found: a start could drop one record of it, but not the whole.
    fn rely_on(&mut self, relies: &mut Vector, more: &Vector) {
        if !more.covered_by(|lane| relies.get(lane).unwrap_or(Lsn(0)).max(self.lanes.promises().of(lane))) {
            self.lanes.await_remote(more);
            relies.merge(more);
        }
    }

    /// The operation has written this record.
    fn hold(&mut self, holds: &mut Holds, lane: LaneId, appended: Appended) {
        if holds.iter().any(|(held, _)| *held == lane) {
            return;
        }
        let segment = self.segment_of(lane, appended.location.block());
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.lives.add(segment, 0);
        }
        holds.push((lane, segment));
    }

    /// The operation holds nothing any more: its entries live by themselves, or it comes to nothing.
    pub(super) fn let_go(&mut self, ongoing: &Ongoing) {
        self.staged_bytes = self.staged_bytes.saturating_sub(ongoing.staged_bytes);
        for (lane, segment) in &ongoing.holds {
            if let Some(lane) = self.lanes.get_mut(*lane) {
                lane.lives.release(*segment, 0);
            }
        }
    }

    fn waiting_or_latched(&self) -> Result<bool, journal::AppendError> {
        if self.lanes.latch().is_some() { Err(journal::AppendError::Latched) } else { Ok(false) }
    }

    fn run_mark(&mut self, lane: LaneId, run: &mut Option<RunId>, last: bool) -> Run {
        let id = match *run {
            Some(id) => id,
            None => self.lanes.get_mut(lane).map_or(RunId(0), |lane| lane.lane.next_run()),
        };
        *run = Some(id);
        if last { Run::Commit(id) } else { Run::Member(id) }
    }

    fn write_send(
        &mut self,
        who: Who,
        lane: LaneId,
        run: Run,
        send: &Send,
        bytes: &[u8],
    ) -> Result<Appended, journal::AppendError> {
        let ids: SmallVec<[QueueId; 2]> = send.targets.iter().map(|(_, id)| *id).collect();
        if let Some(body) = send.large {
            let size = u32::try_from(send.range.len()).unwrap_or(u32::MAX);
            encode::add_large(&mut self.scratch, who.operation, &ids, Shape { size, priority: send.priority }, body);
            return self.append_run(lane, record::ADD_LARGE, run, &[], &send.relies());
        }
        encode::add(&mut self.scratch, who.operation, ids.iter().copied());
        let message = bytes.get(send.range.clone()).unwrap_or_default();
        self.append_run(lane, record::ADD, run, message, &send.depends)
    }

    fn append_run(
        &mut self,
        lane: LaneId,
        kind: RecordKind,
        run: Run,
        rest: &[u8],
        depends: &Vector,
    ) -> Result<Appended, journal::AppendError> {
        let parts: [&[u8]; 2] = [&self.scratch, rest];
        self.lanes.append(lane, Record { kind, run, parts: &parts }, depends)
    }

    /// Writes the body of a large message piece by piece. True: it is written, or the message is not large.
    fn write_large_body(
        &mut self,
        lane: LaneId,
        send: &mut Send,
        bytes: &[u8],
        holds: &mut Holds,
    ) -> Result<bool, journal::AppendError> {
        if send.range.len() <= limits::RECORD_MESSAGE_BYTES_MAX {
            return Ok(true);
        }
        let Some(large) = LaneId::new(LaneKind::Large, lane.index()) else { return Err(journal::AppendError::Blocked) };
        let body = bytes.get(send.range.clone()).unwrap_or_default();
        let done = send.large.map_or(0, |body| body.pieces);
        let skip = usize::try_from(done).unwrap_or(usize::MAX);
        for piece in body.chunks(limits::RECORD_MESSAGE_BYTES_MAX).skip(skip) {
            if !self.lanes.ready() {
                return self.waiting_or_latched();
            }
            let number = send.large.map_or(0, |body| body.pieces);
            encode::body(&mut self.scratch, number);
            let appended = self.append_run(large, record::BODY, Run::None, piece, &Vector::new())?;
            self.hold(holds, large, appended);
            let first = LargeBody { lane: large, location: appended.location, pieces: 0, end: appended.end };
            let body = send.large.get_or_insert(first);
            body.pieces += 1;
            body.end = appended.end;
        }
        Ok(true)
    }

    /// Everything is written: memory follows.
    fn finish_ongoing(&mut self, ongoing: Ongoing, deliver: &mut impl Deliver) {
        let vector: Vector = ongoing.parts.iter().map(|part| (part.lane, part.end)).collect();
        match ongoing.ending {
            Ending::Run => {
                let who = ongoing.who;
                let at = ongoing.parts.first().map(|part| (part.lane, part.end));
                self.take_effect_of(ongoing, at, deliver);
                self.answer_later(who, Answer::done(vector), deliver);
            }
            Ending::Prepared(transaction) => {
                let who = ongoing.who;
                self.prepared.insert(who.from, Prepared { ongoing, transaction });
                self.answer_later(who, Answer::done(vector), deliver);
            }
            Ending::Decide(transaction) => self.decide_here(ongoing, transaction, &vector, deliver),
        }
    }

    /// Puts what was sent into its queues and frees what was consumed, to count once `at` is promised; at once without one.
    pub(super) fn take_effect_of(
        &mut self,
        mut ongoing: Ongoing,
        at: Option<(LaneId, Lsn)>,
        deliver: &mut impl Deliver,
    ) {
        let parts = std::mem::take(&mut ongoing.parts);
        let volatile = std::mem::take(&mut ongoing.volatile);
        let Ongoing { bytes, volatile_consumed, .. } = &ongoing;
        let mut touched: SmallVec<[QueueKey; 8]> = SmallVec::new();
        // Only where lifetimes mix is there an order to restore.
        let mixed = !volatile.is_empty();
        let mut sent: Vec<Sent> = volatile.into_iter().map(Sent::Volatile).collect();
        for part in parts {
            let at = at.unwrap_or((part.lane, Lsn(0)));
            for item in part.items {
                let Item::Send(send) = item else { continue };
                touched.extend(send.targets.iter().map(|(queue, _)| *queue));
                if mixed {
                    sent.push(Sent::Durable(part.lane, send, at));
                } else {
                    self.arrive_send(part.lane, &send, bytes, at);
                }
            }
            for entry in &part.consumed {
                self.release(part.lane, entry, &Vector::of(at.0, at.1));
            }
        }
        sent.sort_by_key(Sent::start);
        for one in sent {
            match one {
                Sent::Durable(lane, send, at) => self.arrive_send(lane, &send, bytes, at),
                Sent::Volatile((targets, range, priority)) => {
                    touched.extend(targets.iter().map(|(queue, _)| *queue));
                    self.arrive_volatile(&targets, bytes.get(range).unwrap_or_default(), priority);
                }
            }
        }
        // Everything that was sent lives by itself now.
        self.let_go(&ongoing);
        for id in volatile_consumed {
            self.bodies.release_volatile(*id);
        }
        for queue in touched {
            self.dispatch(queue, deliver);
        }
    }

    fn arrive_send(&mut self, lane: LaneId, send: &Send, bytes: &[u8], at: (LaneId, Lsn)) {
        let Some(appended) = send.appended else { return };
        let id = MessageId::durable(lane.index(), appended.location);
        let size = u32::try_from(send.range.len()).unwrap_or(u32::MAX);
        let mut entry = Entry::new(id, appended.location, size, send.priority, true);
        entry.hot = self.bodies.keep_hot(id, bytes.get(send.range.clone()).unwrap_or_default());
        if let Some(body) = send.large {
            entry.set_large();
            let references = u32::try_from(send.targets.len()).unwrap_or(u32::MAX);
            self.hold_large(id, Large { body, references });
        }
        for (queue, _) in &send.targets {
            self.arrive(*queue, lane, entry.clone(), at);
        }
    }

    /// A large body lives in all segments that hold a piece of it.
    pub(super) fn hold_large(&mut self, id: MessageId, large: Large) {
        for sequence in self.segments_of_body(large.body) {
            if let Some(lane) = self.lanes.get_mut(large.body.lane) {
                lane.lives.add(sequence, 0);
            }
        }
        self.bodies.keep_large(id, large);
    }

    /// The segments that hold a piece of a large body.
    pub(super) fn segments_of_body(&self, body: LargeBody) -> impl Iterator<Item = journal::SegmentSequence> + use<B> {
        let first = self.segment_of(body.lane, body.location.block());
        let last = self.segment_of(body.lane, Lsn(body.end.0.saturating_sub(1)));
        (first.0..=last.0).map(journal::SegmentSequence)
    }
}
