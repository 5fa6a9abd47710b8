//! What the engine hears of the lanes: how far they are appended and durable, which blocks go to the peer, that the store failed.

use std::collections::VecDeque;

use ha_engine::event::Event;
use ha_engine::vector::Vector;
use journal::testing::Random;
use journal::{BlockView, Now};

use super::{Outside, Place, Site};
use crate::replication::Wanted;
use crate::testing::pair::follower::{Stepped, Taken, read_block};

impl Site {
    /// How far the lanes are appended, in whole blocks.
    pub(in crate::testing::pair) fn appended(&self) -> Vector {
        match &self.place {
            Place::Active(machine) => {
                self.lanes.vector(|lane| machine.standing().find(|it| it.lane == lane).map(|it| it.submitted))
            }
            Place::Passive(follower) => follower.appended(),
            Place::Off(_) => Vector::default(),
        }
    }

    /// How far they are durable.
    pub(in crate::testing::pair) fn durable(&self) -> Vector {
        match &self.place {
            Place::Active(machine) => {
                self.lanes.vector(|lane| machine.standing().find(|it| it.lane == lane).map(|it| it.durable))
            }
            Place::Passive(follower) => follower.durable(),
            Place::Off(_) => Vector::default(),
        }
    }

    /// How far they can be read back.
    pub(super) fn readable(&self) -> Vector {
        match &self.place {
            Place::Passive(follower) => follower.readable(),
            Place::Active(_) | Place::Off(_) => self.durable(),
        }
    }

    /// How far the server that serves has promised.
    pub(in crate::testing::pair) fn promised(&self) -> Vector {
        match &self.place {
            Place::Active(machine) => {
                self.lanes.vector(|lane| machine.standing().find(|it| it.lane == lane).map(|it| it.promised))
            }
            Place::Passive(_) | Place::Off(_) => Vector::default(),
        }
    }

    /// Collects what is new.
    pub(super) fn report(&mut self, now: u64, events: &mut VecDeque<Event>) {
        self.send_written();
        let (appended, durable) = (self.appended(), self.durable());
        let Some(process) = &mut self.process else { return };
        if let Place::Active(machine) = &mut self.place {
            machine.set_now(Now(now));
            let source = &process.source;
            let pins: Vec<_> = self.lanes.iter().filter_map(|lane| source.pinned(lane).map(|at| (lane, at))).collect();
            machine.pin(pins.into_iter());
            if !process.failed
                && let Some(text) = machine.failure()
            {
                process.failed = true;
                self.ends.push(format!("site {}: {text}", self.number));
                events.push_back(Event::StoreFailed);
            }
        }
        let full = matches!(&self.place, Place::Passive(follower) if follower.is_full());
        if std::mem::replace(&mut process.told_full, full) != full {
            events.push_back(if full { Event::NoSpace } else { Event::Room });
        }
        if process.told.0 != appended {
            process.told.0 = appended.clone();
            events.push_back(Event::Appended(appended));
        }
        if process.told.1 != durable {
            process.told.1 = durable.clone();
            events.push_back(Event::Durable(durable));
        }
    }

    /// Blocks that were just submitted go to whoever stands right there.
    fn send_written(&mut self) {
        let (Place::Active(machine), Some(process)) = (&mut self.place, &mut self.process) else { return };
        for (lane, bytes) in machine.take_blocks() {
            if self.lanes.index_of(lane).is_none() {
                continue;
            }
            let Ok(header) = BlockView::peek(&bytes) else { continue };
            let links: Vec<_> = process.source.written(lane, header.lsn, header.end()).collect();
            self.outside.extend(links.into_iter().map(|link| Outside::Block(link, lane, bytes.clone())));
        }
    }

    /// A block is read back for a stream that is behind.
    pub(super) fn pump(&mut self, at: usize, now: u64, random: &mut Random) {
        let readable = self.readable();
        let Some(process) = &self.process else { return };
        let wanted: Option<Wanted> = process.source.wanted(|lane| self.at(&readable, lane)).nth(at);
        let Some(wanted) = wanted else { return };
        let (layout, shape) = (self.setup.layout.clone(), self.shape);
        let block = read_block(self.disk_mut(), &layout, &shape, wanted.lane, wanted.at);
        let Some(block) = block else {
            // It is damaged, or gone: the peer cannot be served from here.
            if let Some(process) = &mut self.process {
                process.source.close(wanted.link);
            }
            self.outside.push(Outside::Close(wanted.link));
            return self.tell(Event::Lost(wanted.link), now, random);
        };
        let end = BlockView::peek(&block).map_or(wanted.at, |header| header.end());
        if let Some(process) = &mut self.process {
            process.source.sent(wanted, end);
        }
        self.outside.push(Outside::Block(wanted.link, wanted.lane, block));
    }

    /// A block came from the peer.
    pub(in crate::testing::pair) fn block(
        &mut self,
        link: ha_engine::gate::Link,
        lane: journal::LaneId,
        bytes: Vec<u8>,
        now: u64,
        random: &mut Random,
    ) {
        let receives = self.process.as_ref().is_some_and(|process| process.receiving == Some(link));
        let Place::Passive(follower) = &mut self.place else { return };
        if !receives {
            return;
        }
        match follower.receive(lane, bytes, Now(now)) {
            Taken::Yes => {}
            Taken::Epoch => self.new_epoch(now, random),
            Taken::No(_) => self.give_up_link(now, random),
        }
        self.settle(now, random);
    }

    fn new_epoch(&mut self, now: u64, random: &mut Random) {
        if let Place::Passive(follower) = &self.place {
            let history = follower.epochs.history();
            self.tell(Event::Epochs(history), now, random);
        }
    }

    /// What comes does not follow what is here: the connection is of no use any more.
    fn give_up_link(&mut self, now: u64, random: &mut Random) {
        let receiving = self.process.as_mut().and_then(|process| process.receiving.take());
        if let Some(link) = receiving {
            self.outside.push(Outside::Close(link));
            self.lost(link, now, random);
        }
    }

    /// A step on the disk of one that follows.
    pub(super) fn lane_step(&mut self, at: usize, now: u64, random: &mut Random) {
        let Place::Passive(follower) = &mut self.place else { return };
        match follower.step(at, Now(now)) {
            Stepped::On => {}
            Stepped::Epoch => self.new_epoch(now, random),
            Stepped::Failed => self.tell(Event::StoreFailed, now, random),
            Stepped::Parted => self.give_up_link(now, random),
        }
    }
}
