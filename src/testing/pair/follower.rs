//! A site that does not serve: its lanes on its disk, cut and copied and grown by what the active sends.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ha_engine::event::Scan;
use ha_engine::ids;
use ha_engine::vector::Vector;
use journal::testing::{Honesty, Random, SimDisk};
use journal::{
    Access, BlockView, Border, Chain, Command, Commands, Company, Completion, IoError, LANE_BUFFERS_MIN, LaneId,
    LaneKind, LaneOptions, LaneTail, Lsn, Now, PAGE_BYTES, Recovered, RecoveryError, RecoveryOptions, ReplicaError,
    ReplicaLane, ReplicaRange, SegmentSequence, Storage, StoreLayout, StoreShape, SyncMode, recover,
};

use crate::replication::{Epochs, Lanes};
use crate::testing::Crash;
use crate::testing::machine::{Buffer, Done, Files};

/// Losses that one scan names before we take it that there is no end of them.
const LOSSES_MAX: usize = 64;
/// Lanes that got no segment ask again after this time.
const WAKE_NANOS: u64 = 100_000_000;
/// Commands of one lane in one poll.
const COMMANDS_MAX: usize = 16;

/// The store of a site that does not serve.
pub(super) struct Follower {
    files: Files,
    lanes: Lanes,
    /// What the last scan found.
    tails: Vec<LaneTail>,
    /// All of that is flushed.
    flushed: bool,
    /// The lanes that take blocks, once they do.
    replicas: BTreeMap<LaneId, ReplicaLane<Buffer>>,
    /// The chain at the end of each.
    chains: BTreeMap<LaneId, Chain>,
    /// Blocks that came and find no room yet.
    waiting: BTreeMap<LaneId, VecDeque<Vec<u8>>>,
    /// There was no room to keep what is here aside.
    lacks_room: bool,
    /// Segments for which there was no room.
    without_room: BTreeSet<(LaneId, SegmentSequence)>,
    /// Lanes ask again at this time at the earliest, in nanoseconds.
    next_wake: u64,
    pub(super) epochs: Epochs,
}

/// What is found in a store, in the words of the engine.
pub(super) struct Found {
    pub(super) scan: Scan,
    recovered: Recovered,
}

impl Found {
    /// In the words of the journal.
    pub(super) const fn recovered(&self) -> &Recovered {
        &self.recovered
    }
}

/// What came of a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is taken, or waits for room.
    Yes,
    /// An epoch starts in it.
    Epoch,
    /// It does not follow what is here: its connection is of no use any more.
    No(ReplicaError),
}

/// What came of a step on the disk.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stepped {
    /// Something, or nothing.
    On,
    /// Blocks that waited were taken, and an epoch starts in one.
    Epoch,
    /// The disk failed.
    Failed,
    /// A block that waited does not follow.
    Parted,
}

impl Follower {
    /// Reads the lanes of a store.
    ///
    /// # Errors
    /// The disk cannot be read, or holds what is not this store's.
    pub(super) fn open(
        disk: SimDisk,
        layout: &StoreLayout,
        shape: &StoreShape,
        sync: SyncMode,
        honesty: Honesty,
    ) -> Result<(Self, Scan), Box<(String, SimDisk)>> {
        let mut disk = disk;
        let found = match scan(&mut disk, layout, shape) {
            Ok(found) => found,
            Err(text) => return Err(Box::new((text, disk))),
        };
        let epochs = Epochs::scanned(&mut disk, layout, shape, []);
        let mut follower = Self {
            files: Files::new(disk, layout.clone(), *shape, sync, honesty),
            lanes: Lanes::of(shape),
            tails: Vec::new(),
            flushed: false,
            replicas: BTreeMap::new(),
            chains: BTreeMap::new(),
            waiting: BTreeMap::new(),
            lacks_room: false,
            without_room: BTreeSet::new(),
            next_wake: 0,
            epochs,
        };
        follower.take(&found);
        Ok((follower, found.scan))
    }

