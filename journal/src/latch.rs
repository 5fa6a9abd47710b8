//! The latch: after a failed write into an existing segment there is nothing but that failure.
//!
//! No retry, because a retried write after an error proves nothing: the kernel may have marked the pages clean, the device may have
//! reordered. No promise either, not even for blocks that completed: the broker steps down with the cause named, and the next start decides
//! by what is really on disk.

use std::fmt;

use crate::error::IoError;
use crate::ids::{LaneId, Lsn, SegmentSequence};

/// Why a lane promises nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latch {
    /// Which lane.
    pub lane: LaneId,
    /// The block whose write failed.
    pub lsn: Lsn,
    /// In which segment.
    pub segment: SegmentSequence,
    /// How.
    pub error: IoError,
}

impl fmt::Display for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "lane {} could not make its block at {} (segment {}) durable and promises nothing more",
            self.lane, self.lsn, self.segment
        )
    }
}

impl std::error::Error for Latch {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
