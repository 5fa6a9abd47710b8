//! The segment file: its name and the header in its first page.

use std::fmt;

use crate::bytes::{Reader, Writer};
use crate::geometry::Geometry;
use crate::ids::{LaneId, SegmentSequence, StoreId};
use crate::limits::SEGMENT_HEADER_BYTES;

/// "RMQS", little endian.
pub const SEGMENT_MAGIC: u32 = u32::from_le_bytes(*b"RMQS");
const SEGMENT_VERSION: u16 = 1;
/// The bytes before the CRC.
const FIELDS_BYTES: usize = 4 + 2 + 2 + 8 + 16 + 8;

/// The header of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Of which lane.
    pub lane: LaneId,
    /// Which segment of the lane.
    pub sequence: SegmentSequence,
    /// Of which store.
    pub store: StoreId,
    /// The size of the file.
    pub geometry: Geometry,
}

/// Why a page is not the header that was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentHeaderError {
    /// The bytes are not a header.
    Damaged,
    /// Written by a newer program.
    NewerVersion,
    /// A sound header of another store.
    ForeignStore(StoreId),
    /// A sound header of another lane.
    ForeignLane(LaneId),
    /// A sound header of another segment: the file was renamed by hand.
    ForeignSequence(SegmentSequence),
    /// A sound header with another segment size.
    ForeignSize(u64),
}

impl fmt::Display for SegmentHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("the segment header is damaged"),
            Self::NewerVersion => f.write_str("the segment was written by a newer version of this program"),
            Self::ForeignStore(store) => write!(f, "the segment belongs to the store {store}"),
            Self::ForeignLane(lane) => write!(f, "the segment belongs to lane {lane}"),
            Self::ForeignSequence(sequence) => write!(f, "the segment's header says that it is number {sequence}"),
            Self::ForeignSize(bytes) => write!(f, "the segment's header says that it has {bytes} bytes"),
        }
    }
}

impl SegmentHeader {
    /// The page as it stands at the beginning of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut page = Vec::with_capacity(SEGMENT_HEADER_BYTES);
        let mut out = Writer::new(&mut page);
        out.u32(SEGMENT_MAGIC).u16(SEGMENT_VERSION).u16(self.lane.number()).u64(self.sequence.0).u128(self.store.0);
        out.u64(self.geometry.segment_bytes());
        let crc = crc32c::crc32c(&page);
        Writer::new(&mut page).u32(crc);
        page.resize(SEGMENT_HEADER_BYTES, 0);
        page
    }

    /// Checks that the page is exactly this header.
    ///
    /// # Errors
    /// What it is instead.
    pub fn verify(&self, page: &[u8]) -> Result<(), SegmentHeaderError> {
        let found = Self::decode(page)?;
        if found.store != self.store {
            Err(SegmentHeaderError::ForeignStore(found.store))
        } else if found.lane != self.lane {
            Err(SegmentHeaderError::ForeignLane(found.lane))
        } else if found.sequence != self.sequence {
            Err(SegmentHeaderError::ForeignSequence(found.sequence))
        } else if found.geometry != self.geometry {
            Err(SegmentHeaderError::ForeignSize(found.geometry.segment_bytes()))
        } else {
            Ok(())
        }
    }

    /// Reads a page.
    ///
    /// # Errors
    /// When it is not a header of this version.
    pub fn decode(page: &[u8]) -> Result<Self, SegmentHeaderError> {
        let fields = page.get(..FIELDS_BYTES).ok_or(SegmentHeaderError::Damaged)?;
        let mut from = Reader::new(page);
        let header = Self::decode_fields(&mut from).ok_or(SegmentHeaderError::Damaged)?;
        let crc = from.u32().ok_or(SegmentHeaderError::Damaged)?;
        let (version, header) = header;
        if crc != crc32c::crc32c(fields) {
            Err(SegmentHeaderError::Damaged)
        } else if version > SEGMENT_VERSION {
            Err(SegmentHeaderError::NewerVersion)
        } else {
            Ok(header)
        }
    }

    fn decode_fields(from: &mut Reader<'_>) -> Option<(u16, Self)> {
        if from.u32()? != SEGMENT_MAGIC {
            return None;
        }
        let version = from.u16()?;
        let lane = LaneId::from_number(from.u16()?)?;
        let (sequence, store) = (SegmentSequence(from.u64()?), StoreId(from.u128()?));
        let geometry = Geometry::new(from.u64()?).ok()?;
        Some((version, Self { lane, sequence, store, geometry }))
    }
}

