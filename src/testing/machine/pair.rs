//! The machine as one of a pair: it serves in an epoch that it is given, promises what it is told, and shows what it writes.
//!
//! What a single server decides for itself (when an epoch begins, how far everything is promised, when clients come in) comes from the rules of
//! the pair here; the rooms are the same.

use journal::testing::{Random, SimDisk};
use journal::{Chain, EpochStart, HaStateFile, Lane, LaneId, LaneKind, Lsn, Now, Vector, read_manifest};

use super::Machine;
use super::buffer::Buffer;
use super::files::Files;
use super::start::{Alone, NotStarted, Opened, Setup};
use crate::home::Loader;
use crate::server::recovery::{Recovery, judge};

/// Where a lane of a running server stands. All of these are borders of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testing) struct Standing {
    pub(in crate::testing) lane: LaneId,
    pub(in crate::testing) submitted: Lsn,
    pub(in crate::testing) durable: Lsn,
    pub(in crate::testing) promised: Lsn,
}

/// The start of an epoch in one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testing) struct Begun {
    pub(in crate::testing) lane: LaneId,
    /// Where its block begins, and the chain there.
    pub(in crate::testing) start: (Lsn, Chain),
    /// Where the lane ends, and the chain there.
    pub(in crate::testing) end: (Lsn, Chain),
}

impl Machine {
    /// Loads the store on this disk and starts the epoch in its lanes. Nothing is promised and nobody is let in before it is told to.
    pub(in crate::testing) fn activate(
        setup: &Setup,
        mut disk: SimDisk,
        epoch: EpochStart,
        random: &mut Random,
    ) -> Result<Self, Box<(NotStarted, SimDisk)>> {
        let opened = read(setup, &mut disk, epoch);
        match opened {
            Ok(opened) => Self::begin(setup, disk, opened, Alone::No, random),
            Err(error) => Err(Box::new((error, disk))),
        }
    }

    /// The time on this machine.
    pub(in crate::testing) fn set_now(&mut self, now: Now) {
        self.now = now.max(self.now);
    }

    /// Clients may come as soon as the epoch is promised.
    pub(in crate::testing) fn open_doors(&mut self) {
        self.doors = true;
        self.await_epoch();
    }

    /// Nothing of clients is received and nobody new comes, or everything again.
    pub(in crate::testing) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Nothing happens on the cores but that their writes end, or everything again.
    pub(in crate::testing) fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// Where the lanes with data stand.
    pub(in crate::testing) fn standing(&self) -> impl Iterator<Item = Standing> {
        let lanes = self.cores.iter().flat_map(|core| core.core.home().standing());
        lanes
            .filter(|(lane, ..)| lane.kind() != LaneKind::Checkpoint)
            .map(|(lane, submitted, durable, promised)| Standing { lane, submitted, durable, promised })
    }

    /// Everything before these positions may be acked.
    pub(in crate::testing) fn promise(&mut self, vector: &[(LaneId, Lsn)]) {
        for core in &mut self.cores {
            for lane in core.core.home_mut().lanes_mut() {
                let told = vector.iter().find(|(id, _)| *id == lane.id());
                if let Some((_, lsn)) = told {
                    lane.confirmed((*lsn).min(lane.submitted()));
                }
            }
            core.due = true;
        }
    }

    /// Changes the epoch on each of `waiting` that has room, and takes those out; the rest waits for room.
    pub(in crate::testing) fn change_epoch(&mut self, epoch: &EpochStart, waiting: &mut Vec<LaneId>) {
        for core in &mut self.cores {
            for lane in core.core.home_mut().lanes_mut() {
                if waiting.contains(&lane.id()) && lane.change_epoch(epoch).is_ok() {
                    waiting.retain(|id| *id != lane.id());
                }
            }
            core.due = true;
        }
    }

    /// Where the newest epoch began in the lanes with data.
    pub(in crate::testing) fn begun(&mut self) -> Vec<Begun> {
        let lanes = self.cores.iter_mut().flat_map(|core| core.core.home_mut().lanes_mut());
        let lanes = lanes.filter(|lane| lane.id().kind() != LaneKind::Checkpoint);
        let begun = |lane: &mut Lane<Buffer>| {
            let entry = lane.history().last()?;
            Some(Begun { lane: lane.id(), start: (entry.start, entry.chain), end: lane.sealed() })
        };
        lanes.filter_map(begun).collect()
    }

    /// The blocks that were submitted since this was asked last, each with its lane.
    pub(in crate::testing) fn take_blocks(&mut self) -> Vec<(LaneId, Vec<u8>)> {
        self.tap.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Is there nothing that the cores have still to do or to write?
    pub(in crate::testing) fn is_quiet(&self) -> bool {
        let settled = self.cores.iter().all(|core| {
            let mut lanes = core.core.home().standing();
            let written = lanes.all(|(_, submitted, durable, _)| submitted == durable);
            let mut positions = core.core.home().positions();
            written && positions.all(|(lane, appended, _)| self.submitted(lane) >= Some(appended))
        });
        settled && !self.is_writing() && self.mesh.iter().all(|letters| letters.is_empty())
    }

    /// Are writes of the lanes under way?
    pub(in crate::testing) fn is_writing(&self) -> bool {
        self.files.steps().next().is_some()
    }

    /// Segments of these lanes from these positions on stay, although they are free.
    pub(in crate::testing) fn pin(&mut self, pins: impl Iterator<Item = (LaneId, Lsn)>) {
        let Files { shape, pins: pinned, .. } = &mut self.files;
        pinned.clear();
        pinned.extend(pins.map(|(lane, lsn)| (lane, shape.geometry(lane).place(lsn).0)));
    }

    /// How much is under way on the disk; what is pinned waits there to be given back.
    pub(in crate::testing) fn under_way(&self) -> usize {
        self.files.under_way()
    }

    /// The disk, when nobody serves any more. What was under way may have been carried out.
    pub(in crate::testing) fn into_disk(mut self) -> SimDisk {
        self.ha_state.close(&mut self.files.disk);
        self.files.disk
    }

    fn submitted(&self, of: LaneId) -> Option<Lsn> {
        let mut lanes = self.cores.iter().flat_map(|core| core.core.home().standing());
        lanes.find(|(lane, ..)| *lane == of).map(|(_, submitted, ..)| submitted)
    }
}

/// What a start reads. The lanes hold what the pair agreed on: nothing else is held against them.
fn read(setup: &Setup, disk: &mut SimDisk, epoch: EpochStart) -> Result<Opened, NotStarted> {
    let shape = read_manifest(disk, &setup.layout)?;
    let ha_state = HaStateFile::open(disk, &setup.layout)?;
    let mut loader = Loader::default();
    match judge(disk, &setup.layout, &shape, &[], (Vector::new(), 0), &mut loader) {
        Ok((recovered, unfinished)) => {
            let data = recovered.lanes.iter().filter(|lane| lane.tail.lane.kind() != LaneKind::Checkpoint);
            let vector = data.map(|lane| (lane.tail.lane, lane.tail.end)).collect();
            let epoch = EpochStart { vector, ..epoch };
            Ok((ha_state, shape, Recovery { recovered, loader, unfinished, epoch }))
        }
        Err(failed) => {
            ha_state.close(disk);
            Err(failed.into())
        }
    }
}
