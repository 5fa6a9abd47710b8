//! A lane is copied while it grows: what is missing in the background, what comes live beyond it, both ranges at once. Whatever operation the
//! power fails at, nothing that was confirmed is missing, and the copy is finished from where it stands; in the end it is the same to the byte.

use std::collections::{BTreeMap, VecDeque};

use journal::testing::{
    Body, Driver, Fault, FaultKind, Honesty, Random, Rig, SimDisk, SimDriver, WorkloadOptions, run_workload,
};
use journal::{
    AlignedBuffer, BlockError, BlockFlags, BlockHeader, BlockView, Border, Chain, Checks, Command, Commands,
    CommonPoint, Company, Completion, LANE_BUFFERS_MIN, LaneHistory, LaneId, LaneOptions, LaneTail, Lsn, MayCut, Now,
    RecoveryOptions, ReplicaError, ReplicaLane, ReplicaRange, SYNC_CHUNK_BYTES_MAX, Storage, StoreLayout, StoreShape,
    SuffixRead, SyncMode, TruncateSteps, Vector, common_point, read_suffix, recover, seal,
};

use crate::copies::{Copy, ends, layout, tail, work};
use crate::truncate::truncate_with;

/// A driver that hears every block as it leaves.
struct Tap {
    inner: SimDriver,
    heard: Vec<(LaneId, Lsn, Vec<u8>)>,
}

impl Driver for Tap {
    type Buffer = AlignedBuffer;

    fn buffers(&mut self, count: usize) -> Vec<AlignedBuffer> {
        self.inner.buffers(count)
    }

    fn submit(&mut self, lane: LaneId, command: Command<AlignedBuffer>) {
        if let Command::Write { segment, offset, buffer, len, .. } = &command {
            let lsn = self.inner.shape().geometry(lane).start(*segment).plus(offset - 4096);
            self.heard.push((lane, lsn, buffer.as_ref()[..*len].to_vec()));
        }
        self.inner.submit(lane, command);
    }

    fn complete(&mut self) -> Option<(LaneId, Completion<AlignedBuffer>)> {
        self.inner.complete()
    }

    fn storage(&mut self) -> &mut dyn Storage {
        self.inner.storage()
    }

    fn layout(&self) -> StoreLayout {
        self.inner.layout()
    }

    fn shape(&self) -> StoreShape {
        self.inner.shape()
    }
}

/// The passive member.
struct Joiner {
    driver: SimDriver,
    lanes: Vec<ReplicaLane<AlignedBuffer>>,
    commands: Commands<AlignedBuffer>,
}

impl Joiner {
    fn open(copy: &Copy, tails: Vec<LaneTail>, from: &BTreeMap<LaneId, Border>, honesty: Honesty, seed: u64) -> Self {
        let sync = if seed.is_multiple_of(3) { SyncMode::Fdatasync } else { SyncMode::Dsync };
        let mut driver = SimDriver::new(copy.disk.clone(), layout(), copy.shape(), sync, honesty, seed);
        let open = |tail: LaneTail| {
            let options = LaneOptions { geometry: copy.shape().geometry(tail.lane), segments_ahead: 1 };
            let live_from = from[&tail.lane];
            ReplicaLane::open(options, tail, live_from, driver.buffers(LANE_BUFFERS_MIN + 2)).unwrap()
        };
        let lanes = tails.into_iter().map(open).collect();
        Self { driver, lanes, commands: Commands::with_capacity(6) }
    }

    fn lane(&mut self, id: LaneId) -> &mut ReplicaLane<AlignedBuffer> {
        self.lanes.iter_mut().find(|lane| lane.id() == id).unwrap()
    }

