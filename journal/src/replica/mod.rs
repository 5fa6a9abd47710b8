//! A lane of a passive member: it takes the blocks that the active one wrote and writes them at the same positions, to the byte.
//!
//! It takes verified blocks, completions and the time; it gives commands, and says how far it has come. It does no I/O and reads no clock. Two
//! ranges are written at once: what the active sends as it goes on, from a border S on, and what lies before S and is copied in the
//! background. What must stay true:
//!
//! - A block is taken only if it is the next one of its range, by lane, position, CRC, chain, epoch and promise; the background must meet the
//!   chain at S, so that both ranges are one lane.
//! - *Durable* is the end of what is on this disk without a gap since the lane's beginning. It never counts what lies behind a hole, nor a
//!   write whose completion has not come. What a start kept must have been flushed before (SR8): it is confirmed with the first block.
//! - After a failed write the lane is latched and confirms nothing more.

mod segments;
mod stretch;
mod track;

use std::collections::VecDeque;
use std::fmt;

use crate::block::{BlockError, BlockFlags, BlockView};
use crate::border::{Border, ChainEnd};
use crate::buffer::BlockBuffer;
use crate::command::{Command, Commands, Completion};
use crate::error::IoError;
use crate::geometry::Geometry;
use crate::ids::{LaneId, Lsn, Now, SegmentSequence, Ticket};
use crate::lane::{LaneOptions, LaneTail};
use crate::latch::Latch;
use crate::limits::{BLOCK_BYTES_MAX, LANE_BUFFERS_MIN, REPLICA_LIVE_BUFFERS, SEGMENTS_AHEAD_MAX};
use segments::Segments;
use stretch::Stretch;
use track::Track;

/// Where blocks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaRange {
    /// Copied from the active's disk: what lies before the first block that it sent live.
    Background,
    /// Sent by the active as it writes them.
    Live,
}

/// Why a block is not taken. The connection it came on is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaError {
    /// It is damaged, or not the block of this lane at the next position of its range.
    NotNext {
        /// Of which lane.
        lane: LaneId,
        /// What was to come.
        at: Lsn,
        /// What came instead.
        found: BlockError,
    },
    /// It does not follow what is here: another chain, an older epoch, or a promise that went back.
    Parted {
        /// Of which lane.
        lane: LaneId,
        /// Where.
        at: Lsn,
    },
    /// It reaches beyond the end of its range or of its segment, or is none that is sent.
    Beyond {
        /// Of which lane.
        lane: LaneId,
        /// Where it begins.
        at: Lsn,
    },
    /// A write failed: nothing more is taken.
    Latched,
}

impl fmt::Display for ReplicaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNext { lane, at, found } => write!(f, "lane {lane} goes on at {at}: {found}"),
            Self::Parted { lane, at } => write!(f, "what came for lane {lane} at {at} does not follow what is here"),
            Self::Beyond { lane, at } => write!(f, "the block at {at} of lane {lane} reaches beyond its place"),
            Self::Latched => f.write_str("the lane is closed after a failed write"),
        }
    }
}

impl std::error::Error for ReplicaError {}

/// One lane of a passive member.
#[derive(Debug)]
pub struct ReplicaLane<B: BlockBuffer> {
    id: LaneId,
    geometry: Geometry,
    pool: Vec<B>,
    /// What lies before the live range, until all of it is durable.
    background: Option<Stretch<B>>,
    live: Stretch<B>,
    /// Where the live range began.
    live_from: Border,
    segments: Segments,
    first_kept: SegmentSequence,
    frees: VecDeque<(Lsn, SegmentSequence)>,
    next_ticket: u64,
    latch: Option<Latch>,
}

impl<B: BlockBuffer> ReplicaLane<B> {
    /// Goes on where `kept` ends: the common point, behind which nothing lies any more, and everything before it flushed. Live blocks
    /// will come from `live_from` on, a border of the active's lane, at or behind that end. `buffers` as for [`Lane::open`](crate::Lane::open).
    ///
    /// # Errors
    /// When live blocks would begin before the end, or there with another chain.
    ///
    /// # Panics
    /// With too few buffers, or with buffers that are too small.
    pub fn open(
        options: LaneOptions,
        kept: LaneTail,
        live_from: Border,
        buffers: Vec<B>,
    ) -> Result<Self, ReplicaError> {
        assert!(buffers.len() >= LANE_BUFFERS_MIN, "a lane needs {LANE_BUFFERS_MIN} buffers, got {}", buffers.len());
        assert!(buffers.iter().all(|buffer| buffer.as_ref().len() >= BLOCK_BYTES_MAX), "a block buffer is too small");
        let is_met = live_from.lsn == kept.end;
        if live_from.lsn < kept.end || (is_met && live_from.chain != kept.chain) {
            return Err(ReplicaError::Parted { lane: kept.lane, at: live_from.lsn });
        }
        let geometry = options.geometry;
        let ahead = options.segments_ahead.clamp(geometry.segments_ahead_min(), SEGMENTS_AHEAD_MAX);
        let epoch = kept.epoch().map_or(0, |epoch| epoch.number);
        let end = ChainEnd::at(Border {
            lsn: kept.end,
            chain: kept.chain,
            epoch,
            promised: Lsn::ZERO,
            last_block: kept.last_block,
        });
        let track = Track::behind(kept.history, kept.segment_ends);
        let (background, live) = if is_met {
            (None, Stretch::new(end, track))
        } else {
            (Some(Stretch::new(end, track)), Stretch::new(ChainEnd::at(live_from), Track::default()))
        };
        Ok(Self {
            id: kept.lane,
            geometry,
            pool: buffers,
            background,
            live,
            live_from,
            segments: Segments::new(geometry.place(kept.end).0, kept.ready_to, ahead),
            first_kept: kept.first_kept,
            frees: kept.leftovers.into_iter().map(|sequence| (Lsn::ZERO, sequence)).collect(),
            next_ticket: 0,
            latch: None,
        })
    }

