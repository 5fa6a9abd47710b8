//! Segments in which nothing lives are given back, oldest first; what still lives in the oldest of too many is written again.
//!
//! Freeing in order keeps one rule simple: whatever settles a record (an acknowledgement, an END) lies behind it, and so is freed
//! with it or after it. What must stay true: compaction ends. A round writes nothing again that was written in the same round, and
//! the next one waits until others have made the lane grow.

use std::collections::VecDeque;

use hashbrown::HashMap;
use journal::{FreeError, LaneId, LaneKind, Location, Record, SegmentSequence, Vector};
use smallvec::SmallVec;

use super::{Effect, Home};
use crate::message::{MessageId, QueueId, QueueKey};
use crate::queue::{Entry, Place};
use crate::store::{encode, record};

/// Messages written again in one turn, so that clients are not kept waiting.
const MOVES_PER_TURN: usize = 128;

/// The compactions of one home, by lane.
#[derive(Debug, Default)]
pub(super) struct Compactions {
    lanes: HashMap<LaneId, Compaction>,
    /// The last plan of each lane: the oldest segment, and the one that was being written.
    planned: HashMap<LaneId, (SegmentSequence, SegmentSequence)>,
    rounds: HashMap<LaneId, Round>,
    /// Where messages lay whose new place is not promised, and so perhaps not written.
    before: HashMap<(QueueKey, MessageId), Location>,
}

impl Compactions {
    /// Where a message that was just moved can be read.
    pub(super) fn readable(&self, queue: QueueKey, id: MessageId) -> Option<Location> {
        self.before.get(&(queue, id)).copied()
    }

    /// The new place is promised.
    pub(super) fn settled(&mut self, queue: QueueKey, id: MessageId) {
        self.before.remove(&(queue, id));
    }
}

/// Where the compaction of a lane stands.
#[derive(Clone, Copy, Debug)]
enum Round {
    /// Everything before this segment is looked at once.
    To(SegmentSequence),
    /// Nothing is moved before the lane writes this segment.
    Rest(SegmentSequence),
}

/// The oldest segment of a lane on its way to being empty.
#[derive(Debug)]
struct Compaction {
    segment: SegmentSequence,
    todo: VecDeque<Moving>,
    /// The body of the first message to move, read back from the lane.
    body: Option<Vec<u8>>,
    /// It is being read.
    reading: bool,
}

/// A message that is to be written again, in one of its queues.
#[derive(Clone, Copy, Debug)]
struct Moving {
    queue: QueueKey,
    queue_id: QueueId,
    id: MessageId,
    place: Place,
    priority: u8,
    location: Location,
}

/// What came of moving one message.
enum Moved {
    /// It lies elsewhere now, or it is gone.
    Done,
    /// Its body has to be read first.
    Reading,
    /// The lane takes nothing now.
    Waiting,
}

impl<B: journal::BlockBuffer> Home<B> {
    /// Frees the oldest segment of each lane while nothing in it lives, and goes on with compaction.
    pub(super) fn reclaim(&mut self) {
        for at in 0..self.lanes.len() {
            let Some(id) = self.lanes.id_at(at) else { continue };
            match id.kind() {
                LaneKind::Bindings => self.reclaim_bindings(),
                LaneKind::Checkpoint => {}
                _ => {
                    while self.free_oldest(id) {}
                    self.compact(id);
                }
            }
        }
    }

    fn free_oldest(&mut self, id: LaneId) -> bool {
        let current = self.lanes.current_segment(id);
        let Some(lane) = self.lanes.get_mut(id) else { return false };
        let Some(dead) = lane.lives.oldest_dead(current) else { return false };
        match lane.lane.free_segment(dead) {
            Ok(_) => {
                lane.lives.drop_oldest();
                true
            }
            // Tried again at a later turn: its end is not promised yet, or the lane is full.
            Err(FreeError::InUse | FreeError::NotOldest | FreeError::Append(_)) => false,
        }
    }

    /// Moves what lives in the oldest segment, if the lane has grown far beyond what lives in it.
    fn compact(&mut self, lane: LaneId) {
        if lane.kind() != LaneKind::Journal || !self.ready() {
            return;
        }
        if !self.compactions.lanes.contains_key(&lane) {
            if !self.wants_compaction(lane) || !self.is_in_round(lane) {
                return;
            }
            let Some(compaction) = self.plan(lane) else { return };
            self.compactions.lanes.insert(lane, compaction);
        }
        for _ in 0..MOVES_PER_TURN {
            let Some(mut compaction) = self.compactions.lanes.remove(&lane) else { return };
            match self.move_next(lane, &mut compaction) {
                Moved::Done if compaction.todo.is_empty() => return,
                Moved::Done => {
                    self.compactions.lanes.insert(lane, compaction);
                }
                Moved::Reading | Moved::Waiting => {
                    self.compactions.lanes.insert(lane, compaction);
                    return;
                }
            }
        }
    }

