//! The lane: the state machine that turns records into durable, promised positions.
//!
//! It owns the filling block, the blocks in flight, the watermarks and the segment requests. It takes records, completions, the promised
//! positions of other lanes and the time; it gives commands. It does no I/O, reads no clock and, once it runs, allocates nothing. One thread
//! owns it. What must always hold: the order of the watermarks (`watermarks`), promises in order, a block never changed once sealed.

mod append;
mod dependencies;
mod filling;
mod flight;
mod supply;
mod tail;
mod watermarks;

use std::collections::VecDeque;

pub use dependencies::Dependencies;
pub use tail::{LaneMark, LaneTail};

use crate::block::{BlockError, BlockFlags, BlockView, seal};
use crate::border::Border;
use crate::buffer::BlockBuffer;
use crate::command::{Command, Commands, Completion};
use crate::epoch::{EpochEntry, EpochStart, EpochStartRecord, SegmentFreeRecord};
use crate::error::{AppendError, FreeError, IoError};
use crate::geometry::Geometry;
use crate::ids::{Chain, EpochId, LaneId, Lsn, Now, RunId, SegmentSequence, Ticket};
use crate::latch::Latch;
use crate::limits::{EPOCH_HISTORY_MAX, FRAGMENT_HEADER_BYTES, LANE_BUFFERS_MIN, SEAL_IDLE_NANOS, SEGMENTS_AHEAD_MAX};
use crate::record::{Appended, Record, RecordKind};
use crate::vector::Vector;
use filling::Filling;
use flight::{Flights, Landed, Sealed};
use supply::Supply;
use watermarks::Watermarks;

/// How a lane is run.
#[derive(Clone, Copy, Debug)]
pub struct LaneOptions {
    /// Its segments.
    pub geometry: Geometry,
    /// How many segments to keep ready behind the one being written; kept between [`Geometry::segments_ahead_min`] and
    /// [`SEGMENTS_AHEAD_MAX`](crate::SEGMENTS_AHEAD_MAX).
    pub segments_ahead: u64,
}

/// What a lane has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneStats {
    /// Blocks sealed.
    pub blocks: u64,
    /// Groups submitted.
    pub groups: u64,
    /// Bytes of the largest group.
    pub largest_group_bytes: u64,
    /// Empty blocks written because the lane was idle.
    pub idle_seals: u64,
    /// Bytes handed to the driver.
    pub bytes_written: u64,
    /// Bytes of record bodies.
    pub payload_bytes: u64,
    /// Records appended.
    pub records: u64,
    /// Blocks closed early because a record relied on another lane.
    pub dependency_splits: u64,
}

/// One lane, open for appending.
#[derive(Debug)]
pub struct Lane<B: BlockBuffer> {
    id: LaneId,
    geometry: Geometry,
    /// Free buffers.
    pool: Vec<B>,
    filling: Option<Filling<B>>,
    flights: Flights<B>,
    marks: Watermarks,
    /// Where the next block begins once `filling` is gone.
    next_block: Lsn,
    /// The segment of `next_block`. Kept, because it takes a division to find.
    current: SegmentSequence,
    /// The chain behind the last sealed block.
    chain: Chain,
    last_block: Option<Lsn>,
    history: Vec<EpochEntry>,
    /// Started in this life of the lane; nothing is appended before.
    started: bool,
    /// Nothing is appended now, because a handover is under way.
    handed_over: bool,
    dependencies: Dependencies,
    supply: Supply,
    /// Where the segments end that are there.
    ready_end: Lsn,
    first_kept: SegmentSequence,
    segment_ends: VecDeque<(SegmentSequence, Chain)>,
    /// Runs with members and without COMMIT, sorted. Bounded by [`OPEN_RUNS_MAX`](crate::OPEN_RUNS_MAX).
    open_runs: Vec<RunId>,
    next_run: u64,
    /// The newest block border that no run crosses.
    quiet_mark: Option<LaneMark>,
    loss: Option<crate::epoch::AcceptedLoss>,
    /// The end of the last block that holds records.
    data_end: Lsn,
    /// The highest promised position that a sealed header carries.
    covered: Lsn,
    /// What the last poll saw, and since when nothing has changed.
    seen: (Lsn, Lsn),
    idle_since: Now,
    /// What the peer has confirmed, where promises wait for one.
    peer: Option<Lsn>,
    /// Something has happened since the last poll that it may act on.
    stirred: bool,
    /// When it may have to act although nothing happens.
    due: Option<Now>,
    latch: Option<Latch>,
    stats: LaneStats,
}

