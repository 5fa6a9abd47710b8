//! Bodies that are only in the journal are read back, block by block, each checked before it is believed.
//!
//! A read takes as much as one buffer holds from the block of the wanted message on. What else of the same queue lies in those
//! blocks goes to the hot window, so a backlog is drained at one read for many messages. What must stay true: bodies on their
//! way take no more memory than `limits` says, and a body that nobody takes at once is not kept. What cannot be read ends the
//! broker (`failure`).

mod collect;
mod failure;
mod reads;

use journal::{BlockView, IoError, LaneId, Location, Now};

use super::Home;
use crate::delivery::Walk;
use crate::limits;
use crate::mail::Deliver;
use crate::message::{ConsumerKey, MessageId, QueueKey};
use crate::queue::{Entry, Place};
use crate::store::record::Stored;
use collect::{Collecting, Pieces, Taken};
pub use failure::Damaged;
pub use reads::ColdRead;
pub(super) use reads::Reads;
use reads::{Wanted, Wish};

/// Entries that one read looks at to keep their bodies.
const WARM_MAX: usize = 1_024;

/// A consumer with a way of its own, and the entry that it has come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walker {
    pub(super) consumer: ConsumerKey,
    pub(super) priority: u8,
    pub(super) place: Place,
}

/// What a read is for.
#[derive(Debug)]
struct Reading {
    queue: QueueKey,
    id: MessageId,
    /// Where the message lay when the read began; compaction may move it meanwhile.
    location: Location,
    /// It is read to be written again in this lane, not to be delivered.
    moving: Option<LaneId>,
    /// Who has come to it on its way; without one it is the queue's next.
    walker: Option<Walker>,
    /// Bytes of the body.
    size: usize,
    /// Reads of it that brought something else.
    failures: usize,
    collecting: Collecting,
}

impl<B: journal::BlockBuffer> Home<B> {
    /// The next read for the driver.
    pub fn next_read(&mut self) -> Option<ColdRead> {
        self.reads.next_asked()
    }

    /// Reads the body of the queue's next message.
    pub(super) fn read_next(&mut self, key: QueueKey) {
        if let Some(queue) = self.names.queue_mut(key) {
            queue.reading = true;
            self.reads.wish(Wish { body: Wanted::Next(key), failures: 0 });
            self.begin_reads();
        }
    }

    /// Reads the body of the message that a consumer has come to on its way.
    pub(super) fn read_for(&mut self, queue: QueueKey, walker: Walker) {
        if let Some(walk) = self.walk_of(walker.consumer) {
            walk.reading = true;
            self.reads.wish(Wish { body: Wanted::Walk { queue, walker }, failures: 0 });
            self.begin_reads();
        }
    }

    /// Reads the body of a message that compaction moves.
    pub(super) fn read_to_move(&mut self, queue: QueueKey, entry: &Entry, lane: LaneId) {
        self.reads.wish(Wish { body: Wanted::Move { queue, entry: entry.clone(), lane }, failures: 0 });
        self.begin_reads();
    }

    /// Begins as many reads as may be under way.
    fn begin_reads(&mut self) {
        while let Some(wish) = self.reads.next_wish() {
            let reading = match &wish.body {
                Wanted::Next(key) => self.reading_of_next(*key),
                Wanted::Walk { queue, walker } => self.reading_of_walk(*queue, *walker),
                Wanted::Move { queue, entry, lane } => {
                    Some(Reading { moving: Some(*lane), ..reading_of(*queue, entry, *lane, entry.location, None) })
                }
            };
            match reading {
                Some(reading) if !self.reads.has_room(reading.size) => return self.reads.wish_first(wish),
                Some(reading) => {
                    self.reads.admit(reading.size);
                    self.read_on(Reading { failures: wish.failures, ..reading });
                }
                // Nothing waits there any more.
                None => {}
            }
        }
    }

    fn reading_of_next(&mut self, key: QueueKey) -> Option<Reading> {
        let lane = self.names.lane_of(key);
        let queue = self.names.queue_mut(key)?;
        let Some((next, lane)) = queue.waiting.next().zip(lane) else {
            queue.reading = false;
            // A consumer with a filter may have taken it: somebody may wait to hear that there is no more.
            self.postpone(key);
            return None;
        };
        let large = if next.is_large() { self.bodies.large(next.id) } else { None };
        let location = self.compactions.readable(key, next.id).unwrap_or(next.location);
        Some(reading_of(key, next, lane, location, large.map(|large| large.body)))
    }

