//! Bodies that are only in the journal are read back, block by block, each checked before it is believed.
//!
//! A read takes as much as one buffer holds from the block of the wanted message on. What else of the same queue lies in those
//! blocks goes to the hot window, so a backlog is drained at one read for many messages.

use std::collections::VecDeque;

use hashbrown::HashMap;
use journal::{BLOCK_BYTES_MAX, BLOCK_HEADER_BYTES, BlockView, IoError, LaneId, Lsn, SegmentSequence};

use super::Home;
use crate::mail::Deliver;
use crate::message::{MessageId, QueueKey};
use crate::queue::Entry;
use crate::store::record::Stored;

/// Entries that one read looks at to keep their bodies.
const WARM_MAX: usize = 1_024;

/// A read that the driver is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColdRead {
    /// Names the read.
    pub token: u64,
    /// From which lane.
    pub lane: LaneId,
    /// From which of its segments.
    pub segment: SegmentSequence,
    /// Where in the segment's file.
    pub offset: u64,
    /// How many bytes.
    pub len: usize,
}

/// What a read is for.
#[derive(Debug)]
struct Reading {
    queue: QueueKey,
    id: MessageId,
    /// It is read to be written again in this lane, not to be delivered.
    moving: Option<LaneId>,
    lane: LaneId,
    /// The block where the read starts.
    lsn: Lsn,
    /// Where the wanted record starts in that block; `None`: it goes on at the block's beginning.
    offset: Option<u32>,
    /// The record so far.
    record: Vec<u8>,
    /// Pieces of a large body: how many are still to come, and those that came.
    pieces: Option<(u32, Vec<u8>)>,
}

/// The reads of one home.
#[derive(Debug, Default)]
pub(super) struct Reads {
    active: HashMap<u64, Reading>,
    wanted: VecDeque<ColdRead>,
    next_token: u64,
}

/// How far the bytes of one read brought the record.
enum Progress {
    /// The record is whole, and this is where reading goes on.
    Whole(Lsn, u32),
    /// It goes on in the block at this position.
    GoesOn(Lsn),
}

impl<B: journal::BlockBuffer> Home<B> {
    /// The next read for the driver.
    pub fn next_read(&mut self) -> Option<ColdRead> {
        self.reads.wanted.pop_front()
    }

    /// Reads the body of the queue's next message.
    pub(super) fn read_next(&mut self, key: QueueKey) {
        let Some(lane) = self.names.lane_of(key) else { return };
        let Some(queue) = self.names.queue_mut(key) else { return };
        let Some(next) = queue.waiting.next() else { return };
        let (id, location) = (next.id, next.location);
        let large = if next.is_large() { self.bodies.large(id) } else { None };
        queue.reading = true;
        let (lane, location, pieces) = match large {
            Some(large) => (large.body.lane, large.body.location, Some((large.body.pieces, Vec::new()))),
            None => (lane, location, None),
        };
        let (lsn, offset) = (location.block(), Some(location.offset()));
        self.start_read(Reading { queue: key, id, moving: None, lane, lsn, offset, record: Vec::new(), pieces });
    }

    /// Reads the body of a message that compaction moves.
    pub(super) fn read_to_move(&mut self, queue: QueueKey, entry: &Entry, lane: LaneId) {
        let (id, lsn, offset) = (entry.id, entry.location.block(), Some(entry.location.offset()));
        self.start_read(Reading { queue, id, moving: Some(lane), lane, lsn, offset, record: Vec::new(), pieces: None });
    }

    fn start_read(&mut self, reading: Reading) {
        let Some(lane) = self.lanes.get(reading.lane) else { return };
        let (segment, offset) = lane.lane.segment_of(reading.lsn);
        let left = lane.lane.geometry().segment_bytes().saturating_sub(offset);
        // What is not submitted yet is not in the file; what is needed was promised and therefore is.
        let written = lane.lane.submitted().since(reading.lsn);
        let len = left.min(written).min(BLOCK_BYTES_MAX as u64);
        let token = self.reads.next_token;
        self.reads.next_token += 1;
        let len = usize::try_from(len).unwrap_or(0);
        self.reads.wanted.push_back(ColdRead { token, lane: reading.lane, segment, offset, len });
        self.reads.active.insert(token, reading);
    }

    /// A read ended.
    pub fn read_done(&mut self, token: u64, result: Result<&[u8], IoError>, deliver: &mut impl Deliver) {
        let Some(mut reading) = self.reads.active.remove(&token) else { return };
        let key = reading.queue;
        let outcome = match result {
            Ok(bytes) => self.use_read(&mut reading, bytes),
            Err(error) => Err(error.to_string()),
        };
        match outcome {
            Ok(true) if reading.moving.is_some() => {}
            Ok(true) => {
                if let Some(queue) = self.names.queue_mut(key) {
                    queue.reading = false;
                }
                self.dispatch(key, deliver);
            }
            Ok(false) => self.start_read(reading),
            // The queue stays as it is: wrong data is never delivered, and nothing behind it overtakes it.
            Err(problem) => {
                crate::event!(
                    JN304,
                    lane = %reading.lane,
                    lsn = reading.lsn.0,
                    "a stored message cannot be read back: {problem}"
                );
                if let Some(lane) = reading.moving {
                    self.read_moved(lane, None);
                }
            }
        }
    }