    fn take(&mut self, found: &Found) {
        self.tails =
            found.recovered.lanes.iter().map(|lane| &lane.tail).filter(|tail| is_data(tail)).cloned().collect();
        let Files { disk, layout, shape, .. } = &mut self.files;
        self.epochs = Epochs::scanned(disk, layout, shape, &self.tails);
        self.flushed = false;
        self.replicas.clear();
        self.waiting.clear();
        self.without_room.clear();
        self.lacks_room = false;
        self.chains = self.tails.iter().map(|tail| (tail.lane, tail.chain)).collect();
    }

    pub(super) const fn disk(&self) -> &SimDisk {
        &self.files.disk
    }

    pub(super) const fn disk_mut(&mut self) -> &mut SimDisk {
        &mut self.files.disk
    }

    pub(super) fn into_disk(self) -> SimDisk {
        self.files.disk
    }

    /// What the disk holds after a crash.
    pub(super) fn after(&self, crash: Crash, random: &mut Random) -> SimDisk {
        self.files.after(crash, random.next())
    }

    /// How far the lanes are received.
    pub(super) fn appended(&self) -> Vector {
        let end = |lane| self.tails.iter().find(|tail| tail.lane == lane).map(|tail| tail.end);
        self.lanes.vector(|lane| self.replicas.get(&lane).map(ReplicaLane::received).or_else(|| end(lane)))
    }

    /// How far they are flushed.
    pub(super) fn durable(&self) -> Vector {
        let Files { shape, .. } = &self.files;
        self.lanes.vector(|lane| {
            let tail = self.tails.iter().find(|tail| tail.lane == lane)?;
            let replica = self.replicas.get(&lane).map(ReplicaLane::durable);
            let begin = shape.geometry(lane).start(tail.first_kept);
            Some(if self.flushed { replica.unwrap_or(tail.end) } else { begin })
        })
    }

    /// How far the lanes can be read back: what a start has found is there, flushed or not.
    pub(super) fn readable(&self) -> Vector {
        if self.flushed { self.durable() } else { self.lanes.vector(|lane| self.tail(lane).map(|tail| tail.end)) }
    }

    fn tail(&self, lane: LaneId) -> Option<&LaneTail> {
        self.tails.iter().find(|tail| tail.lane == lane)
    }

