//! Which bit: a file of each kind in turn, and in it a place that holds something more often than not.
//!
//! Takes the undamaged store and what a start makes of it; gives a flip with what stands in its place.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use journal::{
    BLOCK_HEADER_BYTES, BlockView, LaneId, LaneKind, Lsn, NamedFile, PAGE_BYTES, SEGMENT_HEADER_BYTES, SegmentSequence,
    StoreShape, parse_name,
};

use super::image::{Image, View};
use super::start::{Went, block_at};
use crate::prove::random::Random;

/// The fields of a segment's header and their checksum; nothing reads what lies behind them in its page.
const SEGMENT_FIELDS: u64 = 44;
/// Where flips into a segment go, in percent: into its header's page, anywhere; the rest into a block.
const HEADER_PERCENT: u64 = 10;
const ANYWHERE_PERCENT: u64 = 15;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A segment of the lane of names.
    Bindings,
    /// A segment of a journal lane.
    Journal,
    /// A segment of a lane of large bodies.
    Large,
    /// A segment of the index checkpoints.
    Checkpoint,
    /// A freed segment, its file that waits to be used again, or one that a killed broker was making.
    Spare,
    /// `store`.
    Manifest,
    /// `ha.state`.
    State,
    /// `instance`.
    Instance,
    /// `server.lock`.
    Lock,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Bindings,
        Self::Journal,
        Self::Large,
        Self::Checkpoint,
        Self::Spare,
        Self::Manifest,
        Self::State,
        Self::Instance,
        Self::Lock,
    ];

    /// Its name in the figures.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bindings => "bindings",
            Self::Journal => "journal",
            Self::Large => "large bodies",
            Self::Checkpoint => "checkpoints",
            Self::Spare => "freed",
            Self::Manifest => "manifest",
            Self::State => "state",
            Self::Instance => "instance",
            Self::Lock => "lock",
        }
    }

    /// So many of a hundred flips.
    const fn weight(self) -> u64 {
        match self {
            Self::Journal => 40,
            Self::Bindings | Self::Large | Self::Checkpoint => 12,
            Self::Spare | Self::Manifest | Self::State => 5,
            Self::Instance => 3,
            Self::Lock => 6,
        }
    }

    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        match parse_name(name) {
            NamedFile::Segment(lane, _) => match lane.kind() {
                LaneKind::Bindings => Some(Self::Bindings),
                LaneKind::Journal => Some(Self::Journal),
                LaneKind::Large => Some(Self::Large),
                LaneKind::Checkpoint => Some(Self::Checkpoint),
                LaneKind::Paging => None,
            },
            NamedFile::Spare(..) | NamedFile::Unfinished(_) => Some(Self::Spare),
            NamedFile::Other => match name {
                "store" => Some(Self::Manifest),
                "ha.state" => Some(Self::State),
                "instance" => Some(Self::Instance),
                "server.lock" => Some(Self::Lock),
                _ => None,
            },
        }
    }
}

/// What stands where a bit is flipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// A block of a lane, which begins here.
    Block(LaneId, Lsn),
    /// The header of a segment that holds blocks.
    Header(LaneId),
    /// The header of a segment of a lane that has not come there yet.
    EmptyHeader,
    /// The rest of a header's page: zeroes that nobody reads.
    HeaderRest,
    /// Behind the end of the lane.
    Beyond,
    /// A freed segment, or a file of no segment yet.
    Freed,
    /// A file beside the lanes.
    Beside,
}

/// One bit.
#[derive(Clone, Debug)]
pub(super) struct Flip {
    pub(super) kind: Kind,
    pub(super) path: PathBuf,
    pub(super) offset: usize,
    pub(super) bit: u8,
    pub(super) stands: Stands,
}

impl Flip {
    /// The image with the bit flipped.
    pub(super) fn view<'a>(&self, image: &'a Image) -> View<'a> {
        let mut view = View::of(image);
        let mut bytes = image.bytes(&self.path).unwrap_or_default().to_vec();
        if let Some(byte) = bytes.get_mut(self.offset) {
            *byte ^= 1 << self.bit;
        }
        view.put(&self.path, bytes);
        view
    }
}

impl fmt::Display for Flip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, offset, bit, stands, .. } = self;
        write!(out, "bit {bit} of byte {offset} of {} ({stands:?})", Image::name(path).display())
    }
}

/// A lane as an undamaged start finds it.
#[derive(Clone, Debug)]
pub(super) struct LaneMap {
    first_kept: SegmentSequence,
    end: Lsn,
    /// Where each block begins, and how long it is.
    pub(super) blocks: Vec<(Lsn, usize)>,
    /// The highest position that any block of the lane calls promised.
    pub(super) promised: Lsn,
}

/// All files by their kinds, and all lanes.
#[derive(Debug)]
pub(super) struct Map {
    shape: StoreShape,
    files: BTreeMap<Kind, Vec<PathBuf>>,
    pub(super) lanes: BTreeMap<LaneId, LaneMap>,
}