impl<B: BlockBuffer> Lane<B> {
    /// Goes on where `tail` ends. `buffers` are all the memory that the lane will ever use for blocks, at least
    /// [`LANE_BUFFERS_MIN`](crate::LANE_BUFFERS_MIN).
    ///
    /// Everything before `tail.end` must have been flushed: the first promise of the new epoch includes it (SR8). [`recover`](crate::recover)
    /// does that.
    ///
    /// # Panics
    /// With too few buffers, or with buffers that are too small.
    #[must_use]
    pub fn open(options: LaneOptions, tail: LaneTail, buffers: Vec<B>) -> Self {
        assert!(buffers.len() >= LANE_BUFFERS_MIN, "a lane needs {LANE_BUFFERS_MIN} buffers, got {}", buffers.len());
        assert!(
            buffers.iter().all(|buffer| buffer.as_ref().len() >= crate::limits::BLOCK_BYTES_MAX),
            "a block buffer is too small"
        );
        let ahead = options.segments_ahead.clamp(options.geometry.segments_ahead_min(), SEGMENTS_AHEAD_MAX);
        let quiet_mark = tail.last_block.map(|block| LaneMark {
            lane: tail.lane,
            block,
            end: tail.end,
            chain: tail.chain,
            first_kept: tail.first_kept,
            history: tail.history.clone(),
        });
        Self {
            id: tail.lane,
            geometry: options.geometry,
            flights: Flights::new(buffers.len()),
            pool: buffers,
            filling: None,
            marks: Watermarks::at(tail.end),
            next_block: tail.end,
            current: options.geometry.place(tail.end).0,
            chain: tail.chain,
            last_block: tail.last_block,
            history: tail.history,
            started: false,
            handed_over: false,
            dependencies: Dependencies::default(),
            supply: Supply::new(tail.ready_to, ahead, &tail.leftovers),
            ready_end: options.geometry.start(tail.ready_to),
            first_kept: tail.first_kept,
            segment_ends: tail.segment_ends,
            open_runs: Vec::new(),
            next_run: 0,
            quiet_mark,
            loss: tail.loss,
            data_end: tail.end,
            covered: tail.end,
            seen: (tail.end, tail.end),
            idle_since: Now(0),
            peer: None,
            stirred: true,
            due: None,
            latch: None,
            stats: LaneStats::default(),
        }
    }

    /// Starts an epoch: appends its start block, alone in a block. Open runs of the epoch before are dropped, here and at every replay.
    ///
    /// Nothing of the new epoch may be appended to *any* lane before the start blocks of *all* lanes are promised. Otherwise a record of the
    /// new epoch could rest on what recovery saw on another lane, and a crash could bring that lane back longer than it was seen.
    ///
    /// # Errors
    /// As for [`Self::append`].
    ///
    /// # Panics
    /// When the epoch's number is not above that of the lane's last epoch: the caller must have made it unique.
    pub fn start_epoch(&mut self, start: &EpochStart) -> Result<Appended, AppendError> {
        let appended = self.begin_epoch(start, false)?;
        self.open_runs.clear();
        (self.started, self.handed_over) = (true, false);
        Ok(appended)
    }

    /// Starts another epoch while the writer of this one goes on: the in-sync set has changed, and nothing else. Open runs stay open, and what
    /// records say about other lanes is judged by the end of the last of these epochs: the lanes begin it one after the other, and until all
    /// have, records of either epoch rely on records of the other.
    ///
    /// # Errors
    /// As for [`Self::append`].
    ///
    /// # Panics
    /// As for [`Self::start_epoch`].
    pub fn change_epoch(&mut self, start: &EpochStart) -> Result<Appended, AppendError> {
        if !self.started {
            return Err(AppendError::NoEpoch);
        }
        self.begin_epoch(start, true)
    }

