//! Why a start is refused: what, where, and the way out.

use std::fmt;
use std::path::PathBuf;

use super::decision::Place;
use crate::error::IoError;
use crate::ids::{LaneId, Lsn};

/// A place in a lane where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which lane.
    pub lane: LaneId,
    /// The position at which the valid lane ends.
    pub at: Lsn,
    /// The file.
    pub file: PathBuf,
    /// What stands there.
    pub place: Place,
    /// Up to where the lane is known to have been promised.
    pub promised: Lsn,
    /// Valid blocks behind the place.
    pub blocks_behind: u32,
    /// What the disk said.
    pub source: Option<IoError>,
}

/// Why recovery gives no lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecoveryError {
    /// Promised data is missing or damaged. The way out is another copy, or `--accept-loss`.
    Corruption(Damage),
    /// A file of another store, lane or place. The way out is to move it away.
    Foreign(Damage),
    /// Written by a newer version.
    Newer(Damage),
    /// Valid blocks behind a hole, and a peer that may have what is missing.
    Undecided(Damage),
    /// `--accept-loss` names a position at which nothing is wrong.
    WrongConsent {
        /// The lane.
        lane: LaneId,
        /// What was named.
        named: Lsn,
        /// Where the lane really ends.
        end: Lsn,
    },
    /// The disk could not be asked.
    Io(IoError),
}

impl From<IoError> for RecoveryError {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoFile => "the segment file is missing",
            Self::Blank => "no block begins there",
            Self::Torn => "the block there is damaged",
            Self::Unreadable => "the disk cannot read it",
            Self::BadHeader => "the segment's header is damaged",
            Self::Foreign => "the file belongs to another store, lane or position",
            Self::Newer => "it was written by a newer version of this program",
            Self::Terminator => "the lane was cut there",
        })
    }
}

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corruption(damage) => {
                let Damage { lane, at, file, place, promised, blocks_behind, .. } = damage;
                write!(
                    f,
                    "lane {lane} is damaged at {at} ({}): {place}, but everything up to {promised} was promised to clients, and \
                     {blocks_behind} sound blocks stand behind it. Restore the file from another copy. Only if there is none: start once \
                     with --accept-loss {lane}@{at}: the damaged blocks are given up, and all from {at} on if it cannot be proved where the lane \
                     goes on behind them",
                    file.display()
                )
            }
            Self::Foreign(damage) => write!(
                f,
                "{} does not belong to lane {} of this store at {}: {}. Move it out of the directory, and put the right file there",
                damage.file.display(),
                damage.lane,
                damage.at,
                damage.place
            ),
            Self::Newer(damage) => {
                write!(
                    f,
                    "{}: {}. Start the version that wrote it, or a later one",
                    damage.file.display(),
                    damage.place
                )
            }
            Self::Undecided(damage) => write!(
                f,
                "lane {} ends at {} ({}), and {} sound blocks stand behind it: waiting for the peer, which may have what is missing",
                damage.lane,
                damage.at,
                damage.file.display(),
                damage.blocks_behind
            ),
            Self::WrongConsent { lane, named, end } => {
                write!(
                    f,
                    "--accept-loss {lane}@{named} names no damage: the lane is sound up to its end at {end}. Start without it"
                )
            }
            Self::Io(_) => f.write_str("the store could not be read"),
        }
    }
}

impl std::error::Error for RecoveryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Corruption(damage) | Self::Foreign(damage) | Self::Newer(damage) | Self::Undecided(damage) => {
                damage.source.as_ref().map(|error| error as _)
            }
            Self::WrongConsent { .. } => None,
            Self::Io(error) => Some(error),
        }
    }
}
