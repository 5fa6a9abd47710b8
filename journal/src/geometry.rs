//! Where a position of a lane lies on disk: pure arithmetic, fixed when the store is created.

use std::fmt;

use crate::ids::{Lsn, SegmentSequence};
use crate::limits::{BLOCK_BYTES_MAX, PAGE_BYTES, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENT_HEADER_BYTES};

/// The size of a lane's segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// A multiple of the page, within the limits, the header included.
    segment_bytes: u64,
}

/// The segment size is not one that a lane can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeometryError {
    /// What was asked for.
    pub segment_bytes: u64,
}

impl fmt::Display for GeometryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a segment of {} bytes is not possible: use a multiple of {PAGE_BYTES} from {SEGMENT_BYTES_MIN} to {SEGMENT_BYTES_MAX}",
            self.segment_bytes
        )
    }
}

impl std::error::Error for GeometryError {}

impl Geometry {
    /// Segments of this size, the header of one page included.
    ///
    /// # Errors
    /// When the size is no multiple of the page or outside the limits.
    pub const fn new(segment_bytes: u64) -> Result<Self, GeometryError> {
        let fits = segment_bytes >= SEGMENT_BYTES_MIN && segment_bytes <= SEGMENT_BYTES_MAX;
        if fits && segment_bytes.is_multiple_of(PAGE_BYTES as u64) {
            Ok(Self { segment_bytes })
        } else {
            Err(GeometryError { segment_bytes })
        }
    }

    /// The size of a segment's file.
    #[must_use]
    pub const fn segment_bytes(self) -> u64 {
        self.segment_bytes
    }

    /// How much of the lane one segment holds.
    #[must_use]
    pub const fn payload_bytes(self) -> u64 {
        self.segment_bytes - SEGMENT_HEADER_BYTES as u64
    }

    /// The segment and the offset in its file for a position.
    #[must_use]
    pub const fn place(self, lsn: Lsn) -> (SegmentSequence, u64) {
        let payload = self.payload_bytes();
        (SegmentSequence(lsn.0 / payload), lsn.0 % payload + SEGMENT_HEADER_BYTES as u64)
    }

    /// The first position of a segment.
    #[must_use]
    pub const fn start(self, sequence: SegmentSequence) -> Lsn {
        Lsn(sequence.0.saturating_mul(self.payload_bytes()))
    }

    /// How long a block that begins here may be: the largest block or the rest of the segment.
    #[must_use]
    pub fn block_bytes_max(self, lsn: Lsn) -> usize {
        let rest = self.payload_bytes() - lsn.0 % self.payload_bytes();
        usize::try_from(rest).unwrap_or(BLOCK_BYTES_MAX).min(BLOCK_BYTES_MAX)
    }

    /// How many segments must be ready behind the one being written, so that the longest record always finds its place.
    #[must_use]
    pub const fn segments_ahead_min(self) -> u64 {
        if self.segment_bytes < 1024 * 1024 { 2 } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_at_segment_ends() {
        let geometry = Geometry::new(SEGMENT_BYTES_MIN).unwrap();
        let payload = geometry.payload_bytes();
        assert_eq!(geometry.place(Lsn(0)), (SegmentSequence(0), 4096));
        assert_eq!(geometry.place(Lsn(payload)), (SegmentSequence(1), 4096));
        assert_eq!(geometry.block_bytes_max(Lsn(payload - 4096)), 4096);
        assert_eq!(geometry.start(SegmentSequence(3)), Lsn(3 * payload));
        assert_eq!(Geometry::new(1024 * 1024).unwrap().block_bytes_max(Lsn(0)), BLOCK_BYTES_MAX);
        assert!(Geometry::new(SEGMENT_BYTES_MIN + 1).is_err());
        assert!(Geometry::new(4096).is_err());
    }
}
