//! The bindings lane is kept short: when it has grown over several segments, all names that there are are written again, and
//! everything before that is freed.

use std::collections::BTreeMap;

use journal::{LaneId, Lsn, Record, SegmentSequence, Vector};

use super::Home;
use super::queue::stored;
use crate::mail::{QueueDefinition, RoutingTypes};
use crate::message::QueueId;
use crate::store::{encode, record};

/// Segments of the bindings lane before its names are written again.
const SEGMENTS_MAX: u64 = 4;

/// Every name of the store, as the keeper of the bindings lane knows it.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) addresses: BTreeMap<Box<str>, (RoutingTypes, bool)>,
    pub(super) queues: BTreeMap<u32, QueueDefinition<'static>>,
    /// The address of each queue, by the queue's name.
    pub(super) queue_names: BTreeMap<Box<str>, Box<str>>,
    rewriting: Option<Rewriting>,
    /// Once this position is promised, everything before this segment is free.
    free_to: Option<(Lsn, SegmentSequence)>,
}

/// Where the writing of all names stands.
#[derive(Debug)]
struct Rewriting {
    /// The segment in which it began.
    from: SegmentSequence,
    addresses: Vec<Box<str>>,
    queues: Vec<u32>,
    end: Lsn,
}

impl<B: journal::BlockBuffer> Home<B> {
    pub(super) fn reclaim_bindings(&mut self) {
        self.free_bindings();
        let current = self.lanes.current_segment(LaneId::BINDINGS);
        let Some(lane) = self.lanes.get(LaneId::BINDINGS) else { return };
        let first = lane.lane.segment_of(lane.lane.first_kept()).0;
        let Some(directory) = self.keeper.as_mut().map(|keeper| &mut keeper.directory) else { return };
        if directory.rewriting.is_none() {
            if directory.free_to.is_some() || current.0.saturating_sub(first.0) <= SEGMENTS_MAX {
                return;
            }
            let addresses = directory.addresses.keys().cloned().collect();
            let queues = directory.queues.keys().copied().collect();
            directory.rewriting = Some(Rewriting { from: current, addresses, queues, end: Lsn(0) });
        }
        self.rewrite();
    }

    fn rewrite(&mut self) {
        let Some(mut rewriting) = self.keeper.as_mut().and_then(|keeper| keeper.directory.rewriting.take()) else {
            return;
        };
        while self.lanes.ready() {
            let Some(kind) = self.encode_next(&mut rewriting) else {
                if let Some(keeper) = self.keeper.as_mut() {
                    keeper.directory.free_to = Some((rewriting.end, rewriting.from));
                }
                return;
            };
            let parts: [&[u8]; 1] = [&self.scratch];
            match kind {
                // What is gone by now is not written again.
                None => {}
                Some(kind) => match self.lanes.append(LaneId::BINDINGS, Record::alone(kind, &parts), &Vector::new()) {
                    Ok(appended) => rewriting.end = appended.end,
                    Err(_) => break,
                },
            }
        }
        if let Some(keeper) = self.keeper.as_mut() {
            keeper.directory.rewriting = Some(rewriting);
        }
    }

    /// Puts the next record into the scratch buffer. `None`: all is written. `Some(None)`: the next one is not needed.
    fn encode_next(&mut self, rewriting: &mut Rewriting) -> Option<Option<journal::RecordKind>> {
        let keeper = self.keeper.as_ref()?;
        if rewriting.end == Lsn(0) {
            encode::queue_id(&mut self.scratch, QueueId(keeper.next_queue.saturating_sub(1)));
            return Some(Some(record::QUEUE_ID_MARK));
        }
        if let Some(name) = rewriting.addresses.pop() {
            let Some((routing, auto_created)) = keeper.directory.addresses.get(&name) else { return Some(None) };
            encode::address(&mut self.scratch, &name, routing.bits(), *auto_created);
            return Some(Some(record::ADDRESS));
        }
        let id = rewriting.queues.pop()?;
        let Some(definition) = keeper.directory.queues.get(&id) else { return Some(None) };
        encode::queue(&mut self.scratch, &stored(definition, QueueId(id)));
        Some(Some(record::QUEUE))
    }

    fn free_bindings(&mut self) {
        let Some((end, to)) = self.keeper.as_ref().and_then(|keeper| keeper.directory.free_to) else { return };
        let Some(lane) = self.lanes.get_mut(LaneId::BINDINGS) else { return };
        if lane.lane.promised() < end {
            return;
        }
        while lane.lane.segment_of(lane.lane.first_kept()).0 < to {
            let first = lane.lane.segment_of(lane.lane.first_kept()).0;
            if lane.lane.free_segment(first).is_err() {
                return;
            }
        }
        if let Some(keeper) = self.keeper.as_mut() {
            keeper.directory.free_to = None;
        }
    }
}
