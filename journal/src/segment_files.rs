//! Segment files through a blocking [`Storage`]: made ahead of the writer, used again after they were freed.
//!
//! The ring driver may do the same steps its own way; the order of the steps is the contract:
//! - a file gets its name only when all of it, header included, is durable;
//! - a freed file loses its name durably before its header is overwritten. Otherwise a crash between the two would leave a file under the
//!   old name with the header of a later segment, and the next start would refuse it as foreign.

use std::path::{Path, PathBuf};

use crate::buffer::AlignedBuffer;
use crate::error::IoError;
use crate::ids::{LaneId, SegmentSequence};
use crate::limits::SEGMENT_HEADER_BYTES;
use crate::segment::{NamedFile, SPARE_ENDING, parse_name};
use crate::storage::{Access, Storage, create_filled, publish};
use crate::store::{StoreLayout, StoreShape};

/// Freed files of one lane that are kept to be used again.
pub const SPARE_SEGMENTS_MAX: usize = 2;

/// Makes the file of a segment, from a spare one if there is one. If it is there already and sound, that is enough.
///
/// # Errors
/// When a step fails; nothing is left that the next try or start would trip over.
pub fn prepare_segment(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    lane: LaneId,
    sequence: SegmentSequence,
) -> Result<(), IoError> {
    let path = layout.segment(lane, sequence);
    let header = shape.segment_header(lane, sequence);
    let bytes = header.geometry.segment_bytes();
    if is_sound(storage, &path, |page| header.verify(page).is_ok(), bytes)? {
        // It may be there because an earlier try failed only at its last step.
        return storage.sync_directory(layout.directory(lane.directory()));
    }
    let page = header.encode();
    for spare in spares(storage, layout, lane)? {
        if !is_sound(storage, &spare, |_| true, bytes)? {
            storage.delete(&spare)?;
            continue;
        }
        let file = storage.open(&spare, Access::Write)?;
        let written = storage.write_at(file, 0, &page).and_then(|()| storage.sync(file));
        storage.close(file);
        written?;
        return publish(storage, &spare, &path);
    }
    create_filled(storage, &path, bytes, &page)
}

/// Takes the file of a freed segment away: keeps it as a spare, or deletes it when there are enough, or when a snapshot has the file under
/// another name: what is written into it would be written into the snapshot.
///
/// # Errors
/// When a step fails. The file is then freed again at the next start.
pub fn free_segment(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    lane: LaneId,
    sequence: SegmentSequence,
) -> Result<(), IoError> {
    let path = layout.segment(lane, sequence);
    if spares(storage, layout, lane)?.len() < SPARE_SEGMENTS_MAX && storage.links(&path)? == 1 {
        return publish(storage, &path, &path.with_extension(SPARE_ENDING));
    }
    storage.delete(&path)
}

/// Removes what an interrupted creation left behind.
///
/// # Errors
/// When a step fails.
pub fn remove_unfinished(storage: &mut dyn Storage, layout: &StoreLayout, lane: LaneId) -> Result<(), IoError> {
    let directory = layout.directory(lane.directory());
    for name in storage.list(directory)? {
        if parse_name(&name) == NamedFile::Unfinished(lane) {
            storage.delete(&directory.join(name))?;
        }
    }
    Ok(())
}

/// The segments of a lane that have a file, in order.
pub(crate) fn segments_of(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    lane: LaneId,
) -> Result<Vec<SegmentSequence>, IoError> {
    let names = storage.list(layout.directory(lane.directory()))?;
    let mut segments: Vec<SegmentSequence> = names
        .iter()
        .filter_map(|name| match parse_name(name) {
            NamedFile::Segment(of, sequence) if of == lane => Some(sequence),
            _ => None,
        })
        .collect();
    segments.sort_unstable();
    Ok(segments)
}

fn spares(storage: &mut dyn Storage, layout: &StoreLayout, lane: LaneId) -> Result<Vec<PathBuf>, IoError> {
    let directory = layout.directory(lane.directory());
    let mut names = storage.list(directory)?;
    names.sort();
    let spare = |name: &String| matches!(parse_name(name), NamedFile::Spare(of, _) if of == lane);
    Ok(names.into_iter().filter(spare).map(|name| directory.join(name)).collect())
}

/// Whether there is a file of this length with such a first page.
fn is_sound(
    storage: &mut dyn Storage,
    path: &Path,
    header: impl Fn(&[u8]) -> bool,
    bytes: u64,
) -> Result<bool, IoError> {
    let file = match storage.open(path, Access::Read) {
        Ok(file) => file,
        Err(error) if error.is_not_found() => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut page = AlignedBuffer::new(SEGMENT_HEADER_BYTES);
    let size = storage.size(file);
    let read = storage.read_at(file, 0, page.as_mut());
    storage.close(file);
    Ok(size? == bytes && read.is_ok_and(|count| count == SEGMENT_HEADER_BYTES) && header(page.as_ref()))
}
