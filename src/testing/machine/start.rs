//! The broker starts on the simulated disk, in the steps of the server: store, recovery, lanes, epoch, cores, doors.

use std::collections::VecDeque;
use std::error::Error;

use journal::testing::{Honesty, Random, SimDisk};
use journal::{
    Command, Commands, EpochStart, HaState, HaStateError, HaStateFile, InstanceId, LANE_BUFFERS_MIN, Lane, LaneId,
    LaneKind, LaneOptions, LaneTail, LastState, Lsn, ManifestError, NodeId, Now, StoreError, StoreLayout, StoreShape,
    SyncMode, create_store, read_manifest,
};

use super::buffer::Buffer;
use super::files::{Done, Files};
use super::{Machine, Phase, SimCore};
use crate::broker::{Core, FrontSettings};
use crate::event;
use crate::home::{Home, Settings};
use crate::message::CoreId;
use crate::net::core::ServerFacts;
use crate::server::exit::Failed;
use crate::server::recovery::{Given, Recovery, recover_store, start_epoch, tails_of};
use crate::testing::Control;

/// More than a lane needs, fewer than a busy one wants.
const JOURNAL_LANE_BUFFERS: usize = 10;
/// Commands of one lane in one poll.
const COMMANDS_MAX: usize = 16;
/// No client of the simulator is ever too slow.
const FOREVER_MS: u64 = 1 << 40;

/// What one store and its brokers are like.
#[derive(Clone, Debug)]
pub(in crate::testing) struct Setup {
    pub(in crate::testing) layout: StoreLayout,
    pub(in crate::testing) shape: StoreShape,
    pub(in crate::testing) cores: u16,
    pub(in crate::testing) sync: SyncMode,
    pub(in crate::testing) control: Control,
}

/// What a broker begins with: the state of its instance, the shape of its store, what recovery found.
pub(super) type Opened = (HaStateFile, StoreShape, Recovery);

/// Whether what is durable on this machine is promised, or waits for what the rules of a pair say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alone {
    Yes,
    No,
}

/// Why there is no broker.
#[derive(Clone, Debug)]
pub(in crate::testing) enum NotStarted {
    /// It refuses what it has found; in the words for a person.
    Refused(String),
    /// The disk failed meanwhile.
    Failed(String),
}

impl NotStarted {
    fn new(error: &dyn Error, refused: bool) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        if refused { Self::Refused(text) } else { Self::Failed(text) }
    }
}

impl From<ManifestError> for NotStarted {
    fn from(error: ManifestError) -> Self {
        Self::new(&error, !matches!(error, ManifestError::Io(_)))
    }
}

impl From<HaStateError> for NotStarted {
    fn from(error: HaStateError) -> Self {
        Self::new(&error, !matches!(error, HaStateError::Io(_)))
    }
}

impl From<StoreError> for NotStarted {
    fn from(error: StoreError) -> Self {
        let refused = match &error {
            StoreError::Exists(_) | StoreError::Leftovers { .. } | StoreError::Instance(_) => true,
            StoreError::Manifest(error) => !matches!(error, ManifestError::Io(_)),
            StoreError::HaState(error) => !matches!(error, HaStateError::Io(_)),
            StoreError::Io(_) => false,
        };
        Self::new(&error, refused)
    }
}

impl From<Failed> for NotStarted {
    fn from(failed: Failed) -> Self {
        // What the disk did not give, or did not take.
        let io = [&event::JN308, &event::JN309].into_iter().any(|event| event.code == failed.event.code);
        if io { Self::Failed(failed.message) } else { Self::Refused(failed.message) }
    }
}

impl Machine {
    /// Starts a broker on this disk; gives the disk back if that cannot be done.
    pub(in crate::testing) fn start(
        setup: &Setup,
        mut disk: SimDisk,
        accept_loss: &[(LaneId, Lsn)],
        random: &mut Random,
    ) -> Result<Self, Box<(NotStarted, SimDisk)>> {
        match open_store(setup, &mut disk, accept_loss, random) {
            Ok(opened) => Self::begin(setup, disk, opened, Alone::Yes, random),
            Err(error) => Err(Box::new((error, disk))),
        }
    }