    /// Hands commands out, and takes `completions` of them.
    fn pump(&mut self, completions: usize) -> bool {
        let mut moved = false;
        for lane in &mut self.lanes {
            lane.poll(Now(1), &mut self.commands);
            while let Some(command) = self.commands.pop() {
                moved = true;
                self.driver.submit(lane.id(), command);
            }
        }
        for _ in 0..completions {
            let Some((id, completion)) = self.driver.complete() else { break };
            moved = true;
            self.lane(id).complete(completion);
        }
        moved
    }

    fn durable(&self) -> Vector {
        self.lanes.iter().map(|lane| (lane.id(), lane.durable())).collect()
    }

    fn is_broken(&self) -> bool {
        !self.driver.disk().is_powered() || self.lanes.iter().any(|lane| lane.latch().is_some())
    }
}

/// Both members, and what is on its way between them.
struct Sync {
    rig: Rig<Tap>,
    joiner: Joiner,
    copies: Vec<(LaneId, SuffixRead)>,
    live_from: BTreeMap<LaneId, Border>,
    wire: BTreeMap<LaneId, VecDeque<Vec<u8>>>,
    /// A piece that was read and not taken whole.
    pieces: BTreeMap<LaneId, Vec<u8>>,
    /// The furthest that was ever confirmed.
    confirmed: Vector,
}

impl Sync {
    fn begin(mut rig: Rig<Tap>, copy: &Copy, tails: Vec<LaneTail>, honesty: Honesty, seed: u64) -> Self {
        let lanes = rig.data_lanes();
        rig.driver.heard.clear();
        let live_from: BTreeMap<LaneId, Border> = lanes.iter().map(|&lane| (lane, rig.lane(lane).border())).collect();
        let suffix = |tail: &LaneTail| {
            let epoch = tail.epoch().map_or(0, |epoch| epoch.number);
            let from =
                Border { lsn: tail.end, chain: tail.chain, epoch, promised: Lsn(0), last_block: tail.last_block };
            (tail.lane, SuffixRead::new(tail.lane, copy.shape().geometry(tail.lane), from, tail.end))
        };
        let copies = tails.iter().map(suffix).collect();
        let joiner = Joiner::open(copy, tails, &live_from, honesty, seed);
        let confirmed = joiner.durable();
        let wire = lanes.iter().map(|&lane| (lane, VecDeque::new())).collect();
        Self { rig, joiner, copies, live_from, wire, pieces: BTreeMap::new(), confirmed }
    }

    /// What the active has sent since.
    fn hear(&mut self) {
        for (lane, lsn, block) in std::mem::take(&mut self.rig.driver.heard) {
            if self.live_from.get(&lane).is_some_and(|from| lsn >= from.lsn) {
                self.wire.get_mut(&lane).unwrap().push_back(block);
            }
        }
    }

    /// A piece of the background, of a lane.
    fn copy_piece(&mut self, index: usize) -> bool {
        let (lane, read) = &mut self.copies[index];
        let to = self.live_from[lane].lsn.min(self.rig.lane(*lane).durable());
        read.extend(to);
        let piece = match self.pieces.remove(lane) {
            Some(piece) => piece,
            None => {
                let mut window = AlignedBuffer::new(SYNC_CHUNK_BYTES_MAX);
                let read = read_suffix(self.rig.driver.storage(), &layout(), read, &mut window).unwrap();
                let Some(piece) = read else { return false };
                piece.to_vec()
            }
        };
        let taken = self.joiner.lane(*lane).take(ReplicaRange::Background, &piece);
        let taken = if self.joiner.is_broken() { 0 } else { taken.unwrap() };
        if taken < piece.len() {
            self.pieces.insert(*lane, piece[taken..].to_vec());
        }
        taken > 0
    }

