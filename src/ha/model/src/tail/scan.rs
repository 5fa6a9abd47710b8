//! What a start makes of the disk of a member: the blocks are written down as a lane has them, and the recovery of the broker reads them.
//!
//! Nothing of its judgement is repeated here: chains, CRCs, the order of epochs, what counts as evidence, what headers say was promised and
//! the table of verdicts are those of the crate `journal`. The same disk is read once; what was found is remembered.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use journal::{
    AckMode, BlockFlags, BlockHeader, Chain, Company, EpochEntry, EpochId, EpochReason, EpochStart, EpochStartRecord,
    Finding, Geometry, LaneId, Lsn, NodeId, PAGE_BYTES, Record, RecordKind, RecoveryError, RecoveryOptions,
    SEGMENT_BYTES_MIN, SegmentSequence, StoreId, StoreLayout, StoreShape, Vector, recover,
};

use super::disk::{Disk, Sealed, block, start_block};

/// Places of blocks in the lane.
pub(super) const PLACES: usize = 9;
/// Epochs that there may be, and one that is none.
pub(super) const EPOCHS: usize = 7;

const LANE: LaneId = LaneId::JOURNAL;

/// What a block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// It starts an epoch.
    Start,
    /// It holds an operation of a client.
    Operation,
    /// It says what is promised, and nothing else.
    Seal,
    /// The lane was cut here.
    Cut,
}

/// A block. Its number, which is its place, and its epoch name it: an epoch has one writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Block {
    pub(super) kind: Kind,
    pub(super) epoch: u8,
    /// Everything below this number was promised when it was sealed.
    pub(super) promised: u8,
}

/// Where an epoch began, and the epoch of the block before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Begin {
    pub(super) at: u8,
    pub(super) behind: u8,
}

/// A place of a disk: what was written there last and reached it, and whether it reads back so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct OnDisk {
    pub(super) block: Option<Block>,
    pub(super) damaged: bool,
}

impl OnDisk {
    /// What a reader finds to be sound.
    pub(super) fn sound(&self) -> Option<Block> {
        self.block.filter(|_| !self.damaged)
    }
}

/// What a start thinks of the end of the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Tail {
    /// It ends there, or is torn there, and nothing speaks against it.
    Clean,
    /// Sound blocks stand behind the end.
    Evidence,
    /// What is missing was promised.
    Short,
}

/// What a start finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Blocks below this number follow each other from the first one on.
    pub(super) end: u8,
    pub(super) tail: Tail,
    /// The start goes on by itself: it cuts what stands behind, if anything does.
    pub(super) goes_on: bool,
}

type Key = ([OnDisk; PLACES], [Begin; EPOCHS], bool);

/// Reads disks, each once. No part of a state.
#[derive(Clone, Debug, Default)]
pub(super) struct Scanner(Arc<Mutex<HashMap<Key, Scanned>>>);

impl Hash for Scanner {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Scanner {
    /// What a start finds on this disk when `company` may have what is missing.
    pub(super) fn scan(&self, disk: [OnDisk; PLACES], begins: &[Begin; EPOCHS], company: Company) -> Scanned {
        let key = (disk, *begins, company == Company::Pair);
        let known = |scanner: &Self| scanner.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        if let Some(scanned) = known(self) {
            return scanned;
        }
        let scanned = read(&disk, begins, company);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, scanned);
        scanned
    }
}

fn read(disk: &[OnDisk; PLACES], begins: &[Begin; EPOCHS], company: Company) -> Scanned {
    let Ok(geometry) = Geometry::new(SEGMENT_BYTES_MIN) else { unreachable!("the smallest size is one") };
    let shape = StoreShape::uniform(StoreId(1), 1, geometry);
    let layout = StoreLayout::under(Path::new("/"));
    let mut files = Disk::default();
    let sequence = SegmentSequence(0);
    let file = files.segment(layout.segment(LANE, sequence), &shape.segment_header(LANE, sequence));
    write(file, disk, begins);
    let options = RecoveryOptions { company, ..RecoveryOptions::alone() };
    let number = |lsn: Lsn| u8::try_from(lsn.0 / PAGE_BYTES as u64).unwrap_or(u8::MAX);
    match recover(&mut files, &layout, &shape, &options) {
        Ok(recovered) => {
            let end = recovered.lane(LANE).map_or(0, |lane| number(lane.tail.end));
            let cut = recovered.findings.iter().any(|finding| matches!(finding, Finding::EvidenceCut { .. }));
            Scanned { end, tail: if cut { Tail::Evidence } else { Tail::Clean }, goes_on: true }
        }
        Err(RecoveryError::Undecided(damage)) => {
            Scanned { end: number(damage.at), tail: Tail::Evidence, goes_on: false }
        }
        Err(RecoveryError::Corruption(damage)) => Scanned { end: number(damage.at), tail: Tail::Short, goes_on: false },
        Err(error) => unreachable!("a disk of this model is refused: {error}"),
    }
}

/// Writes the blocks of a disk behind the header of their segment.
fn write(file: &mut [u8], disk: &[OnDisk; PLACES], begins: &[Begin; EPOCHS]) {
    // The block before, as it was written: its epoch, and the chain behind it.
    let mut before: Option<(u8, Chain)> = None;
    for (number, OnDisk { block, damaged }) in (0_u8..).zip(disk) {
        let Some(block) = block else {
            before = None;
            continue;
        };
        let begin = begins.get(usize::from(block.epoch)).copied().unwrap_or_default();
        let follows = if block.kind != Kind::Cut && number == begin.at { begin.behind } else { block.epoch };
        let previous = match before {
            _ if number == 0 => Chain(0),
            Some((epoch, chain)) if epoch == follows => chain,
            // It was written behind a block that is not here.
            _ => Chain(u128::MAX - u128::from(number)),
        };
        let sealed = seal(number, *block, previous);
        let at = PAGE_BYTES * (1 + usize::from(number));
        if let Some(place) = file.get_mut(at..at + sealed.bytes.len()) {
            place.copy_from_slice(&sealed.bytes);
            if let Some(byte) = place.last_mut().filter(|_| *damaged) {
                *byte ^= 1;
            }
        }
        before = Some((block.epoch, sealed.chain));
    }
}

fn seal(number: u8, of: Block, previous: Chain) -> Sealed {
    let lsn = |number: u8| Lsn(u64::from(number) * PAGE_BYTES as u64);
    let Block { kind, epoch, promised } = of;
    let header = BlockHeader {
        flags: BlockFlags::default(),
        lane: LANE,
        epoch: u64::from(epoch),
        lsn: lsn(number),
        promised: lsn(promised),
        payload_bytes: 0,
        fragments: 0,
    };
    match kind {
        Kind::Start => {
            let epoch = EpochId { number: u64::from(epoch), activation: u128::from(epoch) };
            let (reason, ack_mode, vector) = (EpochReason::Takeover, AckMode::Durable, Vector::new());
            let start = EpochStart { node: NodeId(1), epoch, reason, ack_mode, vector };
            let entry = EpochEntry { epoch, start: header.lsn, chain: previous, loss: None, continues: false };
            let record = EpochStartRecord { start, previous: None, entry, first_kept: SegmentSequence(0) };
            start_block(header, &record.encode(), previous)
        }
        Kind::Operation => {
            let parts: [&[u8]; 1] = [&[number, of.epoch]];
            block(header, &[Record::alone(RecordKind::USER_FIRST, &parts)], previous)
        }
        Kind::Seal => block(header, &[], previous),
        Kind::Cut => block(BlockHeader { flags: BlockFlags::TERMINATOR, ..header }, &[], previous),
    }
}
