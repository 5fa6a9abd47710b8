//! What a walk has of a lane in memory: one stretch of bytes, and reads that are on their way for what it will look at next.
//!
//! Takes positions that are wanted, and what is expected to be wanted; gives the bytes from a position on. What must stay true: whoever asks
//! for bytes gets what a read of these bytes alone would have given. Reading ahead changes when they are read, and nothing else.

use std::collections::VecDeque;
use std::ops::Range;

use crate::buffer::AlignedBuffer;
use crate::error::{EIO, IoError};
use crate::geometry::Geometry;
use crate::ids::{LaneId, Lsn, SegmentSequence};
use crate::limits::{BLOCK_BYTES_MAX, PAGE_BYTES, READ_PIECE_BYTES, READ_PIECES_AHEAD_MAX};
use crate::storage::{Access, FileHandle, PendingRead, ReadTarget, Storage};
use crate::store::{StoreLayout, StoreShape};

/// What came of a wish for bytes.
pub(super) enum Ensured {
    /// They are there, or as many as their file has.
    Ready,
    /// There is no such file, or it is shorter.
    NoFile,
    /// The disk refuses.
    Unreadable(IoError),
}

/// Room before each piece for the end of the one before it: a block that lies in both stands in one stretch.
const HEAD_BYTES: usize = BLOCK_BYTES_MAX;

/// A part of one segment that is being read.
struct Piece {
    start: Lsn,
    bytes: usize,
    segment: SegmentSequence,
    read: PendingRead,
}

impl Piece {
    fn end(&self) -> Lsn {
        self.start.plus(self.bytes as u64)
    }
}

/// The stretch, and the pieces behind it.
pub(super) struct Window<'a> {
    storage: &'a mut dyn Storage,
    layout: &'a StoreLayout,
    lane: LaneId,
    geometry: Geometry,
    /// What one read asks for, unless more is needed.
    piece_bytes: usize,
    buffer: Option<AlignedBuffer>,
    /// Where the stretch begins in the lane, and where it lies in the buffer.
    at: Lsn,
    filled: Range<usize>,
    /// The file ended with the stretch.
    is_cut: bool,
    /// Of ascending positions, no two over the same.
    pieces: VecDeque<Piece>,
    /// What is expected to be wanted: ascending ranges.
    plan: VecDeque<Range<Lsn>>,
    /// A piece that the disk refused: of this only what is needed is asked for, so that one bad sector does not hide its neighbours.
    refused: Range<Lsn>,
    open: Vec<(SegmentSequence, FileHandle)>,
    /// For blocks here and there: its buffers are as short as they can be.
    is_single: bool,
}

impl<'a> Window<'a> {
    pub(super) fn new(
        storage: &'a mut dyn Storage,
        layout: &'a StoreLayout,
        shape: &StoreShape,
        lane: LaneId,
        piece_bytes: usize,
    ) -> Self {
        let geometry = shape.geometry(lane);
        let payload = usize::try_from(geometry.payload_bytes()).unwrap_or(READ_PIECE_BYTES);
        Self {
            storage,
            layout,
            lane,
            geometry,
            piece_bytes: piece_bytes.min(payload),
            buffer: None,
            at: Lsn::ZERO,
            filled: 0..0,
            is_cut: false,
            pieces: VecDeque::new(),
            plan: VecDeque::new(),
            refused: Lsn::ZERO..Lsn::ZERO,
            open: Vec::new(),
            is_single: piece_bytes < READ_PIECE_BYTES,
        }
    }

    pub(super) const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Says what will be wanted next, in ascending order. Whatever was said before counts no more.
    pub(super) fn expect(&mut self, ranges: impl IntoIterator<Item = Range<Lsn>>) {
        self.plan.clear();
        if self.storage.reads_at_once() > 0 {
            // A record may end within a page; a read never does.
            let whole = |lsn: Lsn| Lsn(lsn.0.next_multiple_of(PAGE_BYTES as u64));
            self.plan.extend(ranges.into_iter().map(|range| range.start..whole(range.end)));
        }
    }