    /// What may go on on the disk.
    pub(super) fn steps(&self) -> impl Iterator<Item = usize> + '_ {
        self.files.steps()
    }

    /// How much is under way there.
    pub(super) fn under_way(&self) -> usize {
        self.files.under_way()
    }

    /// Is there no room for a segment?
    pub(super) fn is_full(&self) -> bool {
        !self.without_room.is_empty() || self.lacks_room && self.files.disk.space() == 0
    }

    /// There is no room for a copy of what is here.
    pub(super) const fn lacks_room(&mut self) {
        self.lacks_room = true;
    }

    /// Is anything under way there?
    pub(super) fn is_writing(&self) -> bool {
        self.files.steps().next().is_some()
    }

    /// When a lane asks again for what it did not get.
    pub(super) fn deadline(&self, now: Now) -> Option<Now> {
        let asks = self.replicas.values().filter_map(|lane| lane.deadline(now)).min();
        asks.map(|at| Now(at.0.max(self.next_wake)))
    }

    /// From now on blocks may come. Whoever took some already goes on.
    pub(super) fn begin_to_receive(&mut self) {
        if !self.replicas.is_empty() {
            return;
        }
        for tail in &self.tails {
            let epoch = tail.epoch().map_or(0, |epoch| epoch.number);
            let (lsn, chain, last_block) = (tail.end, tail.chain, tail.last_block);
            let border = Border { lsn, chain, epoch, promised: Lsn::ZERO, last_block };
            let options = LaneOptions { geometry: self.files.shape.geometry(tail.lane), segments_ahead: 1 };
            let buffers = (0..LANE_BUFFERS_MIN).map(|_| Buffer::take()).collect();
            if let Ok(lane) = ReplicaLane::open(options, tail.clone(), border, buffers) {
                self.replicas.insert(tail.lane, lane);
            }
        }
    }

    /// Its connection is gone: what waits does not count.
    pub(super) fn end_receiving(&mut self) {
        self.waiting.clear();
    }

    /// A block came.
    pub(super) fn receive(&mut self, lane: LaneId, bytes: Vec<u8>, now: Now) -> Taken {
        self.waiting.entry(lane).or_default().push_back(bytes);
        let taken = self.take_waiting(lane);
        self.poll(now);
        taken
    }

    fn take_waiting(&mut self, lane: LaneId) -> Taken {
        let Self { replicas, waiting, chains, epochs, .. } = self;
        let (Some(replica), Some(waiting)) = (replicas.get_mut(&lane), waiting.get_mut(&lane)) else {
            return Taken::Yes;
        };
        let mut taken = Taken::Yes;
        while let Some(bytes) = waiting.front() {
            match replica.take(ReplicaRange::Live, bytes) {
                Ok(0) => break,
                Ok(_) => {
                    let before = chains.get(&lane).copied().unwrap_or(Chain(0));
                    if let Ok(header) = BlockView::peek(bytes)
                        && let Ok(block) = BlockView::parse(bytes, lane, header.lsn)
                    {
                        if epochs.received(&block, before) {
                            taken = Taken::Epoch;
                        }
                        chains.insert(lane, block.chain);
                    }
                    waiting.pop_front();
                }
                Err(error) => return Taken::No(error),
            }
        }
        taken
    }

    fn poll(&mut self, now: Now) {
        let mut commands = Commands::with_capacity(COMMANDS_MAX);
        for (id, lane) in &mut self.replicas {
            loop {
                lane.poll(now, &mut commands);
                let mut any = false;
                while let Some(command) = commands.pop() {
                    any |= matches!(command, Command::Write { .. });
                    self.files.submit(0, *id, command);
                }
                if !any {
                    break;
                }
            }
        }
    }

    /// One step of what is under way.
    pub(super) fn step(&mut self, index: usize, now: Now) -> Stepped {
        let done = self.files.step(index);
        let mut stepped = Stepped::On;
        let (lane, completion) = match done {
            Some(Done::Written { lane, ticket, buffer, result, .. }) => {
                if result.is_err() {
                    stepped = Stepped::Failed;
                }
                (lane, Completion::Written { ticket, buffer, result })
            }
            Some(Done::Prepared { lane, sequence, result: Ok(()), .. }) => {
                self.without_room.remove(&(lane, sequence));
                (lane, Completion::SegmentReady { sequence })
            }
            Some(Done::Prepared { lane, sequence, result: Err(error), .. }) => {
                if error.is_no_space() {
                    self.without_room.insert((lane, sequence));
                } else {
                    stepped = Stepped::Failed;
                }
                (lane, Completion::SegmentFailed { sequence, error })
            }
            Some(Done::Read { .. }) | None => return stepped,
        };
        let Some(replica) = self.replicas.get_mut(&lane) else { return stepped };
        replica.complete(completion);
        match self.take_waiting(lane) {
            Taken::Epoch if stepped == Stepped::On => stepped = Stepped::Epoch,
            Taken::No(_) if stepped == Stepped::On => stepped = Stepped::Parted,
            _ => {}
        }
        self.poll(now);
        stepped
    }

    /// Asks again for what a lane did not get.
    pub(super) fn wake(&mut self, now: Now) {
        self.next_wake = now.0 + WAKE_NANOS;
        self.poll(now);
    }

    /// Flushes what the scan has read: it may have come from a cache.
    ///
    /// # Errors
    /// The disk failed.
    pub(super) fn flush(&mut self) -> Result<(), IoError> {
        let Files { disk, layout, shape, .. } = &mut self.files;
        let mut paths = Vec::new();
        for tail in &self.tails {
            let geometry = shape.geometry(tail.lane);
            let mut segment = tail.first_kept;
            while geometry.start(segment) < tail.end {
                paths.push(layout.segment(tail.lane, segment));
                segment = segment.next();
            }
        }
        if !self.flushed {
            disk.sync_files(&paths)?;
            let directories: Vec<_> = layout.all().collect();
            disk.sync_directories(&directories)?;
            self.flushed = true;
        }
        Ok(())
    }

    /// Reads the lanes again.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub(super) fn rescan(&mut self) -> Result<Scan, String> {
        let Files { disk, layout, shape, .. } = &mut self.files;
        let found = scan(disk, layout, shape)?;
        self.take(&found);
        Ok(found.scan)
    }
}
fn is_data(tail: &LaneTail) -> bool {
    tail.lane.kind() != LaneKind::Checkpoint
}

