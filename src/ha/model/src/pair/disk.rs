//! The lanes of one server: blocks in order, of which a crash leaves at least those that are durable.
//!
//! A block is one position long and holds the start of an epoch or one operation. Blocks that were received stand there as they were sent.

use ha_engine::event::Scan;
use ha_engine::history::{Entry, History, Place, Reason};
use ha_engine::ids::{Chain, Epoch, Lsn};
use ha_engine::register::AckMode;
use ha_engine::vector::Vector;
use smallvec::SmallVec;

use crate::hash::hash_of;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Content {
    /// The start of an epoch.
    Start(Epoch, Reason, AckMode),
    /// An operation of a client.
    Operation(u8),
}

/// A block of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Block {
    pub(crate) content: Content,
    /// How far its lane was promised when it was written.
    pub(crate) promised: Lsn,
}

/// Some operations, by their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Operations(u32);

impl Operations {
    pub(crate) const fn with(self, number: u8) -> Self {
        Self(self.0 | 1 << number)
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The first one that is here and not there.
    pub(crate) fn missing_in(self, other: Self) -> Option<u32> {
        let missing = self.0 & !other.0;
        (missing != 0).then(|| missing.trailing_zeros())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Lane {
    blocks: Vec<Block>,
    durable: usize,
}

impl Lane {
    fn chain_at(&self, position: usize) -> Chain {
        Chain(u128::from(hash_of(&self.blocks.get(..position))))
    }

    fn place_at(&self, position: usize) -> Place {
        Place { lsn: lsn(position), chain: self.chain_at(position) }
    }

    fn start_of(&self, epoch: Epoch) -> Option<usize> {
        self.blocks.iter().position(|block| matches!(block.content, Content::Start(started, ..) if started == epoch))
    }
}

/// The lanes of one server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Disk {
    lanes: SmallVec<[Lane; 2]>,
}

impl Disk {
    pub(crate) fn new(lanes: usize) -> Self {
        Self { lanes: SmallVec::from_elem(Lane::default(), lanes) }
    }

    pub(crate) fn end(&self) -> Vector {
        Vector(self.lanes.iter().map(|lane| lsn(lane.blocks.len())).collect())
    }

    pub(crate) fn durable(&self) -> Vector {
        Vector(self.lanes.iter().map(|lane| lsn(lane.durable)).collect())
    }

    /// How many blocks of each lane are not durable.
    pub(crate) fn at_risk(&self) -> SmallVec<[usize; 2]> {
        self.lanes.iter().map(|lane| lane.blocks.len() - lane.durable).collect()
    }

    pub(crate) fn block(&self, lane: usize, at: usize) -> Option<Block> {
        self.lanes.get(lane)?.blocks.get(at).copied()
    }

    pub(crate) fn append(&mut self, lane: usize, block: Block) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.blocks.push(block);
        }
    }

    /// Makes the lane durable as far as it goes.
    pub(crate) fn flush(&mut self, lane: usize) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.durable = lane.blocks.len();
        }
    }

    /// Makes durable what stood there at these ends.
    pub(crate) fn flush_to(&mut self, ends: &Vector) {
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            lane.durable = lane.durable.max(index(ends.at(number)).min(lane.blocks.len()));
        }
    }

    /// Cuts, durably. That what is left is durable it does not say: it may lie in a cache.
    pub(crate) fn truncate(&mut self, at: &Vector) {
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            let keep = index(at.at(number));
            lane.blocks.truncate(keep);
            lane.durable = lane.durable.min(keep);
        }
    }

    /// The power goes: of each lane so many blocks that were not durable are lost.
    pub(crate) fn lose(&mut self, lost: &[usize]) {
        for (lane, lost) in self.lanes.iter_mut().zip(lost) {
            lane.blocks.truncate(lane.blocks.len().saturating_sub(*lost).max(lane.durable));
            // What is found behind a loss of power is on the disk.
            lane.durable = lane.blocks.len();
        }
    }

    pub(crate) fn chains(&self, at: &Vector) -> SmallVec<[Chain; 4]> {
        self.lanes.iter().enumerate().map(|(number, lane)| lane.chain_at(index(at.at(number)))).collect()
    }

    pub(crate) fn operations(&self) -> Operations {
        self.operations_below(&self.end())
    }

    pub(crate) fn operations_below(&self, below: &Vector) -> Operations {
        let mut all = Operations::default();
        for (number, lane) in self.lanes.iter().enumerate() {
            for block in lane.blocks.iter().take(index(below.at(number))) {
                if let Content::Operation(operation) = block.content {
                    all = all.with(operation);
                }
            }
        }
        all
    }

    /// Whether any lane holds the start of that epoch.
    pub(crate) fn started(&self, epoch: Epoch) -> bool {
        self.lanes.iter().any(|lane| lane.start_of(epoch).is_some())
    }

    /// The first lane in which the numbers of epochs do not grow.
    pub(crate) fn out_of_order(&self) -> Option<usize> {
        self.lanes.iter().position(|lane| {
            let numbers = lane.blocks.iter().filter_map(|block| match block.content {
                Content::Start(epoch, ..) => Some(epoch.number),
                Content::Operation(_) => None,
            });
            !numbers.is_sorted_by(|before, after| before < after)
        })
    }

    /// How far each lane is the same in both.
    pub(crate) fn common_with(&self, other: &Self) -> Vector {
        let same = |(one, other): (&Lane, &Lane)| {
            one.blocks.iter().zip(&other.blocks).take_while(|(one, other)| one == other).count()
        };
        Vector(self.lanes.iter().zip(&other.lanes).map(|lanes| lsn(same(lanes))).collect())
    }

    /// The epochs that stand in the lanes, in the order of the first lane that has them.
    pub(crate) fn history(&self) -> History {
        let mut history = History::empty(self.lanes.len());
        let mut epochs: Vec<(Epoch, Reason, AckMode)> = Vec::new();
        for block in self.lanes.iter().flat_map(|lane| &lane.blocks) {
            if let Content::Start(epoch, reason, ack_mode) = block.content
                && !epochs.iter().any(|(known, ..)| *known == epoch)
            {
                epochs.push((epoch, reason, ack_mode));
            }
        }
        epochs.sort_by_key(|(epoch, ..)| epoch.number);
        for (epoch, reason, ack_mode) in epochs {
            let starts = self.lanes.iter().map(|lane| lane.start_of(epoch).map(|at| lane.place_at(at))).collect();
            let written = self.lanes.iter().any(|lane| lane.writes_in(epoch));
            history.push(Entry { epoch, reason, ack_mode, starts, written });
        }
        history.set_end(self.lanes.iter().map(|lane| lane.place_at(lane.blocks.len())));
        history
    }

    /// What a start finds.
    pub(crate) fn scan(&self) -> Scan {
        let promised = |lane: &Lane| lane.blocks.iter().map(|block| block.promised).max().unwrap_or_default();
        Scan {
            history: self.history(),
            end: self.end(),
            promised: Vector(self.lanes.iter().map(promised).collect()),
            evidence: false,
            lost: false,
            kept: Vector::zero(self.lanes.len()),
        }
    }
}