    /// Makes the stretch hold `needed` bytes from `lsn` on, or as many as the segment has. `needed` is at most the length of a block.
    pub(super) fn ensure(&mut self, lsn: Lsn, needed: usize) -> Result<Ensured, IoError> {
        let (segment, _) = self.geometry.place(lsn);
        let segment_end = self.geometry.start(segment.next());
        let needed = usize::try_from(segment_end.since(lsn)).unwrap_or(needed).min(needed);
        loop {
            let have = self.bytes(lsn).len();
            let is_all = have >= needed || (self.is_cut && self.holds(lsn));
            if is_all {
                return Ok(if have < PAGE_BYTES { Ensured::NoFile } else { Ensured::Ready });
            }
            if self.refused.contains(&lsn) {
                return self.read_alone(lsn, needed);
            }
            let want = if self.holds(lsn) { self.end() } else { lsn };
            self.drop_passed(want);
            if self.pieces.front().is_none_or(|piece| piece.start > want) && !self.begin_front(want, lsn, needed)? {
                return Ok(Ensured::NoFile);
            }
            self.read_ahead();
            self.take_front(lsn)?;
        }
    }

    /// What the stretch holds from `lsn` on.
    pub(super) fn bytes(&self, lsn: Lsn) -> &[u8] {
        let skip = usize::try_from(lsn.0.wrapping_sub(self.at.0)).unwrap_or(usize::MAX);
        let filled = self.buffer.as_ref().and_then(|buffer| buffer.as_ref().get(self.filled.clone()));
        filled.and_then(|filled| filled.get(skip..)).unwrap_or_default()
    }

    fn end(&self) -> Lsn {
        self.at.plus(self.filled.len() as u64)
    }

    /// Lies the position in the stretch, or right behind it in the same segment?
    fn holds(&self, lsn: Lsn) -> bool {
        let same = self.geometry.place(self.at).0 == self.geometry.place(lsn).0;
        self.buffer.is_some() && same && self.at <= lsn && lsn <= self.end()
    }

    /// Gives up the pieces that lie before `want`.
    fn drop_passed(&mut self, want: Lsn) {
        while self.pieces.front().is_some_and(|piece| piece.end() <= want) {
            self.pieces.pop_front();
        }
    }

    /// Begins the read of what is wanted now. False if there is no such file.
    fn begin_front(&mut self, want: Lsn, lsn: Lsn, needed: usize) -> Result<bool, IoError> {
        let missing = usize::try_from(lsn.plus(needed as u64).since(want)).unwrap_or(needed);
        let wanted = self.piece_bytes.max(missing);
        let limit = self.pieces.front().map_or(Lsn(u64::MAX), |piece| piece.start);
        let Some(piece) = self.begin(want, wanted, limit)? else { return Ok(false) };
        self.pieces.push_front(piece);
        Ok(true)
    }

    /// Begins the read of up to `bytes` from `start` on, within its segment and before `limit`. `None` if there is no such file.
    fn begin(&mut self, start: Lsn, bytes: usize, limit: Lsn) -> Result<Option<Piece>, IoError> {
        let (segment, offset) = self.geometry.place(start);
        let rest = self.geometry.start(segment.next()).min(limit).since(start);
        let bytes = usize::try_from(rest).unwrap_or(bytes).min(bytes);
        let Some(file) = self.file(segment)? else { return Ok(None) };
        let buffer = self.storage.take_buffer(self.room(bytes));
        let read = self.storage.begin_read(file, offset, ReadTarget { buffer, from: HEAD_BYTES, bytes });
        Ok(Some(Piece { start, bytes, segment, read }))
    }

    /// How long the buffer for a read of so many bytes is: the same for all lanes, so that one serves the other.
    fn room(&self, bytes: usize) -> usize {
        HEAD_BYTES + if self.is_single { bytes } else { READ_PIECE_BYTES.max(bytes) }
    }

    /// Begins reads of what is expected. What cannot be begun is not missed until it is wanted.
    fn read_ahead(&mut self) {
        while self.pieces.len() < READ_PIECES_AHEAD_MAX
            && let Some(behind) = self.pieces.back().map(Piece::end)
            && let Some(next) = self.plan.front().cloned()
        {
            let start = next.start.max(behind);
            if start >= next.end {
                self.plan.pop_front();
                continue;
            }
            match self.begin(start, self.piece_bytes, next.end) {
                Ok(Some(piece)) => self.pieces.push_back(piece),
                Ok(None) | Err(_) => self.plan.clear(),
            }
        }
    }