/// Reads what the lanes hold. Damage is named, not refused: the rules of the pair decide what it means.
pub(super) fn scan(disk: &mut SimDisk, layout: &StoreLayout, shape: &StoreShape) -> Result<Found, String> {
    let lanes = Lanes::of(shape);
    let (mut evidence, mut lost) = (false, false);
    let mut options = RecoveryOptions { company: Company::Pair, use_checkpoint: false, ..RecoveryOptions::alone() };
    options.known_epoch = 0;
    // What is read may lie in a cache: the engine has it flushed before it relies on it.
    options.checks.flush = false;
    let recovered = loop {
        let damage = match recover(disk, layout, shape, &options) {
            Ok(recovered) => break recovered,
            Err(RecoveryError::Undecided(damage)) => {
                evidence = true;
                damage
            }
            Err(RecoveryError::Corruption(damage)) => {
                lost = true;
                damage
            }
            Err(error) => return Err(error.to_string()),
        };
        if options.accept_loss.len() >= LOSSES_MAX || options.accept_loss.contains(&(damage.lane, damage.at)) {
            return Err(format!("no end of damage: {damage:?}"));
        }
        options.accept_loss.push((damage.lane, damage.at));
    };
    let tail = |lane| recovered.lane(lane).map(|lane| &lane.tail);
    let promised = |lane| tail(lane)?.epoch().map(|epoch| recovered.promised(lane, epoch.number));
    let data = recovered.lanes.iter().map(|lane| &lane.tail).filter(|tail| is_data(tail));
    let scan = Scan {
        history: Epochs::scanned(disk, layout, shape, data).history(),
        end: lanes.vector(|lane| tail(lane).map(|tail| tail.end)),
        promised: lanes.vector(promised),
        evidence,
        lost,
        kept: lanes.vector(|lane| tail(lane).map(|tail| shape.geometry(lane).start(tail.first_kept))),
    };
    Ok(Found { scan, recovered })
}

/// The block of a lane at this position.
pub(super) fn read_block(
    disk: &mut SimDisk,
    layout: &StoreLayout,
    shape: &StoreShape,
    lane: LaneId,
    at: Lsn,
) -> Option<Vec<u8>> {
    let geometry = shape.geometry(lane);
    let (segment, offset) = geometry.place(at);
    let file = disk.open(&layout.segment(lane, segment), Access::Read).ok()?;
    let mut bytes = vec![0; PAGE_BYTES];
    let mut read = disk.read_at(file, offset, &mut bytes);
    // Most blocks are a page.
    let length = BlockView::peek(&bytes).map_or(0, |header| header.bytes()).min(geometry.block_bytes_max(at));
    if read.is_ok() && length > PAGE_BYTES {
        bytes.resize(length, 0);
        read = disk.read_at(file, offset, &mut bytes);
    }
    disk.close(file);
    bytes.truncate(read.ok()?);
    BlockView::parse(&bytes, lane, at).ok().map(|block| block.bytes().to_vec())
}

/// The chains at these positions, by a walk over all blocks before.
pub(super) fn chains(
    disk: &mut SimDisk,
    layout: &StoreLayout,
    shape: &StoreShape,
    lanes: &Lanes,
    at: &Vector,
) -> Option<Vec<ids::Chain>> {
    let wanted: Vec<(LaneId, Lsn)> = lanes.positions(at).collect();
    wanted.into_iter().map(|(lane, at)| chain(disk, layout, shape, lane, at)).collect()
}

fn chain(disk: &mut SimDisk, layout: &StoreLayout, shape: &StoreShape, lane: LaneId, at: Lsn) -> Option<ids::Chain> {
    if at == Lsn::ZERO {
        return Some(ids::Chain(0));
    }
    // A block never reaches over the end of its segment, so one begins where the segment does.
    let (segment, _) = shape.geometry(lane).place(Lsn(at.0 - 1));
    let mut from = shape.geometry(lane).start(segment);
    while from < at {
        let bytes = read_block(disk, layout, shape, lane, from)?;
        let block = BlockView::parse(&bytes, lane, from).ok()?;
        from = block.header.end();
        if from == at {
            return Some(ids::Chain(block.chain.0));
        }
    }
    None
}