    fn reading_of_walk(&mut self, key: QueueKey, walker: Walker) -> Option<Reading> {
        let walk = self.consumers.get_mut(walker.consumer).and_then(|consumer| consumer.walk.as_deref_mut())?;
        let found = self.names.queue(key).and_then(|queue| queue.waiting.find(walker.place, walker.priority));
        let Some((entry, lane)) = found.zip(self.names.lane_of(key)) else {
            walk.reading = false;
            // It goes on with the next one.
            self.postpone(key);
            return None;
        };
        let large = if entry.is_large() { self.bodies.large(entry.id) } else { None };
        let location = self.compactions.readable(key, entry.id).unwrap_or(entry.location);
        let reading = reading_of(key, entry, lane, location, large.map(|large| large.body));
        Some(Reading { walker: Some(walker), ..reading })
    }

    /// The message that was wanted, if it still waits, and where it can be read.
    fn wanted(&self, key: QueueKey, walker: Option<Walker>) -> Option<(MessageId, Location)> {
        let Some(walker) = walker else { return self.next_to_read(key) };
        let entry = self.names.queue(key)?.waiting.find(walker.place, walker.priority)?;
        Some((entry.id, self.compactions.readable(key, entry.id).unwrap_or(entry.location)))
    }

    /// A queue's next message, and where it can be read.
    fn next_to_read(&self, key: QueueKey) -> Option<(MessageId, Location)> {
        let next = self.names.queue(key)?.waiting.next()?;
        Some((next.id, self.compactions.readable(key, next.id).unwrap_or(next.location)))
    }

    /// Reads whose next try is due. Gives when the next one is.
    pub(super) fn read_again(&mut self, now: Now) -> Option<Now> {
        if !self.reads.tries_again() {
            return None;
        }
        let due = self.reads.pass(now);
        self.begin_reads();
        due
    }

    /// Asks for the bytes that come next.
    fn read_on(&mut self, reading: Reading) {
        let (lane, lsn) = (reading.collecting.lane, reading.collecting.lsn);
        let Some(home_lane) = self.lanes.get(lane) else { return };
        let (segment, offset) = home_lane.lane.segment_of(lsn);
        let left = home_lane.lane.geometry().segment_bytes().saturating_sub(offset);
        // What is not submitted yet is not in the file; what is needed was promised and therefore is.
        let written = home_lane.lane.submitted().since(lsn);
        let len = left.min(written).min(journal::BLOCK_BYTES_MAX as u64);
        self.reads.ask(ColdRead { token: 0, lane, segment, offset, len: usize::try_from(len).unwrap_or(0) }, reading);
    }

    /// A read ended.
    pub fn read_done(&mut self, token: u64, result: Result<&[u8], IoError>, deliver: &mut impl Deliver) {
        let Some(mut reading) = self.reads.take(token) else { return };
        if reading.collecting.is_new()
            && let Ok(bytes) = &result
        {
            match reading.moving {
                Some(lane) => self.warm_for_moves(lane, reading.collecting.lsn, bytes),
                None => self.warm(&reading, bytes),
            }
        }
        let Some(lane) = self.lanes.get(reading.collecting.lane) else { return };
        let taken = match result {
            Ok(bytes) => reading.collecting.take(bytes, |bytes, lsn| lane.lane.block_in(bytes, lsn)),
            Err(error) => Err(error.to_string()),
        };
        match taken {
            Ok(Taken::NeedsMore) => return self.read_on(reading),
            Ok(Taken::Whole(body)) => self.use_body(&reading, body, deliver),
            Err(problem) => self.not_read(&reading, problem, deliver),
        }
        self.reads.leave(reading.size);
        self.begin_reads();
    }

    /// The wanted body is there: it is delivered, or written again.
    fn use_body(&mut self, reading: &Reading, body: Vec<u8>, deliver: &mut impl Deliver) {
        if let Some(lane) = reading.moving {
            return self.read_moved(lane, Some(body));
        }
        if let Some(walker) = reading.walker {
            return self.use_body_on_way(reading, walker, body, deliver);
        }
        let Some(queue) = self.names.queue_mut(reading.queue) else { return };
        queue.reading = false;
        queue.read_body = Some((reading.id, body));
        self.dispatch(reading.queue, deliver);
        let Self { names, bodies, .. } = self;
        let Some(queue) = names.queue_mut(reading.queue) else { return };
        // Nobody could take it after all. It may stay hot; else it is read again when somebody can.
        if let Some((id, body)) = queue.read_body.take()
            && let Some(entry) = queue.waiting.available_mut().next().filter(|entry| entry.id == id)
        {
            entry.hot = bodies.keep_hot(id, &body);
        }
    }

