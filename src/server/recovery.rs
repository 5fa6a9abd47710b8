//! Reads the lanes of a store: where each ends, what they hold, and the epoch that begins now. Gives what the cores go on from.

use std::time::{Duration, Instant};

use journal::{
    AckMode, AppendError, BlockBuffer, EpochId, EpochReason, EpochStart, Finding, HaStateFile, Keep, Lane, LaneId,
    LaneKind, LaneTail, Lsn, Recovered, RecoveryError, RecoveryOptions, Storage, StoreLayout, StoreShape, Vector,
    recover,
};

use super::exit::Failed;
use super::losses;
use super::open::{Store, not_written, random_u64, random_u128};
use super::watched::{ReadSoFar, Watched};
use crate::cli::{AcceptLoss, Announcer};
use crate::event;
use crate::event::Event;
use crate::home::{LoadError, Loaded, Loader, Unfinished};
use crate::message::CoreId;
use crate::routing;
use crate::store::abridged::abridge;

/// What the lanes of a store hold.
pub(super) struct Contents {
    pub(super) recovered: Recovered,
    pub(super) loader: Loader,
    pub(super) unfinished: Unfinished,
    pub(super) epoch: EpochStart,
    pub(super) effort: Effort,
}

/// What the reading cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) read: ReadSoFar,
    pub(super) took: Duration,
}

/// Reads the lanes.
pub(super) fn read(store: &mut Store, accept_loss: &[AcceptLoss], announcer: &Announcer) -> Result<Contents, Failed> {
    let Store { layout, shape, storage, ha_state, .. } = store;
    let started = Instant::now();
    let clock = || started.elapsed();
    let tell = |so_far| tell_progress(announcer, so_far);
    let given = Given { nonce: random_u64(), activation: random_u128(), accept_loss: losses::named(accept_loss)? };
    let mut watched = Watched::new(storage, &clock, &tell);
    let Recovery { recovered, loader, unfinished, epoch } =
        recover_store(&mut watched, layout, shape, ha_state, &given)?;
    let effort = Effort { read: watched.so_far(), took: started.elapsed() };
    storage.end_readers();
    Ok(Contents { recovered, loader, unfinished, epoch, effort })
}

/// What recovery cannot know by itself.
#[derive(Debug)]
pub(crate) struct Given {
    /// Random: tells this incarnation from a restored one.
    pub(crate) nonce: u64,
    /// Random: tells this epoch from another with its number.
    pub(crate) activation: u128,
    /// Where the operator gives promised data up.
    pub(crate) accept_loss: Vec<(LaneId, Lsn)>,
}

/// A recovered store.
pub(crate) struct Recovery {
    pub(crate) recovered: Recovered,
    pub(crate) loader: Loader,
    pub(crate) unfinished: Unfinished,
    pub(crate) epoch: EpochStart,
}

/// Recovers a store that nobody else uses, whatever it lies on: the simulator has a disk of its own. The incarnation is written before
/// anything is read, and the epoch before any lane hears of it.
pub(crate) fn recover_store(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    ha_state: &mut HaStateFile,
    given: &Given,
) -> Result<Recovery, Failed> {
    let clean_stop = (ha_state.state().clean_stop.clone(), ha_state.state().seen.number);
    ha_state.update(storage, |state| state.start(given.nonce)).map_err(|error| not_written(&error))?;
    let mut loader = Loader::default();
    let (recovered, unfinished) = judge(storage, layout, shape, &given.accept_loss, clean_stop, &mut loader)?;
    let epoch = next_epoch(storage, ha_state, &recovered, given.activation)?;
    Ok(Recovery { recovered, loader, unfinished, epoch })
}

/// What a start makes of the lanes, short of writing anything into them: the whole of its judgement.
pub(crate) fn judge(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    named: &[(LaneId, Lsn)],
    clean_stop: (Vector, u64),
    loader: &mut Loader,
) -> Result<(Recovered, Unfinished), Failed> {
    let mut recovered = recover_lanes(storage, layout, shape, named, clean_stop)?;
    named.iter().for_each(|(lane, at)| loader.accept_loss(*lane, *at));
    let unfinished = load(storage, layout, shape, &recovered, loader)?;
    losses::tell(loader, &mut recovered);
    losses::refuse_idle(named, loader, &recovered)?;
    Ok((recovered, unfinished))
}

