//! The segment files of a lane as a start finds them: names and headers.

use std::collections::BTreeMap;

use crate::buffer::AlignedBuffer;
use crate::error::{EIO, IoError};
use crate::ids::{LaneId, SegmentSequence};
use crate::limits::{READ_PIECES_AHEAD_MAX, SEGMENT_HEADER_BYTES};
use crate::segment::{NamedFile, SegmentHeaderError, parse_name};
use crate::storage::{Access, FileHandle, PendingRead, ReadTarget, Storage};
use crate::store::{StoreLayout, StoreShape};

/// No lane reaches this position: a [`Location`](crate::Location) could not name it. A file name that says so is not ours.
const LSN_LIMIT: u64 = 1 << 58;

/// What a segment file's header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileState {
    Sound,
    Wrong(SegmentHeaderError),
    Unreadable(IoError),
}

/// The segments of a lane that have a file.
#[derive(Debug, Default)]
pub(super) struct LaneFiles {
    files: BTreeMap<SegmentSequence, FileState>,
}

impl LaneFiles {
    /// Lists the lane's files and checks their headers.
    pub(super) fn read(
        storage: &mut dyn Storage,
        layout: &StoreLayout,
        shape: &StoreShape,
        lane: LaneId,
    ) -> Result<Self, IoError> {
        let mut found = Vec::new();
        for name in storage.list(layout.directory(lane.directory()))? {
            if let NamedFile::Segment(of, sequence) = parse_name(&name)
                && of == lane
                && shape.geometry(lane).start(sequence.next()).0 < LSN_LIMIT
            {
                found.push(sequence);
            }
        }
        let mut files = BTreeMap::new();
        for some in found.chunks(READ_PIECES_AHEAD_MAX) {
            // The reads of some headers are on their way together.
            let begun: Vec<Begun> = some.iter().map(|sequence| Begun::new(storage, layout, lane, *sequence)).collect();
            // All are finished, and their files closed, whatever comes of one of them.
            let states: Vec<_> =
                begun.into_iter().map(|begun| (begun.sequence, begun.state(storage, shape, lane))).collect();
            for (sequence, state) in states {
                files.insert(sequence, state?);
            }
        }
        Ok(Self { files })
    }

    pub(super) fn first(&self) -> Option<SegmentSequence> {
        self.files.keys().next().copied()
    }

    /// The segments from `sequence` on.
    pub(super) fn from(&self, sequence: SegmentSequence) -> impl Iterator<Item = SegmentSequence> + '_ {
        self.files.range(sequence..).map(|(&file, _)| file)
    }

    /// Every segment that has a file while the one before it, not being the first, has none.
    pub(super) fn behind_gaps(&self) -> impl Iterator<Item = SegmentSequence> + '_ {
        let pairs = self.files.keys().zip(self.files.keys().skip(1));
        pairs.filter(|(before, after)| before.next() != **after).map(|(_, after)| *after)
    }

    pub(super) fn state(&self, sequence: SegmentSequence) -> Option<&FileState> {
        self.files.get(&sequence)
    }

    /// The first segment from `from` on that has no sound file.
    pub(super) fn ready_to(&self, from: SegmentSequence) -> SegmentSequence {
        let mut sequence = from;
        while self.state(sequence) == Some(&FileState::Sound) {
            sequence = sequence.next();
        }
        sequence
    }

    /// Files before `sequence`.
    pub(super) fn before(&self, sequence: SegmentSequence) -> Vec<SegmentSequence> {
        self.files.keys().copied().take_while(|&file| file < sequence).collect()
    }
}

/// A header that is being read.
struct Begun {
    sequence: SegmentSequence,
    opened: Result<(FileHandle, Result<u64, IoError>, PendingRead), IoError>,
}

impl Begun {
    fn new(storage: &mut dyn Storage, layout: &StoreLayout, lane: LaneId, sequence: SegmentSequence) -> Self {
        let opened = storage.open(&layout.segment(lane, sequence), Access::Read).map(|file| {
            let target =
                ReadTarget { buffer: AlignedBuffer::new(SEGMENT_HEADER_BYTES), from: 0, bytes: SEGMENT_HEADER_BYTES };
            (file, storage.size(file), storage.begin_read(file, 0, target))
        });
        Self { sequence, opened }
    }

    fn state(self, storage: &mut dyn Storage, shape: &StoreShape, lane: LaneId) -> Result<FileState, IoError> {
        let (file, size, read) = self.opened?;
        let (page, read) = storage.finish_read(read);
        storage.close(file);
        let header = shape.segment_header(lane, self.sequence);
        match read {
            Ok(SEGMENT_HEADER_BYTES) => Ok(match header.verify(page.as_ref()) {
                // A file that was cut short is no place to write into; its blocks, if any, are found as evidence.
                Ok(()) if size? != header.geometry.segment_bytes() => FileState::Wrong(SegmentHeaderError::Damaged),
                Ok(()) => FileState::Sound,
                Err(error) => FileState::Wrong(error),
            }),
            Ok(_) => Ok(FileState::Wrong(SegmentHeaderError::Damaged)),
            Err(error) if error.errno == EIO => Ok(FileState::Unreadable(error)),
            Err(error) => Err(error),
        }
    }
}