    /// Begins to serve what recovery found, in its epoch.
    pub(super) fn begin(
        setup: &Setup,
        disk: SimDisk,
        opened: Opened,
        alone: Alone,
        random: &mut Random,
    ) -> Result<Self, Box<(NotStarted, SimDisk)>> {
        let (ha_state, shape, recovery) = opened;
        let honesty = if setup.control == Control::NoFlush { Honesty::WrittenOnly } else { Honesty::Durable };
        let mut files = Files::new(disk, setup.layout.clone(), shape, ha_state.state().sync, honesty);
        let Recovery { recovered, mut loader, unfinished, epoch } = recovery;
        let run_number = random.next() & 0xffff_ffff;
        let mut starting: Vec<StartingCore> = (0..setup.cores)
            .map(|number| StartingCore::new(number, tails_of(&recovered, CoreId(number), setup.cores), &shape))
            .collect();
        if setup.control == Control::OwnLaneOnly {
            starting.iter_mut().for_each(|core| core.believe_all_others(&shape));
        }
        if alone == Alone::No {
            let lanes = starting.iter_mut().flat_map(|core| &mut core.lanes);
            lanes.filter(|lane| lane.id().kind() != LaneKind::Checkpoint).for_each(Lane::await_peer);
        }
        if let Err(error) = start_lanes(&mut starting, &epoch, &mut files, random) {
            ha_state.close(&mut files.disk);
            return Err(Box::new((error, files.disk)));
        }
        let mut cores = Vec::new();
        for StartingCore { number, lanes, later, .. } in starting {
            let mut home = Home::new(home_settings(number, setup, &epoch, run_number), lanes);
            home.hold_decisions(&unfinished);
            loader.fill(&mut home);
            if setup.control == Control::OwnLaneOnly {
                believe_elsewhere(&mut home, &shape);
            }
            let core = Core::new(CoreId(number), home, facts(), front_settings(setup));
            cores.push(SimCore { core, due: true, heeds_sent: true, sent: VecDeque::new() });
            for (lane, command) in later {
                files.submit(usize::from(number), lane, command);
            }
        }
        let count = cores.len();
        Ok(Self {
            files,
            cores,
            mesh: (0..count * count).map(|_| VecDeque::new()).collect(),
            sockets: Vec::new(),
            now: Now(1_000_000),
            phase: Phase::Promising,
            doors: alone == Alone::Yes,
            held: false,
            frozen: false,
            tap: (alone == Alone::No).then(Vec::new),
            ha_state,
            epoch,
            unfinished,
            outputs: Vec::new(),
            control: setup.control,
            broken: None,
            events: 0,
        })
    }

    /// Goes on with the start once its epoch is promised on all lanes.
    pub(super) fn await_epoch(&mut self) {
        if self.phase != Phase::Promising || !self.doors || self.broken.is_some() || !self.is_powered() {
            return;
        }
        // In a pair nothing is promised before clients are let in; the rules wait for the start to be durable before they let it load.
        let begun = if self.tap.is_some() {
            let mut standing = self.cores.iter().flat_map(|core| core.core.home().standing());
            standing.all(|(_, submitted, durable, _)| durable >= submitted)
        } else {
            let mut positions = self.cores.iter().flat_map(|core| core.core.home().positions());
            positions.all(|(_, appended, promised)| promised >= appended)
        };
        if begun {
            let epoch = self.epoch.epoch;
            let settled = self.ha_state.update(&mut self.files.disk, |state| {
                state.seen = epoch;
                state.last_state = LastState::ActiveSolo;
            });
            match settled {
                Ok(()) => self.phase = Phase::Opening(0),
                Err(error) => self.broken = Some(error.to_string()),
            }
        }
    }

    /// A core begins to serve.
    pub(super) fn open(&mut self, at: usize) {
        if let Some(core) = self.cores.get_mut(at) {
            core.core.home_mut().activate(&self.unfinished);
            core.due = true;
        }
        self.phase = if at + 1 < self.cores.len() { Phase::Opening(at + 1) } else { Phase::Serving };
    }
}

fn open_store(
    setup: &Setup,
    disk: &mut SimDisk,
    accept_loss: &[(LaneId, Lsn)],
    random: &mut Random,
) -> Result<Opened, NotStarted> {
    let layout = &setup.layout;
    let shape = match read_manifest(disk, layout) {
        Err(ManifestError::Missing(_)) => {
            let state = HaState::new(NodeId(0x51), InstanceId(random.next().into()), setup.sync);
            create_store(disk, layout, &setup.shape, &state)?;
            setup.shape
        }
        other => other?,
    };
    let mut ha_state = HaStateFile::open(disk, layout)?;
    let given = Given { nonce: random.next(), activation: random.next().into(), accept_loss: accept_loss.to_vec() };
    match recover_store(disk, layout, &shape, &mut ha_state, &given) {
        Ok(recovery) => Ok((ha_state, shape, recovery)),
        Err(error) => {
            ha_state.close(disk);
            Err(error.into())
        }
    }
}

/// The lanes of one core before there is a core.
struct StartingCore {
    number: u16,
    lanes: Vec<Lane<Buffer>>,
    /// Lanes without a start of the epoch.
    waiting: Vec<LaneId>,
    /// What the lanes want beside their first segments.
    later: Vec<(LaneId, Command<Buffer>)>,
}