    /// Is less than half of what the lane keeps alive, and more kept than may be?
    fn wants_compaction(&self, id: LaneId) -> bool {
        let current = self.lanes.current_segment(id);
        let Some(lane) = self.lanes.get(id) else { return false };
        let kept = current.0.saturating_sub(lane.lives.first().0);
        let segment_bytes = lane.lane.geometry().payload_bytes();
        kept > self.settings.segments_before_compaction
            && lane.lives.oldest_count() > 0
            && lane.lives.live_bytes() < kept.saturating_mul(segment_bytes) / 2
    }

    /// Is the oldest segment to be looked at in this round? Small messages that lie one in a block are less than half of what
    /// the lane keeps, however often they are written again.
    fn is_in_round(&mut self, id: LaneId) -> bool {
        let current = self.lanes.current_segment(id);
        let Some(first) = self.lanes.get(id).map(|lane| lane.lives.first()) else { return false };
        let round = self.compactions.rounds.entry(id).or_insert(Round::To(current));
        match *round {
            Round::To(end) if first >= end => {
                *round = Round::Rest(SegmentSequence(current.0 + self.settings.segments_before_compaction));
                false
            }
            Round::To(_) => true,
            Round::Rest(until) if current < until => false,
            Round::Rest(_) => {
                *round = Round::To(current);
                true
            }
        }
    }

    /// Collects what lives in the oldest segment. What a consumer holds is found when its turn comes.
    ///
    /// What is left there cannot be moved now: a decision, what a transaction has consumed. To look for it
    /// again is worth the time when the lane has grown by a segment.
    fn plan(&mut self, lane: LaneId) -> Option<Compaction> {
        let segment = self.lanes.get(lane)?.lives.first();
        let plan = (segment, self.lanes.current_segment(lane));
        if self.compactions.planned.insert(lane, plan) == Some(plan) {
            return None;
        }
        let mut todo = Vec::new();
        let mut collect = |queue: QueueKey, queue_id: QueueId, entry: &Entry| {
            if entry.is_durable() && self.segment_of(lane, entry.location.block()) == segment {
                let (id, place, priority, location) = (entry.id, entry.place(), entry.priority(), entry.location);
                todo.push(Moving { queue, queue_id, id, place, priority, location });
            }
        };
        for (key, queue) in self.names.queues() {
            if self.names.lane_of(key) != Some(lane) {
                continue;
            }
            queue.waiting.iter().for_each(|entry| collect(key, queue.id, entry));
            let held = queue.consumers.iter().filter_map(|consumer| self.consumers.get(consumer));
            held.flat_map(|consumer| consumer.held()).for_each(|entry| collect(key, queue.id, entry));
        }
        // In the order of the lane, so that one read serves many.
        todo.sort_unstable_by_key(|moving| moving.location);
        Some(Compaction { segment, todo: todo.into(), body: None, reading: false })
    }

    fn move_next(&mut self, lane: LaneId, compaction: &mut Compaction) -> Moved {
        let Some(moving) = compaction.todo.front().copied() else { return Moved::Done };
        if compaction.reading {
            return Moved::Reading;
        }
        if !self.lanes.ready() {
            return Moved::Waiting;
        }
        let Some(entry) = self.find_entry(&moving).cloned().filter(|entry| entry.location == moving.location) else {
            compaction.todo.pop_front();
            compaction.body = None;
            return Moved::Done;
        };
        if entry.is_large() {
            return self.move_large(lane, compaction, &moving, &entry);
        }
        let read = compaction.body.take();
        let Some(body) = read.as_deref().or_else(|| self.bodies.get(&entry)) else {
            compaction.reading = true;
            self.read_to_move(moving.queue, &entry, lane);
            return Moved::Reading;
        };
        encode::moved(&mut self.scratch, moving.id, &[moving.queue_id]);
        let parts: [&[u8]; 2] = [&self.scratch, body];
        match self.lanes.append(lane, Record::alone(record::MOVED, &parts), &Vector::new()) {
            Ok(appended) => self.moved(lane, compaction, &moving, &entry, appended),
            Err(_) => Moved::Waiting,
        }
    }