    /// Takes blocks of a range, as many whole ones as there is room for now; gives how many bytes. The rest is to be offered again after a
    /// completion.
    ///
    /// # Errors
    /// When the next block is not what must come next. Those before it were taken.
    pub fn take(&mut self, range: ReplicaRange, bytes: &[u8]) -> Result<usize, ReplicaError> {
        if self.latch.is_some() {
            return Err(ReplicaError::Latched);
        }
        let (lane, geometry, live_from) = (self.id, self.geometry, self.live_from);
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            let (stretch, limit, reserved) = match (range, &mut self.background) {
                (ReplicaRange::Live, _) => (&mut self.live, None, 0),
                (ReplicaRange::Background, Some(background)) => (background, Some(live_from), REPLICA_LIVE_BUFFERS),
                (ReplicaRange::Background, None) => return Err(ReplicaError::Beyond { lane, at: live_from.lsn }),
            };
            let at = stretch.end.border.lsn;
            if limit.is_some_and(|limit| at >= limit.lsn) {
                return Err(ReplicaError::Beyond { lane, at });
            }
            let view = BlockView::parse(rest, lane, at).map_err(|found| ReplicaError::NotNext { lane, at, found })?;
            check(&view, stretch, limit, geometry)?;
            let needs_buffer = !stretch.fits(view.bytes().len(), geometry);
            let buffer = if needs_buffer {
                let has_room = self.pool.len() > reserved && self.segments.is_ready(stretch.segment(geometry));
                let Some(buffer) = has_room.then(|| self.pool.pop()).flatten() else { break };
                Some(buffer)
            } else {
                None
            };
            stretch.take(&view, buffer, geometry);
            taken += view.bytes().len();
        }
        Ok(taken)
    }

    /// Lets the lane act: asks for segments, hands out writes, gives freed segments back. To be called after blocks and completions, and at
    /// [`Self::deadline`].
    pub fn poll(&mut self, now: Now, out: &mut Commands<B>) {
        if self.latch.is_some() {
            return;
        }
        let geometry = self.geometry;
        let live_segment = self.live.segment(geometry);
        let oldest = self.background.as_ref().map_or(live_segment, |background| background.segment(geometry));
        self.segments.forget_before(oldest);
        if let Some(background) = &self.background {
            let last = geometry.place(Lsn(self.live_from.lsn.0.saturating_sub(1))).0;
            self.segments.ask((background.segment(geometry), last), now, out);
        }
        self.segments.ask((live_segment, SegmentSequence(u64::MAX)), now, out);
        self.live.submit(geometry, &mut self.next_ticket, out);
        if let Some(background) = &mut self.background {
            background.submit(geometry, &mut self.next_ticket, out);
        }
        self.give_back(out);
    }

    /// A file goes when the record that frees it is promised, and so is on both disks.
    fn give_back(&mut self, out: &mut Commands<B>) {
        let promised = self.promised();
        let track = self.background.as_mut().map_or(&mut self.live.track, |background| &mut background.track);
        self.frees.append(&mut track.frees);
        while !out.is_full() && self.frees.front().is_some_and(|(end, _)| *end <= promised) {
            if let Some((_, sequence)) = self.frees.pop_front() {
                out.push(Command::FreeSegment { sequence });
                self.first_kept = self.first_kept.max(sequence.next());
                track.forget_ends(self.first_kept);
            }
        }
    }

    /// Takes what became of a command.
    ///
    /// # Panics
    /// When a write is reported that is not in flight.
    pub fn complete(&mut self, completion: Completion<B>) {
        match completion {
            Completion::Written { ticket, buffer, result } => self.written(ticket, buffer, result),
            Completion::SegmentReady { sequence } => self.segments.made(sequence, true),
            Completion::SegmentFailed { sequence, .. } => self.segments.made(sequence, false),
        }
    }

    fn written(&mut self, ticket: Ticket, buffer: B, result: Result<(), IoError>) {
        self.pool.push(buffer);
        if let Err(error) = result {
            let ranges = self.background.iter().chain([&self.live]);
            let lsn = ranges.filter_map(|stretch| stretch.begin_of(ticket)).next().unwrap_or_default();
            let segment = self.geometry.place(lsn).0;
            self.latch.get_or_insert(Latch { lane: self.id, lsn, segment, error });
        }
        if self.latch.is_some() {
            return;
        }
        let in_background = self.background.as_mut().is_some_and(|background| background.landed(ticket));
        let is_known = in_background || self.live.landed(ticket);
        assert!(is_known, "lane {}: the driver completed write {} twice", self.id, ticket.0);
        let is_met = |background: &Stretch<B>| background.durable >= self.live_from.lsn;
        if let Some(background) = self.background.take_if(|background| is_met(background)) {
            let later = std::mem::replace(&mut self.live.track, background.track);
            self.live.track.join(later);
        }
    }

    /// Which lane it is.
    #[must_use]
    pub const fn id(&self) -> LaneId {
        self.id
    }

    /// Whether the background copy is done: what is confirmed now includes what comes live.
    #[must_use]
    pub const fn is_contiguous(&self) -> bool {
        self.background.is_none()
    }

    /// Where the next block of a range begins.
    #[must_use]
    pub fn next(&self, range: ReplicaRange) -> Lsn {
        let background = self.background.as_ref().map_or(self.live_from, |background| background.end.border);
        if range == ReplicaRange::Live { self.live.end.border.lsn } else { background.lsn }
    }

    /// Taken up to here without a gap.
    #[must_use]
    pub fn received(&self) -> Lsn {
        self.contiguous().lsn
    }

    /// On this disk up to here without a gap: what may be confirmed as durable.
    #[must_use]
    pub fn durable(&self) -> Lsn {
        self.background.as_ref().map_or(self.live.durable, |background| background.durable)
    }

    /// What the blocks up to [`Self::received`] say was promised: what may be applied.
    #[must_use]
    pub fn promised(&self) -> Lsn {
        self.contiguous().promised
    }

    /// The end of what was taken without a gap.
    fn contiguous(&self) -> Border {
        match &self.background {
            Some(background) if background.end.border.lsn < self.live_from.lsn => background.end.border,
            _ => self.live.end.border,
        }
    }

    /// When to poll again if nothing else happens: to ask again for a segment that could not be made.
    #[must_use]
    pub fn deadline(&self, now: Now) -> Option<Now> {
        if self.latch.is_some() { None } else { self.segments.retry_at(now) }
    }

    /// Why the lane is closed, if it is.
    #[must_use]
    pub const fn latch(&self) -> Option<&Latch> {
        self.latch.as_ref()
    }

    /// Nothing waits and nothing is in flight: all that was taken is durable.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.live.is_quiet() && self.background.as_ref().is_none_or(Stretch::is_quiet)
    }

    /// The end of the lane, for the writer that goes on here: what a start would find, without reading it again. `None` while the lane has
    /// a hole, is latched, or has something in flight: a successor flushes its own log completely before it asks to be one (SR6).
    #[must_use]
    pub fn tail(&self) -> Option<LaneTail> {
        if self.background.is_some() || self.latch.is_some() || !self.is_quiet() {
            return None;
        }
        let border = self.live.end.border;
        let mut track = self.live.track.clone();
        let first_kept = track.kept_from.unwrap_or_default().max(self.first_kept);
        track.forget_ends(first_kept);
        Some(LaneTail {
            lane: self.id,
            end: border.lsn,
            chain: border.chain,
            last_block: border.last_block,
            history: track.history,
            first_kept,
            ready_to: self.segments.ready_to(self.geometry.place(border.lsn).0),
            segment_ends: track.segment_ends,
            leftovers: self.frees.iter().chain(&track.frees).map(|(_, sequence)| *sequence).collect(),
            loss: None,
        })
    }

    /// Closes the lane as it stands; gives the buffers back that the driver does not hold.
    #[must_use]
    pub fn into_buffers(self) -> Vec<B> {
        let mut buffers = self.pool;
        buffers.extend(self.live.into_buffers());
        buffers.extend(self.background.into_iter().flat_map(Stretch::into_buffers));
        buffers
    }
}

/// Whether the block is the next one of its range.
fn check<B: BlockBuffer>(
    view: &BlockView<'_>,
    stretch: &Stretch<B>,
    limit: Option<Border>,
    geometry: Geometry,
) -> Result<(), ReplicaError> {
    let (lane, at, end) = (view.header.lane, view.header.lsn, view.header.end());
    let is_here = view.header.bytes() <= geometry.block_bytes_max(at) && limit.is_none_or(|limit| end <= limit.lsn);
    if !is_here || view.header.flags.contains(BlockFlags::TERMINATOR) || !view.well_formed() {
        return Err(ReplicaError::Beyond { lane, at });
    }
    let meets = limit.is_none_or(|limit| end < limit.lsn || view.chain == limit.chain);
    if stretch.end.is_followed_by(view) && meets { Ok(()) } else { Err(ReplicaError::Parted { lane, at }) }
}