impl StartingCore {
    fn new(number: u16, tails: Vec<LaneTail>, shape: &StoreShape) -> Self {
        let lane = |tail: LaneTail| {
            let journal = tail.lane.kind() == LaneKind::Journal;
            let count = if journal { JOURNAL_LANE_BUFFERS } else { LANE_BUFFERS_MIN };
            let options = LaneOptions { geometry: shape.geometry(tail.lane), segments_ahead: 1 };
            Lane::open(options, tail, (0..count).map(|_| Buffer::take()).collect())
        };
        let lanes: Vec<Lane<Buffer>> = tails.into_iter().map(lane).collect();
        Self { number, waiting: lanes.iter().map(Lane::id).collect(), lanes, later: Vec::new() }
    }

    /// The control: every lane takes it that all others have promised everything.
    fn believe_all_others(&mut self, shape: &StoreShape) {
        for lane in &mut self.lanes {
            let own = lane.id();
            shape.lanes().filter(|other| *other != own).for_each(|other| lane.note_promised(other, Lsn(u64::MAX)));
        }
    }

    fn ask_for_segments(&mut self, files: &mut Files) {
        let mut commands = Commands::with_capacity(COMMANDS_MAX);
        for lane in &mut self.lanes {
            lane.poll(Now(1), &mut commands);
            while let Some(command) = commands.pop() {
                match command {
                    Command::PrepareSegment { .. } => files.submit(usize::from(self.number), lane.id(), command),
                    command => self.later.push((lane.id(), command)),
                }
            }
        }
    }
}

/// Has the segments made that the lanes need, and starts the epoch on each lane as soon as its first one is there.
fn start_lanes(
    cores: &mut [StartingCore],
    epoch: &EpochStart,
    files: &mut Files,
    random: &mut Random,
) -> Result<(), NotStarted> {
    cores.iter_mut().for_each(|core| core.ask_for_segments(files));
    loop {
        for StartingCore { lanes, waiting, .. } in &mut *cores {
            start_epoch(lanes, waiting, epoch).map_err(|(lane, error)| {
                NotStarted::Failed(format!("the epoch cannot be started on lane {lane}: {error}"))
            })?;
        }
        if cores.iter().all(|core| core.waiting.is_empty()) {
            return Ok(());
        }
        if files.under_way() == 0 {
            return Err(NotStarted::Refused("a lane waits for a segment that nobody makes".to_owned()));
        }
        let index = random.index(files.under_way());
        if let Some(Done::Prepared { core, lane: id, sequence, result }) = files.step(index) {
            result.map_err(|error| NotStarted::new(&error, false))?;
            let lanes = cores.get_mut(core).into_iter().flat_map(|core| &mut core.lanes);
            lanes.filter(|lane| lane.id() == id).for_each(|lane| lane.segment_ready(sequence));
        }
    }
}

/// The control, for what answers wait for: all lanes of other cores have promised everything.
fn believe_elsewhere(home: &mut Home<Buffer>, shape: &StoreShape) {
    let elsewhere: Vec<LaneId> = shape.lanes().filter(|lane| home.positions().all(|(own, ..)| own != *lane)).collect();
    elsewhere.into_iter().for_each(|lane| home.remote_promised(lane, Lsn(u64::MAX)));
}

fn home_settings(core: u16, setup: &Setup, epoch: &EpochStart, run_number: u64) -> Settings {
    Settings {
        core: CoreId(core),
        cores: setup.cores,
        lanes: setup.shape.journal_lanes,
        // Small, so that bodies are read back.
        hot_bytes: 64 * 1024,
        addresses: std::sync::Arc::default(),
        run_number: run_number.wrapping_add(u64::from(core) << 44),
        epoch: epoch.epoch.number,
        // Few, so that compaction and checkpoints have work.
        segments_before_compaction: 3,
        checkpoint_bytes: 512 * 1024,
    }
}

fn front_settings(setup: &Setup) -> FrontSettings {
    FrontSettings {
        ttl_override_ms: -1,
        ttl_check_interval_ms: FOREVER_MS,
        handshake_timeout_ms: FOREVER_MS,
        connections_max: 1_024,
        memory_max: usize::MAX,
        frame_bytes_max: protocol::limits::FRAME_BYTES_MAX,
        reattach: crate::broker::Reattach::SameHost,
        sync_transactional: true,
        sync_non_transactional: true,
        full_matters: false,
        follows: true,
        lanes: setup.shape.journal_lanes,
        cores: setup.cores,
    }
}

fn facts() -> ServerFacts {
    ServerFacts {
        node_id: "simulated".to_owned(),
        started_unix_ms: 1,
        management_address: "activemq.management".to_owned(),
    }
}