    /// Ends what this writer has to say, before a planned handover: closes the filling block and appends an empty one that is marked as the
    /// last. Gives the lane's end. Nothing is appended behind it, whatever becomes of the handover's request (SR10), until [`Self::take_back`].
    /// The successor's epoch begins there; what is durable up to there on both sides is all that was ever acked.
    ///
    /// # Errors
    /// As for [`Self::append`]; the lane goes on then.
    pub fn hand_over(&mut self) -> Result<Lsn, AppendError> {
        if self.latch.is_some() {
            return Err(AppendError::Latched);
        }
        if !self.started {
            return Err(AppendError::NoEpoch);
        }
        self.check_room(0, true)?;
        self.close_filling(BlockFlags::default());
        if !self.open_block() {
            return Err(AppendError::Full);
        }
        self.close_filling(BlockFlags::HANDOVER);
        (self.started, self.handed_over) = (false, true);
        Ok(self.next_block)
    }

    /// The handover is known to have come to nothing: the lane goes on in its epoch, open runs too. Without a handover it changes nothing.
    pub fn take_back(&mut self) {
        self.started |= std::mem::take(&mut self.handed_over);
        self.stirred = true;
    }

    fn begin_epoch(&mut self, start: &EpochStart, continues: bool) -> Result<Appended, AppendError> {
        let previous = self.history.last().map(|entry| entry.epoch);
        assert!(
            previous.is_none_or(|epoch| epoch.number < start.epoch.number),
            "epoch {} behind {previous:?}",
            start.epoch
        );
        let border = self.filling.as_ref().map_or(self.next_block, Filling::border);
        self.check_room(0, true)?;
        self.close_filling(BlockFlags::default());
        debug_assert_eq!(self.next_block, border);
        let entry = EpochEntry { epoch: start.epoch, start: border, chain: self.chain, loss: self.loss, continues };
        let body = EpochStartRecord { start: start.clone(), previous, entry, first_kept: self.first_kept }.encode();
        let parts = [body.as_slice()];
        self.history.push(entry);
        self.loss = None;
        if self.history.len() > EPOCH_HISTORY_MAX {
            self.history.remove(0);
        }
        let appended = self.push_record(&Record::alone(RecordKind::EPOCH_START, &parts));
        self.close_filling(BlockFlags::EPOCH_START);
        Ok(appended)
    }

    /// Says in the lane that its oldest segment holds nothing alive. Once that record is promised, the driver is told to free the file.
    /// What still counts must have been appended again before, or must be settled with it (SR18, SR19).
    ///
    /// # Errors
    /// When it is not the oldest segment, when it is still written, or when the record cannot be appended now.
    pub fn free_segment(&mut self, sequence: SegmentSequence) -> Result<Appended, FreeError> {
        if sequence != self.first_kept {
            return Err(FreeError::NotOldest);
        }
        if self.geometry.start(sequence.next()) > self.marks.promised() {
            return Err(FreeError::InUse);
        }
        let chain = self.segment_ends.front().filter(|(of, _)| *of == sequence).map(|(_, chain)| *chain);
        let body = SegmentFreeRecord { sequence, chain, history: self.history.clone() }.encode();
        let parts = [body.as_slice()];
        // A scan must find it in one fragment: it does not begin in a block that cannot hold all of it.
        let whole = FRAGMENT_HEADER_BYTES + body.len();
        if self.filling.as_ref().is_some_and(|filling| filling.room() < whole)
            && self.check_room(body.len(), true).is_ok()
        {
            self.close_filling(BlockFlags::default());
        }
        let appended = match self.filling.as_ref().map_or(whole, Filling::room) {
            room if room >= whole => self.append(Record::alone(RecordKind::SEGMENT_FREE, &parts), &Vector::new()),
            _ => Err(AppendError::Full),
        };
        let appended = appended.map_err(FreeError::Append)?;
        if chain.is_some() {
            self.segment_ends.pop_front();
        }
        self.first_kept = sequence.next();
        self.supply.free_later(appended.end, sequence);
        Ok(appended)
    }

    /// Lets the lane act: asks for segments, seals and submits a group if the rules allow, writes the idle seal, frees segments. To be called
    /// after appends and completions, and at [`Self::deadline`]. Costs next to nothing if none of these was. True: it has acted, and may have
    /// given commands.
    #[inline]
    pub fn poll(&mut self, now: Now, out: &mut Commands<B>) -> bool {
        let acts = self.latch.is_none() && (self.stirred || self.due.is_some_and(|due| now >= due));
        if acts {
            self.act(now, out);
        }
        acts
    }

