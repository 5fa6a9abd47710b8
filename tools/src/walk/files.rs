//! The segment files of a lane: their names, lengths and headers.

use std::collections::BTreeMap;

use journal::{
    Access, AlignedBuffer, FileStorage, IoError, LaneId, NamedFile, SEGMENT_HEADER_BYTES, SegmentHeaderError,
    SegmentSequence, Storage as _, StoreLayout, StoreShape, parse_name,
};

use super::seen::Order;
use crate::flaw::What;

/// The lane's segment files by number, with their lengths.
///
/// # Errors
/// When the directory cannot be read; one that is not there is empty.
pub(crate) fn segments(
    layout: &StoreLayout,
    shape: &StoreShape,
    lane: LaneId,
) -> Result<BTreeMap<SegmentSequence, u64>, IoError> {
    let directory = layout.directory(lane.directory());
    let names = match FileStorage::new().list(directory) {
        Err(error) if error.is_not_found() => Vec::new(),
        names => names?,
    };
    let mut found = BTreeMap::new();
    for name in names {
        if let NamedFile::Segment(of, sequence) = parse_name(&name)
            && of == lane
            && shape.geometry(lane).start(sequence.next()).0 < LSN_LIMIT
        {
            let bytes = std::fs::metadata(directory.join(&name)).map_or(0, |metadata| metadata.len());
            found.insert(sequence, bytes);
        }
    }
    Ok(found)
}

/// No lane comes so far: a file name that says so is not ours, as a start sees it too.
const LSN_LIMIT: u64 = 1 << 58;

/// What is wrong with a segment's header, or with a file of this length.
pub(super) fn header_problem(order: &Order<'_>, sequence: SegmentSequence, bytes: u64) -> Option<What> {
    let path = order.layout.segment(order.lane, sequence);
    let mut storage = FileStorage::new();
    let mut page = AlignedBuffer::new(SEGMENT_HEADER_BYTES);
    let read = storage.open(&path, Access::Read).and_then(|file| {
        let read = storage.read_at(file, 0, page.as_mut());
        storage.close(file);
        read
    });
    match read {
        // Freed since it was listed; in a store that nobody writes there is no such time.
        Err(error) if error.is_not_found() && order.live => return None,
        Err(error) => return Some(What::Unreadable(error)),
        Ok(_) => {}
    }
    let header = order.shape.segment_header(order.lane, sequence);
    match header.verify(page.as_ref()) {
        Ok(()) if bytes != header.geometry.segment_bytes() => Some(What::Length(bytes)),
        Ok(()) => None,
        Err(SegmentHeaderError::NewerVersion) => Some(What::Newer),
        Err(error @ SegmentHeaderError::Damaged) => Some(What::Header(error.to_string())),
        Err(error) => Some(What::Foreign(error.to_string())),
    }
}

/// Is there no file any more, or one that was made for another place since?
pub(super) fn is_gone(order: &Order<'_>, sequence: SegmentSequence) -> bool {
    let path = order.layout.segment(order.lane, sequence);
    let bytes = order.shape.geometry(order.lane).segment_bytes();
    !path.exists() || header_problem(order, sequence, bytes).is_some()
}