impl Lane {
    /// Whether an operation stands between the start of that epoch and the next one.
    fn writes_in(&self, epoch: Epoch) -> bool {
        let behind = self.start_of(epoch).and_then(|at| self.blocks.get(at + 1..)).unwrap_or_default();
        behind.first().is_some_and(|block| matches!(block.content, Content::Operation(_)))
    }
}

fn lsn(position: usize) -> Lsn {
    Lsn(position as u64)
}

/// Positions of the model are short.
pub(crate) fn index(lsn: Lsn) -> usize {
    usize::try_from(lsn.0).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(number: u64) -> Block {
        let epoch = Epoch { number, activation: u128::from(number) };
        Block { content: Content::Start(epoch, Reason::Takeover, AckMode::Durable), promised: Lsn(0) }
    }

    fn operation(number: u8) -> Block {
        Block { content: Content::Operation(number), promised: Lsn(0) }
    }

    fn disk(blocks: &[Block]) -> Disk {
        let mut disk = Disk::new(2);
        blocks.iter().for_each(|block| disk.append(0, *block));
        disk
    }

    #[test]
    fn a_power_cut_never_takes_what_is_durable() {
        let mut disk = disk(&[start(1), operation(0)]);
        disk.flush(0);
        disk.append(0, operation(1));
        disk.append(0, operation(2));
        assert_eq!(disk.at_risk().as_slice(), [2, 0]);
        let mut part = disk.clone();
        part.lose(&[1, 0]);
        assert_eq!(part.end(), Vector::from_iter([3, 0]));
        assert_eq!(part.at_risk().as_slice(), [0, 0]);
        disk.lose(&[9, 9]);
        assert_eq!(disk.end(), Vector::from_iter([2, 0]));
    }

    #[test]
    fn what_was_cut_is_not_durable_because_of_it() {
        let mut disk = disk(&[start(1), operation(0), operation(1)]);
        disk.truncate(&Vector::from_iter([2, 0]));
        assert_eq!((disk.end(), disk.durable()), (Vector::from_iter([2, 0]), Vector::from_iter([0, 0])));
    }

    #[test]
    fn the_history_says_where_epochs_begin_and_whether_they_were_written_in() {
        let disk = disk(&[start(1), operation(0), start(2)]);
        let history = disk.history();
        let told: Vec<_> = history.entries().iter().map(|entry| (entry.epoch.number, entry.written)).collect();
        assert_eq!(told, [(1, true), (2, false)]);
        assert_eq!(history.end_of(0), Vector::from_iter([2, 0]));
        assert!(disk.started(Epoch { number: 2, activation: 2 }) && !disk.started(Epoch { number: 2, activation: 9 }));
        assert_eq!(disk.out_of_order(), None);
    }

    #[test]
    fn lanes_that_are_wrong_are_seen() {
        assert_eq!(disk(&[start(2), start(1)]).out_of_order(), Some(0));
        assert_eq!(disk(&[start(2), operation(0), start(2)]).out_of_order(), Some(0));
        let (one, other) = (disk(&[start(1), operation(0)]), disk(&[start(1), operation(1)]));
        assert_eq!(one.common_with(&other), Vector::from_iter([1, 0]));
        assert_eq!(one.operations().missing_in(other.operations()), Some(0));
        assert_eq!(one.operations_below(&Vector::from_iter([1, 0])), Operations::default());
    }
}
