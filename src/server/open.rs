//! Opens the store: directories, lock, identity, recovery. Gives what the cores go on from.

use std::fs::File;
use std::io::Read;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::time::{Duration, Instant};

use config::{Auto, Config};
use journal::{
    AckMode, DirectoryLock, EpochId, EpochReason, EpochStart, FileStorage, Finding, HaState, HaStateError, HaStateFile,
    InstanceId, LaneId, LockError, ManifestError, NodeId, Recovered, RecoveryError, RecoveryOptions, Storage, StoreId,
    StoreLayout, StoreShape, Vector, create_store, read_manifest, recover,
};

use super::exit::Failed;
use super::shape;
use super::watched::{ReadSoFar, Watched};
use crate::cli::{AcceptLoss, Announcer, Exit};
use crate::event;
use crate::event::Event;
use crate::home::{Loaded, Loader, Unfinished};

/// An opened store.
pub(super) struct Opened {
    pub(super) layout: StoreLayout,
    pub(super) shape: StoreShape,
    pub(super) storage: FileStorage,
    /// Given back only by a stop in order; otherwise the system gives it back when the process has ended, and with it every thread that
    /// may still write.
    pub(super) lock: ManuallyDrop<DirectoryLock>,
    pub(super) ha_state: HaStateFile,
    pub(super) recovered: Recovered,
    pub(super) loader: Loader,
    pub(super) unfinished: Unfinished,
    pub(super) epoch: EpochStart,
    pub(super) effort: Effort,
}

/// What the start cost so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) read: ReadSoFar,
    pub(super) took: Duration,
}

/// Opens the store of this configuration, and creates it if there is none.
pub(super) fn open(
    config: &Config,
    accept_loss: &[AcceptLoss],
    announcer: &Announcer,
    cpus: u16,
) -> Result<Opened, Failed> {
    let layout = layout(config);
    let mut storage = FileStorage::new();
    // First of all, so that of two processes that start on the same directory only one creates and reads.
    let mut lock = lock(&mut storage, &layout)?;
    let shape = match read_manifest(&mut storage, &layout) {
        Ok(shape) => shape,
        Err(ManifestError::Missing(_)) => create(config, &layout, &mut storage, announcer, cpus)?,
        Err(error @ ManifestError::Newer(_)) => return Err(Failed::because(&event::JN307, CANNOT_OPEN, &error)),
        Err(error) => return Err(Failed::because(&event::SV303, CANNOT_OPEN, &error)),
    };
    probe_directories(&layout)?;
    warn_about_shape(config, &shape);
    let mut ha_state = HaStateFile::open(&mut storage, &layout).map_err(|error| {
        let event = if matches!(error, HaStateError::Newer(_)) { &event::JN307 } else { &event::SV303 };
        Failed::because(event, "the state of this instance cannot be read", &error)
    })?;
    lock.identify(shape.store, ha_state.state().node).map_err(|error| lock_failed(&error))?;
    let clean_stop = (ha_state.state().clean_stop.clone(), ha_state.state().seen.number);
    let nonce = random_u64();
    ha_state.update(&mut storage, |state| state.start(nonce)).map_err(|error| not_written(&error))?;
    let started = Instant::now();
    let clock = || started.elapsed();
    let tell = |so_far| tell_progress(announcer, so_far);
    let mut watched = Watched::new(&mut storage, &clock, &tell);
    let recovered = recover_lanes(&mut watched, &layout, &shape, accept_loss, clean_stop)?;
    let mut loader = Loader::default();
    let unfinished = load(&mut watched, &layout, &shape, &recovered, &mut loader)?;
    let effort = Effort { read: watched.so_far(), took: started.elapsed() };
    let epoch = next_epoch(&mut storage, &mut ha_state, &recovered)?;
    let lock = ManuallyDrop::new(lock);
    Ok(Opened { layout, shape, storage, lock, ha_state, recovered, loader, unfinished, epoch, effort })
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

fn tell_progress(announcer: &Announcer, so_far: ReadSoFar) {
    let ReadSoFar { files, bytes } = so_far;
    announcer.progress(&format!("reading the journal: {files} files, {bytes} bytes so far"));
    event!(JN103, files, bytes);
}

fn not_written(error: &HaStateError) -> Failed {
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
) -> Result<StoreShape, Failed> {
    for directory in layout.all() {
        storage.create_directory(directory).map_err(|error| Failed::because(&event::SV303, CANNOT_CREATE, &error))?;
    }
    // Before the disk is measured: where there is no direct I/O, nothing is to be measured.
    probe_directories(layout)?;
    let disk = shape::probe_disk(config, &layout.journal, cpus)?;
    event!(JN102, sync = %disk.sync, "the disk was measured: {}", disk.text);
    let shape = shape::new_shape(config, &disk, StoreId(random_u128()))?;
    let state = HaState::new(NodeId(random_u128()), InstanceId(random_u128()), disk.sync);
    create_store(storage, layout, &shape, &state)
        .map_err(|error| Failed::because(&event::SV303, CANNOT_CREATE, &error))?;
    event!(JN101, store = %shape.store, lanes = shape.journal_lanes, directory = %layout.journal.display());
    announcer.progress("the store was created");
    Ok(shape)
}

const CANNOT_CREATE: &str = "the store cannot be created";

/// What is fixed in a store wins over what is configured, and the operator hears of it.
fn warn_about_shape(config: &Config, shape: &StoreShape) {
    if let Auto::Exactly(lanes) = *config.journal_lanes
        && lanes != shape.journal_lanes
    {
        event!(
            CF102,
            configured = lanes,
            store = shape.journal_lanes,
            "journal-lanes is fixed when a store is created"
        );
    }
    let bytes = config.journal_file_size.bytes();
    if !config.journal_file_size.origin.is_default() && bytes != shape.journal_segments.segment_bytes() {
        event!(
            CF102,
            configured = bytes,
            store = shape.journal_segments.segment_bytes(),
            "journal-file-size is fixed when a store is created"
        );
    }
}

fn recover_lanes(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    accept_loss: &[AcceptLoss],
    (known_promised, known_epoch): (Vector, u64),
) -> Result<Recovered, Failed> {
    let mut options = RecoveryOptions::alone();
    options.known_promised = known_promised;
    options.known_epoch = known_epoch;
    for loss in accept_loss {
        let lane = loss.lane.parse::<LaneId>();
        let lane = lane.map_err(|error| Failed::because(&event::JN305, "--accept-loss", &error).with(Exit::Usage))?;
        options.accept_loss.push((lane, journal::Lsn(loss.lsn)));
    }
    let recovered = recover(storage, layout, shape, &options)
        .map_err(|error| Failed::because(recovery_event(&error), "the journal cannot be recovered", &error))?;
    for finding in &recovered.findings {
        match finding {
            Finding::TornTail { lane, at, file } => {
                event!(JN201, %lane, lsn = at.0, file = %file.display(), "an unfinished write was cut");
            }
            Finding::EvidenceCut { lane, at, blocks_behind, file } => {
                event!(JN202, %lane, lsn = at.0, blocks_behind, file = %file.display(), "the lane was cut at a hole");
            }
            Finding::LossAccepted { lane, loss } => {
                event!(JN203, %lane, lsn = loss.at.0, promised = loss.promised.0, "data that was promised is given up");
            }
            Finding::CheckpointUnusable { reason } => event!(JN106, "the index checkpoint is not used: {reason}"),
        }
    }
    Ok(recovered)
}

fn recovery_event(error: &RecoveryError) -> &'static Event {
    match error {
        RecoveryError::Corruption(_) | RecoveryError::Undecided(_) => &event::JN302,
        RecoveryError::Foreign(_) => &event::JN306,
        RecoveryError::Newer(_) => &event::JN307,
        RecoveryError::WrongConsent { .. } => &event::JN305,
        RecoveryError::Io(_) => &event::JN308,
    }
}

