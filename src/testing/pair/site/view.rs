//! A site as invariants and faults see it.

use std::path::Path;

use ha_engine::command::Clients;
use ha_engine::event::{Event, Scan};
use ha_engine::gate::Link;
use ha_engine::vector::Vector;
use journal::testing::Random;
use journal::{LaneId, Lsn, NamedFile, Storage, parse_name};

use super::{Place, Site};
use crate::testing::pair::day::Held;
use crate::testing::pair::follower::{read_block, scan};
use crate::testing::pair::invariants::Seen;

/// Blocks at the end of a lane that do not rot: only behind them something tells of it.
const LAST_BLOCKS: usize = 2;

impl Site {
    /// What all invariants look at.
    pub(in crate::testing::pair) fn seen(&self) -> Seen {
        let Some(process) = &self.process else {
            return Seen { old_replicas: self.snapshots, ..Seen::default() };
        };
        Seen {
            state: Some(process.state),
            epoch: process.epoch,
            began: process.began.clone(),
            received: self.appended(),
            durable: self.durable(),
            promised: self.promised(),
            lets_clients_in: process.clients == Clients::Served && process.exit.is_none() && !process.failed,
            old_replicas: self.snapshots,
        }
    }

    /// How much is under way on its disk, with what is free and pinned.
    pub(in crate::testing::pair) fn under_way(&self) -> usize {
        match &self.place {
            Place::Active(machine) => machine.under_way(),
            Place::Passive(follower) => follower.under_way(),
            Place::Off(_) => 0,
        }
    }

    /// What it holds, without its connections and requests.
    pub(in crate::testing::pair) fn held(&self) -> Held {
        let disk = self.disk();
        let segment = |path: &&Path| {
            let name = path.file_name().and_then(|name| name.to_str());
            let home = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
            // Those of an old replica are not the lanes'.
            let old = home.is_some_and(|home| home.starts_with("oldreplica"));
            !old && name.is_some_and(|name| matches!(parse_name(name), NamedFile::Segment(..)))
        };
        let mut held = Held { open_files: disk.open_files(), under_way: self.under_way(), ..Held::default() };
        held.segments = disk.files().filter(segment).count();
        if let Some(process) = &self.process {
            held.streams = process.source.len();
            held.jobs = process.jobs.len() + process.writes.len();
            held.timers = process.timers.len() + process.wakes.len();
        }
        held
    }

    /// The positions of the lanes in a vector of the engine.
    pub(in crate::testing::pair) fn positions(&self, vector: &Vector) -> Vec<(LaneId, Lsn)> {
        self.lanes.positions(vector).collect()
    }

    /// Where the oldest segment of a lane begins that has a file.
    pub(in crate::testing::pair) fn first_kept(&mut self, lane: LaneId) -> Lsn {
        let directory = self.setup.layout.directory(lane.directory()).to_owned();
        let names = self.disk_mut().list(&directory).unwrap_or_default();
        let segments = names.iter().filter_map(|name| match parse_name(name) {
            NamedFile::Segment(of, sequence) if of == lane => Some(sequence),
            _ => None,
        });
        segments.min().map_or(Lsn::ZERO, |sequence| self.shape.geometry(lane).start(sequence))
    }

    /// The block of a lane that begins here, as its disk has it.
    pub(in crate::testing::pair) fn block_at(&mut self, lane: LaneId, at: Lsn) -> Option<Vec<u8>> {
        let (layout, shape) = (self.setup.layout.clone(), self.shape);
        read_block(self.disk_mut(), &layout, &shape, lane, at)
    }

    /// What a start would find on a copy of its disk.
    pub(in crate::testing::pair) fn scan_of_a_start(&mut self) -> Result<Scan, String> {
        let mut disk = self.disk().clone();
        disk.kill_process();
        scan(&mut disk, &self.setup.layout, &self.shape).map(|found| found.scan)
    }

    /// The lease of the process is kept, or not any more.
    pub(in crate::testing::pair) fn lease(&mut self, lost: bool, now: u64, random: &mut Random) {
        let Some(process) = &mut self.process else { return };
        if std::mem::replace(&mut process.lease_lost, lost) != lost {
            self.tell(if lost { Event::LeaseLost } else { Event::LeaseKept }, now, random);
        }
    }

    /// A connection has ended.
    pub(in crate::testing::pair) fn lost(&mut self, link: Link, now: u64, random: &mut Random) {
        if let Some(process) = &mut self.process {
            process.source.close(link);
            if process.receiving == Some(link) {
                process.receiving = None;
                if let Place::Passive(follower) = &mut self.place {
                    follower.end_receiving();
                }
            }
        }
        self.tell(Event::Lost(link), now, random);
    }

    /// One bit of a sound block of a lane flips: on a random place of what is on the disk. False: there is nothing.
    pub(in crate::testing::pair) fn rot(&mut self, random: &mut Random) -> bool {
        let lanes: Vec<LaneId> = self.lanes.iter().collect();
        let Some(lane) = lanes.get(random.index(lanes.len())).copied() else { return false };
        let from = self.first_kept(lane);
        let mut blocks = Vec::new();
        let mut at = from;
        while let Some(block) = self.block_at(lane, at) {
            let end = at.plus(block.len() as u64);
            blocks.push((at, block.len()));
            at = end;
        }
        // A last block that is damaged looks torn, whoever looks.
        blocks.truncate(blocks.len().saturating_sub(LAST_BLOCKS));
        let Some((at, length)) = blocks.get(random.index(blocks.len())).copied() else { return false };
        let (segment, offset) = self.shape.geometry(lane).place(at);
        let path = self.setup.layout.segment(lane, segment);
        let byte = offset + random.below(length as u64);
        self.disk_mut().flip_bit(&path, byte, u8::try_from(random.below(8)).unwrap_or(0));
        true
    }

    /// Is it a passive whose lanes may be damaged without its memory knowing better?
    pub(in crate::testing::pair) fn is_passive(&self) -> bool {
        !matches!(self.place, Place::Active(_))
    }
}