    // Apart, so that a lane with nothing to do costs a look and no call.
    #[inline(never)]
    fn act(&mut self, now: Now, out: &mut Commands<B>) {
        let seen = (self.marks.appended(), self.marks.promised());
        if seen != self.seen || self.idle_since == Now(0) {
            (self.seen, self.idle_since) = (seen, now);
        }
        if self.supply.must_ask(self.current) {
            self.supply.ask(self.current, now, out);
        }
        self.supply.give_back(self.marks.promised(), out);
        if self.seal_is_due() && now >= self.idle_since.plus_nanos(SEAL_IDLE_NANOS) && self.open_block() {
            self.close_filling(BlockFlags::default());
            self.stats.idle_seals += 1;
        }
        let filling_bytes = self.filling.as_ref().map_or(0, Filling::used);
        if self.flights.may_release(filling_bytes) {
            self.close_filling(BlockFlags::default());
            if let Some(bytes) = self.flights.release() {
                self.stats.groups += 1;
                self.stats.largest_group_bytes = self.stats.largest_group_bytes.max(bytes as u64);
            }
        }
        while !out.is_full() {
            let Some((ticket, sealed)) = self.flights.depart() else { break };
            self.marks.submit(sealed.lsn.plus(sealed.len as u64));
            self.stats.bytes_written += sealed.len as u64;
            let (segment, offset) = self.geometry.place(sealed.lsn);
            out.push(Command::Write { ticket, segment, offset, buffer: sealed.buffer, len: sealed.len });
        }
        // A full queue may have kept something back.
        self.stirred = out.is_full();
        self.due = self.next_due(now);
    }

    /// Takes what became of a command.
    pub fn complete(&mut self, completion: Completion<B>) {
        match completion {
            Completion::Written { ticket, buffer, result } => self.written(ticket, buffer, result),
            Completion::SegmentReady { sequence } => self.segment_ready(sequence),
            Completion::SegmentFailed { sequence, error } => self.segment_failed(sequence, error),
        }
    }

    /// A block is durable, or its write failed for good (the driver has already resumed short writes). The buffer is free again.
    ///
    /// # Panics
    /// When the ticket is not in flight: the driver reported a write twice.
    pub fn written(&mut self, ticket: Ticket, buffer: B, result: Result<(), IoError>) {
        self.stirred = true;
        self.pool.push(buffer);
        match self.flights.land(ticket, result, self.marks.durable()) {
            Landed::Durable(end) if self.latch.is_none() => {
                self.marks.make_durable(end);
                self.promise();
            }
            Landed::Failed(lsn, error) if self.latch.is_none() => {
                let (segment, _) = self.geometry.place(lsn);
                self.latch = Some(Latch { lane: self.id, lsn, segment, error });
            }
            Landed::Durable(_) | Landed::Failed(..) => {}
            Landed::Unknown => unreachable!("lane {}: the driver completed write {} twice", self.id, ticket.0),
        }
    }

    /// A segment's file is there for good.
    pub fn segment_ready(&mut self, sequence: SegmentSequence) {
        self.stirred = true;
        self.supply.ready(sequence);
        self.ready_end = self.geometry.start(self.supply.ready_to());
    }

    /// A segment's file could not be made. Producers block once the lane needs it; the lane asks again by itself.
    pub fn segment_failed(&mut self, sequence: SegmentSequence, error: IoError) {
        self.stirred = true;
        self.supply.failed(sequence, error);
    }

    /// Another lane has promised up to `lsn`: blocks that rely on it may be promised now.
    pub fn note_promised(&mut self, lane: LaneId, lsn: Lsn) {
        self.dependencies.note(lane, lsn);
        if self.latch.is_none() && self.dependencies.is_anything_waiting() {
            self.promise();
        }
    }

    /// From now on nothing is promised that the peer has not confirmed (SR3: before it can be in the in-sync set).
    pub fn await_peer(&mut self) {
        self.peer.get_or_insert(self.marks.promised());
    }

    /// No peer counts any more: what is durable here is promised.
    pub fn release_peer(&mut self) {
        self.peer = None;
        self.settle();
    }