fn load(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    recovered: &Recovered,
    loader: &mut Loader,
) -> Result<Unfinished, Failed> {
    if let Some(checkpoint) = &recovered.checkpoint {
        let mut problem = None;
        checkpoint
            .read(storage, layout, shape, &mut |chunk| {
                if problem.is_none() {
                    problem = loader.chunk(chunk).err();
                }
            })
            .map_err(|error| Failed::because(&event::JN308, "the index checkpoint cannot be read", &error))?;
        if let Some(problem) = problem {
            return Err(Failed::because(
                &event::JN308,
                "the index checkpoint cannot be understood; it may be deleted",
                &problem,
            ));
        }
    }
    for lane in shape.data_lanes().filter(|lane| lane.kind() != journal::LaneKind::Large) {
        let mut problem = None;
        let mut take = |record: journal::Replayed<'_>| {
            let loaded = Loaded {
                lane: record.lane,
                location: record.location,
                epoch: record.epoch.number,
                run: record.run,
                kind: record.kind,
                body: record.body,
            };
            if problem.is_none() {
                problem = loader.record(loaded).err();
            }
        };
        recovered
            .replay(storage, layout, shape, lane, &mut take)
            .map_err(|error| Failed::because(&event::JN308, "the journal cannot be read", &error))?;
        if let Some(problem) = problem {
            return Err(Failed::because(
                &event::JN308,
                "the journal holds a record that cannot be understood",
                &problem,
            ));
        }
    }
    Ok(loader.settle(|lane, epoch| recovered.epoch_end(lane, epoch)))
}

/// The epoch of this run: above all that exist or were tried, durable as "asked" before its first block.
fn next_epoch(
    storage: &mut FileStorage,
    ha_state: &mut HaStateFile,
    recovered: &Recovered,
) -> Result<EpochStart, Failed> {
    let state = ha_state.state();
    let number = state.next_epoch_number(recovered.newest_epoch());
    let epoch = EpochId { number, activation: random_u128() };
    let reason = if recovered.newest_epoch().is_none() { EpochReason::First } else { EpochReason::Restart };
    let node = state.node;
    ha_state
        .update(storage, |state| {
            state.asked = epoch;
            state.clean_stop = Vector::new();
        })
        .map_err(|error| not_written(&error))?;
    let vector = recovered.lanes.iter().map(|lane| (lane.tail.lane, lane.tail.end)).collect();
    Ok(EpochStart { node, epoch, reason, ack_mode: AckMode::LiveOnly, vector })
}

/// Random bytes of the system. Without them no identity can be made, so their absence is fatal where they are used.
fn random_u128() -> u128 {
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