    /// As [`Home::use_body`], for a consumer on its way.
    fn use_body_on_way(&mut self, reading: &Reading, walker: Walker, body: Vec<u8>, deliver: &mut impl Deliver) {
        let Some(walk) = self.walk_of(walker.consumer) else { return };
        walk.reading = false;
        walk.read_body = Some((reading.id, body));
        self.dispatch(reading.queue, deliver);
        let Some((id, body)) = self.walk_of(walker.consumer).and_then(|walk| walk.read_body.take()) else { return };
        let Self { names, bodies, .. } = self;
        let queue = names.queue_mut(reading.queue);
        let entry = queue.and_then(|queue| queue.waiting.find_mut(walker.place, walker.priority));
        if let Some(entry) = entry.filter(|entry| entry.id == id) {
            entry.hot = bodies.keep_hot(id, &body);
        }
    }

    pub(super) fn walk_of(&mut self, consumer: ConsumerKey) -> Option<&mut Walk> {
        self.consumers.get_mut(consumer).and_then(|consumer| consumer.walk.as_deref_mut())
    }

    /// Keeps what else of the queue lies whole in these blocks.
    fn warm(&mut self, reading: &Reading, bytes: &[u8]) {
        let Self { names, bodies, lanes, .. } = self;
        let Some((queue, lane)) = names.queue_mut(reading.queue).zip(lanes.get(reading.collecting.lane)) else {
            return;
        };
        let block = |bytes, lsn| lane.lane.block_in(bytes, lsn).ok();
        match reading.walker {
            Some(walker) => {
                let entries = queue.waiting.available_from_mut(walker.priority, walker.place);
                warm_all(bodies, entries, reading, bytes, block);
            }
            None => warm_all(bodies, queue.waiting.available_mut(), reading, bytes, block),
        }
    }
}

/// Keeps the bodies of those entries that lie whole in the blocks that a read brought.
fn warm_all<'a, 'b>(
    bodies: &mut super::bodies::Bodies,
    entries: impl Iterator<Item = &'a mut Entry>,
    reading: &Reading,
    bytes: &'b [u8],
    block_in: impl Fn(&'b [u8], journal::Lsn) -> Option<BlockView<'b>>,
) {
    let start = reading.collecting.lsn;
    let end = start.plus(bytes.len() as u64);
    let mut block: Option<(journal::Lsn, BlockView<'b>)> = None;
    for entry in entries.take(WARM_MAX) {
        let lsn = entry.location.block();
        if entry.id == reading.id || entry.is_large() || !entry.is_durable() || lsn < start {
            continue;
        }
        if lsn >= end {
            break;
        }
        if block.as_ref().is_none_or(|(at, _)| *at != lsn) {
            let at = usize::try_from(lsn.since(start)).unwrap_or(usize::MAX);
            block = bytes.get(at..).and_then(|rest| block_in(rest, lsn)).map(|view| (lsn, view));
        }
        let Some((_, view)) = &block else { break };
        if !warm_one(bodies, entry, view) {
            break;
        }
    }
}

fn reading_of(
    queue: QueueKey,
    entry: &Entry,
    lane: LaneId,
    location: Location,
    large: Option<crate::store::record::LargeBody>,
) -> Reading {
    let size = usize::try_from(entry.size()).unwrap_or(usize::MAX).min(limits::FRAME_BYTES_MAX);
    let collecting = match large {
        Some(body) => Collecting::new(body.lane, body.location, Some(Pieces::new(body, size))),
        None => Collecting::new(lane, location, None),
    };
    Reading { queue, id: entry.id, location, moving: None, walker: None, size, failures: 0, collecting }
}

/// Keeps the body of one entry, if its record lies whole in this block.
fn warm_one(bodies: &mut super::bodies::Bodies, entry: &mut Entry, view: &BlockView<'_>) -> bool {
    if bodies.get(entry).is_some() {
        return true;
    }
    match whole_body(view, entry.location.offset()) {
        Some(body) => {
            entry.hot = bodies.keep_hot(entry.id, body);
            true
        }
        None => false,
    }
}

/// The body of the message whose record lies here, if all of it is in this block.
pub(super) fn whole_body<'a>(view: &BlockView<'a>, offset: u32) -> Option<&'a [u8]> {
    let fragment = view.record_at(offset).filter(|fragment| fragment.header.last)?;
    match Stored::decode(fragment.header.kind, fragment.body) {
        Ok(Stored::Add { message, .. } | Stored::Moved { message, .. }) => Some(message),
        _ => None,
    }
}