fn tell_progress(announcer: &Announcer, so_far: ReadSoFar) {
    let ReadSoFar { files, bytes } = so_far;
    announcer.progress(&format!("reading the journal: {files} files, {bytes} bytes so far"));
    event!(JN103, files, bytes);
}

fn recover_lanes(
    storage: &mut dyn Storage,
    layout: &StoreLayout,
    shape: &StoreShape,
    named: &[(LaneId, Lsn)],
    (known_promised, known_epoch): (Vector, u64),
) -> Result<Recovered, Failed> {
    let mut options = RecoveryOptions::alone();
    options.known_promised = known_promised;
    options.known_epoch = known_epoch;
    options.accept_loss = named.to_vec();
    options.keep = Some(Keep::all(abridge));
    let recovered = recover(storage, layout, shape, &options).map_err(|error| {
        let place = match &error {
            RecoveryError::Corruption(damage) => Some((damage.lane, damage.at)),
            _ => None,
        };
        Failed::because(recovery_event(&error), "the journal cannot be recovered", &error).unless_accepted(place)
    })?;
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
            Finding::Patched { lane, patch } => {
                let (from, to) = (patch.from.0, patch.to.0);
                event!(JN203, %lane, lsn = from, to, "what is damaged is given up; the lane goes on behind it");
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
    for lane in shape.data_lanes().filter(|lane| lane.kind() != LaneKind::Large) {
        let mut problem = None;
        let mut take = |record: journal::Replayed<'_>| {
            let loaded = Loaded {
                lane: record.lane,
                location: record.location,
                end: record.end,
                epoch: record.epoch.number,
                run: record.run,
                kind: record.kind,
                body: record.body,
            };
            if problem.is_none() {
                problem = loader.abridged(loaded, recovered).err();
            }
        };
        recovered
            .replay(storage, layout, shape, lane, &mut take)
            .map_err(|error| Failed::because(&event::JN308, "the journal cannot be read", &error))?;
        if let Some(problem) = problem {
            return Err(match problem {
                LoadError::Missing { missing, .. } => {
                    let (segment, _) = shape.geometry(missing.lane).place(missing.at);
                    let file = layout.segment(missing.lane, segment);
                    let what = format!("the journal is damaged at {}", file.display());
                    Failed::because(&event::JN302, &what, &problem).unless_accepted(Some((missing.lane, missing.at)))
                }
                _ => Failed::because(&event::JN308, "the journal holds a record that cannot be understood", &problem),
            });
        }
    }
    Ok(loader.settle(recovered))
}

/// The epoch of this run: above all that exist or were tried, durable as "asked" before its first block.
fn next_epoch(
    storage: &mut dyn Storage,
    ha_state: &mut HaStateFile,
    recovered: &Recovered,
    activation: u128,
) -> Result<EpochStart, Failed> {
    let state = ha_state.state();
    let number = state.next_epoch_number(recovered.newest_epoch());
    let epoch = EpochId { number, activation };
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

/// The lanes that a core drives: the bindings and checkpoint lanes on core 0, each other lane by its index.
pub(crate) fn tails_of(recovered: &Recovered, core: CoreId, cores: u16) -> Vec<LaneTail> {
    let own = |tail: &LaneTail| match tail.lane.kind() {
        LaneKind::Bindings | LaneKind::Checkpoint => core == CoreId(0),
        _ => routing::core_of_lane(tail.lane.index(), cores) == core,
    };
    recovered.lanes.iter().map(|lane| &lane.tail).filter(|tail| own(tail)).cloned().collect()
}

/// Starts the epoch on each of `waiting` whose first segment is there, and leaves the others in it.
///
/// # Errors
/// When a lane refuses for another reason than a missing segment.
pub(crate) fn start_epoch<B: BlockBuffer>(
    lanes: &mut [Lane<B>],
    waiting: &mut Vec<LaneId>,
    epoch: &EpochStart,
) -> Result<(), (LaneId, AppendError)> {
    for lane in lanes {
        if !waiting.contains(&lane.id()) {
            continue;
        }
        match lane.start_epoch(epoch) {
            Ok(_) => waiting.retain(|id| *id != lane.id()),
            Err(AppendError::Blocked) => {}
            Err(error) => return Err((lane.id(), error)),
        }
    }
    Ok(())
}
