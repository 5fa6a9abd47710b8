//! Opens the store: directories, lock, identity, recovery. Gives what the cores go on from.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use config::{Auto, Config};
use journal::{
    AckMode, DirectoryLock, EpochId, EpochReason, EpochStart, FileStorage, Finding, HaState, HaStateFile, InstanceId,
    LaneId, NodeId, Recovered, RecoveryOptions, StoreId, StoreLayout, StoreShape, Vector, create_store, read_manifest,
    recover,
};

use super::exit::Failed;
use super::shape;
use crate::cli::{AcceptLoss, Announcer, Exit};
use crate::event;
use crate::home::{Loaded, Loader, Unfinished};

/// An opened store.
pub(super) struct Opened {
    pub(super) layout: StoreLayout,
    pub(super) shape: StoreShape,
    pub(super) storage: FileStorage,
    pub(super) lock: DirectoryLock,
    pub(super) ha_state: HaStateFile,
    pub(super) recovered: Recovered,
    pub(super) loader: Loader,
    pub(super) unfinished: Unfinished,
    pub(super) epoch: EpochStart,
}

/// Opens the store of this configuration, and creates it if there is none.
pub(super) fn open(
    config: &Config,
    accept_loss: &[AcceptLoss],
    announcer: &Announcer,
    cpus: u16,
) -> Result<Opened, Failed> {
    let layout = layout(config);
    for directory in layout.all() {
        std::fs::create_dir_all(directory).map_err(|error| {
            Failed::because(Exit::Failed, &format!("the directory {} cannot be made", directory.display()), &error)
        })?;
    }
    let refused = |error| Failed::because(Exit::Failed, "this directory cannot hold a journal", &error);
    runtime::probe::direct_io(&layout.journal).map_err(refused)?;
    let mut storage = FileStorage::new();
    let shape = match read_manifest(&mut storage, &layout) {
        Ok(shape) => shape,
        Err(journal::ManifestError::Missing(_)) => create(config, &layout, &mut storage, announcer, cpus)?,
        Err(error) => return Err(Failed::because(Exit::Failed, "the store cannot be opened", &error)),
    };
    warn_about_shape(config, &shape);
    let mut ha_state = HaStateFile::open(&mut storage, &layout)
        .map_err(|error| Failed::because(Exit::Failed, "the state of this instance cannot be read", &error))?;
    let node = ha_state.state().node;
    let lock = DirectoryLock::take(&layout.journal, shape.store, node)
        .map_err(|error| Failed::because(Exit::Conflict, "the store is in use", &error))?;
    let clean_stop = (ha_state.state().clean_stop.clone(), ha_state.state().seen.number);
    let nonce = random_u64();
    ha_state
        .update(&mut storage, |state| state.start(nonce))
        .map_err(|error| Failed::because(Exit::Failed, "the state of this instance cannot be written", &error))?;
    let recovered = recover_lanes(&mut storage, &layout, &shape, accept_loss, clean_stop)?;
    let mut loader = Loader::default();
    let unfinished = load(&mut storage, &layout, &shape, &recovered, &mut loader)?;
    let epoch = next_epoch(&mut storage, &mut ha_state, &recovered)?;
    Ok(Opened { layout, shape, storage, lock, ha_state, recovered, loader, unfinished, epoch })
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
    let disk = shape::probe_disk(config, &layout.journal, cpus)?;
    announcer.say("storage", format_args!("{}  new store  {}", layout.journal.display(), disk.text));
    let shape = shape::new_shape(config, &disk, StoreId(random_u128()))?;
    let state = HaState::new(NodeId(random_u128()), InstanceId(random_u128()), disk.sync);
    create_store(storage, layout, &shape, &state)
        .map_err(|error| Failed::because(Exit::Failed, "the store cannot be created", &error))?;
    Ok(shape)
}

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
    storage: &mut FileStorage,
    layout: &StoreLayout,
    shape: &StoreShape,
    accept_loss: &[AcceptLoss],
    (known_promised, known_epoch): (Vector, u64),
) -> Result<Recovered, Failed> {
    let mut options = RecoveryOptions::alone();
    options.known_promised = known_promised;
    options.known_epoch = known_epoch;
    for loss in accept_loss {
        let lane: LaneId = loss.lane.parse().map_err(|error| Failed::because(Exit::Usage, "--accept-loss", &error))?;
        options.accept_loss.push((lane, journal::Lsn(loss.lsn)));
    }
    let recovered = recover(storage, layout, shape, &options)
        .map_err(|error| Failed::because(Exit::Failed, "the journal cannot be recovered", &error))?;
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
            Finding::CheckpointUnusable { reason } => event!(JN103, "the index checkpoint is not used: {reason}"),
        }
    }
    Ok(recovered)
}

fn load(
    storage: &mut FileStorage,
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
            .map_err(|error| Failed::because(Exit::Failed, "the index checkpoint cannot be read", &error))?;
        if let Some(problem) = problem {
            return Err(Failed::because(
                Exit::Failed,
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
            .map_err(|error| Failed::because(Exit::Failed, "the journal cannot be read", &error))?;
        if let Some(problem) = problem {
            return Err(Failed::because(
                Exit::Failed,
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
        .map_err(|error| Failed::because(Exit::Failed, "the state of this instance cannot be written", &error))?;
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