    /// Uses the bytes of a read. True: the wanted body is there.
    fn use_read(&mut self, reading: &mut Reading, bytes: &[u8]) -> Result<bool, String> {
        if reading.pieces.is_none() && reading.offset.is_some() {
            self.warm(reading, bytes);
        }
        let start = reading.lsn;
        loop {
            let at = usize::try_from(reading.lsn.since(start)).unwrap_or(usize::MAX);
            match bytes.get(at..).filter(|rest| !rest.is_empty()) {
                Some(rest) => match collect(reading, rest)? {
                    Progress::GoesOn(next) => {
                        reading.lsn = next;
                        reading.offset = None;
                    }
                    Progress::Whole(lsn, offset) => {
                        if self.use_record(reading)? {
                            return Ok(true);
                        }
                        reading.lsn = lsn;
                        reading.offset = Some(offset);
                    }
                },
                None => return Ok(false),
            }
        }
    }

    /// A whole record was read. True: with it the wanted body is there.
    fn use_record(&mut self, reading: &mut Reading) -> Result<bool, String> {
        let (header, body) = reading.record.split_first().ok_or("an empty record")?;
        let stored = Stored::decode(journal::RecordKind(*header), body).map_err(|error| error.to_string())?;
        let message = match (stored, &mut reading.pieces) {
            (Stored::Add { message, .. } | Stored::Moved { message, .. }, None) => message.to_vec(),
            (Stored::Body { bytes, .. }, Some((left, whole))) => {
                whole.extend_from_slice(bytes);
                *left = left.saturating_sub(1);
                if *left > 0 {
                    reading.record.clear();
                    return Ok(false);
                }
                std::mem::take(whole)
            }
            _ => return Err("another kind of record stands there".to_owned()),
        };
        match reading.moving {
            Some(lane) => self.read_moved(lane, Some(message)),
            None => {
                if let Some(queue) = self.names.queue_mut(reading.queue) {
                    queue.read_body = Some((reading.id, message));
                }
            }
        }
        Ok(true)
    }

    /// Keeps what else of the queue lies whole in these blocks.
    fn warm(&mut self, reading: &Reading, bytes: &[u8]) {
        let Self { names, bodies, .. } = self;
        let Some(queue) = names.queue_mut(reading.queue) else { return };
        let end = reading.lsn.plus(bytes.len() as u64);
        let mut block: Option<(Lsn, BlockView<'_>)> = None;
        for entry in queue.waiting.available_mut().take(WARM_MAX) {
            let lsn = entry.location.block();
            if entry.id == reading.id || entry.is_large() || !entry.is_durable() || lsn < reading.lsn {
                continue;
            }
            if lsn >= end {
                break;
            }
            if block.as_ref().is_none_or(|(at, _)| *at != lsn) {
                let at = usize::try_from(lsn.since(reading.lsn)).unwrap_or(usize::MAX);
                let view = bytes.get(at..).and_then(|rest| BlockView::parse(rest, reading.lane, lsn).ok());
                block = view.map(|view| (lsn, view));
            }
            let Some((_, view)) = &block else { break };
            if !warm_one(bodies, entry, view) {
                break;
            }
        }
    }
}

/// Keeps the body of one entry, if its record lies whole in this block.
fn warm_one(bodies: &mut super::bodies::Bodies, entry: &mut Entry, view: &BlockView<'_>) -> bool {
    if bodies.get(entry).is_some() {
        return true;
    }
    let Some(fragment) = view.record_at(entry.location.offset()).filter(|fragment| fragment.header.last) else {
        return false;
    };
    match Stored::decode(fragment.header.kind, fragment.body) {
        Ok(Stored::Add { message, .. } | Stored::Moved { message, .. }) => {
            entry.hot = bodies.keep_hot(entry.id, message);
            true
        }
        _ => false,
    }
}

/// Adds to the record what this block holds of it.
fn collect(reading: &mut Reading, bytes: &[u8]) -> Result<Progress, String> {
    let view = BlockView::parse(bytes, reading.lane, reading.lsn).map_err(|error| format!("{error:?}"))?;
    let offset = reading.offset.unwrap_or(BLOCK_HEADER_BYTES as u32);
    let next_block = reading.lsn.plus(view.bytes().len() as u64);
    let Some(fragment) = view.record_at(offset) else {
        // Behind the last record of a block the next one starts in the block that follows.
        let behind_last = reading.record.is_empty() && reading.offset.is_some() && reading.pieces.is_some();
        return if behind_last { Ok(Progress::GoesOn(next_block)) } else { Err("no record starts there".to_owned()) };
    };
    if reading.record.is_empty() {
        reading.record.push(fragment.header.kind.0);
    }
    reading.record.extend_from_slice(fragment.body);
    if fragment.header.last {
        Ok(Progress::Whole(reading.lsn, fragment.next))
    } else {
        Ok(Progress::GoesOn(next_block))
    }
}
