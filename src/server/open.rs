//! Opens the store: lock, identity, and where there is none a new one. Gives what the recovery goes on from.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::time::Duration;

use config::{Auto, Config};
use journal::{
    DirectoryLock, FileStorage, FlushTimes, HaState, HaStateError, HaStateFile, InstanceId, LockError, ManifestError,
    NodeId, Storage, StoreId, StoreLayout, StoreShape, SyncMode, create_store, read_manifest,
};

use super::exit::Failed;
use super::shape;
use crate::cli::{Announcer, Exit};
use crate::event;

/// A store that is ours: locked and known, nothing of its lanes read yet.
pub(super) struct Store {
    pub(super) layout: StoreLayout,
    pub(super) shape: StoreShape,
    pub(super) storage: FileStorage,
    /// Given back only by a stop in order; otherwise the system gives it back when the process has ended, and with it every thread that
    /// may still write.
    pub(super) lock: ManuallyDrop<DirectoryLock>,
    pub(super) ha_state: HaStateFile,
    /// How long its disk was measured, if it was created now.
    pub(super) created: Option<Duration>,
}

/// Opens the store of this configuration, and creates it if there is none.
pub(super) fn open(config: &Config, announcer: &Announcer, cpus: u16) -> Result<Store, Failed> {
    let layout = layout(config);
    let mut storage = FileStorage::new();
    // First of all, so that of two processes that start on the same directory only one creates and reads.
    let mut lock = lock(&mut storage, &layout)?;
    let (shape, created) = match read_manifest(&mut storage, &layout) {
        Ok(shape) => (shape, None),
        Err(ManifestError::Missing(_)) => {
            let (shape, took) = create(config, &layout, &mut storage, announcer, cpus)?;
            (shape, Some(took))
        }
        Err(error @ ManifestError::Newer(_)) => return Err(Failed::because(&event::JN307, CANNOT_OPEN, &error)),
        Err(error) => return Err(Failed::because(&event::SV303, CANNOT_OPEN, &error)),
    };
    probe_directories(&layout)?;
    let ha_state = HaStateFile::open(&mut storage, &layout).map_err(|error| {
        let event = if matches!(error, HaStateError::Newer(_)) { &event::JN307 } else { &event::SV303 };
        Failed::because(event, "the state of this instance cannot be read", &error)
    })?;
    lock.identify(shape.store, ha_state.state().node).map_err(|error| lock_failed(&error))?;
    warn_about_what_is_fixed(config, &shape, ha_state.state().sync);
    Ok(Store { layout, shape, storage, lock: ManuallyDrop::new(lock), ha_state, created })
}

const CANNOT_OPEN: &str = "the store cannot be opened";

/// Takes the lock. It lies in the journal's directory, so that one is made if it is not there; everything else comes after.
fn lock(storage: &mut FileStorage, layout: &StoreLayout) -> Result<DirectoryLock, Failed> {
    if !layout.journal.is_dir() {
        storage
            .create_directory(&layout.journal)
            .map_err(|error| Failed::because(&event::SV303, CANNOT_OPEN, &error))?;
    }
    DirectoryLock::take(&layout.journal).map_err(|error| lock_failed(&error))
}

fn lock_failed(error: &LockError) -> Failed {
    match error {
        LockError::Held { .. } => Failed::because(&event::SV305, "the store is in use", error).with(Exit::Conflict),
        LockError::OtherStore { .. } => Failed::because(&event::JN306, CANNOT_OPEN, error),
        LockError::Newer { .. } => Failed::because(&event::JN307, CANNOT_OPEN, error),
        LockError::Io(_) => Failed::because(&event::SV303, CANNOT_OPEN, error),
    }
}

/// A directory that has no direct I/O is found now and not by a write that fails; each may lie on a file system of its own.
fn probe_directories(layout: &StoreLayout) -> Result<(), Failed> {
    for directory in layout.all() {
        runtime::probe::direct_io(directory).map_err(|error| {
            Failed::because(&event::SV303, "this directory cannot hold a part of the store", &error)
        })?;
    }
    Ok(())
}

pub(super) fn not_written(error: &HaStateError) -> Failed {
    Failed::because(&event::JN309, "the state of this instance cannot be written", error)
}

fn layout(config: &Config) -> StoreLayout {
    let directories = config.directories();
    StoreLayout {
        bindings: directories.bindings,
        journal: directories.journal,
        large_messages: directories.large_messages,
        paging: directories.paging,
        ha: directories.ha,
    }
}

fn create(
    config: &Config,
    layout: &StoreLayout,
    storage: &mut FileStorage,
    announcer: &Announcer,
    cpus: u16,
) -> Result<(StoreShape, Duration), Failed> {
    for directory in layout.all() {
        storage.create_directory(directory).map_err(|error| Failed::because(&event::SV303, CANNOT_CREATE, &error))?;
    }
    // Before the disk is measured: where there is no direct I/O, nothing is to be measured.
    probe_directories(layout)?;
    let disk = shape::probe_disk(config, &layout.journal, cpus)?;
    let FlushTimes { p50_microseconds, p99_microseconds } = disk.flush;
    event!(JN102, sync = %disk.sync, p50_microseconds, p99_microseconds);
    let shape = shape::new_shape(config, &disk, StoreId(random_u128()))?;
    let mut state = HaState::new(NodeId(random_u128()), InstanceId(random_u128()), disk.sync);
    state.flush = disk.flush;
    create_store(storage, layout, &shape, &state)
        .map_err(|error| Failed::because(&event::SV303, CANNOT_CREATE, &error))?;
    event!(JN101, store = %shape.store, lanes = shape.journal_lanes, directory = %layout.journal.display());
    announcer.progress("the store was created");
    Ok((shape, disk.took))
}

const CANNOT_CREATE: &str = "the store cannot be created";

/// What is fixed in a store wins over what is configured, and the operator hears of it.
fn warn_about_what_is_fixed(config: &Config, shape: &StoreShape, sync: SyncMode) {
    if let Auto::Exactly(lanes) = *config.journal_lanes
        && lanes != shape.journal_lanes
    {
        told_in_vain("journal-lanes", &lanes, &shape.journal_lanes);
    }
    let bytes = config.journal_file_size.bytes();
    if !config.journal_file_size.origin.is_default() && bytes != shape.journal_segments.segment_bytes() {
        told_in_vain("journal-file-size", &bytes, &shape.journal_segments.segment_bytes());
    }
    if shape::configured_sync(config).is_some_and(|configured| configured != sync) {
        told_in_vain("sync", &shape::configured_sync(config).unwrap_or(sync), &sync);
    }
}

fn told_in_vain(setting: &str, configured: &dyn fmt::Display, store: &dyn fmt::Display) {
    event!(CF102, %configured, %store, "{setting} is fixed when a store is created");
}

/// Random bytes of the system. Without them no identity can be made, so their absence is fatal where they are used.
pub(super) fn random_u128() -> u128 {
    let mut bytes = [0; 16];
    let read = File::open(Path::new("/dev/urandom")).and_then(|mut file| file.read_exact(&mut bytes));
    match read {
        Ok(()) => u128::from_le_bytes(bytes),
        Err(error) => std::panic::panic_any(format!("no random numbers from /dev/urandom: {error}")),
    }
}

pub(super) fn random_u64() -> u64 {
    (random_u128() >> 64) as u64
}