    /// Waits for the first piece and makes it the stretch, with what the last one holds from `lsn` on before it. If the disk refuses it:
    /// `lsn` is looked at alone from now on.
    fn take_front(&mut self, lsn: Lsn) -> Result<(), IoError> {
        let Some(piece) = self.pieces.pop_front() else { return Ok(()) };
        let (start, end, bytes) = (piece.start, piece.end(), piece.bytes);
        let (mut buffer, read) = self.storage.finish_read(piece.read);
        self.close_others(piece.segment);
        match read {
            Ok(count) => {
                let carried = usize::try_from(start.0.saturating_sub(lsn.0)).unwrap_or(0);
                let from = HEAD_BYTES.saturating_sub(carried);
                if let (Some(to), Some(rest)) =
                    (buffer.as_mut().get_mut(from..HEAD_BYTES), self.bytes(lsn).get(..carried))
                {
                    to.copy_from_slice(rest);
                }
                self.at = lsn.min(start);
                self.filled = from..HEAD_BYTES + count;
                self.is_cut = count < bytes;
                if let Some(last) = self.buffer.replace(buffer) {
                    self.storage.give_buffer(last);
                }
                Ok(())
            }
            Err(error) if error.errno == EIO => {
                self.refused = start.min(lsn)..end;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Reads exactly what is needed.
    fn read_alone(&mut self, lsn: Lsn, needed: usize) -> Result<Ensured, IoError> {
        let (segment, offset) = self.geometry.place(lsn);
        let Some(file) = self.file(segment)? else { return Ok(Ensured::NoFile) };
        let room = self.room(needed);
        let kept = self.buffer.take().filter(|buffer| buffer.as_ref().len() >= needed);
        let mut buffer = kept.unwrap_or_else(|| self.storage.take_buffer(room));
        let read = self.storage.read_at(file, offset, buffer.as_mut().get_mut(..needed).unwrap_or_default());
        self.buffer = Some(buffer);
        (self.at, self.filled, self.is_cut) = (lsn, 0..0, false);
        match read {
            Ok(count) => {
                self.filled = 0..count;
                self.is_cut = count < needed;
                Ok(if count < PAGE_BYTES { Ensured::NoFile } else { Ensured::Ready })
            }
            Err(error) if error.errno == EIO => Ok(Ensured::Unreadable(error)),
            Err(error) => Err(error),
        }
    }

    fn file(&mut self, segment: SegmentSequence) -> Result<Option<FileHandle>, IoError> {
        if let Some((_, file)) = self.open.iter().find(|(open, _)| *open == segment) {
            return Ok(Some(*file));
        }
        match self.storage.open(&self.layout.segment(self.lane, segment), Access::Read) {
            Ok(file) => {
                self.open.push((segment, file));
                Ok(Some(file))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Closes what neither this segment nor a piece needs.
    fn close_others(&mut self, segment: SegmentSequence) {
        let Self { open, pieces, storage, .. } = self;
        open.retain(|(of, file)| {
            let is_needed = *of == segment || pieces.iter().any(|piece| piece.segment == *of);
            if !is_needed {
                storage.close(*file);
            }
            is_needed
        });
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        self.pieces.clear();
        if let Some(buffer) = self.buffer.take() {
            self.storage.give_buffer(buffer);
        }
        for (_, file) in self.open.drain(..) {
            self.storage.close(file);
        }
    }
}

#[cfg(test)]
#[cfg(feature = "testing")]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::ids::StoreId;
    use crate::limits::SEGMENT_BYTES_MIN;
    use crate::testing::{Random, SimDisk};

    const LANE: LaneId = LaneId::JOURNAL;
    const SEGMENTS: u64 = 7;

    fn layout() -> StoreLayout {
        StoreLayout::under(Path::new("/store"))
    }

    fn shape() -> StoreShape {
        StoreShape::uniform(StoreId(1), 1, Geometry::new(SEGMENT_BYTES_MIN).unwrap())
    }

    /// Files that differ in every page; one is missing, one is cut, one is cut within a page, and some pages cannot be read.
    fn disk(random: &mut Random) -> SimDisk {
        let mut disk = SimDisk::new(1);
        for sequence in 0..SEGMENTS {
            let path = layout().segment(LANE, SegmentSequence(sequence));
            let bytes = match sequence {
                2 => continue,
                4 => 40_960,
                5 => 41_000,
                _ => SEGMENT_BYTES_MIN,
            };
            let byte = |at: u64| (at / 512 * 7 + sequence * 31 + at) as u8;
            disk.put_file(&path, (0..bytes).map(byte).collect());
            for _ in 0..random.below(3) {
                disk.break_page(&path, PAGE_BYTES as u64 * (1 + random.below(bytes / PAGE_BYTES as u64 - 1)));
            }
        }
        disk
    }

    /// What a read of these bytes alone gives: as much as its file has, or nothing, or a refusal.
    fn alone(disk: &mut SimDisk, lsn: Lsn, needed: usize) -> Result<Vec<u8>, Option<IoError>> {
        let (segment, offset) = shape().geometry(LANE).place(lsn);
        let rest = shape().geometry(LANE).start(segment.next()).since(lsn);
        let mut bytes = vec![0; needed.min(usize::try_from(rest).unwrap())];
        let Ok(file) = disk.open(&layout().segment(LANE, segment), Access::Read) else { return Err(None) };
        let read = disk.read_at(file, offset, &mut bytes);
        disk.close(file);
        match read {
            Ok(count) if count < PAGE_BYTES => Err(None),
            Ok(count) => Ok(bytes[..count].to_vec()),
            Err(error) => Err(Some(error)),
        }
    }

    #[test]
    fn whoever_asks_gets_what_a_read_alone_gives() {
        let (layout, shape) = (layout(), shape());
        let pages = (SEGMENT_BYTES_MIN / PAGE_BYTES as u64 - 1) * SEGMENTS;
        let (mut ready, mut none, mut refused) = (0, 0, 0);
        for seed in 0..60 {
            let mut random = Random::new(seed);
            let mut disk = disk(&mut random);
            let mut other = disk.clone();
            disk.set_reads_at_once([0, 1, 4][seed as usize % 3]);
            let piece_bytes = [PAGE_BYTES, 5 * PAGE_BYTES, READ_PIECE_BYTES][seed as usize / 3 % 3];
            let mut window = Window::new(&mut disk, &layout, &shape, LANE, piece_bytes);
            let mut page = 0_u64;
            for _ in 0..400 {
                page = match random.below(12) {
                    0 => random.below(pages),
                    1 => page.saturating_sub(random.below(9)),
                    2 => page + random.below(40),
                    step => page + step % 3,
                } % pages;
                let at = |page: u64| Lsn(page * PAGE_BYTES as u64);
                if random.below(4) == 0 {
                    let end = random.below(PAGE_BYTES as u64);
                    let ranges =
                        (0..random.below(4)).map(|part| at(page + 20 * part)..at(page + 20 * part + 10).plus(end));
                    window.expect(ranges.collect::<Vec<_>>());
                }
                let (lsn, needed) = (at(page), PAGE_BYTES * (1 + random.below(64) as usize));
                let found = window.ensure(lsn, needed).unwrap();
                match alone(&mut other, lsn, needed) {
                    Ok(bytes) => {
                        assert!(matches!(found, Ensured::Ready), "seed {seed}, {lsn}, {needed} bytes");
                        assert_eq!(window.bytes(lsn).get(..bytes.len()), Some(bytes.as_slice()), "seed {seed}, {lsn}");
                        ready += 1;
                    }
                    Err(None) => {
                        assert!(matches!(found, Ensured::NoFile), "seed {seed}, {lsn}, {needed} bytes");
                        none += 1;
                    }
                    Err(Some(_)) => {
                        assert!(matches!(found, Ensured::Unreadable(_)), "seed {seed}, {lsn}, {needed} bytes");
                        refused += 1;
                    }
                }
            }
        }
        assert!(ready > 5_000 && none > 1_000 && refused > 500, "{ready}, {none}, {refused}");
    }
}