    fn move_large(&mut self, lane: LaneId, compaction: &mut Compaction, moving: &Moving, entry: &Entry) -> Moved {
        let Some(large) = self.bodies.large(moving.id) else { return Moved::Waiting };
        let shape = record::Shape { size: entry.size(), priority: entry.priority() };
        encode::moved_large(&mut self.scratch, moving.id, &[moving.queue_id], shape, large.body);
        match self.append_small(lane, record::MOVED_LARGE) {
            Some(appended) => self.moved(lane, compaction, moving, entry, appended),
            None => Moved::Waiting,
        }
    }

    /// The message lies in a new place; when that is promised it can be read there, and the old one is free.
    fn moved(
        &mut self,
        lane: LaneId,
        compaction: &mut Compaction,
        moving: &Moving,
        entry: &Entry,
        appended: journal::Appended,
    ) -> Moved {
        let new = self.segment_of(lane, appended.location.block());
        let bytes = entry.size();
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.lives.add(new, bytes);
        }
        if let Some(entry) = self.find_entry_mut(moving) {
            entry.location = appended.location;
        }
        self.compactions.before.insert((moving.queue, moving.id), moving.location);
        self.lanes.at(lane, appended.end, Effect::Moved { queue: moving.queue, id: moving.id });
        self.lanes.at(lane, appended.end, Effect::Released { lane, segment: compaction.segment, bytes });
        compaction.todo.pop_front();
        Moved::Done
    }

    /// A body that compaction asked for was read, or was not where it was looked for.
    pub(super) fn read_moved(&mut self, lane: LaneId, body: Option<Vec<u8>>) {
        if let Some(compaction) = self.compactions.lanes.get_mut(&lane) {
            compaction.reading = false;
            if body.is_none() {
                // Another plan looks again.
                compaction.todo.clear();
            }
            compaction.body = body;
        }
    }

    /// The message that a lane's compaction moves next.
    pub(super) fn first_to_move(&self, lane: LaneId) -> Option<&Entry> {
        self.find_entry(self.compactions.lanes.get(&lane)?.todo.front()?)
    }

    /// Keeps what else of a lane's compaction lies whole in these blocks: one read for many messages, which then lie close
    /// together.
    pub(super) fn warm_for_moves(&mut self, id: LaneId, start: journal::Lsn, bytes: &[u8]) {
        let Some(compaction) = self.compactions.lanes.get(&id) else { return };
        let end = start.plus(bytes.len() as u64);
        let inside = compaction.todo.iter().take_while(|moving| moving.location.block() < end);
        let todo: Vec<Moving> = inside.take(MOVES_PER_TURN).copied().collect();
        for moving in todo {
            let block = moving.location.block();
            let at = usize::try_from(block.since(start)).unwrap_or(usize::MAX);
            let lane = self.lanes.get(id).map(|lane| &lane.lane);
            let view = bytes.get(at..).zip(lane).and_then(|(rest, lane)| lane.block_in(rest, block).ok());
            let Some(view) = view else { return };
            let Some(body) = super::cold::whole_body(&view, moving.location.offset()) else { return };
            let slot = self.bodies.keep_hot(moving.id, body);
            if let Some(entry) = self.find_entry_mut(&moving) {
                entry.hot = slot;
            }
        }
    }

    fn find_entry(&self, moving: &Moving) -> Option<&Entry> {
        let queue = self.names.queue(moving.queue)?;
        let waiting = queue.waiting.find(moving.place, moving.priority).filter(|entry| entry.id == moving.id);
        waiting.or_else(|| {
            let mut consumers = queue.consumers.iter().filter_map(|key| self.consumers.get(key));
            consumers.find_map(|consumer| consumer.held().find(|entry| entry.id == moving.id))
        })
    }

    fn find_entry_mut(&mut self, moving: &Moving) -> Option<&mut Entry> {
        let Self { names, consumers, .. } = self;
        let queue = names.queue_mut(moving.queue)?;
        let holders: SmallVec<[_; 8]> = queue.consumers.iter().collect();
        let waiting = queue.waiting.find_mut(moving.place, moving.priority).filter(|entry| entry.id == moving.id);
        if waiting.is_some() {
            return waiting;
        }
        let holds = |key: &crate::message::ConsumerKey| {
            consumers.get(*key).is_some_and(|consumer| consumer.held().any(|entry| entry.id == moving.id))
        };
        let holder = holders.into_iter().find(holds)?;
        consumers.get_mut(holder)?.held_mut().find(|entry| entry.id == moving.id)
    }
}
