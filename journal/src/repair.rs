//! Repair: a block that rotted on this disk is written again, as another copy has it.
//!
//! Takes the place and the bytes; gives a lane that is sound there. It is the one write over a block that changes nothing: what is
//! written is what stood there. What must stay true: a block that does not provably belong there is never written, and what is called
//! repaired was read back and is durable.
//!
//! # What proves that it is the block
//!
//! Its lane, position and CRC say that it is a block of this place, not that it is the one of this history. The block behind says that: it
//! follows the chain of this one, so that no other can stand there. Where nothing sound is behind, the block must follow the chain before
//! it, and be of the same epoch: one epoch has one writer. A later epoch proves nothing, though the chain fits: (1) the last block was
//! lost here and on the peer; (2) the peer took over, and its epoch begins at that very position.

use std::fmt;
use std::path::PathBuf;

use crate::block::{BlockError, BlockFlags, BlockView, Checks};
use crate::border::{BorderError, BorderReader, ChainEnd};
use crate::error::IoError;
use crate::ids::{LaneId, Lsn};
use crate::recovery::{BlockWalk, Found};
use crate::storage::{Access, Storage};
use crate::store::{StoreLayout, StoreShape};

/// What came of a repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repaired {
    /// The block was written, flushed and read back.
    Written,
    /// It stands there already.
    NotNeeded,
}

/// Why a block is not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepairError {
    /// It is damaged itself, or the block of another place.
    NotThisBlock(BlockError),
    /// It is none that a writer puts there: it reaches beyond its segment, or more bytes came than it has, or it marks a cut.
    OutOfPlace,
    /// Another sound block stands there.
    Occupied,
    /// It does not follow what stands before, or what stands behind does not follow it.
    OtherHistory,
    /// Nothing sound stands behind, and what stands before is gone or of another epoch: nothing says that it belongs there.
    Unproved,
    /// The disk took it and does not give it back.
    NotGivenBack(PathBuf),
    /// The disk said no.
    Io(IoError),
}

impl From<IoError> for RepairError {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for RepairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThisBlock(found) => write!(f, "what the peer sent is no help: {found}"),
            Self::OutOfPlace => f.write_str("what the peer sent does not fit the place"),
            Self::Occupied => f.write_str("another sound block stands there"),
            Self::OtherHistory => f.write_str("the block of the peer belongs to another history"),
            Self::Unproved => f.write_str("nothing here says that the block of the peer belongs there"),
            Self::NotGivenBack(path) => write!(f, "{} does not give back what was written into it", path.display()),
            Self::Io(_) => f.write_str("a damaged block could not be written again"),
        }
    }
}

impl std::error::Error for RepairError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// What a repair takes care of. Everything, except in the controls that prove that each is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepairSteps {
    /// That the block belongs to this history.
    pub prove: bool,
    /// That it is flushed.
    pub flush: bool,
    /// That it is read back.
    pub read_back: bool,
}

impl RepairSteps {
    /// What every repair does.
    pub const ALL: Self = Self { prove: true, flush: true, read_back: true };
}

/// Writes `bytes`, the block at `at` as another copy has it, over the damaged place. Several damaged blocks are repaired from the first on.
///
/// # Errors
/// When the block does not provably belong there: then nothing was written. When the disk fails: then the place is damaged as before.
pub fn repair_block(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    (lane, at): (LaneId, Lsn),
    bytes: &[u8],
    steps: RepairSteps,
) -> Result<Repaired, RepairError> {
    let view = BlockView::parse(bytes, lane, at).map_err(RepairError::NotThisBlock)?;
    let geometry = shape.geometry(lane);
    let is_sent = !view.header.flags.contains(BlockFlags::TERMINATOR) && !view.header.flags.contains(BlockFlags::PATCH);
    let fits = view.header.bytes() <= geometry.block_bytes_max(at) && view.bytes().len() == bytes.len();
    if !fits || !is_sent || !view.well_formed() {
        return Err(RepairError::OutOfPlace);
    }
    let stands = stands_there(storage, layout, shape, &view)?;
    if stands == Stands::Same {
        return Ok(Repaired::NotNeeded);
    }
    if steps.prove {
        if stands == Stands::Another {
            return Err(RepairError::Occupied);
        }
        prove(storage, layout, shape, &view)?;
    }
    let (segment, offset) = geometry.place(at);
    let path = layout.segment(lane, segment);
    let file = storage.open(&path, Access::Write)?;
    let written = storage.write_at(file, offset, bytes);
    let written = written.and_then(|()| if steps.flush { storage.sync(file) } else { Ok(()) });
    storage.close(file);
    written?;
    if steps.read_back && stands_there(storage, layout, shape, &view)? != Stands::Same {
        return Err(RepairError::NotGivenBack(path));
    }
    Ok(Repaired::Written)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Same,
    Another,
    Damage,
}

/// What stands where the block belongs.
fn stands_there(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    view: &BlockView<'_>,
) -> Result<Stands, IoError> {
    let lane = view.header.lane;
    let mut walk = BlockWalk::for_single(storage, layout, shape, lane, Checks::ALL);
    Ok(match walk.block_at(view.header.lsn)? {
        Found::Block(found) if found.bytes() == view.bytes() => Stands::Same,
        Found::Block(_) => Stands::Another,
        Found::Not(_) | Found::NoFile | Found::Unreadable(_) => Stands::Damage,
    })
}

/// Whether the block belongs to the history of this lane.
fn prove(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    view: &BlockView<'_>,
) -> Result<(), RepairError> {
    let (lane, at) = (view.header.lane, view.header.lsn);
    let before = match BorderReader::new(storage, layout, shape, lane, at).at_or_before(at) {
        Ok(border) => Some(border).filter(|border| border.lsn == at),
        Err(BorderError::Io(error)) => return Err(error.into()),
        Err(BorderError::Gone { .. } | BorderError::Damaged { .. }) => None,
    };
    if before.is_some_and(|before| !ChainEnd::at(before).is_followed_by(view)) {
        return Err(RepairError::OtherHistory);
    }
    let end = ChainEnd::behind(view);
    let mut walk = BlockWalk::for_single(storage, layout, shape, lane, Checks::ALL);
    match walk.block_at(view.header.end())? {
        Found::Block(next) if end.is_followed_by(&next) => Ok(()),
        // What an older epoch left behind a cut is no witness; anything else of this lane is.
        Found::Block(next) if next.header.epoch >= view.header.epoch => Err(RepairError::OtherHistory),
        _ if before.is_some_and(|before| before.epoch == view.header.epoch) => Ok(()),
        _ => Err(RepairError::Unproved),
    }
}
