//! The epochs that the lanes of a store hold, kept up while blocks are received or written.

use ha_engine::history::{Entry, History, Place, Reason};
use ha_engine::ids;
use ha_engine::limits::EPOCHS_MAX;
use ha_engine::register::AckMode;
use journal::{
    Access, AlignedBuffer, BlockFlags, BlockView, Chain, EpochId, EpochStartRecord, LaneId, LaneTail, Lsn, PAGE_BYTES,
    Storage, StoreLayout, StoreShape,
};

use super::words::{self, Lanes};

/// One epoch, and where it began on each lane.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    epoch: EpochId,
    reason: Reason,
    ack_mode: AckMode,
    starts: Vec<Option<(Lsn, Chain)>>,
}

/// The epochs of a store, oldest first, and where its lanes end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epochs {
    lanes: Lanes,
    known: Vec<Known>,
    ends: Vec<(Lsn, Chain)>,
}

impl Epochs {
    /// What a scan found. The start blocks that are still there are read: only they say why an epoch began.
    pub fn scanned<'a>(
        storage: &mut dyn Storage,
        layout: &StoreLayout,
        shape: &StoreShape,
        tails: impl IntoIterator<Item = &'a LaneTail>,
    ) -> Self {
        let lanes = Lanes::of(shape);
        let count = usize::from(lanes.count());
        let mut epochs = Self { lanes, known: Vec::new(), ends: vec![(Lsn::ZERO, Chain(0)); count] };
        for tail in tails {
            let Some(at) = epochs.lanes.index_of(tail.lane) else { continue };
            epochs.end(tail.lane, tail.end, tail.chain);
            for entry in &tail.history {
                if !epochs.known.iter().any(|known| known.epoch == entry.epoch) {
                    let said = read_start(storage, layout, shape, tail.lane, entry.start);
                    let (reason, ack_mode) = said.unwrap_or((Reason::Restart, AckMode::Durable));
                    epochs.insert(entry.epoch, reason, ack_mode);
                }
                epochs.start(at, entry.epoch, entry.start, entry.chain);
            }
        }
        epochs
    }

    /// An epoch begins by this server's own hand.
    pub fn begin(&mut self, epoch: EpochId, reason: Reason, ack_mode: AckMode, lane: LaneId, at: (Lsn, Chain)) {
        if let Some(index) = self.lanes.index_of(lane) {
            self.insert(epoch, reason, ack_mode);
            self.start(index, epoch, at.0, at.1);
        }
    }

    /// A block that was received, and the chain before it. True if an epoch starts in it.
    pub fn received(&mut self, block: &BlockView<'_>, before: Chain) -> bool {
        let header = block.header;
        self.end(header.lane, header.end(), block.chain);
        if !header.flags.contains(BlockFlags::EPOCH_START) {
            return false;
        }
        let record = block.fragments().next().and_then(|fragment| EpochStartRecord::decode(fragment.body));
        let (Some(record), Some(at)) = (record, self.lanes.index_of(header.lane)) else { return false };
        let EpochStartRecord { start, .. } = record;
        self.insert(start.epoch, words::reason(start.reason), words::ack_mode(start.ack_mode));
        self.start(at, start.epoch, header.lsn, before);
        true
    }

    /// A lane ends here now.
    pub fn end(&mut self, lane: LaneId, end: Lsn, chain: Chain) {
        if let Some(place) = self.lanes.index_of(lane).and_then(|at| self.ends.get_mut(at)) {
            *place = (end, chain);
        }
    }

    /// In the words of the engine.
    #[must_use]
    pub fn history(&self) -> History {
        let mut history = History::empty(self.ends.len());
        for (at, known) in self.known.iter().enumerate() {
            let starts = known.starts.iter().map(|start| start.map(|(lsn, chain)| place(lsn, chain))).collect();
            history.push(Entry {
                epoch: words::epoch(known.epoch),
                reason: known.reason,
                ack_mode: known.ack_mode,
                starts,
                written: self.is_written(at),
            });
        }
        history.set_end(self.ends.iter().map(|(lsn, chain)| place(*lsn, *chain)));
        history
    }

    /// Is there more in a lane of this epoch than its start?
    fn is_written(&self, at: usize) -> bool {
        let Some(known) = self.known.get(at) else { return true };
        let later = self.known.get(at + 1..).unwrap_or_default();
        known.starts.iter().enumerate().any(|(lane, start)| {
            let next = later.iter().find_map(|known| known.starts.get(lane).copied().flatten());
            let end = next.or_else(|| self.ends.get(lane).copied()).map_or(Lsn::ZERO, |(lsn, _)| lsn);
            start.is_some_and(|(lsn, _)| end > lsn.plus(PAGE_BYTES as u64))
        })
    }

    fn insert(&mut self, epoch: EpochId, reason: Reason, ack_mode: AckMode) {
        if self.known.iter().any(|known| known.epoch == epoch) {
            return;
        }
        let at = self.known.iter().position(|known| known.epoch.number > epoch.number).unwrap_or(self.known.len());
        self.known.insert(at, Known { epoch, reason, ack_mode, starts: vec![None; self.ends.len()] });
        if self.known.len() > EPOCHS_MAX {
            self.known.remove(0);
        }
    }

    fn start(&mut self, lane: usize, epoch: EpochId, lsn: Lsn, chain: Chain) {
        let known = self.known.iter_mut().find(|known| known.epoch == epoch);
        if let Some(start) = known.and_then(|known| known.starts.get_mut(lane)) {
            *start = Some((lsn, chain));
        }
    }
}

fn place(lsn: Lsn, chain: Chain) -> Place {
    Place { lsn: ids::Lsn(lsn.0), chain: ids::Chain(chain.0) }
}

/// What the start block at this place says, if it is still there.
fn read_start(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    lane: LaneId,
    at: Lsn,
) -> Option<(Reason, AckMode)> {
    let (segment, offset) = shape.geometry(lane).place(at);
    let file = storage.open(&layout.segment(lane, segment), Access::Read).ok()?;
    let mut page = AlignedBuffer::new(PAGE_BYTES);
    let read = storage.read_at(file, offset, page.as_mut());
    storage.close(file);
    read.ok()?;
    let block = BlockView::parse(page.as_ref(), lane, at).ok()?;
    let record = block.fragments().next().and_then(|fragment| EpochStartRecord::decode(fragment.body))?;
    Some((words::reason(record.start.reason), words::ack_mode(record.start.ack_mode)))
}