impl Map {
    pub(super) fn new(image: &Image, shape: &StoreShape, went: &Went) -> Result<Self, String> {
        let mut files: BTreeMap<Kind, Vec<PathBuf>> = BTreeMap::new();
        for (path, bytes) in image.files().filter(|(_, bytes)| !bytes.is_empty()) {
            match Kind::of(path) {
                Some(kind) => files.entry(kind).or_default().push(path.to_owned()),
                None => return Err(format!("{} ({} bytes) is of no known kind", path.display(), bytes.len())),
            }
        }
        let freed = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let NamedFile::Segment(lane, sequence) = parse_name(name) else { return false };
            went.recovered.lane(lane).is_some_and(|lane| sequence < lane.tail.first_kept)
        };
        let mut moved = Vec::new();
        for paths in files.values_mut() {
            moved.extend(paths.extract_if(.., |path| freed(path)));
        }
        files.entry(Kind::Spare).or_default().extend(moved);
        files.retain(|_, paths| !paths.is_empty());
        let view = View::of(image);
        let mut lanes = BTreeMap::new();
        for lane in &went.recovered.lanes {
            let tail = &lane.tail;
            let mut at = shape.geometry(tail.lane).start(tail.first_kept);
            let (mut blocks, mut promised) = (Vec::new(), Lsn::ZERO);
            while at < tail.end {
                let block: BlockView<'_> = block_at(&view, &Image::layout(), shape, tail.lane, at)?;
                blocks.push((at, block.header.bytes()));
                promised = promised.max(block.header.promised);
                at = block.header.end();
            }
            lanes.insert(tail.lane, LaneMap { first_kept: tail.first_kept, end: tail.end, blocks, promised });
        }
        Ok(Self { shape: *shape, files, lanes })
    }

    /// The next flip. A kind that this store lacks leaves its turns to the journal.
    pub(super) fn flip(&self, random: &mut Random) -> Option<Flip> {
        let mut turn = random.between(0, 99);
        let kind = Kind::ALL.into_iter().find(|kind| {
            let mine = turn < kind.weight();
            turn = turn.saturating_sub(kind.weight());
            mine
        })?;
        let kind = if self.files.contains_key(&kind) { kind } else { Kind::Journal };
        self.flip_in(kind, random)
    }

    /// A flip in a file of this kind; nothing if there is none.
    pub(super) fn flip_in(&self, kind: Kind, random: &mut Random) -> Option<Flip> {
        let path = random.pick(self.files.get(&kind)?)?.clone();
        let lane = match parse_name(path.file_name()?.to_str()?) {
            NamedFile::Segment(lane, _) => Some(lane),
            _ => None,
        };
        let map = lane.and_then(|lane| Some((lane, self.lanes.get(&lane)?)));
        let (path, offset) = match map {
            Some((lane, map)) if !map.blocks.is_empty() && kind != Kind::Spare => {
                self.in_lane(lane, map, path, random)?
            }
            _ => {
                let bytes = self.bytes_of(kind);
                (path, random.between(0, bytes.saturating_sub(1)))
            }
        };
        let stands = self.stands(&path, offset)?;
        let bit = u8::try_from(random.between(0, 7)).unwrap_or(0);
        Some(Flip { kind, path, offset: usize::try_from(offset).ok()?, bit, stands })
    }

    /// A place in a lane: in the header of a segment, anywhere in one, or in a block.
    fn in_lane(&self, lane: LaneId, map: &LaneMap, path: PathBuf, random: &mut Random) -> Option<(PathBuf, u64)> {
        let geometry = self.shape.geometry(lane);
        let turn = random.between(0, 99);
        if turn < HEADER_PERCENT {
            // Most of them where something is read.
            let last = if random.percent(80) { SEGMENT_FIELDS } else { SEGMENT_HEADER_BYTES as u64 };
            return Some((path, random.between(0, last - 1)));
        }
        if turn < HEADER_PERCENT + ANYWHERE_PERCENT {
            return Some((path, random.between(0, geometry.segment_bytes() - 1)));
        }
        let (lsn, length) = *random.pick(&map.blocks)?;
        let within = match random.between(0, 3) {
            0 => random.between(0, BLOCK_HEADER_BYTES as u64 - 1),
            _ => random.between(0, length as u64 - 1),
        };
        let (segment, offset) = geometry.place(lsn);
        Some((Image::layout().segment(lane, segment), offset + within))
    }

    /// Small files have at most a few pages; the lock keeps places for later.
    fn bytes_of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Manifest | Kind::State => 2 * PAGE_BYTES as u64,
            Kind::Instance => PAGE_BYTES as u64,
            Kind::Lock => 4 * PAGE_BYTES as u64,
            Kind::Bindings | Kind::Checkpoint => self.shape.bindings_segments.segment_bytes(),
            Kind::Large => self.shape.body_segments.segment_bytes(),
            Kind::Journal | Kind::Spare => self.shape.journal_segments.segment_bytes(),
        }
    }

    fn stands(&self, path: &Path, offset: u64) -> Option<Stands> {
        let (lane, sequence) = match parse_name(path.file_name()?.to_str()?) {
            NamedFile::Segment(lane, sequence) => (lane, sequence),
            NamedFile::Spare(..) | NamedFile::Unfinished(_) => return Some(Stands::Freed),
            _ => return Some(Stands::Beside),
        };
        let Some(map) = self.lanes.get(&lane) else { return Some(Stands::Freed) };
        if sequence < map.first_kept {
            return Some(Stands::Freed);
        }
        let start = self.shape.geometry(lane).start(sequence);
        if offset < SEGMENT_HEADER_BYTES as u64 {
            return Some(match offset < SEGMENT_FIELDS {
                true if start >= map.end => Stands::EmptyHeader,
                true => Stands::Header(lane),
                false => Stands::HeaderRest,
            });
        }
        let at = start.plus(offset - SEGMENT_HEADER_BYTES as u64);
        if at >= map.end {
            return Some(Stands::Beyond);
        }
        let behind = map.blocks.partition_point(|(lsn, _)| *lsn <= at);
        map.blocks.get(behind.checked_sub(1)?).map(|(lsn, _)| Stands::Block(lane, *lsn))
    }
}
