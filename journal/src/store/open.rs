//! Creating a store: directories, instance, state, manifest, in the order in which a crash at any point leaves either no store or a whole one.

use std::fmt;

use super::ha_state::{HaState, HaStateError, HaStateFile};
use super::layout::{StoreLayout, StoreShape};
use super::manifest::{ManifestError, read_manifest, write_manifest};
use crate::buffer::AlignedBuffer;
use crate::bytes::{Reader, Writer};
use crate::error::IoError;
use crate::ids::InstanceId;
use crate::limits::PAGE_BYTES;
use crate::segment::{NamedFile, parse_name};
use crate::storage::{Access, Storage, create_filled};

const INSTANCE_MAGIC: u32 = u32::from_le_bytes(*b"RMQI");

/// Why a store cannot be created or opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// A store is there already.
    Exists(StoreLayout),
    /// There is no manifest, but there are segments: something was lost or mixed up.
    Leftovers {
        /// One of the files.
        file: std::path::PathBuf,
    },
    /// About the manifest.
    Manifest(ManifestError),
    /// About `ha.state`.
    HaState(HaStateError),
    /// The instance file is damaged.
    Instance(std::path::PathBuf),
    /// The disk said no.
    Io(IoError),
}

impl From<IoError> for StoreError {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(layout) => write!(f, "there is a store in {} already", layout.journal.display()),
            Self::Leftovers { file } => write!(
                f,
                "{} is there, but the store's manifest is not: restore the file 'store', or move the old data away to begin anew",
                file.display()
            ),
            Self::Instance(path) => {
                write!(f, "{} is damaged; restore it from a backup of this host", path.display())
            }
            Self::Manifest(_) | Self::HaState(_) | Self::Io(_) => f.write_str("the store could not be opened"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Manifest(error) => Some(error),
            Self::HaState(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Exists(_) | Self::Leftovers { .. } | Self::Instance(_) => None,
        }
    }
}

/// Creates a store where there is none. The manifest comes last: with it the store exists. Until then a second try begins again.
///
/// An instance file that is there stays: it belongs to the installation, not to the store.
///
/// # Errors
/// When there is a store or the rest of one, or when the disk fails.
pub fn create_store(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    state: &HaState,
) -> Result<(), StoreError> {
    for directory in layout.all() {
        storage.create_directory(directory)?;
    }
    match read_manifest(storage, layout) {
        Err(ManifestError::Missing(_)) => {}
        Ok(_) => return Err(StoreError::Exists(layout.clone())),
        Err(error) => return Err(StoreError::Manifest(error)),
    }
    for lane in shape.lanes() {
        let directory = layout.directory(lane.directory());
        let segment = |name: &String| matches!(parse_name(name), NamedFile::Segment(..));
        if let Some(name) = storage.list(directory)?.into_iter().find(segment) {
            return Err(StoreError::Leftovers { file: directory.join(name) });
        }
    }
    let instance = match read_instance(storage, layout) {
        Ok(instance) => instance,
        Err(StoreError::Io(error)) if error.is_not_found() => {
            create_filled(storage, &layout.ha.join("instance"), PAGE_BYTES as u64, &encode_instance(state.instance))?;
            state.instance
        }
        Err(error) => return Err(error),
    };
    let state = HaState { instance, ..state.clone() };
    HaStateFile::create(storage, layout, &state).map_err(StoreError::HaState)?;
    write_manifest(storage, layout, shape).map_err(StoreError::Manifest)
}

fn encode_instance(instance: InstanceId) -> Vec<u8> {
    let mut page = Vec::with_capacity(PAGE_BYTES);
    Writer::new(&mut page).u32(INSTANCE_MAGIC).u128(instance.0);
    let crc = crc32c::crc32c(&page);
    Writer::new(&mut page).u32(crc);
    page.resize(PAGE_BYTES, 0);
    page
}

/// The identity of this installation.
///
/// # Errors
/// When there is none, or when it cannot be read.
pub fn read_instance(storage: &mut dyn Storage, layout: &StoreLayout) -> Result<InstanceId, StoreError> {
    let path = layout.ha.join("instance");
    let file = storage.open(&path, Access::Read)?;
    let mut page = AlignedBuffer::new(PAGE_BYTES);
    let read = storage.read_at(file, 0, page.as_mut());
    storage.close(file);
    read?;
    let decode = || {
        let mut from = Reader::new(page.as_ref());
        let (magic, instance, crc) = (from.u32()?, from.u128()?, from.u32()?);
        let sound = magic == INSTANCE_MAGIC && crc == crc32c::crc32c(page.as_ref().get(..20)?);
        sound.then_some(InstanceId(instance))
    };
    decode().ok_or(StoreError::Instance(path))
}