    /// The peer has confirmed up to `lsn`. Where promises wait for no peer it limits nothing and says nothing.
    pub fn confirmed(&mut self, lsn: Lsn) {
        debug_assert!(lsn <= self.marks.submitted());
        if let Some(confirmed) = &mut self.peer {
            *confirmed = lsn.max(*confirmed);
            self.settle();
        }
    }

    /// Something that promises wait for has changed.
    fn settle(&mut self) {
        if self.latch.is_none() {
            self.promise();
        }
    }

    fn promise(&mut self) {
        let durable = self.marks.durable();
        let limit = self.dependencies.limit(self.peer.map_or(durable, |confirmed| durable.min(confirmed)));
        if limit > self.marks.promised() {
            self.stirred = true;
            self.marks.promise(limit);
        }
    }

    /// An idle lane needs a seal when its last records are not covered by a promised position in a later header, and are promised.
    fn seal_is_due(&self) -> bool {
        let idle = self.filling.is_none() && self.flights.is_quiet() && self.started;
        idle && self.covered < self.data_end && self.marks.promised() >= self.data_end && self.is_writable()
    }

    fn is_writable(&self) -> bool {
        self.next_block < self.ready_end
    }

    /// Begins a block if none is filling. False without a buffer or a segment.
    fn open_block(&mut self) -> bool {
        if self.filling.is_some() {
            return true;
        }
        if !self.is_writable() {
            return false;
        }
        let Some(buffer) = self.pool.pop() else { return false };
        let limit = self.geometry.block_bytes_max(self.next_block);
        self.filling = Some(Filling::new(buffer, self.next_block, limit));
        true
    }

    /// Seals the filling block, if there is one.
    fn close_filling(&mut self, flags: BlockFlags) {
        let Some(mut filling) = self.filling.take() else { return };
        self.stirred = true;
        let end = filling.border();
        // The block began in `current`, and no block reaches beyond the end of its segment.
        let begun_in = self.current;
        let ends_segment = end >= self.geometry.start(begun_in.next());
        let flags = if ends_segment { flags.with(BlockFlags::SEGMENT_END) } else { flags };
        let epoch = self.epoch().map_or(0, |epoch| epoch.number);
        let header = filling.header(self.id, epoch, self.marks.promised(), flags);
        let Some((len, chain)) = seal(filling.buffer.as_mut(), &header, self.chain) else {
            unreachable!("lane {}: the block at {} does not fit its buffer", self.id, filling.lsn)
        };
        debug_assert_eq!(header.end(), end);
        self.chain = chain;
        self.last_block = Some(filling.lsn);
        self.next_block = end;
        self.covered = header.promised;
        if ends_segment {
            self.current = begun_in.next();
        }
        if filling.fragments() > 0 {
            self.data_end = end;
        }
        self.marks.append(end);
        self.stats.blocks += 1;
        if ends_segment {
            self.segment_ends.push_back((begun_in, chain));
        }
        self.flights.seal(Sealed { buffer: filling.buffer, lsn: filling.lsn, len });
    }

    /// Closes the filling block and gives the lane's end, if no run is open there: the place for an index checkpoint. What it names counts
    /// once `promised()` reaches it.
    pub fn mark(&mut self) -> Option<LaneMark> {
        if self.open_runs.is_empty() {
            self.close_filling(BlockFlags::default());
            let block = self.last_block?;
            self.quiet_mark = Some(LaneMark {
                lane: self.id,
                block,
                end: self.next_block,
                chain: self.chain,
                first_kept: self.first_kept,
                history: self.history.clone(),
            });
        }
        self.quiet_mark.clone()
    }

    /// Closes the lane as it stands; gives the buffers back that the driver does not hold.
    #[must_use]
    pub fn into_buffers(self) -> Vec<B> {
        let mut buffers = self.pool;
        buffers.extend(self.filling.map(|filling| filling.buffer));
        buffers.extend(self.flights.into_buffers());
        buffers
    }

    /// Where the next block that is not sealed yet begins, and the chain there. A peer can be sent every block from here on as it leaves; what
    /// lies before is read back from the disk, once it is durable.
    #[must_use]
    pub fn border(&self) -> Border {
        Border {
            lsn: self.next_block,
            chain: self.chain,
            epoch: self.epoch().map_or(0, |epoch| epoch.number),
            promised: self.marks.promised(),
            last_block: self.last_block,
        }
    }