    fn deliver(&mut self, lane: LaneId) -> bool {
        self.hear();
        let Some(block) = self.wire.get_mut(&lane).unwrap().pop_front() else { return false };
        match self.joiner.lane(lane).take(ReplicaRange::Live, &block) {
            Ok(0) | Err(ReplicaError::Latched) => {
                self.wire.get_mut(&lane).unwrap().push_front(block);
                false
            }
            Ok(taken) => {
                assert_eq!(taken, block.len());
                true
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    /// One step of whatever is under way. False when the joiner's disk has failed.
    fn step(&mut self, random: &mut Random, work: WorkloadOptions) -> bool {
        let lanes: Vec<LaneId> = self.wire.keys().copied().collect();
        match random.below(10) {
            0..3 => run_workload(&mut self.rig, &mut random.split(), work),
            3..5 => drop(self.copy_piece(random.index(self.copies.len()))),
            5..7 => drop(self.deliver(lanes[random.index(lanes.len())])),
            _ => drop(self.joiner.pump(random.index(3))),
        }
        if self.joiner.is_broken() {
            return false;
        }
        for (lane, durable) in self.joiner.durable().iter() {
            assert!(self.confirmed.get(lane) <= Some(durable), "{lane} went back to {durable}");
            self.confirmed.raise(lane, durable);
        }
        true
    }

    /// All that is under way comes to its end. False when the joiner's disk has failed.
    fn finish(&mut self) -> bool {
        assert!(self.rig.settle());
        loop {
            let mut moved = false;
            for index in 0..self.copies.len() {
                let lane = self.copies[index].0;
                moved |= self.copy_piece(index) | self.deliver(lane);
            }
            moved |= self.joiner.pump(4);
            if self.joiner.is_broken() {
                return false;
            }
            if !moved {
                break;
            }
        }
        self.confirmed = self.joiner.durable();
        true
    }
}

/// An active member, and one that is to join: it has gone on alone, stood still, or is empty.
fn members(seed: u64) -> (Copy, Copy) {
    let lanes = [1, 2][seed as usize % 2];
    let common = Copy::new(seed, lanes).live(0, seed, work(60));
    let active = common.live(2, seed + 100, work(80));
    let joiner = match seed % 3 {
        0 => common.live(1, seed + 200, work(50)),
        1 => common,
        _ => Copy::new(seed + 1, lanes),
    };
    (active, joiner)
}

/// Cuts the joiner where the two parted.
fn cut(active: &mut Copy, joiner: &mut Copy) -> Vec<LaneTail> {
    let (theirs, ours) = (active.recover(Company::Alone).unwrap(), joiner.recover(Company::Alone).unwrap());
    let point =
        |lane| match common_point(&LaneHistory::from(tail(&ours, lane)), &LaneHistory::from(tail(&theirs, lane))) {
            CommonPoint::In { at, .. } => (lane, at),
            CommonPoint::Beginning => (lane, Lsn(0)),
            other => panic!("{lane}: {other:?}"),
        };
    let cuts: Vector = joiner.shape().data_lanes().map(point).collect();
    truncate_with(joiner, &ours, (&cuts, MayCut::Promised), TruncateSteps::ALL, None).unwrap().0
}

fn start_active(active: &Copy, seed: u64) -> Rig<Tap> {
    let driver = Tap { inner: active.driver(seed), heard: Vec::new() };
    match Rig::start_salted(driver, active.model.clone(), &RecoveryOptions::alone(), 2) {
        Ok(rig) => rig,
        Err((error, ..)) => panic!("{error:?}"),
    }
}

/// The bytes of a lane from the first segment that both have up to `end` are the same.
fn same(ours: &SimDisk, theirs: &SimDisk, shape: &StoreShape, lane: LaneId, end: Lsn) -> Result<(), String> {
    let geometry = shape.geometry(lane);
    let mut at = Lsn(0);
    while at < end {
        let (segment, offset) = geometry.place(at);
        let next = geometry.start(segment.next()).min(end);
        let path = layout().segment(lane, segment);
        let range = offset as usize..(offset + next.since(at)) as usize;
        // What the active has freed is not compared.
        if let Some(theirs) = theirs.content(&path) {
            let ours = ours.content(&path).ok_or(format!("{} is missing", path.display()))?;
            let differs = range.clone().find(|&byte| ours.get(byte) != theirs.get(byte));
            if let Some(byte) = differs {
                return Err(format!("{lane} differs at byte {byte} of {}", path.display()));
            }
        }
        at = next;
    }
    Ok(())
}

/// What differs between runs.
#[derive(Clone, Copy)]
struct Life {
    honesty: Honesty,
    checks: Checks,
    company: Company,
    /// The process dies, and the power fails once it goes on, before anything new is written.
    kill: bool,
}

impl Life {
    const SOUND: Self =
        Self { honesty: Honesty::Durable, checks: Checks::ALL, company: Company::Unfinished, kill: false };
}

/// Copies until the joiner's disk fails at `fault`, starts the joiner again and finishes the copy. Gives the operations of the first part.
fn live(seed: u64, fault: Option<u64>, life: Life) -> Result<u64, String> {
    let (mut active, mut copy) = members(seed);
    let tails = cut(&mut active, &mut copy);
    let mut random = Random::new(seed);
    let mut rig = start_active(&active, seed);
    run_workload(&mut rig, &mut random, work(30));
    let mut sync = Sync::begin(rig, &copy, tails, life.honesty, seed);
    if let Some(at) = fault {
        sync.joiner.driver.disk_mut().plan(Fault { at, kind: FaultKind::PowerCut });
    }
    let from = sync.joiner.driver.disk().operations();
    let is_whole = (0..150).all(|_| sync.step(&mut random, work(3))) && sync.finish();
    let operations = sync.joiner.driver.disk().operations() - from;
    if !is_whole {
        sync = start_again(sync, &mut copy, life, seed + fault.unwrap_or_default())?;
        assert!((0..60).all(|_| sync.step(&mut random, work(3))) && sync.finish());
    }
    // Segments are freed on both once they are one.
    let busy = WorkloadOptions { usual_bytes: 9000, housekeeping: true, ..work(6) };
    assert!((0..60).all(|_| sync.step(&mut random, busy)) && sync.finish());
    judge(sync, copy, seed)?;
    Ok(operations)
}

/// The power fails; nothing confirmed may be gone, and what is there is the active's. The copy goes on from there.
fn start_again(mut sync: Sync, copy: &mut Copy, life: Life, seed: u64) -> Result<Sync, String> {
    if life.kill {
        sync.joiner.driver.kill_process();
    } else {
        sync.joiner.driver.cut_power(seed);
    }
    copy.disk = sync.joiner.driver.disk().clone();
    let shape = copy.shape();
    let options = RecoveryOptions { company: life.company, checks: life.checks, ..RecoveryOptions::alone() };
    let recovered = recover(&mut copy.disk, &layout(), &shape, &options).map_err(|error| format!("{error:?}"))?;
    if life.kill {
        copy.disk.cut_power(seed);
    }
    let mut rig = sync.rig;
    assert!(rig.settle());
    for (lane, end) in ends(&recovered).iter() {
        if Some(end) < sync.confirmed.get(lane) {
            return Err(format!("{lane} ends at {end}, and {:?} was confirmed", sync.confirmed.get(lane)));
        }
        same(&copy.disk, rig.driver.inner.disk(), &shape, lane, end)
            .map_err(|error| format!("at the start: {error}"))?;
    }
    let cuts = ends(&recovered);
    let (tails, _) = truncate_with(copy, &recovered, (&cuts, MayCut::Unfinished), TruncateSteps::ALL, None)
        .map_err(|error| format!("{error:?}"))?;
    Ok(Sync::begin(rig, copy, tails, Honesty::Durable, seed))
}

/// Both are the same to the byte; the joiner knows of itself what a start finds; and it can take over.
fn judge(mut sync: Sync, mut copy: Copy, seed: u64) -> Result<(), String> {
    let shape = copy.shape();
    for lane in shape.data_lanes() {
        let end = sync.rig.lane(lane).durable();
        let ours = sync.joiner.lane(lane);
        assert_eq!((ours.received(), ours.durable(), ours.is_contiguous()), (end, end, true), "{lane}");
        assert!(ours.promised() <= end);
        same(sync.joiner.driver.disk(), sync.rig.driver.inner.disk(), &shape, lane, end)?;
    }
    let known: Vec<LaneTail> = sync.joiner.lanes.iter().map(|lane| lane.tail().unwrap()).collect();
    sync.joiner.driver.cut_power(seed);
    copy.disk = sync.joiner.driver.disk().clone();
    let recovered = copy.recover(Company::Pair).map_err(|error| format!("{error:?}"))?;
    for known in known {
        let found = tail(&recovered, known.lane);
        if &known != found {
            return Err(format!("seed {seed}: known: {known:?}\nfound: {found:?}"));
        }
    }
    let (_, model) = sync.rig.close();
    copy.model = model;
    let mut rig = copy.start(3, seed);
    for lane in rig.data_lanes() {
        rig.append(lane, Body { seed, bytes: 3000 }).unwrap();
    }
    assert!(rig.settle());
    copy.stopped(rig, seed).recover(Company::Pair).map(drop).map_err(|error| format!("{error:?}"))
}

#[test]
fn a_copy_that_is_made_while_the_lane_grows_is_the_same_to_the_byte() {
    for seed in 0..18 {
        live(seed, None, Life::SOUND).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

#[test]
fn a_power_cut_at_any_operation_takes_nothing_that_was_confirmed() {
    let mut points = 0;
    for seed in [3, 4, 5] {
        let operations = live(seed, None, Life::SOUND).unwrap();
        for at in (seed..operations).step_by(4) {
            points += 1;
            live(seed, Some(at), Life::SOUND).unwrap_or_else(|error| panic!("seed {seed}, operation {at}: {error}"));
        }
    }
    println!("{points} crash points");
    assert!(points > 40);
}

#[test]
fn a_copy_that_confirms_too_early_or_judges_itself_as_whole_is_caught() {
    let hasty = Checks { flush: false, ..Checks::ALL };
    let controls = [
        ("confirmed when written", Life { honesty: Honesty::WrittenOnly, ..Life::SOUND }, false),
        ("judged as one of a pair", Life { company: Company::Pair, ..Life::SOUND }, false),
        ("kept and not flushed", Life { kill: true, checks: hasty, ..Life::SOUND }, false),
        ("kept and flushed", Life { kill: true, ..Life::SOUND }, true),
    ];
    for (name, life, is_sound) in controls {
        let lives = [3_u64, 4, 5, 6].into_iter().flat_map(|seed| (10..90).step_by(10).map(move |at| (seed, at)));
        let caught: Vec<String> = lives.filter_map(|(seed, at)| live(seed, Some(at), life).err()).collect();
        println!("{name}: {} of 32 caught, {:?}", caught.len(), caught.first());
        assert_eq!(caught.is_empty(), is_sound, "{name}: {caught:?}");
    }
}

/// A sound block with these fields behind this chain, as no active would send it.
fn forged(header: BlockHeader, previous: Chain) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    seal(&mut buffer, &BlockHeader { payload_bytes: 0, fragments: 0, ..header }, previous).unwrap();
    buffer
}

#[test]
fn what_is_not_the_next_block_of_its_range_is_refused() {
    let (mut active, mut copy) = members(4);
    let tails = cut(&mut active, &mut copy);
    let lane = LaneId::JOURNAL;
    let kept = tails.iter().find(|tail| tail.lane == lane).unwrap().clone();
    let mut sync = Sync::begin(start_active(&active, 4), &copy, tails, Honesty::Durable, 4);
    for seed in 0..3 {
        sync.rig.append(lane, Body { seed, bytes: 100 }).unwrap();
        assert!(sync.rig.settle());
    }
    sync.hear();
    let blocks: Vec<Vec<u8>> = sync.wire[&lane].iter().cloned().collect();
    let from = sync.live_from[&lane];
    let next = BlockView::parse(&blocks[0], lane, from.lsn).unwrap().header;
    let open = |live_from: Border| {
        let options = LaneOptions { geometry: copy.shape().geometry(lane), segments_ahead: 1 };
        let buffers = (0..LANE_BUFFERS_MIN).map(|_| AlignedBuffer::block()).collect();
        ReplicaLane::open(options, kept.clone(), live_from, buffers)
    };
    let mut replica = open(from).unwrap();
    let mut live = |bytes: &[u8]| replica.take(ReplicaRange::Live, bytes);
    let (parted, beyond) = (ReplicaError::Parted { lane, at: from.lsn }, ReplicaError::Beyond { lane, at: from.lsn });
    assert!(matches!(live(&blocks[1]), Err(ReplicaError::NotNext { at, .. }) if at == from.lsn), "one is missing");
    let mut rotten = blocks[0].clone();
    rotten[70] ^= 1;
    assert_eq!(live(&rotten), Err(ReplicaError::NotNext { lane, at: from.lsn, found: BlockError::Damaged }));
    assert_eq!(live(&forged(next, Chain(7))), Err(parted), "another chain");
    assert_eq!(live(&forged(BlockHeader { epoch: next.epoch - 1, ..next }, from.chain)), Err(parted), "an older epoch");
    assert_eq!(
        live(&forged(BlockHeader { promised: Lsn(0), ..next }, from.chain)),
        Err(parted),
        "a promise that went back"
    );
    let mark = BlockHeader { flags: BlockFlags::TERMINATOR, ..next };
    assert_eq!(live(&forged(mark, from.chain)), Err(beyond), "a cut is nobody's to send");
    assert_eq!(live(&blocks[0]), Ok(blocks[0].len()), "the right one is taken, and lies beyond what is missing");
    assert!(replica.take(ReplicaRange::Background, &blocks[0]).is_err(), "not of this range");
    assert_eq!((replica.received(), replica.durable(), replica.tail()), (kept.end, kept.end, None));
    // Where live blocks begin must lie in the same lane.
    let elsewhere = Border { chain: Chain(9), ..from };
    assert!(matches!(open(Border { lsn: Lsn(kept.end.0 - 4096), ..from }), Err(ReplicaError::Parted { .. })));
    assert!(matches!(open(Border { lsn: kept.end, ..elsewhere }), Err(ReplicaError::Parted { .. })));
    let mut sync = Sync { live_from: sync.live_from.clone(), ..sync };
    sync.live_from.insert(lane, elsewhere);
    let tails = sync.joiner.lanes.iter().map(|replica| {
        let found = copy.clone().recover(Company::Alone).unwrap();
        tail(&found, replica.id()).clone()
    });
    sync.joiner = Joiner::open(&copy, tails.collect(), &sync.live_from, Honesty::Durable, 4);
    let index = sync.copies.iter().position(|(of, _)| *of == lane).unwrap();
    let mut window = AlignedBuffer::new(SYNC_CHUNK_BYTES_MAX);
    let refused = (0..1000).find_map(|_| {
        sync.joiner.pump(10);
        let read = &mut sync.copies[index].1;
        read.extend(from.lsn);
        let piece = match sync.pieces.remove(&lane) {
            Some(piece) => piece,
            None => read_suffix(sync.rig.driver.storage(), &layout(), read, &mut window).unwrap().unwrap().to_vec(),
        };
        match sync.joiner.lane(lane).take(ReplicaRange::Background, &piece) {
            Ok(taken) if taken == piece.len() => None,
            Ok(taken) => sync.pieces.insert(lane, piece[taken..].to_vec()).and(None),
            Err(error) => Some(error),
        }
    });
    assert!(matches!(refused, Some(ReplicaError::Parted { .. })), "the background does not meet what comes live");
}
