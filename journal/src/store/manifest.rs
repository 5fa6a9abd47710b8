//! `journal/store`: what was fixed when the store was created, in two equal pages. Written once, never changed.

use std::fmt;
use std::path::PathBuf;

use super::ha_state::PageSeen;
use super::layout::{StoreLayout, StoreShape};
use crate::buffer::AlignedBuffer;
use crate::bytes::{Reader, Writer};
use crate::error::IoError;
use crate::geometry::Geometry;
use crate::ids::StoreId;
use crate::limits::{LANES_PER_KIND_MAX, PAGE_BYTES};
use crate::storage::{Access, Storage, create_filled};

const MAGIC: u32 = u32::from_le_bytes(*b"RMQM");
const VERSION: u16 = 1;
/// Two pages, so that one bad sector does not cost the store.
const COPIES: usize = 2;

/// Why the manifest cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestError {
    /// There is none: no store was created here.
    Missing(PathBuf),
    /// Both copies are damaged.
    Damaged(PathBuf),
    /// Written by a newer version.
    Newer(PathBuf),
    /// The disk said no.
    Io(IoError),
}

impl From<IoError> for ManifestError {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "there is no store: {} does not exist", path.display()),
            Self::Damaged(path) => {
                write!(f, "both copies in {} are damaged; restore the file from a backup of this store", path.display())
            }
            Self::Newer(path) => {
                write!(f, "{} was written by a newer version of this program; start that one", path.display())
            }
            Self::Io(_) => f.write_str("the store's manifest could not be read or written"),
        }
    }
}

impl std::error::Error for ManifestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Missing(_) | Self::Damaged(_) | Self::Newer(_) => None,
        }
    }
}

fn path_of(layout: &StoreLayout) -> PathBuf {
    layout.journal.join("store")
}

fn encode(shape: &StoreShape) -> Vec<u8> {
    let mut page = Vec::with_capacity(PAGE_BYTES);
    let mut out = Writer::new(&mut page);
    out.u32(MAGIC).u16(VERSION).u16(shape.journal_lanes).u128(shape.store.0);
    for geometry in [shape.journal_segments, shape.bindings_segments, shape.body_segments] {
        out.u64(geometry.segment_bytes());
    }
    let crc = crc32c::crc32c(&page);
    Writer::new(&mut page).u32(crc);
    page.resize(PAGE_BYTES, 0);
    page
}

enum Page {
    Shape(StoreShape),
    Newer,
    Damaged,
}

fn decode(page: &[u8]) -> Page {
    let fields = || {
        let mut from = Reader::new(page);
        let (magic, version, lanes) = (from.u32()?, from.u16()?, from.u16()?);
        let store = StoreId(from.u128()?);
        let mut geometry = || Geometry::new(from.u64()?).ok();
        let (journal_segments, bindings_segments, body_segments) = (geometry()?, geometry()?, geometry()?);
        let covered = page.len() - from.rest();
        let sound = magic == MAGIC && from.u32()? == crc32c::crc32c(page.get(..covered)?);
        let shape = StoreShape { store, journal_lanes: lanes, journal_segments, bindings_segments, body_segments };
        sound.then_some((version, shape))
    };
    match fields() {
        Some((version, _)) if version > VERSION => Page::Newer,
        Some((_, shape)) if (1..=LANES_PER_KIND_MAX).contains(&shape.journal_lanes) => Page::Shape(shape),
        _ => Page::Damaged,
    }
}

/// Writes the manifest of a new store. With its name the store exists.
///
/// # Errors
/// When that fails.
pub fn write_manifest(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
) -> Result<(), ManifestError> {
    let copies = encode(shape).repeat(COPIES);
    Ok(create_filled(storage, &path_of(layout), copies.len() as u64, &copies)?)
}

/// Reads the manifest of a store.
///
/// # Errors
/// When there is none, or none that can be used.
pub fn read_manifest(storage: &mut dyn Storage, layout: &StoreLayout) -> Result<StoreShape, ManifestError> {
    let path = path_of(layout);
    let file = match storage.open(&path, Access::Read) {
        Ok(file) => file,
        Err(error) if error.is_not_found() => return Err(ManifestError::Missing(path)),
        Err(error) => return Err(error.into()),
    };
    let mut page = AlignedBuffer::new(PAGE_BYTES);
    let mut result = Err(ManifestError::Damaged(path.clone()));
    for copy in 0..COPIES {
        match storage.read_at(file, (copy * PAGE_BYTES) as u64, page.as_mut()).map(|_| decode(page.as_ref())) {
            Ok(Page::Shape(shape)) => {
                result = Ok(shape);
                break;
            }
            Ok(Page::Newer) => result = Err(ManifestError::Newer(path.clone())),
            Ok(Page::Damaged) | Err(_) => {}
        }
    }
    storage.close(file);
    result
}

/// Looks at both copies of the manifest. For tools: one damaged copy does no harm yet.
///
/// # Errors
/// When the file cannot be opened.
pub fn inspect_manifest(storage: &mut dyn Storage, layout: &StoreLayout) -> Result<[PageSeen; COPIES], IoError> {
    let file = storage.open(&path_of(layout), Access::Read)?;
    let mut page = AlignedBuffer::new(PAGE_BYTES);
    let copies = [0, 1].map(|copy| {
        match storage.read_at(file, copy * PAGE_BYTES as u64, page.as_mut()).map(|_| decode(page.as_ref())) {
            Ok(Page::Shape(_)) => PageSeen::Sound,
            Ok(Page::Newer) => PageSeen::Newer,
            Ok(Page::Damaged) | Err(_) => PageSeen::Damaged,
        }
    });
    storage.close(file);
    Ok(copies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_goes_both_ways() {
        let geometry = |bytes| Geometry::new(bytes).unwrap();
        let shape = StoreShape {
            store: StoreId(9),
            journal_lanes: 4,
            journal_segments: geometry(1 << 20),
            bindings_segments: geometry(1 << 17),
            body_segments: geometry(1 << 26),
        };
        let page = encode(&shape);
        assert!(matches!(decode(&page), Page::Shape(read) if read == shape));
        for bit in 0..52 * 8 {
            let mut rotten = page.clone();
            rotten[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(decode(&rotten), Page::Damaged), "bit {bit}");
        }
    }
}