    /// Which lane it is.
    #[must_use]
    pub const fn id(&self) -> LaneId {
        self.id
    }

    /// Its epochs, oldest first, as far back as they are known.
    #[must_use]
    pub fn history(&self) -> &[EpochEntry] {
        &self.history
    }

    /// Where the last sealed block ends, and the chain there.
    #[must_use]
    pub const fn sealed(&self) -> (Lsn, Chain) {
        (self.next_block, self.chain)
    }

    /// Its segments.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The epoch in which it writes, or wrote last.
    #[must_use]
    pub fn epoch(&self) -> Option<EpochId> {
        self.history.last().map(|entry| entry.epoch)
    }

    /// The byte behind the last record.
    #[must_use]
    pub const fn appended(&self) -> Lsn {
        self.marks.appended()
    }

    /// Handed to the driver up to here.
    #[must_use]
    pub const fn submitted(&self) -> Lsn {
        self.marks.submitted()
    }

    /// On this disk up to here, without a gap.
    #[must_use]
    pub const fn durable(&self) -> Lsn {
        self.marks.durable()
    }

    /// May be acked up to here.
    #[must_use]
    pub const fn promised(&self) -> Lsn {
        self.marks.promised()
    }

    /// Begin of the oldest segment that is not free.
    #[must_use]
    pub const fn first_kept(&self) -> Lsn {
        self.geometry.start(self.first_kept)
    }

    /// The segment of a position, and the offset in its file.
    #[must_use]
    pub const fn segment_of(&self, lsn: Lsn) -> (SegmentSequence, u64) {
        self.geometry.place(lsn)
    }

    /// When to poll again if nothing else happens: for the idle seal, or to ask again for a segment.
    #[must_use]
    pub fn deadline(&self, now: Now) -> Option<Now> {
        if self.latch.is_some() {
            return None;
        }
        if self.stirred { self.next_due(now) } else { self.due }
    }

    fn next_due(&self, now: Now) -> Option<Now> {
        let seal = self.seal_is_due().then(|| self.idle_since.plus_nanos(SEAL_IDLE_NANOS));
        match (seal, self.supply.retry_at(now)) {
            (Some(seal), Some(retry)) => Some(seal.min(retry)),
            (seal, retry) => seal.or(retry),
        }
    }

    /// The block at `lsn`, of which `bytes` were read back: sound, in its place, and of the epoch that wrote there. What an older epoch left
    /// behind a cut has the right lane, position and CRC too; it is no block of this lane.
    ///
    /// # Errors
    /// When `bytes` do not begin with that block, or do not reach to its end.
    pub fn block_in<'a>(&self, bytes: &'a [u8], lsn: Lsn) -> Result<BlockView<'a>, BlockError> {
        let view = BlockView::parse(bytes, self.id, lsn)?;
        let wrote = self.history.iter().rev().find(|entry| entry.start <= lsn);
        // Of what lies before the history only so much is known: it is older.
        let fits = match wrote {
            Some(entry) => view.header.epoch == entry.epoch.number,
            None => self.history.first().is_none_or(|first| view.header.epoch < first.epoch.number),
        };
        if fits { Ok(view) } else { Err(BlockError::NotABlock) }
    }

    /// Why the lane is closed, if it is.
    #[must_use]
    pub const fn latch(&self) -> Option<&Latch> {
        self.latch.as_ref()
    }

    /// Whether the next block has no segment yet.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        !self.is_writable()
    }

    /// Whether the segment behind the one being written is there.
    #[must_use]
    pub fn has_next_segment(&self) -> bool {
        // `ready_end` is the end of a segment: more than one segment's length before it is not in the last.
        self.next_block.plus(self.geometry.payload_bytes()) < self.ready_end
    }

    /// Why a segment that the lane asked for could not be made (no space, as a rule).
    #[must_use]
    pub fn segment_error(&self) -> Option<&IoError> {
        self.supply.error()
    }

    /// Blocks that the driver holds.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.flights.in_flight()
    }

    /// What it has done.
    #[must_use]
    pub const fn stats(&self) -> LaneStats {
        self.stats
    }
}
