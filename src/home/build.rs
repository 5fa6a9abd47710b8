//! A home is made from opened lanes; then it is loaded.

use std::collections::VecDeque;

use hashbrown::{HashMap, HashSet};
use journal::{BlockBuffer, Lane, LaneId, LaneStats, Lsn, SegmentSequence};
use slotmap::SlotMap;

use super::bodies::Bodies;
use super::keeper::Keeper;
use super::lanes::{HomeLane, Lanes};
use super::lives::Lives;
use super::names::Names;
use super::{Home, Settings, checkpoint, cold, full, reclaim};
use crate::limits;

impl<B: BlockBuffer> Home<B> {
    /// A home on these lanes, with nothing in it. The bindings lane is among them on core 0 only.
    pub fn new(settings: Settings, lanes: Vec<Lane<B>>) -> Self {
        let lanes: Vec<HomeLane<B>> = lanes
            .into_iter()
            .map(|lane| {
                let first: SegmentSequence = lane.segment_of(lane.first_kept()).0;
                HomeLane::new(lane, Lives::starting_at(first))
            })
            .collect();
        let keeper = lanes.iter().any(|lane| lane.id == LaneId::BINDINGS).then(Keeper::new);
        Self {
            bodies: Bodies::new(settings.hot_bytes, settings.run_number),
            lanes: Lanes::new(lanes),
            due: Vec::new(),
            names: Names::default(),
            keeper,
            consumers: SlotMap::with_key(),
            consumer_keys: HashMap::new(),
            sessions: HashMap::new(),
            ongoing: VecDeque::new(),
            prepared: HashMap::new(),
            decisions: HashMap::new(),
            parked: VecDeque::new(),
            unparking: false,
            parked_sessions: HashSet::new(),
            parked_bytes: 0,
            parked_bytes_max: limits::PARKED_BYTES_MAX,
            parked_is_full: false,
            creating: HashMap::new(),
            next_ticket: 0,
            next_transaction: 0,
            owed: std::collections::VecDeque::new(),
            open_transactions: 0,
            reads: cold::Reads::default(),
            waiting_for_room: Vec::new(),
            full: full::Full::default(),
            full_matters: settings.addresses.may_be_full(),
            departures: Vec::new(),
            postponed: Vec::new(),
            scarce: false,
            too_large: Vec::new(),
            delivered_bytes: 0,
            allowed: None,
            filter_bytes: 0,
            walked: 0,
            crowded: false,
            letters: VecDeque::new(),
            claims: HashMap::new(),
            bounds: limits::HomeBounds::default(),
            staged_bytes: 0,
            scratch: Vec::new(),
            active: false,
            short: false,
            checkpoints: checkpoint::Checkpoints::default(),
            compactions: reclaim::Compactions::default(),
            settings,
        }
    }

    /// Sets bounds lower, to reach them in a test.
    pub fn set_bounds(&mut self, bounds: limits::HomeBounds) {
        self.bounds = bounds;
    }

    /// Where each lane of this home stands: appended and promised. For the log and for tests.
    pub fn positions(&self) -> impl Iterator<Item = (LaneId, Lsn, Lsn)> {
        self.lanes.iter().map(|lane| (lane.id, lane.lane.appended(), lane.lane.promised()))
    }

    /// Where the blocks of each lane of this home stand: submitted, durable and promised.
    pub fn standing(&self) -> impl Iterator<Item = (LaneId, Lsn, Lsn, Lsn)> {
        let lanes = self.lanes.iter().map(|lane| &lane.lane);
        lanes.map(|lane| (lane.id(), lane.submitted(), lane.durable(), lane.promised()))
    }

    /// What each lane of this home has done since the start. For the log.
    pub fn lane_stats(&self) -> impl Iterator<Item = (LaneId, LaneStats)> {
        self.lanes.iter().map(|lane| (lane.id, lane.lane.stats()))
    }

    /// Is everything appended promised, and said to be in a later header of each lane?
    pub fn is_sealed(&self, now: journal::Now) -> bool {
        self.lanes.deadline(now).is_none() && self.positions().all(|(_, appended, promised)| promised >= appended)
    }

    /// The lanes, for starting an epoch and for the clean end.
    pub fn lanes_mut(&mut self) -> impl Iterator<Item = &mut Lane<B>> {
        self.lanes.iter_mut().map(|lane| &mut lane.lane)
    }
}