/// The name of a segment's file.
#[must_use]
pub fn segment_name(lane: LaneId, sequence: SegmentSequence) -> String {
    format!("{lane}-{sequence}.seg")
}

/// What a file name in a lane directory says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedFile {
    /// A segment.
    Segment(LaneId, SegmentSequence),
    /// A freed segment's file, kept to be used again.
    Spare(LaneId, SegmentSequence),
    /// A file that was being made when the process ended.
    Unfinished(LaneId),
    /// Not ours.
    Other,
}

/// The ending of a freed segment's file that waits to be used again.
pub(crate) const SPARE_ENDING: &str = "free";
/// The ending of a file that is being made.
pub(crate) const UNFINISHED_ENDING: &str = "tmp";

/// Reads a file name.
#[must_use]
pub fn parse_name(name: &str) -> NamedFile {
    let parse = || {
        let (stem, ending) = name.split_once('.')?;
        let (lane, digits) = stem.split_once('-')?;
        let lane: LaneId = lane.parse().ok()?;
        let hex =
            digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let sequence = SegmentSequence(u64::from_str_radix(digits, 16).ok().filter(|_| hex)?);
        match ending {
            "seg" => Some(NamedFile::Segment(lane, sequence)),
            SPARE_ENDING => Some(NamedFile::Spare(lane, sequence)),
            UNFINISHED_ENDING => Some(NamedFile::Unfinished(lane)),
            _ => None,
        }
    };
    parse().unwrap_or(NamedFile::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        let geometry = Geometry::new(128 * 1024).unwrap();
        SegmentHeader { lane: LaneId::LARGE, sequence: SegmentSequence(0x1f), store: StoreId(7), geometry }
    }

    #[test]
    fn headers_go_both_ways_and_say_what_differs() {
        let page = header().encode();
        assert_eq!(page.len(), 4096);
        assert_eq!(header().verify(&page), Ok(()));
        let other = SegmentHeader { store: StoreId(8), ..header() };
        assert_eq!(other.verify(&page), Err(SegmentHeaderError::ForeignStore(StoreId(7))));
        let other = SegmentHeader { lane: LaneId::PAGING, ..header() };
        assert_eq!(other.verify(&page), Err(SegmentHeaderError::ForeignLane(LaneId::LARGE)));
        let other = SegmentHeader { sequence: SegmentSequence(1), ..header() };
        assert_eq!(other.verify(&page), Err(SegmentHeaderError::ForeignSequence(SegmentSequence(0x1f))));
        for bit in 0..(FIELDS_BYTES + 4) * 8 {
            let mut rotten = page.clone();
            rotten[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(header().verify(&rotten), Err(SegmentHeaderError::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn names_go_both_ways() {
        let name = segment_name(LaneId::JOURNAL, SegmentSequence(255));
        assert_eq!(name, "j00-00000000000000ff.seg");
        assert_eq!(parse_name(&name), NamedFile::Segment(LaneId::JOURNAL, SegmentSequence(255)));
        assert_eq!(parse_name("j00-00000000000000ff.free"), NamedFile::Spare(LaneId::JOURNAL, SegmentSequence(255)));
        let unfinished = crate::storage::unfinished_path(name.as_ref());
        assert_eq!(parse_name(unfinished.to_str().unwrap()), NamedFile::Unfinished(LaneId::JOURNAL));
        for other in ["j00-00000000000000FF.seg", "j00-ff.seg", "server.lock", "store", "j00-00000000000000ff.seg.tmp"]
        {
            assert_eq!(parse_name(other), NamedFile::Other, "{other}");
        }
    }
}
